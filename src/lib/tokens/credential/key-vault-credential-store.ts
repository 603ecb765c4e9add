import type { SecretClient } from '@azure/keyvault-secrets';
import { BrokerError, toBrokerError } from '../../core/errors.ts';
import type { Credential, StoredClientCredential, StoredRefreshToken } from '../../core/secrets.ts';
import {
  type ClientCredentialVersion,
  type CredentialStore,
  type NewClientCredential,
  type NewRefreshToken,
  readNewest,
  type ReadVersion,
  refreshTokensInOrder,
  type RefreshTokenVersion,
  skippedRefreshTokens,
  type StoredVersion,
} from './credential-store.ts';
import { KeyVaultSecrets } from './key-vault-secrets.ts';
import {
  clientContentType,
  readClientCredential,
  readClientCredentialVersion,
  readRefreshToken,
  readRefreshTokenVersion,
  readVersion,
  refreshTokenTypes,
  writeClientCredential,
  writeRefreshToken,
} from './stored-secret.ts';

const prefix = 'ptb-';
export const secretNames = {
  refreshToken: (application: string) => `${prefix}${application}-refresh-token`,
  clientCredential: (application: string) => `${prefix}${application}-client-credential`,
};

/** Stores credentials in Azure Key Vault secrets. The value is the secret itself; everything else is in tags. */
export class KeyVaultCredentialStore implements CredentialStore {
  readonly #secrets: KeyVaultSecrets;

  constructor(client: SecretClient) {
    this.#secrets = new KeyVaultSecrets(client);
  }

  get vault(): string {
    return this.#secrets.host;
  }

  async load(application: string, signal?: AbortSignal): Promise<Credential> {
    const [client, refreshToken] = await Promise.all([
      this.#clientInForce(application, signal),
      this.#refreshTokenInForce(application, signal),
    ]);
    if (client.value === undefined)
      throw new BrokerError(
        'credential_missing',
        `Key Vault holds no enabled client credential for the application "${application}".`,
      );
    const skipped = [...client.skipped, ...refreshToken.skipped];
    return {
      application,
      client: client.value,
      refreshToken: refreshToken.value,
      ...(skipped.length === 0 ? {} : { skipped }),
    };
  }

