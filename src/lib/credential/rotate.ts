import { minuteMs } from '../model/durations.ts';
import type { Clock } from '../runtime/clock.ts';
import { type EntraFailure, errorOf, type RedeemedToken, type TokenReply } from '../entra/judge-token-reply.ts';
import { BrokerError } from '../model/errors.ts';
import { errorFields, type Logger } from '../runtime/log.ts';
import { retry } from '../runtime/retry.ts';
import type { StoredClientCredential, StoredRefreshToken } from '../model/credential.ts';
import type { StoredVersion } from './credential-store.ts';
import { judgeRenewedToken } from './judge-renewed-token.ts';
import { redeemRefreshToken, storeRefreshToken, type StoreRefreshTokenDeps } from './store-refresh-token.ts';

export interface RotationDeps extends StoreRefreshTokenDeps {
  readonly clock: Clock;
  readonly log: Logger;
}

/** The refresh token that is in use after a rotation. */
export interface Rotation {
  readonly application: string;
  /** User principal name of the account that consented. */
  readonly account: string;
  /** Whether the sign-in carried MFA. */
  readonly mfa: boolean;
  /** Its version in Key Vault. */
  readonly version: string;
  readonly obtainedAtMs: number;
  readonly expiresAtMs: number;
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

/** Pauses between attempts while Entra is unavailable or throttles. */
const pausesMs = [2_000, 10_000, 30_000] as const;
/** If Entra demands a longer pause, the next run tries again: a timer function has a time limit. */
const longestPauseMs = minuteMs;

/**
 * Redeems the stored refresh token and stores the new one that Entra issues with the redemption. Entra does not revoke
 * the old one, so the store always contains one that works. The credential also survives a killed process, two
 * rotations at the same time and a failed write; the next run continues from there.
 * @throws BrokerError credential_missing, credential_expired, credential_revoked, client_credential_rejected,
 * interaction_required, entra_unavailable, throttled or key_vault_unavailable. The stored credential is then unchanged.
 */
export async function rotateRefreshToken(deps: RotationDeps, application: string): Promise<Rotation> {
  const { store, clock } = deps;
  const { client, refreshToken } = await store.load(application);
  if (refreshToken === undefined) {
    throw new BrokerError('credential_missing', `The application "${application}" has no refresh token yet.`);
  }
  const source = await redeemStored(deps, application, client, refreshToken);
  const renewed = judgeRenewedToken(source.stored, client, source.token, clock.nowMs());
  // A consent in the meantime, perhaps by another account, has stored a newer token. That one stays in use.
  const newest = await store.loadRefreshToken(application);
  const overtaken = newest !== undefined && newest.version !== refreshToken.version;
  if (overtaken) deps.log.log('info', 'credential.rotation_overtaken', { application, version: newest.version });
  const stored = overtaken
    ? newest
    : renewed.secret.equals(source.stored.secret)
      ? source.stored
      : (await storeRefreshToken(deps, client, application, renewed)).refreshToken;
  const counts = await disableVersions(deps, application, source.rejected);
  return {
    application,
    account: stored.account,
    mfa: stored.mfa,
    version: stored.version,
    obtainedAtMs: stored.obtainedAtMs,
    expiresAtMs: stored.expiresAtMs,
    ...counts,
  };
}

interface RedeemedVersion {
  readonly stored: StoredRefreshToken;
  readonly token: RedeemedToken;
  /** Versions newer than `stored` that Entra rejected. */
  readonly rejected: readonly string[];
}

/**
 * Redeems the newest version. If Entra rejects it, redeems an older one: an operator may have stored a wrong version by
 * hand.
 */
async function redeemStored(
  deps: RotationDeps,
  application: string,
  client: StoredClientCredential,
  newest: StoredRefreshToken,
): Promise<RedeemedVersion> {
  const first = await redeemWithRetry(deps, client, newest);
  if (first.ok) return { stored: newest, token: first.token, rejected: [] };
  const failure = errorOf(first.failure);
  if (!isAboutToken(first.failure)) throw failure;
  const rejected = [newest.version];
  const older = (await deps.store.listRefreshTokenVersions(application)).filter(
    ({ version, enabled }) => enabled && version !== newest.version,
  );
  for (const { version } of older.slice(0, versionsKept - 1)) {
    const stored = await deps.store.loadRefreshTokenVersion(application, version);
    if (stored === undefined) continue;
    const reply = await redeemWithRetry(deps, client, stored);
    if (reply.ok) {
      deps.log.log('warn', 'credential.fell_back', { application, from: newest.version, to: version });
      return { stored, token: reply.token, rejected };
    }
    // This version may work. If it counted as rejected, it would be disabled and replaced by an older one, perhaps of
    // another account.
    if (!isAboutToken(reply.failure)) throw errorOf(reply.failure);
    rejected.push(version);
  }
  throw failure;
}

/**
 * Whether a failure concerns this refresh token. A transient failure says nothing about it, and a rejected client
 * credential fails with every refresh token.
 */
const isAboutToken = ({ reach, code }: EntraFailure): boolean =>
  reach !== 'transient' && code !== 'client_credential_rejected';

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

/** Disables rejected versions and those too old to fall back to. A failure is logged and does not fail the rotation. */
async function disableVersions(
  deps: RotationDeps,
  application: string,
  rejected: readonly string[],
): Promise<{ disabledVersions: number; versions: number }> {
  const { store, log } = deps;
  let disabledVersions = 0;
  let versions: readonly StoredVersion[] = [];
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
  versions: readonly StoredVersion[],
  rejected: readonly string[],
): readonly StoredVersion[] {
  const enabled = versions.filter(({ enabled }) => enabled);
  const usable = enabled.filter(({ version }) => !rejected.includes(version));
  // If Entra rejected all of them, they stay enabled, so that an operator can examine them.
  if (usable.length === 0) return [];
  return [...usable.slice(versionsKept), ...enabled.filter((each) => !usable.includes(each))];
}
