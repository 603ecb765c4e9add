import type {
  KeyVaultSecret,
  ListPropertiesOfSecretVersionsOptions,
  SecretClient,
  SecretProperties,
  UpdateSecretPropertiesOptions,
} from '@azure/keyvault-secrets';
import { BrokerError } from '../../core/errors.ts';
import { defined } from '../../core/objects.ts';
import { httpStatusOf } from '../../core/outbound.ts';
import type { StoredVersion } from './credential-store.ts';
import { readVersion, type SecretToStore, versionOf } from './stored-secret.ts';

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : '');

/**
 * Whether the network rules of the vault blocked the request, not a missing role. Decided by Key Vault's message,
 * because the SDK drops the code (`ForbiddenByFirewall` or `ForbiddenByConnection` in `innererror`).
 */
export const isBlockedByNetwork = (error: unknown): boolean =>
  httpStatusOf(error) === 403 &&
  /client address is not authorized|public ?network ?access|approved private link|ForbiddenBy(?:Firewall|Connection)/i.test(
    messageOf(error),
  );

/**
 * Whether the error means that a version of a secret is disabled. The network check comes first, because a vault
 * without public network access also answers 403 with "disabled" in its message.
 */
export const isDisabled = (error: unknown): boolean =>
  httpStatusOf(error) === 403 && !isBlockedByNetwork(error) && /SecretDisabled|disabled/i.test(messageOf(error));

/**
 * Converts an error of the Key Vault or identity SDK to `key_vault_unavailable` with a detail that names the reason.
 * The error becomes the cause, and so reaches the log, only if there was no reply: if the SDK cannot parse a reply, its
 * message contains the body and with it the secret.
 * @param timedOut whether the operation reached its deadline.
 */
export function keyVaultFailure(error: unknown, timedOut: boolean): BrokerError {
  if (error instanceof BrokerError) return error;
  const status = httpStatusOf(error);
  const name = error instanceof Error ? error.name : '';
  // Such as `PARSE_ERROR`, `ENOTFOUND`, `Forbidden`.
  const code = (error as { code?: unknown } | undefined)?.code;
  const sdkCode = typeof code === 'string' ? code.slice(0, 100) : undefined;
  const failed = (detail: string, retryAfterSeconds?: number): BrokerError =>
    new BrokerError('key_vault_unavailable', detail, {
      ...defined({ retryAfterSeconds, cause: status === undefined ? error : undefined }),
      logFields: { httpStatus: status, sdkError: name, sdkCode },
    });
  if (timedOut) return failed('Key Vault did not answer in time.');
  if (/CredentialUnavailable|AuthenticationError|AuthenticationRequired|AggregateAuthentication/.test(name))
    return failed(
      'The identity that reads Key Vault has no token, because no managed identity is assigned or `az login` is missing.',
    );
  if (status === 401)
    return failed('Key Vault does not accept the identity (401), because the vault is in a different tenant.');
  if (status === 403)
    return failed(
      isBlockedByNetwork(error)
        ? 'The network rules of the vault block this program (403).'
        : 'The identity lacks the role Partner Token Broker Secret Keeper (or Key Vault Secrets Officer) for this operation (403).',
    );
  if (status === 429) return failed('Key Vault throttles the requests (429).', 10);
  if (status !== undefined) return failed(`Key Vault answered HTTP ${status}.`);
  return failed('Key Vault could not be reached; check KEY_VAULT_URL and the network.');
}

/** Maximum duration of one request to Key Vault, milliseconds, including the SDK's retries. */
const deadlineMs = 20_000;

/** Sees each answer of Key Vault. */
export type ResponseListener = NonNullable<ListPropertiesOfSecretVersionsOptions['onResponse']>;

/** The secrets of a Key Vault. All methods throw BrokerError key_vault_unavailable. */
export class KeyVaultSecrets {
  readonly #client: SecretClient;

  constructor(client: SecretClient) {
    this.#client = client;
  }

