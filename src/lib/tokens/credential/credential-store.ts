import { BrokerError } from '../../core/errors.ts';
import { defined } from '../../core/objects.ts';
import type {
  ClientCredential,
  Credential,
  SkippedVersion,
  StoredClientCredential,
  StoredRefreshToken,
} from '../../core/secrets.ts';

/** A refresh token to store; the store assigns the version. */
export type NewRefreshToken = Omit<StoredRefreshToken, 'version'> & { readonly clientId: string };
/** A client credential to store; the store assigns the version. */
export type NewClientCredential = Omit<StoredClientCredential, 'version'>;

/** One version of a stored secret, without its value. */
export interface StoredVersion {
  readonly version: string;
  readonly createdAtMs: number;
  readonly enabled: boolean;
}

/** One version of a refresh token, without its value. Tags that a person removed are absent. */
export interface RefreshTokenVersion extends StoredVersion {
  readonly account?: string;
  readonly accountObjectId?: string;
  readonly clientId?: string;
  /** See {@link StoredRefreshToken.consentedAtMs}. */
  readonly consentedAtMs?: number;
  /** Set if neither the broker nor `ptb consent` stored it. */
  readonly isByHand?: true;
  /** Set on a version that was never put in use. It does not count as a consent. */
  readonly staged?: true;
}

/** One version of a client credential, without its value. */
export interface ClientCredentialVersion extends StoredVersion {
  /** Absent if the kind is unknown. */
  readonly kind?: ClientCredential['kind'];
  readonly clientId?: string;
  /** Entra's id of the secret or key. */
  readonly keyId?: string;
  /** Set if the daily timer has yet to try it, see renew-client-credential.ts. */
  readonly proposed?: true;
  /** Set on a version that a run has yet to put in use, or never did, see staged-version.ts. */
  readonly staged?: true;
}

/**
 * The only place where credentials are stored. Every write creates a new version; no version is overwritten. The rules
 * for the version in force are below. All methods throw BrokerError key_vault_unavailable.
 */
export interface CredentialStore {
  /** Identifies the vault. The text is unique and does not depend on the machine that opens it. */
  readonly vault: string;
  /**
   * Returns the versions in force.
   * @throws BrokerError credential_missing if no client credential is enabled; UnreadableCredentialError if client
   * credentials are enabled and none can be read.
   */
  load(application: string, signal?: AbortSignal): Promise<Credential>;
  /** Returns the refresh token in force, or undefined before the first consent. */
  loadRefreshToken(application: string, signal?: AbortSignal): Promise<StoredRefreshToken | undefined>;
  /** Returns one version, or undefined if it is empty, disabled or does not exist. */
  loadRefreshTokenVersion(application: string, version: string): Promise<StoredRefreshToken | undefined>;
  /**
   * Returns one version, or undefined if it is disabled or does not exist.
   * @throws BrokerError credential_missing or client_credential_rejected if it cannot be read.
   */
  loadClientCredentialVersion(application: string, version: string): Promise<StoredClientCredential | undefined>;
  /** Stores a version that is in force at once: for a person's decision. @returns the new version. */
  saveRefreshToken(application: string, token: NewRefreshToken): Promise<string>;
  /** As {@link saveRefreshToken}. @returns the new version. */
  saveClientCredential(application: string, credential: NewClientCredential): Promise<string>;
  /**
   * Stores a disabled version, to be enabled after a look at the other versions: for a decision of the broker. A version
   * that a person stores later is newer, so it wins although this one is enabled after it. @returns the new version.
   */
  stageRefreshToken(application: string, token: NewRefreshToken): Promise<string>;
  /** As {@link stageRefreshToken}. @returns the new version. */
  stageClientCredential(application: string, credential: NewClientCredential): Promise<string>;
  /**
   * Stores a disabled version, which is not used until {@link saveClientCredential} stores it again.
   * @returns the new version.
   */
  proposeClientCredential(application: string, credential: NewClientCredential): Promise<string>;
  /** Puts a staged version in use. */
  enableRefreshTokenVersion(application: string, version: string): Promise<void>;
  enableClientCredentialVersion(application: string, version: string): Promise<void>;
  /** Returns all versions, newest first. */
  listRefreshTokenVersions(application: string): Promise<readonly RefreshTokenVersion[]>;
  /** Returns all versions, newest first. */
  listClientCredentialVersions(application: string): Promise<readonly ClientCredentialVersion[]>;
  /** Makes a version unreadable. A single version cannot be deleted ("Azure Key Vault backup", versions). */
  disableRefreshTokenVersion(application: string, version: string): Promise<void>;
  disableClientCredentialVersion(application: string, version: string): Promise<void>;
  /** Corrects the end date of a version. */
  setClientCredentialEnd(application: string, version: string, endsAtMs: number): Promise<void>;
  /** Returns the sorted names of the applications with an enabled client credential. */
  listApplications(): Promise<readonly string[]>;
}

// Which version of a secret is in force. The store, the rotation and the renewal all use these rules:
//
// 1. Only enabled versions count. If none is enabled, a person has decided so: nothing is in force.
// 2. The newest version that can be read is in force. One that cannot be read is skipped, with a warning.
// 3. A refresh token is in force only if it belongs to the account that consented last. A person can change one tag, so
//    both names of the account, object id and user principal name, count.
// 4. A refresh token that a person stored by hand is in force only if no version that the broker stored is enabled.
// 5. The order of the versions is the vault's. No rule compares the clocks of two machines.

/** The consent that counts. A part is absent if no version names it. */
interface LastConsent {
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
  return defined({
    consentedAtMs: newest?.consentedAtMs,
    accountObjectId: named?.accountObjectId,
    account: named?.account,
  });
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
