import type { KeyVaultSecret, SecretClient, SecretProperties } from '@azure/keyvault-secrets';
import { BrokerError } from '../model/errors.ts';
import type { Credential, StoredClientCredential, StoredRefreshToken } from '../model/credential.ts';
import type {
  ClientCredentialVersion,
  CredentialStore,
  NewClientCredential,
  NewRefreshToken,
  StoredVersion,
} from './credential-store.ts';
import { httpStatusOf } from '../runtime/sdk-error.ts';
import { isDisabled, keyVaultFailure } from './key-vault-failure.ts';
import {
  readClientCredential,
  readClientCredentialVersion,
  readRefreshToken,
  readVersion,
  type SecretToStore,
  versionOf,
  writeClientCredential,
  writeRefreshToken,
} from './stored-secret.ts';

/**
 * Maximum duration of one request to Key Vault, milliseconds, including the SDK's retries.
 */
const deadlineMs = 20_000;

const prefix = 'ptb-';
export const secretNames = {
  refreshToken: (application: string) => `${prefix}${application}-refresh-token`,
  clientCredential: (application: string) => `${prefix}${application}-client-credential`,
};

/** Stores credentials in Azure Key Vault secrets. The value is the secret itself; everything else is in tags. */
export class KeyVaultCredentialStore implements CredentialStore {
  readonly #client: SecretClient;

  constructor(client: SecretClient) {
    this.#client = client;
  }

  get vault(): string {
    return new URL(this.#client.vaultUrl).host;
  }

  async load(application: string, signal?: AbortSignal): Promise<Credential> {
    const [client, refreshToken] = await Promise.all([
      this.#newest(secretNames.clientCredential(application), signal),
      this.loadRefreshToken(application, signal),
    ]);
    if (client === undefined)
      throw new BrokerError(
        'credential_missing',
        `Key Vault holds no client credential for the application "${application}".`,
      );
    return { application, client: readClientCredential(client), refreshToken };
  }

  async loadRefreshToken(application: string, signal?: AbortSignal): Promise<StoredRefreshToken | undefined> {
    const stored = await this.#newest(secretNames.refreshToken(application), signal);
    return stored === undefined ? undefined : readRefreshToken(stored);
  }

  async loadRefreshTokenVersion(application: string, version: string): Promise<StoredRefreshToken | undefined> {
    const stored = await this.#version(secretNames.refreshToken(application), version);
    return stored && readRefreshToken(stored);
  }

  async loadClientCredentialVersion(application: string, version: string): Promise<StoredClientCredential | undefined> {
    const stored = await this.#version(secretNames.clientCredential(application), version);
    return stored && readClientCredential(stored);
  }

  async saveRefreshToken(application: string, token: NewRefreshToken): Promise<string> {
    return this.#set(secretNames.refreshToken(application), writeRefreshToken(application, token));
  }

  async saveClientCredential(application: string, credential: NewClientCredential): Promise<string> {
    return this.#set(secretNames.clientCredential(application), writeClientCredential(application, credential));
  }

  async proposeClientCredential(application: string, credential: NewClientCredential): Promise<string> {
    const proposed = writeClientCredential(application, credential, 'proposed');
    return this.#set(secretNames.clientCredential(application), proposed);
  }

  listRefreshTokenVersions(application: string): Promise<readonly StoredVersion[]> {
    return this.#versions(secretNames.refreshToken(application), readVersion);
  }

  listClientCredentialVersions(application: string): Promise<readonly ClientCredentialVersion[]> {
    return this.#versions(secretNames.clientCredential(application), readClientCredentialVersion);
  }

  disableRefreshTokenVersion(application: string, version: string): Promise<void> {
    return this.#disable(secretNames.refreshToken(application), version);
  }

  disableClientCredentialVersion(application: string, version: string): Promise<void> {
    return this.#disable(secretNames.clientCredential(application), version);
  }

  async listApplications(): Promise<readonly string[]> {
    const names: string[] = [];
    const pattern = new RegExp(`^${prefix}(.+)-client-credential$`);
    await guarded(async (signal) => {
      for await (const properties of this.#client.listPropertiesOfSecrets({ abortSignal: signal })) {
        const application = pattern.exec(properties.name)?.[1];
        if (application === undefined) continue;
        // The list contains only the current version. If it is disabled, `load` returns an older enabled one.
        const isInUse =
          properties.enabled !== false || (await this.#versions(properties.name, readVersion)).some(isEnabled);
        if (isInUse) names.push(application);
      }
    });
    return names.toSorted();
  }

  async #version(name: string, version: string): Promise<KeyVaultSecret | undefined> {
    return guarded(async (signal) => {
      try {
        return await this.#client.getSecret(name, { version, abortSignal: signal });
      } catch (error) {
        if (httpStatusOf(error) === 404 || isDisabled(error)) return undefined;
        throw error;
      }
    });
  }

  /** Returns the newest enabled version: an operator may have disabled the current one in an emergency. */
  async #newest(name: string, signal?: AbortSignal): Promise<KeyVaultSecret | undefined> {
    return guarded(async (deadline) => {
      try {
        return await this.#client.getSecret(name, { abortSignal: deadline });
      } catch (error) {
        if (httpStatusOf(error) === 404) return undefined;
        if (!isDisabled(error)) throw error;
      }
      const newest = (await this.#versions(name, readVersion)).find(isEnabled);
      return newest && this.#client.getSecret(name, { version: newest.version, abortSignal: deadline });
    }, signal);
  }

  async #set(name: string, { value, ...options }: SecretToStore): Promise<string> {
    return guarded(async (signal) => {
      try {
        return versionOf((await this.#client.setSecret(name, value, { ...options, abortSignal: signal })).properties);
      } catch (error) {
        // Soft delete reserves the name of a deleted secret (409): recover the secret, then write a new version.
        if (httpStatusOf(error) !== 409) throw error;
        const recovery = await this.#client.beginRecoverDeletedSecret(name, { abortSignal: signal });
        await recovery.pollUntilDone();
        return versionOf((await this.#client.setSecret(name, value, { ...options, abortSignal: signal })).properties);
      }
    });
  }

  async #versions<T extends StoredVersion>(name: string, read: (listed: SecretProperties) => T): Promise<readonly T[]> {
    const versions: T[] = [];
    await guarded(async (signal) => {
      try {
        for await (const properties of this.#client.listPropertiesOfSecretVersions(name, { abortSignal: signal })) {
          versions.push(read(properties));
        }
      } catch (error) {
        if (httpStatusOf(error) !== 404) throw error;
      }
    });
    return versions.toSorted((a, b) => b.createdAtMs - a.createdAtMs);
  }

  async #disable(name: string, version: string): Promise<void> {
    await guarded((signal) =>
      this.#client.updateSecretProperties(name, version, { enabled: false, abortSignal: signal }),
    );
  }
}

const isEnabled = ({ enabled }: StoredVersion): boolean => enabled;

async function guarded<T>(work: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
  const deadline = AbortSignal.timeout(deadlineMs);
  try {
    return await work(signal ? AbortSignal.any([deadline, signal]) : deadline);
  } catch (error) {
    throw keyVaultFailure(error, deadline.aborted);
  }
}
