import { minuteMs } from '../model/durations.ts';
import type { Clock } from '../runtime/clock.ts';
import { type EntraFailure, errorOf, type RedeemedToken, type TokenReply } from '../entra/judge-token-reply.ts';
import { BrokerError } from '../model/errors.ts';
import { errorFields, type Logger } from '../runtime/log.ts';
import { retry } from '../runtime/retry.ts';
import type { StoredClientCredential, StoredRefreshToken } from '../model/credential.ts';
import type { StoredVersion } from './credential-store.ts';
import { judgeRolled } from './judge-renewed-token.ts';
import { redeemFor, storeRefreshToken, type StoreRefreshTokenDeps } from './store-refresh-token.ts';

export interface RotationDeps extends StoreRefreshTokenDeps {
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Rotation {
  readonly application: string;
  readonly account: string;
  readonly mfa: boolean;
  /** The version in Key Vault that is now in force. */
  readonly version: string;
  readonly obtainedAtMs: number;
  readonly expiresAtMs: number;
  /** Versions that this rotation disabled. */
  readonly disabledVersions: number;
  readonly versions: number;
}

/** Versions that stay enabled: the one in force, and two to fall back to. */
export const versionsKept = 3;

/**
 * A secret with more than 500 versions cannot be backed up ("Azure Key Vault backup"); the warning leaves time to act.
 */
const versionsWarning = 450;

/** Pauses between attempts while Entra is unavailable. */
const pausesMs = [2_000, 10_000, 30_000] as const;
const longestPauseMs = minuteMs;

/**
 * Replaces the stored refresh token by the one that Entra issues with a redemption. Entra does not revoke the old one,
 * so the store always holds at least one that works. If the process is killed at any point, if two rotations run at
 * once, or if Key Vault refuses, the credential survives and the next run continues from there.
 * @throws BrokerError credential_missing, credential_expired, credential_revoked, client_credential_rejected,
 * interaction_required, entra_unavailable, throttled or key_vault_unavailable. The stored credential is unchanged then.
 */
export async function rotateRefreshToken(deps: RotationDeps, application: string): Promise<Rotation> {
  const { store, clock } = deps;
  const { client, refreshToken } = await store.load(application);
  if (refreshToken === undefined) {
    throw new BrokerError('credential_missing', `The application "${application}" has no refresh token yet.`);
  }
  const source = await redeemStored(deps, application, client, refreshToken);
  const rolled = judgeRolled(source.stored, client, source.token, clock.nowMs());
  // A consent may have been given meanwhile, perhaps by another account: a newer token stays.
  const newest = await store.loadRefreshToken(application);
  const overtaken = newest !== undefined && newest.version !== refreshToken.version;
  if (overtaken) deps.log.log('info', 'credential.rotation_overtaken', { application, version: newest.version });
  const stored = overtaken
    ? newest
    : rolled.secret.equals(source.stored.secret)
      ? source.stored
      : (await storeRefreshToken(deps, client, application, rolled)).refreshToken;
  const pruned = await prune(deps, application, source.bad);
  return {
    application,
    account: stored.account,
    mfa: stored.mfa,
    version: stored.version,
    obtainedAtMs: stored.obtainedAtMs,
    expiresAtMs: stored.expiresAtMs,
    ...pruned,
  };
}

interface Source {
  readonly stored: StoredRefreshToken;
  readonly token: RedeemedToken;
  /** Versions that Entra refuses: newer than the one that worked. */
  readonly bad: readonly string[];
}

/** Redeems the newest version, or an older one if it is refused: an operator may have stored a wrong one by hand. */
async function redeemStored(
  deps: RotationDeps,
  application: string,
  client: StoredClientCredential,
  newest: StoredRefreshToken,
): Promise<Source> {
  const first = await redeemPatiently(deps, client, newest);
  if (first.ok) return { stored: newest, token: first.token, bad: [] };
  const failure = errorOf(first.failure);
  if (!isAboutToken(first.failure)) throw failure;
  const bad = [newest.version];
  const older = (await deps.store.listRefreshTokenVersions(application)).filter(
    ({ version, enabled }) => enabled && version !== newest.version,
  );
  for (const { version } of older.slice(0, versionsKept - 1)) {
    const stored = await deps.store.loadRefreshTokenVersion(application, version);
    if (stored === undefined) continue;
    const reply = await redeemPatiently(deps, client, stored);
    if (reply.ok) {
      deps.log.log('warn', 'credential.fell_back', { application, from: newest.version, to: version });
      return { stored, token: reply.token, bad };
    }
    // This version may be good. If it counted as bad, it would be disabled, and an older one, perhaps of another
    // account, would take its place.
    if (!isAboutToken(reply.failure)) throw errorOf(reply.failure);
    bad.push(version);
  }
  throw failure;
}

/**
 * Whether a failure concerns this refresh token. A transient failure says nothing about it, and a refused client
 * credential is refused with every refresh token.
 */
const isAboutToken = ({ reach, code }: EntraFailure): boolean =>
  reach !== 'transient' && code !== 'client_credential_rejected';

function redeemPatiently(
  deps: RotationDeps,
  client: StoredClientCredential,
  stored: StoredRefreshToken,
): Promise<TokenReply> {
  return retry(() => redeemFor(deps, client, stored), {
    clock: deps.clock,
    attempts: pausesMs.length + 1,
    afterValue: (reply, attempt) => {
      if (reply.ok || reply.failure.reach !== 'transient') return undefined;
      const demandedMs = (reply.failure.retryAfterSeconds ?? 0) * 1000;
      // A longer pause than a timer may last is left to the next run.
      return demandedMs > longestPauseMs ? undefined : Math.max(pausesMs[attempt - 1] ?? 0, demandedMs);
    },
  });
}

/** Disables versions that are too old to fall back to. A failure is logged and changes nothing. */
async function prune(
  deps: RotationDeps,
  application: string,
  bad: readonly string[],
): Promise<{ disabledVersions: number; versions: number }> {
  const { store, log } = deps;
  let disabledVersions = 0;
  let versions: readonly StoredVersion[] = [];
  try {
    versions = await store.listRefreshTokenVersions(application);
    for (const { version } of outdated(versions, bad)) {
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

/** The enabled versions beyond the newest three, and those known to be bad. Pure. */
export function outdated(versions: readonly StoredVersion[], bad: readonly string[]): readonly StoredVersion[] {
  const enabled = versions.filter(({ enabled }) => enabled);
  const good = enabled.filter(({ version }) => !bad.includes(version));
  // Never the last one: a bad credential can still be examined.
  return good.length === 0 ? [] : [...good.slice(versionsKept), ...enabled.filter((each) => !good.includes(each))];
}