  /** The host of the vault. */
  get host(): string {
    return new URL(this.#client.vaultUrl).host;
  }

  /** Returns the properties of the current version of every secret. */
  list(): Promise<readonly SecretProperties[]> {
    return guarded(async (signal) => {
      const listed: SecretProperties[] = [];
      for await (const properties of this.#client.listPropertiesOfSecrets({ abortSignal: signal }))
        listed.push(properties);
      return listed;
    });
  }

  /** Returns one version, or undefined if it is disabled or does not exist. */
  async version(name: string, version: string): Promise<KeyVaultSecret | undefined> {
    return guarded(async (signal) => {
      try {
        return await this.#client.getSecret(name, { version, abortSignal: signal });
      } catch (error) {
        if (httpStatusOf(error) === 404 || isDisabled(error)) return undefined;
        throw error;
      }
    });
  }

  /** Returns the current version. It may be disabled although older ones are enabled. */
  current(name: string, signal?: AbortSignal): Promise<KeyVaultSecret | 'none' | 'disabled'> {
    return guarded(async (deadline) => {
      try {
        return await this.#client.getSecret(name, { abortSignal: deadline });
      } catch (error) {
        if (httpStatusOf(error) === 404) return 'none';
        if (isDisabled(error)) return 'disabled';
        throw error;
      }
    }, signal);
  }

  /**
   * Stores a new version. An enabled version recovers a secret that was deleted, and disables its former versions: a
   * person may have deleted the secret to stop the broker. For the same reason a disabled version does not recover it.
   * @returns its name.
   */
  async set(name: string, secret: SecretToStore): Promise<string> {
    const version = await guarded(async (signal) => {
      try {
        return await this.#write(name, secret, signal);
      } catch (error) {
        // Soft delete reserves the name of a deleted secret (409): recover the secret, then write a new version.
        if (httpStatusOf(error) !== 409 || secret.enabled === false) throw error;
        return undefined;
      }
    });
    if (version !== undefined) return version;
    // Each part has a deadline of its own: a slow recovery must not leave the former versions enabled.
    await guarded(async (signal) => {
      await (await this.#client.beginRecoverDeletedSecret(name, { abortSignal: signal })).pollUntilDone();
    });
    for (const { version: former, enabled } of await this.versions(name, readVersion))
      if (enabled) await this.update(name, former, { enabled: false });
    return guarded((signal) => this.#write(name, secret, signal));
  }

  async #write(name: string, { value, ...options }: SecretToStore, abortSignal: AbortSignal): Promise<string> {
    return versionOf((await this.#client.setSecret(name, value, { ...options, abortSignal })).properties);
  }

  /** Returns all versions, newest first. */
  async versions<T extends StoredVersion>(
    name: string,
    read: (listed: SecretProperties) => T,
    outer?: AbortSignal,
    onResponse: ResponseListener = () => undefined,
  ): Promise<readonly T[]> {
    const versions: T[] = [];
    await guarded(async (signal) => {
      try {
        const options = { abortSignal: signal, onResponse };
        for await (const properties of this.#client.listPropertiesOfSecretVersions(name, options))
          versions.push(read(properties));
      } catch (error) {
        if (httpStatusOf(error) !== 404) throw error;
      }
    }, outer);
    return versions.toSorted((a, b) => b.createdAtMs - a.createdAtMs);
  }

  /** Properties that are not named stay as they are. */
  async update(name: string, version: string, changes: UpdateSecretPropertiesOptions): Promise<void> {
    await guarded((signal) => this.#client.updateSecretProperties(name, version, { ...changes, abortSignal: signal }));
  }
}

/** Runs one operation with a deadline. @throws BrokerError key_vault_unavailable. */
export async function guarded<T>(work: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
  const deadline = AbortSignal.timeout(deadlineMs);
  try {
    return await work(signal ? AbortSignal.any([deadline, signal]) : deadline);
  } catch (error) {
    throw keyVaultFailure(error, deadline.aborted);
  }
}
