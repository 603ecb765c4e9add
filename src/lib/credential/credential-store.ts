import type { ClientCredential, Credential, StoredClientCredential, StoredRefreshToken } from '../model/credential.ts';

export type NewRefreshToken = Omit<StoredRefreshToken, 'version'> & { readonly clientId: string };
export type NewClientCredential = Omit<StoredClientCredential, 'version'>;

/** One version of a stored secret, without its value. */
export interface StoredVersion {
  readonly version: string;
  readonly createdAtMs: number;
  readonly enabled: boolean;
}

/** One version of a client credential. */
export interface ClientCredentialVersion extends StoredVersion {
  /** Absent where it is none that we know. */
  readonly kind?: ClientCredential['kind'];
  readonly clientId?: string;
  /** Entra's id of the secret or key. */
  readonly keyId?: string;
  /** Waits for its proof, see proposed-credential.ts. */
  readonly proposed?: true;
}

/**
 * The only place where credentials are kept. Every write makes a new version; nothing is ever overwritten.
 * All methods throw BrokerError: key_vault_unavailable, or credential_missing where there is nothing.
 */
export interface CredentialStore {
  /** Which vault this is: the same text wherever it is opened from, and no two alike. */
  readonly vault: string;
  /** @throws BrokerError credential_missing when the application was never set up. */
  load(application: string, signal?: AbortSignal): Promise<Credential>;
  /** The newest enabled refresh token, or undefined before the first consent. */
  loadRefreshToken(application: string, signal?: AbortSignal): Promise<StoredRefreshToken | undefined>;
  /** One version, newest or not; undefined when it is disabled or gone. For a rotation whose newest turned out bad. */
  loadRefreshTokenVersion(application: string, version: string): Promise<StoredRefreshToken | undefined>;
  /** As {@link loadRefreshTokenVersion}. */
  loadClientCredentialVersion(application: string, version: string): Promise<StoredClientCredential | undefined>;
  /** @returns the new version. */
  saveRefreshToken(application: string, token: NewRefreshToken): Promise<string>;
  /** @returns the new version. */
  saveClientCredential(application: string, credential: NewClientCredential): Promise<string>;
  /** Keeps one that nobody uses: not enabled, until it is saved in the ordinary way. @returns the new version. */
  proposeClientCredential(application: string, credential: NewClientCredential): Promise<string>;
  /** All versions, newest first. */
  listRefreshTokenVersions(application: string): Promise<readonly StoredVersion[]>;
  listClientCredentialVersions(application: string): Promise<readonly ClientCredentialVersion[]>;
  /** Makes a version unreadable; a version cannot be deleted alone ("Azure Key Vault backup", versions). */
  disableRefreshTokenVersion(application: string, version: string): Promise<void>;
  disableClientCredentialVersion(application: string, version: string): Promise<void>;
  /** The names of the applications that have a client credential: set up, and not revoked since. */
  listApplications(): Promise<readonly string[]>;
}
