import { minuteMs } from '../../core/durations.ts';
import { errorOf, type RedeemedToken, type TokenReply } from '../../microsoft/token-reply.ts';
import type { TokenClaims } from '../../microsoft/token-claims.ts';
import { BrokerError } from '../../core/errors.ts';
import { retry } from '../../core/retry.ts';
import type { Logger } from '../../core/log.ts';
import type { StoredClientCredential, StoredRefreshToken } from '../../core/secrets.ts';
import type { RefreshTokenVersion } from './credential-store.ts';
import { refreshTokensInOrder, trueAccount } from './in-force.ts';
import { otherAccountError } from './judge-renewed-token.ts';
import { isAboutToken, redeemRefreshToken, type StoreRefreshTokenDeps } from './store-refresh-token.ts';

export interface RedeemInOrderDeps extends StoreRefreshTokenDeps {
  readonly log: Logger;
}

/** Pauses between attempts while Entra is unavailable or throttles. */
const pausesMs = [2_000, 10_000, 30_000] as const;
/** If Entra demands a longer pause, the next run tries again: a timer function has a time limit. */
const longestPauseMs = minuteMs;

export interface RedeemedVersion {
  readonly stored: StoredRefreshToken;
  readonly token: RedeemedToken;
  /** Versions that Entra rejected. */
  readonly rejected: readonly string[];
}

export interface VersionsToTry {
  readonly inForce: StoredRefreshToken;
  /** All versions, newest first. */
  readonly known: readonly RefreshTokenVersion[];
}

/**
 * Redeems the version in force. If Entra rejects it, or issues a token for another account, redeems the other enabled
 * versions of the account that consented last: an operator may have stored wrong versions by hand.
 * @throws BrokerError with the failure of the version in force if no version works; a failure that does not concern the
 * version, at once.
 */
export async function redeemInOrder(
  deps: RedeemInOrderDeps,
  application: string,
  client: StoredClientCredential,
  { inForce, known }: VersionsToTry,
): Promise<RedeemedVersion> {
  const others = refreshTokensInOrder(known).filter(({ version }) => version !== inForce.version);
  const rejected: string[] = [];
  let failure: BrokerError | undefined;
  for (const version of [inForce.version, ...others.map((other) => other.version)]) {
    const isFirst = version === inForce.version;
    const found = isFirst ? inForce : await deps.store.loadRefreshTokenVersion(application, version);
    if (found === undefined) continue;
    const reply = await redeemWithRetry(deps, client, found);
    if (!reply.ok) {
      // This version may work. If it counted as rejected, it would be disabled.
      if (!isAboutToken(reply.failure)) throw errorOf(reply.failure);
      failure ??= errorOf(reply.failure);
      rejected.push(version);
      continue;
    }
    const stored = withTrueAccount(found, reply.token.claims, known);
    const otherAccount = otherAccountError(stored, reply.token.claims);
    if (otherAccount === undefined) {
      const fields = { application, from: inForce.version, to: version, account: stored.account };
      if (!isFirst) deps.log.log('warn', 'credential.fell_back', fields);
      return { stored, token: reply.token, rejected };
    }
    failure ??= otherAccount;
  }
  throw (
    failure ?? new BrokerError('credential_missing', `The application "${application}" has no refresh token in use.`)
  );
}

/** Returns the token with the account that it must belong to. */
function withTrueAccount(
  stored: StoredRefreshToken,
  { objectId, username }: TokenClaims,
  known: readonly RefreshTokenVersion[],
): StoredRefreshToken {
  const named = {
    ...(objectId === undefined ? {} : { accountObjectId: objectId }),
    ...(username === undefined ? {} : { account: username }),
  };
  const { accountObjectId = '', account = '' } = trueAccount(stored, named, known);
  return { ...stored, accountObjectId, account: account || stored.account };
}

function redeemWithRetry(
  deps: RedeemInOrderDeps,
  client: StoredClientCredential,
  stored: StoredRefreshToken,
): Promise<TokenReply> {
  return retry(() => redeemRefreshToken(deps, client, stored), {
    clock: deps.clock,
    attempts: pausesMs.length + 1,
    afterValue: (reply, attempt) => {
      if (reply.ok || reply.failure.reach !== 'transient') return undefined;
      const demandedMs = (reply.failure.retryAfterSeconds ?? 0) * 1000;
      return demandedMs > longestPauseMs ? undefined : Math.max(pausesMs[attempt - 1] ?? 0, demandedMs);
    },
  });
}
