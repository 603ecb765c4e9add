import type { World } from '../world.ts';
import { findAuthority } from './authority.ts';
import { issuerV1, issuerV2 } from './tokens.ts';

const fixedMetadata = {
  token_endpoint_auth_methods_supported: [
    'client_secret_post',
    'private_key_jwt',
    'client_secret_basic',
    'self_signed_tls_client_auth',
  ],
  response_modes_supported: ['query', 'fragment', 'form_post'],
  subject_types_supported: ['pairwise'],
  id_token_signing_alg_values_supported: ['RS256'],
  response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
  scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
  request_uri_parameter_supported: false,
  http_logout_supported: true,
  frontchannel_logout_supported: true,
  claims_supported: [
    'sub',
    'iss',
    'cloud_instance_name',
    'aud',
    'exp',
    'iat',
    'auth_time',
    'acr',
    'nonce',
    'preferred_username',
    'name',
    'tid',
    'ver',
  ],
  tenant_region_scope: 'EU',
  cloud_instance_name: 'microsoftonline.com',
  cloud_graph_host_name: 'graph.windows.net',
  msgraph_host: 'graph.microsoft.com',
  rbac_url: 'https://pas.windows.net',
};

/**
 * OpenID Connect discovery. Endpoints repeat the tenant as the request names it; the issuer has its id. `common` and
 * `organizations` name no tenant, so their issuer has a placeholder.
 * @throws Refusal AADSTS90002 for an unknown tenant.
 */
export function openidConfiguration(world: World, tenant: string, version: 1 | 2): Readonly<Record<string, unknown>> {
  const authority = findAuthority(world, tenant);
  const { entra, graph } = world.addresses();
  const base = `${entra}/${authority.name}`;
  const issuerTenant = authority.isShared ? '{tenantid}' : authority.tenantId;
  const oauth = version === 2 ? `${base}/oauth2/v2.0` : `${base}/oauth2`;
  return {
    ...fixedMetadata,
    issuer: version === 2 ? issuerV2(world, issuerTenant) : issuerV1(issuerTenant),
    token_endpoint: `${oauth}/token`,
    jwks_uri: version === 2 ? `${base}/discovery/v2.0/keys` : `${base}/discovery/keys`,
    authorization_endpoint: `${oauth}/authorize`,
    device_authorization_endpoint: `${oauth}/devicecode`,
    userinfo_endpoint: `${graph}/oidc/userinfo`,
    end_session_endpoint: `${oauth}/logout`,
    kerberos_endpoint: `${base}/kerberos`,
  };
}

/** MSAL requests this before it trusts an authority that it does not know. */
export function instanceDiscovery(world: World): Readonly<Record<string, unknown>> {
  const { entra } = world.addresses();
  const host = new URL(entra).host;
  return {
    tenant_discovery_endpoint: `${entra}/organizations/v2.0/.well-known/openid-configuration`,
    'api-version': '1.1',
    metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
  };
}
