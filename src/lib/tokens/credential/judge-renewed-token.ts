import type { RedeemedToken } from '../../microsoft/token-reply.ts';
import type { TokenClaims } from '../../microsoft/token-claims.ts';
import { BrokerError } from '../../core/errors.ts';
import { refreshTokenLifeMs, type StoredClientCredential, type StoredRefreshToken } from '../../core/secrets.ts';
import type { NewRefreshToken } from './credential-store.ts';

/**
 * Decides whether the refresh token from a redemption may replace the stored one: it must exist, belong to the same
 * account, and carry MFA if the stored one does. Claims that the token does not reveal (it may be opaque) are taken
 * from the stored one. Pure.
 * @returns the refresh token to store.
 * @throws BrokerError entra_unavailable for a missing token or another account, interaction_required for missing MFA.
 */
export function judgeRenewedToken(
  stored: StoredRefreshToken,
  client: Pick<StoredClientCredential, 'clientId'>,
  token: RedeemedToken,
  nowMs: number,
): NewRefreshToken {
  const { claims, refreshToken } = token;
  if (refreshToken === undefined) {
    throw new BrokerError('entra_unavailable', 'Entra returned no new refresh token, so the stored one is kept.');
  }
  const { objectId, username, authenticationMethods } = claims;
  const otherAccount = otherAccountError(stored, claims);
  if (otherAccount !== undefined) throw otherAccount;
  const mfa = authenticationMethods === undefined ? stored.mfa : authenticationMethods.includes('mfa');
  if (stored.mfa && !mfa) {
    throw new BrokerError(
      'interaction_required',
      'The renewed token no longer carries MFA, which Partner Center requires, so the stored one is kept.',
      { scope: 'credential' },
    );
  }
  return {
    secret: refreshToken,
    clientId: client.clientId,
    account: username ?? stored.account,
    accountObjectId: objectId ?? stored.accountObjectId,
    mfa,
    consentedAtMs: stored.consentedAtMs ?? stored.obtainedAtMs,
    obtainedAtMs: nowMs,
    expiresAtMs: nowMs + refreshTokenLifeMs,
  };
}

/** The error for a token that was issued for another account; undefined if the account is the same or unknown. */
export const otherAccountError = (
  { accountObjectId }: Pick<StoredRefreshToken, 'accountObjectId'>,
  { objectId }: TokenClaims,
): BrokerError | undefined =>
  objectId === undefined || accountObjectId === '' || objectId === accountObjectId
    ? undefined
    : new BrokerError(
        'entra_unavailable',
        'Entra issued a token for another account, so it was discarded and the stored one is kept.',
        { logFields: { tokenObjectId: objectId, storedObjectId: accountObjectId } },
      );
