import { minuteMs, retry } from '../../core/clock.ts';
import { BrokerError } from '../../core/errors.ts';
import { errorFields, type Logger } from '../../core/log.ts';
import { defined } from '../../core/objects.ts';
import type { StoredClientCredential, StoredRefreshToken } from '../../core/secrets.ts';
import { errorOf, type RedeemedToken, type TokenClaims, type TokenReply } from '../../microsoft/token-reply.ts';
import {
  type NewRefreshToken,
  refreshTokensInOrder,
  type RefreshTokenVersion,
  type StoredVersion,
  trueAccount,
} from './credential-store.ts';
import { putInUse, refreshTokenVersions } from './staged-version.ts';
import {
  isAboutToken,
  judgeRenewedToken,
  otherAccountError,
  redeemRefreshToken,
  storeRefreshToken,
  type StoreRefreshTokenDeps,
  type WriteToken,
} from './store-refresh-token.ts';

export interface RotationDeps extends StoreRefreshTokenDeps {
  readonly log: Logger;
}

/** Pauses between attempts while Entra is unavailable or throttles. */
const pausesMs = [2_000, 10_000, 30_000] as const;
/** If Entra demands a longer pause, the next run tries again: a timer function has a time limit. */
const longestPauseMs = minuteMs;

interface RedeemedVersion {
  readonly stored: StoredRefreshToken;
  readonly token: RedeemedToken;
  /** Versions that Entra rejected. */
  readonly rejected: readonly string[];
}

/**
 * Redeems the version in force. If Entra rejects it, or issues a token for another account, redeems the other enabled
 * versions of the account that consented last: an operator may have stored wrong versions by hand.
 * @param known all versions, newest first.
 * @throws BrokerError with the failure of the version in force if no version works; a failure that does not concern the
 * version, at once.
 */
async function redeemInOrder(
  deps: RotationDeps,
  application: string,
  { client, inForce }: { readonly client: StoredClientCredential; readonly inForce: StoredRefreshToken },
  known: readonly RefreshTokenVersion[],
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
  const named = defined({ accountObjectId: objectId, account: username });
  const { accountObjectId = '', account = '' } = trueAccount(stored, named, known);
  return { ...stored, accountObjectId, account: account || stored.account };
}

