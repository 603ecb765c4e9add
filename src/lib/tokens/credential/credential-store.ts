import type { ClientCredential, Credential, StoredClientCredential, StoredRefreshToken } from '../../core/secrets.ts';

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
  /** Set if the daily timer has yet to try it, see proposed-credential.ts. */
  readonly proposed?: true;
  /** Set on a version that a run has yet to put in use, or never did, see staged-version.ts. */
  readonly staged?: true;
}

/**
 * The only place where credentials are stored. Every write creates a new version; no version is overwritten. The rules
 * for the version in force are in in-force.ts. All methods throw BrokerError key_vault_unavailable.
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
