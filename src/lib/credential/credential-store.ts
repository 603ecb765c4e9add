import type { ClientCredential, Credential, StoredClientCredential, StoredRefreshToken } from '../model/credential.ts';

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

/** One version of a client credential, without its value. */
export interface ClientCredentialVersion extends StoredVersion {
  /** Absent if the kind is unknown. */
  readonly kind?: ClientCredential['kind'];
  readonly clientId?: string;
  /** Entra's id of the secret or key. */
  readonly keyId?: string;
  /** Set if the daily timer has yet to try it, see proposed-credential.ts. */
  readonly proposed?: true;
}

/**
 * The only place where credentials are stored. Every write creates a new version; no version is overwritten. All
 * methods throw BrokerError key_vault_unavailable. The load methods also throw credential_missing if a stored secret
 * lacks its tags, and client_credential_rejected for a broken certificate.
 */
export interface CredentialStore {
  /** Identifies the vault. The text is unique and does not depend on the machine that opens it. */
  readonly vault: string;
  /** Returns the newest enabled versions. @throws BrokerError credential_missing if the application is not set up. */
  load(application: string, signal?: AbortSignal): Promise<Credential>;
  /** Returns the newest enabled refresh token, or undefined before the first consent. */
  loadRefreshToken(application: string, signal?: AbortSignal): Promise<StoredRefreshToken | undefined>;
  /** Returns one version, or undefined if it is disabled or does not exist. */
  loadRefreshTokenVersion(application: string, version: string): Promise<StoredRefreshToken | undefined>;
  /** Returns one version, or undefined if it is disabled or does not exist. */
  loadClientCredentialVersion(application: string, version: string): Promise<StoredClientCredential | undefined>;
  /** @returns the new version. */
  saveRefreshToken(application: string, token: NewRefreshToken): Promise<string>;
  /** @returns the new version. */
  saveClientCredential(application: string, credential: NewClientCredential): Promise<string>;
  /**
   * Stores a disabled version, which is not used until {@link saveClientCredential} stores it again.
   * @returns the new version.
   */
  proposeClientCredential(application: string, credential: NewClientCredential): Promise<string>;
  /** Returns all versions, newest first. */
  listRefreshTokenVersions(application: string): Promise<readonly StoredVersion[]>;
  /** Returns all versions, newest first. */
  listClientCredentialVersions(application: string): Promise<readonly ClientCredentialVersion[]>;
  /** Makes a version unreadable. A single version cannot be deleted ("Azure Key Vault backup", versions). */
  disableRefreshTokenVersion(application: string, version: string): Promise<void>;
  disableClientCredentialVersion(application: string, version: string): Promise<void>;
  /** Returns the sorted names of the applications with an enabled client credential. */
  listApplications(): Promise<readonly string[]>;
}
