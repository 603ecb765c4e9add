import type { Credential, StoredClientCredential, StoredRefreshToken } from './credential.ts';

export type NewRefreshToken = Omit<StoredRefreshToken, 'version'> & { readonly clientId: string };
export type NewClientCredential = Omit<StoredClientCredential, 'version'>;

/** One version of a stored secret, without its value. */
export interface StoredVersion {
  readonly version: string;
  readonly createdAtMs: number;
  readonly enabled: boolean;
}

/**
 * The only place where credentials are kept. Every write makes a new version; nothing is ever overwritten.
 * All methods throw BrokerError: key_vault_unavailable, or credential_missing where there is nothing.
 */
export interface CredentialStore {
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
  /** All versions, newest first. */
  listRefreshTokenVersions(application: string): Promise<readonly StoredVersion[]>;
  listClientCredentialVersions(application: string): Promise<readonly StoredVersion[]>;
  /** Makes a version unreadable; a version cannot be deleted alone ("Azure Key Vault backup", versions). */
  disableRefreshTokenVersion(application: string, version: string): Promise<void>;
  disableClientCredentialVersion(application: string, version: string): Promise<void>;
  /** The names of the applications that were set up. */
  listApplications(): Promise<readonly string[]>;
}
