import { createPrivateKey } from 'node:crypto';
import type { ClientAuth } from 'oauth4webapi';
import type { ClientCredential } from '../../lib/core/secrets.ts';
import type { OAuthLibrary } from '../../lib/microsoft/authorization-server.ts';

/** RFC 7523 section 2.2: the client authenticates with a signed JWT. */
const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

export interface ClientAuthenticationDeps {
  readonly oauth: OAuthLibrary;
  /** The assertion of a federated credential: the managed identity's token for `api://AzureADTokenExchange`. */
  readonly federatedAssertion: () => Promise<string>;
}

/**
 * How an application authenticates at the token endpoint. A public client has no credential.
 * @throws DOMException if the private key of a certificate is not an RSA key.
 */
export async function clientAuthentication(
  deps: ClientAuthenticationDeps,
  credential: ClientCredential | undefined,
): Promise<ClientAuth> {
  switch (credential?.kind) {
    case undefined:
      return deps.oauth.None();
    case 'secret':
      return deps.oauth.ClientSecretPost(credential.secret.reveal());
    case 'certificate':
      return certificateAuthentication(deps.oauth, credential);
    case 'federated':
      return async (_server, client, body) => {
        body.set('client_id', client.client_id);
        body.set('client_assertion_type', assertionType);
        body.set('client_assertion', await deps.federatedAssertion());
      };
  }
}

/** "Microsoft identity platform application authentication certificate credentials": PS256, with the thumbprint in `x5t#S256`. */
async function certificateAuthentication(
  oauth: OAuthLibrary,
  credential: Extract<ClientCredential, { kind: 'certificate' }>,
): Promise<ClientAuth> {
  const der = createPrivateKey(credential.privateKey.reveal()).export({ type: 'pkcs8', format: 'der' });
  const algorithm = { name: 'RSA-PSS', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('pkcs8', new Uint8Array(der), algorithm, false, ['sign']);
  const thumbprint = Buffer.from(credential.thumbprintSha256, 'hex').toString('base64url');
  return (server, client, body, headers) =>
    oauth.PrivateKeyJwt(key, {
      [oauth.modifyAssertion]: (header, payload) => {
        header['x5t#S256'] = thumbprint;
        // The library sets the issuer. Entra requires the address of the token endpoint.
        payload['aud'] = server.token_endpoint ?? server.issuer;
      },
    })(server, client, body, headers);
}
