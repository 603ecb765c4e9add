import type { Credential } from '../core/secrets.ts';
import type { Redemption } from '../microsoft/redeemer.ts';
import { BrokerError } from '../core/errors.ts';
import type { TokenRequest } from '../core/token.ts';

/** The part of a token request that a redemption needs. */
export type RedemptionRequest = Pick<TokenRequest, 'tenantId' | 'grant' | 'application' | 'correlationId'> & {
  readonly resourceIdentifier: string;
};

/** The tenant and the resource that a token is for. */
export type RedemptionTarget = Pick<RedemptionRequest, 'tenantId' | 'resourceIdentifier'>;

/**
 * Builds the redemption of a request with a credential.
 * @throws BrokerError `credential_missing` if the grant is delegated and there is no refresh token yet.
 */
export function redemptionOf(request: RedemptionRequest, credential: Credential): Redemption {
  const { tenantId, resourceIdentifier, correlationId } = request;
  const common = {
    tenantId,
    resourceIdentifier,
    correlationId,
    clientId: credential.client.clientId,
    clientCredential: credential.client.credential,
  };
  if (request.grant === 'application') return { ...common, grant: { kind: 'application' } };
  if (credential.refreshToken === undefined) {
    throw new BrokerError('credential_missing', `The application "${request.application}" has no refresh token yet.`);
  }
  return { ...common, grant: { kind: 'delegated', refreshToken: credential.refreshToken.secret } };
}
