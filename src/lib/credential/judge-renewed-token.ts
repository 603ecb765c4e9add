import type { RedeemedToken } from '../entra/judge-token-reply.ts';
import { BrokerError } from '../model/errors.ts';
import { refreshTokenLifeMs, type StoredClientCredential, type StoredRefreshToken } from '../model/credential.ts';
import type { NewRefreshToken } from './credential-store.ts';

/**
 * Whether the refresh token that came with a redemption may replace the stored one: it must exist, belong to the same
 * account, and carry MFA if the stored one does. What a token does not say of itself (it may be opaque) is taken from
 * the stored one. Pure.
 * @throws BrokerError that says why the stored one is kept.
 */
export function judgeRolled(
  stored: StoredRefreshToken,
  client: Pick<StoredClientCredential, 'clientId'>,
  token: RedeemedToken,
  nowMs: number,
): NewRefreshToken {
  const { claims, refreshToken } = token;
  if (refreshToken === undefined) {
    throw new BrokerError('entra_unavailable', 'Entra gave no new refresh token; the stored one is kept.');
  }
  const { objectId, username, authenticationMethods } = claims;
  if (objectId !== undefined && stored.accountObjectId !== '' && objectId !== stored.accountObjectId) {
    throw new BrokerError(
      'entra_unavailable',
      'Entra issued a token of another account, which was thrown away; the stored one is kept.',
      { logFields: { tokenObjectId: objectId, storedObjectId: stored.accountObjectId } },
    );
  }
  const mfa = authenticationMethods === undefined ? stored.mfa : authenticationMethods.includes('mfa');
  if (stored.mfa && !mfa) {
    throw new BrokerError(
      'interaction_required',
      'The renewed token no longer carries MFA, which Partner Center requires; the stored one is kept.',
      { scope: 'credential' },
    );
  }
  return {
    secret: refreshToken,
    clientId: client.clientId,
    account: username ?? stored.account,
    accountObjectId: objectId ?? stored.accountObjectId,
    mfa,
    obtainedAtMs: nowMs,
    expiresAtMs: nowMs + refreshTokenLifeMs,
  };
}