function redeemWithRetry(
  deps: RotationDeps,
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

/** The refresh token that is in use after a rotation. */
export interface Rotation
  extends Pick<StoredRefreshToken, 'account' | 'mfa' | 'version' | 'obtainedAtMs' | 'expiresAtMs'> {
  readonly application: string;
  /** Set if Entra accepts each refresh token only once. */
  readonly isSingleUse?: true;
  /** Versions that this rotation disabled. */
  readonly disabledVersions: number;
  /** All versions in Key Vault, enabled and disabled. */
  readonly versions: number;
}

/** Number of versions that stay enabled: the one in use and two to fall back to. */
export const versionsKept = 3;

/**
 * Number of versions at which a warning is logged. A secret with more than 500 versions cannot be backed up ("Azure Key
 * Vault backup").
 */
const versionsWarning = 450;

/**
 * Redeems the stored refresh token and stores the new one that Entra issues with the redemption. Entra does not revoke
 * the old one, so the store always contains one that works. The credential also survives a killed process, two
 * rotations at the same time and a failed write; the next run continues from there. A consent during the rotation, or a
 * person who disables all versions, wins (staged-version.ts).
 * @throws BrokerError credential_missing, credential_expired, credential_revoked, client_credential_rejected,
 * interaction_required, entra_unavailable, throttled or key_vault_unavailable. The stored credential is then unchanged.
 */
export async function rotateRefreshToken(deps: RotationDeps, application: string): Promise<Rotation> {
  const { store, clock } = deps;
  const { client, refreshToken } = await store.load(application);
  if (refreshToken === undefined) throw noToken(application);
  const known = await store.listRefreshTokenVersions(application);
  const source = await redeemInOrder(deps, application, { client, inForce: refreshToken }, known);
  const renewed = judgeRenewedToken(source.stored, client, source.token, clock.nowMs());
  const newest = await store.loadRefreshToken(application);
  const overtaking = newest?.version === refreshToken.version ? undefined : newest?.version;
  const putInForce = async (): Promise<InUse> => {
    if (overtaking !== undefined) return overtakenBy(deps, application, overtaking);
    if (renewed.secret.equals(source.stored.secret)) return { stored: source.stored };
    return storeRenewed(deps, application, client, { renewed, known });
  };
  const { stored, isSingleUse } = await putInForce();
  const counts = await disableVersions(deps, application, source.rejected);
  const { account, mfa, version, obtainedAtMs, expiresAtMs } = stored;
  return defined({ application, account, mfa, version, obtainedAtMs, expiresAtMs, isSingleUse, ...counts });
}

interface InUse {
  readonly stored: StoredRefreshToken;
  readonly isSingleUse?: true | undefined;
}

/** A consent in the meantime, perhaps by another account, has stored a newer token. That one stays in use. */
async function overtakenBy(deps: RotationDeps, application: string, version: string): Promise<InUse> {
  deps.log.log('info', 'credential.rotation_overtaken', { application, version });
  const stored = await deps.store.loadRefreshToken(application);
  if (stored !== undefined) return { stored };
  throw noToken(application);
}

const noToken = (application: string): BrokerError =>
  new BrokerError('credential_missing', `The application "${application}" has no refresh token yet.`);

async function storeRenewed(
  deps: RotationDeps,
  application: string,
  client: StoredClientCredential,
  { renewed, known }: { readonly renewed: NewRefreshToken; readonly known: readonly RefreshTokenVersion[] },
): Promise<InUse> {
  const write: WriteToken = async (token) => {
    const version = await deps.store.stageRefreshToken(application, token);
    const overtaking = await putInUse(refreshTokenVersions(deps.store, application), { version, known });
    if (overtaking !== undefined) throw new Overtaken(overtaking);
  };
  try {
    const proven = await storeRefreshToken({ ...deps, write }, client, application, renewed);
    const { refreshToken: stored, isSingleUse } = proven;
    if (isSingleUse) deps.log.log('warn', 'credential.refresh_token_single_use', { application });
    return { stored, isSingleUse };
  } catch (thrown) {
    if (thrown instanceof Overtaken) return overtakenBy(deps, application, thrown.version);
    throw thrown;
  }
}

/** Somebody else has put another version in use. Never leaves this file. */
class Overtaken extends Error {
  readonly version: string;

  constructor(version: string) {
    super('another version is in use');
    this.version = version;
  }
}

/** Disables rejected versions and those too old to fall back to. A failure is logged and does not fail the rotation. */
async function disableVersions(
  deps: RotationDeps,
  application: string,
  rejected: readonly string[],
): Promise<{ disabledVersions: number; versions: number }> {
  const { store, log } = deps;
  let disabledVersions = 0;
  let versions: readonly RefreshTokenVersion[] = [];
  try {
    versions = await store.listRefreshTokenVersions(application);
    for (const { version } of versionsToDisable(versions, rejected)) {
      await store.disableRefreshTokenVersion(application, version);
      disabledVersions += 1;
    }
  } catch (thrown) {
    log.log('warn', 'credential.prune_failed', { application, ...errorFields(thrown) });
  }
  if (versions.length >= versionsWarning) {
    log.log('warn', 'credential.versions_near_limit', { application, versions: versions.length, limit: 500 });
  }
  return { disabledVersions, versions: versions.length };
}

/**
 * Returns the enabled versions beyond the newest {@link versionsKept}, and the enabled ones that Entra rejected. Pure.
 * @param versions newest first.
 */
export function versionsToDisable(
  versions: readonly RefreshTokenVersion[],
  rejected: readonly string[],
): readonly StoredVersion[] {
  const enabled = versions.filter(({ enabled }) => enabled);
  const good = enabled.filter(({ version }) => !rejected.includes(version));
  // Versions that were stored by hand do not displace those that the broker has proven.
  const usable = [...good.filter(({ isByHand }) => !isByHand), ...good.filter(({ isByHand }) => isByHand)];
  // If Entra rejected all of them, they stay enabled, so that an operator can examine them.
  if (usable.length === 0) return [];
  return [...usable.slice(versionsKept), ...enabled.filter((each) => !usable.includes(each))];
}
