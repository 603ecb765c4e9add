import type {
  KeyVaultSecret,
  SecretClient,
  SecretProperties,
  SetSecretOptions,
  UpdateSecretPropertiesOptions,
} from '@azure/keyvault-secrets';

/** Each version is a second younger than the one before. */
const firstCreatedMs = Date.UTC(2026, 10, 24);

interface Version {
  readonly value: string;
  properties: SecretProperties;
}

const refusal = (statusCode: number, message: string): Error =>
  Object.assign(new Error(message), { name: 'RestError', statusCode });

/**
 * Azure Key Vault in memory, as far as the broker uses secrets: versions that can be disabled, and lists of properties
 * without values. A disabled version answers 403. test/contract runs against the simulated cloud and shows the same.
 */
export class MemoryVault {
  readonly vaultUrl = 'https://memory.vault.example';
  readonly secrets = new Map<string, Version[]>();
  /** Thrown by every request while set. */
  failure: Error | undefined;
  #versions = 0;

  setSecret = async (name: string, value: string, options: SetSecretOptions = {}): Promise<KeyVaultSecret> => {
    this.#failIfDue();
    if (value === '') throw refusal(400, 'The value is empty.');
    this.#versions += 1;
    const { abortSignal: _signal, ...rest } = options;
    const properties = {
      enabled: true,
      ...rest,
      vaultUrl: this.vaultUrl,
      name,
      version: `v${this.#versions}`,
      createdOn: new Date(firstCreatedMs + this.#versions * 1000),
    };
    this.secrets.set(name, [{ value, properties }, ...(this.secrets.get(name) ?? [])]);
    return { name, value, properties };
  };

  getSecret = async (name: string, { version }: { version?: string } = {}): Promise<KeyVaultSecret> => {
    this.#failIfDue();
    const found = (this.secrets.get(name) ?? []).find(
      ({ properties }) => version === undefined || properties.version === version,
    );
    if (found === undefined) throw refusal(404, 'SecretNotFound');
    if (found.properties.enabled === false) throw refusal(403, 'Operation get is not allowed on a disabled secret.');
    return { name, ...found };
  };

  updateSecretProperties = async (
    name: string,
    version: string,
    { abortSignal: _signal, ...changes }: UpdateSecretPropertiesOptions,
  ): Promise<SecretProperties> => {
    this.#failIfDue();
    const found = this.secrets.get(name)?.find(({ properties }) => properties.version === version);
    if (found === undefined) throw refusal(404, 'SecretNotFound');
    found.properties = { ...found.properties, ...changes };
    return found.properties;
  };

  async *listPropertiesOfSecretVersions(name: string): AsyncGenerator<SecretProperties> {
    this.#failIfDue();
    for (const { properties } of this.secrets.get(name) ?? []) yield properties;
  }

  async *listPropertiesOfSecrets(): AsyncGenerator<SecretProperties> {
    this.#failIfDue();
    for (const [current] of this.secrets.values()) if (current !== undefined) yield current.properties;
  }

  get client(): SecretClient {
    return this as unknown as SecretClient;
  }

  #failIfDue(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}
