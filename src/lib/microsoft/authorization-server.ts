import type { AuthorizationServer } from 'oauth4webapi';

/** The OAuth library for interactive sign-ins. Loaded at the first sign-in, never by the function app. */
export type OAuthLibrary = typeof import('oauth4webapi');

/**
 * Entra's metadata for one tenant. It is not discovered, because the addresses are fixed ("OpenID Connect on the Microsoft
 * identity platform").
 */
export function authorizationServer(entraEndpoint: string, tenantId: string): AuthorizationServer {
  const base = `${entraEndpoint}/${tenantId}`;
  return {
    issuer: `${base}/v2.0`,
    authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
    token_endpoint: `${base}/oauth2/v2.0/token`,
    device_authorization_endpoint: `${base}/oauth2/v2.0/devicecode`,
    end_session_endpoint: `${base}/oauth2/v2.0/logout`,
    jwks_uri: `${base}/discovery/v2.0/keys`,
  };
}
