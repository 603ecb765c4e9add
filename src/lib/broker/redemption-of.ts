import type { Credential } from '../model/credential.ts';
import type { Redemption } from '../entra/redeemer.ts';
import { BrokerError } from '../model/errors.ts';
import type { TokenRequest } from '../model/token.ts';

/** A token request as far as a redemption goes. */
export type What = Pick<TokenRequest, 'tenantId' | 'grant' | 'application' | 'correlationId'> & {
  readonly resourceIdentifier: string;
};

/** Where a token is to open something. */
export type Place = Pick<What, 'tenantId' | 'resourceIdentifier'>;

/** The redemption of a request with a credential. @throws BrokerError credential_missing before the first consent. */
export function redemptionOf(what: What, credential: Credential): Redemption {
  const { tenantId, resourceIdentifier, correlationId } = what;
  const common = {
    tenantId,
    resourceIdentifier,
    correlationId,
    clientId: credential.client.clientId,
    clientCredential: credential.client.credential,
  };
  if (what.grant === 'application') return { ...common, grant: { kind: 'application' } };
  if (credential.refreshToken === undefined) {
    throw new BrokerError('credential_missing', `The application "${what.application}" has no refresh token yet.`);
  }
  return { ...common, grant: { kind: 'delegated', refreshToken: credential.refreshToken.secret } };
}
