import type { Clock } from '../../core/clock.ts';
import { BrokerError, toBrokerError } from '../../core/errors.ts';
import { refreshTokenLifeMs, type StoredClientCredential, type StoredRefreshToken } from '../../core/secrets.ts';
import type { Redeemer } from '../../microsoft/redeemer.ts';
import {
  type EntraFailure,
  errorOf,
  type RedeemedToken,
  type TokenClaims,
  type TokenReply,
} from '../../microsoft/token-reply.ts';
import type { CredentialStore, NewRefreshToken } from './credential-store.ts';
import { redeemAtHome } from './prove-client-credential.ts';

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

export interface StoreRefreshTokenDeps {
  readonly store: CredentialStore;
  readonly redeemer: Redeemer;
  readonly clock: Clock;
  readonly newId: () => string;
  /**
   * Identifier of the resource that the proof requests a token for. The application must have it in the partner tenant.
   */
  readonly canaryResource: string;
}

/** The refresh token in the store, proven to work. */
interface StoredAndProven {
  /** The version in force. It may come from another run that stored one in the meantime. */
  readonly refreshToken: StoredRefreshToken;
  /** The result of its redemption. */
  readonly proof: RedeemedToken;
  /** Whether Entra refused the stored token after its first use and accepted its successor, which is stored now. */
  readonly isSingleUse?: true;
}

/** How a token is written: at once for a consent, staged for a rotation. */
export type WriteToken = (token: NewRefreshToken) => Promise<void>;

/** Pauses before another attempt to redeem the token: one of Entra's servers may lag. */
const lagPausesMs = [3_000, 10_000, 30_000] as const;

/**
 * Redeems a refresh token twice, stores it and reads the version in force back. A token that does not work is never stored,
 * so a killed process cannot leave one as the newest version. If Entra rejects the token at its second use, it is tried
 * again for 43 seconds. If Entra accepts each token only once, the last one that it issued is stored. After a transient
 * failure of the second use, the token is stored and the failure is thrown.
 * @param deps.write writes the token. Default: as a consent, which is in force at once.
 * @throws BrokerError key_vault_unavailable, or the failure of the redemption.
 */
export async function storeRefreshToken(
  deps: StoreRefreshTokenDeps & { readonly write?: WriteToken },
  client: StoredClientCredential,
  application: string,
  token: NewRefreshToken,
): Promise<StoredAndProven> {
  const { store, write = (written: NewRefreshToken) => save(store, application, written) } = deps;
  const first = await proven(deps, client, token);
  const second = await useAgain(deps, client, token, first);
  if ('successor' in second) {
    const { successor, proof } = second;
    checkedAccount(proof, successor);
    // The last token that Entra issued. It is not redeemed, because that may end it.
    await write({ ...successor, secret: proof.refreshToken ?? successor.secret });
    return { refreshToken: await readBack(store, application), proof, isSingleUse: true };
  }
  await write(token);
  const stored = await readBack(store, application);
  if ('failure' in second) throw errorOf(second.failure);
  if (stored.secret.equals(token.secret)) return { refreshToken: stored, proof: second.proof };
  // Another run has stored one in the meantime.
  return { refreshToken: stored, proof: await proven(deps, client, stored) };
}

type SecondUse =
  | { readonly proof: RedeemedToken }
  /** Entra rejects the token after its first use, and accepted its successor. */
  | { readonly proof: RedeemedToken; readonly successor: NewRefreshToken }
  /** A failure that says nothing about the token. */
  | { readonly failure: EntraFailure };

/** @throws BrokerError with the failure, if Entra keeps rejecting the token and its successor. */
async function useAgain(
  deps: StoreRefreshTokenDeps,
  client: StoredClientCredential,
  token: NewRefreshToken,
  first: RedeemedToken,
): Promise<SecondUse> {
  const reply = await redeemRefreshToken(deps, client, token);
  if (reply.ok) return { proof: checkedAccount(reply.token, token) };
  if (!isAboutToken(reply.failure)) return { failure: reply.failure };
  const successor = first.refreshToken === undefined ? undefined : { ...token, secret: first.refreshToken };
  for (const pauseMs of [0, ...lagPausesMs]) {
    if (pauseMs > 0) await deps.clock.sleep(pauseMs);
    const again = pauseMs === 0 ? undefined : await redeemRefreshToken(deps, client, token);
    if (again?.ok) return { proof: checkedAccount(again.token, token) };
    if (successor === undefined) continue;
    const next = await redeemRefreshToken(deps, client, successor);
    if (next.ok) return { proof: next.token, successor };
  }
  throw errorOf(reply.failure);
}

async function proven(
  deps: StoreRefreshTokenDeps,
  client: StoredClientCredential,
  token: Pick<StoredRefreshToken, 'secret' | 'accountObjectId'>,
): Promise<RedeemedToken> {
  const reply = await redeemRefreshToken(deps, client, token);
  if (!reply.ok) throw errorOf(reply.failure);
  return checkedAccount(reply.token, token);
}

/** @throws BrokerError entra_unavailable if the token is for another account. */
function checkedAccount(token: RedeemedToken, expected: Pick<StoredRefreshToken, 'accountObjectId'>): RedeemedToken {
  const otherAccount = otherAccountError(expected, token.claims);
  if (otherAccount !== undefined) throw otherAccount;
  return token;
}

async function readBack(store: CredentialStore, application: string): Promise<StoredRefreshToken> {
  const stored = await store.loadRefreshToken(application);
  if (stored !== undefined) return stored;
  throw new BrokerError('key_vault_unavailable', 'Key Vault did not return the refresh token that was just stored.');
}

/** Stores the token. A write whose reply was lost may have succeeded, so the store is read before the error is thrown. */
async function save(store: CredentialStore, application: string, token: NewRefreshToken): Promise<void> {
  try {
    await store.saveRefreshToken(application, token);
  } catch (failure) {
    const stored = await store.loadRefreshToken(application).catch(() => undefined);
    if (stored?.secret.equals(token.secret) !== true) throw toBrokerError(failure);
  }
}

/**
 * Whether a failure concerns this refresh token. A transient failure says nothing about it, and a rejected client
 * credential fails with every refresh token.
 */
export const isAboutToken = ({ reach, code }: EntraFailure): boolean =>
  reach !== 'transient' && code !== 'client_credential_rejected';

/** Redeems a refresh token for the canary resource in the application's own tenant. Never throws. */
export const redeemRefreshToken = (
  deps: Pick<StoreRefreshTokenDeps, 'redeemer' | 'newId' | 'canaryResource'>,
  client: StoredClientCredential,
  refreshToken: Pick<StoredRefreshToken, 'secret'>,
): Promise<TokenReply> =>
  redeemAtHome(deps, client, {
    resourceIdentifier: deps.canaryResource,
    grant: { kind: 'delegated', refreshToken: refreshToken.secret },
  });
