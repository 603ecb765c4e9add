import { BrokerError } from '../../core/errors.ts';
import type { SkippedVersion } from '../../core/secrets.ts';
import type { RefreshTokenVersion, StoredVersion } from './credential-store.ts';

/**
 * Which version of a secret is in force. The store, the rotation and the renewal all use these rules:
 *
 * 1. Only enabled versions count. If none is enabled, a person has decided so: nothing is in force.
 * 2. The newest version that can be read is in force. One that cannot be read is skipped, with a warning.
 * 3. A refresh token is in force only if it belongs to the account that consented last. A person can change one tag, so
 *    both names of the account, object id and user principal name, count.
 * 4. A refresh token that a person stored by hand is in force only if no version that the broker stored is enabled.
 * 5. The order of the versions is the vault's. No rule compares the clocks of two machines.
 */

/** The consent that counts. A part is absent if no version names it. */
export interface LastConsent {
  readonly consentedAtMs?: number;
  readonly accountObjectId?: string;
  readonly account?: string;
}

type Account = Pick<RefreshTokenVersion, 'account' | 'accountObjectId'>;

/** Compares user principal names. False if one is unknown. */
export const isSameName = (one: string | undefined, other: string | undefined): boolean =>
  one !== undefined && one !== '' && one.toLowerCase() === other?.toLowerCase();

const differ = (one: string | undefined, other: string | undefined): boolean =>
  one !== undefined && other !== undefined && one.toLowerCase() !== other.toLowerCase();

/**
 * Returns the last consent, whether its versions are enabled or not. Rotations keep the time of consent, so the other
 * versions of a consent name the account if a person removed the tag of the newest one. Pure.
 * @param versions newest first.
 */
export function lastConsent(versions: readonly RefreshTokenVersion[]): LastConsent {
  const inUse = versions.filter(({ staged }) => !staged);
  const newest = inUse.find(({ isByHand }) => !isByHand);
  const named = ofSameConsent(inUse, newest).find(({ accountObjectId }) => accountObjectId !== undefined);
  return {
    ...(newest?.consentedAtMs === undefined ? {} : { consentedAtMs: newest.consentedAtMs }),
    ...(named?.accountObjectId === undefined ? {} : { accountObjectId: named.accountObjectId }),
    ...(named?.account === undefined ? {} : { account: named.account }),
  };
}

function ofSameConsent(
  inUse: readonly RefreshTokenVersion[],
  newest: RefreshTokenVersion | undefined,
): readonly RefreshTokenVersion[] {
  if (newest === undefined) return inUse;
  // Without the tag, only the account shows which other versions are of the same consent.
  if (newest.consentedAtMs === undefined) return [newest];
  return inUse.filter(({ consentedAtMs }) => consentedAtMs === newest.consentedAtMs);
}

/** Whether a version belongs to the last consent, or to an earlier one by the same account. */
function isOfLastAccount(version: RefreshTokenVersion, last: LastConsent): boolean {
  const { isByHand, consentedAtMs, accountObjectId, account } = version;
  const hasOtherName = differ(account, last.account);
  if (isByHand) return accountObjectId === undefined || (accountObjectId === last.accountObjectId && !hasOtherName);
  if (consentedAtMs === last.consentedAtMs) {
    // The tag of the other one may have been changed to this time.
    return !differ(accountObjectId, last.accountObjectId) || isSameName(account, last.account);
  }
  return accountObjectId !== undefined && accountObjectId === last.accountObjectId && !hasOtherName;
}

/**
 * Returns the refresh tokens that may be in force, in the order in which they are tried: the first one that can be read
 * is in force, the others are what a rotation falls back to. Pure.
 * @param versions newest first.
 */
export function refreshTokensInOrder(versions: readonly RefreshTokenVersion[]): readonly RefreshTokenVersion[] {
  const last = lastConsent(versions);
  const allowed = versions.filter((version) => version.enabled && isOfLastAccount(version, last));
  return [...allowed.filter(({ isByHand }) => !isByHand), ...allowed.filter(({ isByHand }) => isByHand)];
}

/**
 * Returns the account that a refresh token must belong to, after Entra has named the account of the token. One that was
 * stored by hand must belong to the account that consented last. If a person changed the object id in the tags of a
 * version of the last consent, its user principal name or another version of that consent confirms the account. Pure.
 * @param named the account in the access token.
 * @param versions all versions.
 */
export function trueAccount(
  stored: Account & { readonly version: string },
  named: Account,
  versions: readonly RefreshTokenVersion[],
): Account {
  const last = lastConsent(versions);
  if (!stored.accountObjectId) return last;
  if (named.accountObjectId === undefined || named.accountObjectId === stored.accountObjectId) return stored;
  const ofConsent = versions.filter(
    (each) => !each.isByHand && !each.staged && each.consentedAtMs === last.consentedAtMs,
  );
  if (!ofConsent.some(({ version }) => version === stored.version)) return stored;
  const isWitness = ({ accountObjectId, account }: Account): boolean =>
    accountObjectId === named.accountObjectId && (!stored.account || !differ(account, stored.account));
  return isSameName(stored.account, named.account) || ofConsent.some(isWitness) ? named : stored;
}

/** The enabled refresh tokens that are newer than the one in force. Pure. */
export function skippedRefreshTokens(
  versions: readonly RefreshTokenVersion[],
  inForce: string | undefined,
): readonly SkippedVersion[] {
  const enabled = versions.filter((version) => version.enabled);
  const at = enabled.findIndex(({ version }) => version === inForce);
  return enabled.slice(0, at === -1 ? enabled.length : at).map((version) => ({
    part: 'refresh token',
    version: version.version,
    reason: version.isByHand
      ? 'It was stored by hand, without the tags of a consent.'
      : 'It is empty, or belongs to an account that did not consent last.',
  }));
}

/** Client credentials are enabled, and none of them can be read. */
export class UnreadableCredentialError extends BrokerError {}

export interface ReadVersion<T> {
  readonly value: T | undefined;
  readonly skipped: readonly SkippedVersion[];
}

/**
 * Reads the newest enabled version that can be read.
 * @param versions newest first.
 * @param read returns undefined if the version was disabled in the meantime.
 * @returns no value if no version is enabled.
 * @throws UnreadableCredentialError if versions are enabled and none can be read; any transient failure of `read`.
 */
export async function readNewest<T>(
  part: SkippedVersion['part'],
  versions: readonly StoredVersion[],
  read: (version: string) => Promise<T | undefined>,
): Promise<ReadVersion<T>> {
  const skipped: SkippedVersion[] = [];
  let first: BrokerError | undefined;
  for (const { version } of versions.filter(({ enabled }) => enabled)) {
    try {
      const value = await read(version);
      if (value !== undefined) return { value, skipped };
    } catch (thrown) {
      if (!(thrown instanceof BrokerError) || thrown.transient) throw thrown;
      first ??= thrown;
      skipped.push({ part, version, reason: thrown.detail });
    }
  }
  if (first === undefined) return { value: undefined, skipped };
  throw new UnreadableCredentialError(first.code, first.detail);
}