  async loadRefreshToken(application: string, signal?: AbortSignal): Promise<StoredRefreshToken | undefined> {
    return (await this.#refreshTokenInForce(application, signal)).value;
  }

  async loadRefreshTokenVersion(application: string, version: string): Promise<StoredRefreshToken | undefined> {
    const stored = await this.#secrets.version(secretNames.refreshToken(application), version);
    return stored && readRefreshToken(stored);
  }

  async loadClientCredentialVersion(application: string, version: string): Promise<StoredClientCredential | undefined> {
    const stored = await this.#secrets.version(secretNames.clientCredential(application), version);
    return stored && readClientCredential(stored);
  }

  async saveRefreshToken(application: string, token: NewRefreshToken): Promise<string> {
    return this.#secrets.set(secretNames.refreshToken(application), writeRefreshToken(application, token));
  }

  async saveClientCredential(application: string, credential: NewClientCredential): Promise<string> {
    return this.#secrets.set(secretNames.clientCredential(application), writeClientCredential(application, credential));
  }

  async proposeClientCredential(application: string, credential: NewClientCredential): Promise<string> {
    const proposed = writeClientCredential(application, credential, 'proposed');
    return this.#secrets.set(secretNames.clientCredential(application), proposed);
  }

  async stageRefreshToken(application: string, token: NewRefreshToken): Promise<string> {
    return this.#secrets.set(secretNames.refreshToken(application), writeRefreshToken(application, token, 'staged'));
  }

  async stageClientCredential(application: string, credential: NewClientCredential): Promise<string> {
    const staged = writeClientCredential(application, credential, 'staged');
    return this.#secrets.set(secretNames.clientCredential(application), staged);
  }

  enableRefreshTokenVersion(application: string, version: string): Promise<void> {
    const name = secretNames.refreshToken(application);
    return this.#secrets.update(name, version, { enabled: true, contentType: refreshTokenTypes.inUse });
  }

  async enableClientCredentialVersion(application: string, version: string): Promise<void> {
    const versions = await this.listClientCredentialVersions(application);
    const contentType = clientContentType(versions.find((each) => each.version === version)?.kind);
    const changes = { enabled: true, ...(contentType === undefined ? {} : { contentType }) };
    return this.#secrets.update(secretNames.clientCredential(application), version, changes);
  }

  listRefreshTokenVersions(application: string): Promise<readonly RefreshTokenVersion[]> {
    return this.#secrets.versions(secretNames.refreshToken(application), readRefreshTokenVersion);
  }

  listClientCredentialVersions(application: string): Promise<readonly ClientCredentialVersion[]> {
    return this.#secrets.versions(secretNames.clientCredential(application), readClientCredentialVersion);
  }

  disableRefreshTokenVersion(application: string, version: string): Promise<void> {
    return this.#secrets.update(secretNames.refreshToken(application), version, { enabled: false });
  }

  disableClientCredentialVersion(application: string, version: string): Promise<void> {
    return this.#secrets.update(secretNames.clientCredential(application), version, { enabled: false });
  }

  setClientCredentialEnd(application: string, version: string, endsAtMs: number): Promise<void> {
    return this.#secrets.update(secretNames.clientCredential(application), version, { expiresOn: new Date(endsAtMs) });
  }

  async listApplications(): Promise<readonly string[]> {
    const names: string[] = [];
    const pattern = new RegExp(`^${prefix}(.+)-client-credential$`);
    for (const { name, enabled } of await this.#secrets.list()) {
      const application = pattern.exec(name)?.[1];
      if (application === undefined) continue;
      // The list contains only the current version. If it is disabled, an older one may be in force.
      if (enabled !== false || (await this.#secrets.versions(name, readVersion)).some(isEnabled)) {
        names.push(application);
      }
    }
    return names.toSorted();
  }

  /** See credential-store.ts. Usually the current version is in force, so the others are not listed. */
  async #clientInForce(application: string, signal?: AbortSignal): Promise<ReadVersion<StoredClientCredential>> {
    const name = secretNames.clientCredential(application);
    const current = await this.#secrets.current(name, signal);
    if (current === 'none') return { value: undefined, skipped: [] };
    if (current !== 'disabled') {
      try {
        return { value: readClientCredential(current), skipped: [] };
      } catch (thrown) {
        if (toBrokerError(thrown).transient) throw thrown;
      }
    }
    const versions = await this.#secrets.versions(name, readVersion, signal);
    return readNewest('client credential', versions, (version) =>
      this.loadClientCredentialVersion(application, version),
    );
  }

  /** See credential-store.ts. A current version with a time of consent is in force, so the others are not listed. */
  async #refreshTokenInForce(application: string, signal?: AbortSignal): Promise<ReadVersion<StoredRefreshToken>> {
    const name = secretNames.refreshToken(application);
    const current = await this.#secrets.current(name, signal);
    if (current === 'none') return { value: undefined, skipped: [] };
    const token = current === 'disabled' ? undefined : readRefreshToken(current);
    if (token?.consentedAtMs !== undefined) return { value: token, skipped: [] };
    const listed = await this.#secrets.versions(name, readRefreshTokenVersion, signal);
    // Key Vault's times have whole seconds, so the list may have a version of the same second before the current one.
    const isCurrent = ({ version }: RefreshTokenVersion): boolean => version === token?.version;
    const versions = [...listed.filter(isCurrent), ...listed.filter((version) => !isCurrent(version))];
    for (const { version } of refreshTokensInOrder(versions)) {
      const value = version === token?.version ? token : await this.loadRefreshTokenVersion(application, version);
      if (value !== undefined) return { value, skipped: skippedRefreshTokens(versions, version) };
    }
    return { value: undefined, skipped: skippedRefreshTokens(versions, undefined) };
  }
}

const isEnabled = ({ enabled }: StoredVersion): boolean => enabled;
