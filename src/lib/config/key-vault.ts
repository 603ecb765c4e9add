import type { TokenCredential } from '@azure/identity';
import type { KeyVaultKey } from '@azure/keyvault-keys';
import type { SecretClient } from '@azure/keyvault-secrets';
import type { JWK } from 'jose';
import type { CheckpointSigner, KeyInUse } from '../audit/chain/checkpoint-log.ts';
import { BrokerError } from '../core/errors.ts';
import { httpStatusOf } from '../core/outbound.ts';
import { once } from '../core/single-flight.ts';
import { isBlockedByNetwork, keyVaultFailure } from '../tokens/credential/key-vault-secrets.ts';

const azureVaultHosts = /\.vault\.(azure\.net|usgovcloudapi\.net|azure\.cn)$/;

/** A client for the secrets of one vault. */
export async function secretClient(vaultUrl: string, identity: TokenCredential): Promise<SecretClient> {
  const { SecretClient } = await import('@azure/keyvault-secrets');
  return new SecretClient(vaultUrl, identity, vaultClientOptions(vaultUrl));
}

/** Options of one client of a vault: the SDK adds its name to the `User-Agent` in those that it gets. */
const vaultClientOptions = (vaultUrl: string) => ({
  // The SDK requires the vault to be in the audience's domain. The vault of the simulated cloud is not.
  disableChallengeResourceVerification: !azureVaultHosts.test(new URL(vaultUrl).hostname),
  retryOptions: { maxRetries: 3, retryDelayInMs: 500, maxRetryDelayInMs: 4_000 },
});

/** Name of the key in the vault. infra/app/key-vault.bicep creates it: EC, P-256, for signing only. */
const checkpointKeyName = 'audit-checkpoints';

/** Maximum duration of one request, milliseconds, including the retries of the SDK. */
const deadlineMs = 20_000;

/** The key that signs the checkpoints of the audit log. It stays in the vault, which signs. */
export function createCheckpointSigner(vaultUrl: string, identity: () => Promise<TokenCredential>): CheckpointSigner {
  const open = once(async () => {
    const sdk = import('@azure/keyvault-keys');
    const [{ CryptographyClient, KeyClient }, credential] = await Promise.all([sdk, identity()]);
    return {
      keys: new KeyClient(vaultUrl, credential, vaultClientOptions(vaultUrl)),
      cryptography: (key: KeyVaultKey) => new CryptographyClient(key, credential, vaultClientOptions(vaultUrl)),
    };
  });
  const get = async (abortSignal: AbortSignal, version?: string): Promise<KeyVaultKey> =>
    (await open()).keys.getKey(checkpointKeyName, { abortSignal, ...(version === undefined ? {} : { version }) });
  const known = new Map<string, JWK>();
  return {
    current: () => unlessMissing(async (signal) => usable(await get(signal))),
    sign: (keyId, data) =>
      guarded(async (abortSignal) => {
        const key = await get(abortSignal, versionOf(keyId));
        return (await (await open()).cryptography(key).signData('ES256', data, { abortSignal })).result;
      }),
    publicKey: async (keyId) => {
      const kept = known.get(keyId);
      if (kept !== undefined) return kept;
      // Anybody who may write to the log of checkpoints can put an id there.
      const version = versionOf(keyId);
      if (version === '') return undefined;
      const found = await guarded(async (signal) => publicPart(await get(signal, version))).catch(unlessGone);
      if (found?.kid !== keyId) return undefined;
      known.set(keyId, found);
      return found;
    },
  };
}

/** Empty if the vault cannot have given this id. */
const versionOf = (keyId: string): string => /\/keys\/audit-checkpoints\/([0-9a-f]{32})$/i.exec(keyId)?.[1] ?? '';

const publicPart = ({ id, key }: KeyVaultKey): JWK => ({
  kty: 'EC',
  crv: 'P-256',
  x: Buffer.from(key?.x ?? []).toString('base64url'),
  y: Buffer.from(key?.y ?? []).toString('base64url'),
  kid: id ?? '',
});

/** @throws BrokerError key_vault_unavailable for a key that cannot sign. */
function usable({ id, key, properties }: KeyVaultKey): KeyInUse {
  const fail = (why: string): BrokerError =>
    new BrokerError('key_vault_unavailable', `The key ${checkpointKeyName} in Key Vault ${why}.`);
  if (properties.enabled === false) throw fail('is disabled: enable its newest version, or rotate it');
  if (id === undefined || key?.crv !== 'P-256') throw fail('is not an EC key with the curve P-256: replace it by one');
  return { id };
}

/** A refusal is no reason to believe that the vault never had the version. @throws BrokerError key_vault_unavailable. */
function unlessGone(thrown: unknown): undefined {
  if (!(thrown instanceof BrokerError) || httpStatusOf(thrown.cause) !== 404) throw thrown;
}

/** What the work returns; why there is no key for it if the vault has none or the identity may not use it. */
async function unlessMissing<T extends object>(
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T | { readonly missing: string }> {
  try {
    return await guarded(work);
  } catch (thrown) {
    const cause = thrown instanceof BrokerError ? thrown.cause : undefined;
    if (httpStatusOf(cause) === 404) return { missing: `Key Vault has no key ${checkpointKeyName}.` };
    if (httpStatusOf(cause) === 403 && !isBlockedByNetwork(cause))
      return { missing: `The identity may not read the key ${checkpointKeyName} in Key Vault (403).` };
    throw thrown;
  }
}

/** @throws BrokerError key_vault_unavailable. Its cause is the error of the SDK: replies about keys contain no secret. */
async function guarded<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const signal = AbortSignal.timeout(deadlineMs);
  try {
    return await work(signal);
  } catch (thrown) {
    if (thrown instanceof BrokerError) throw thrown;
    const { detail } = keyVaultFailure(thrown, signal.aborted);
    throw new BrokerError('key_vault_unavailable', detail, { cause: thrown });
  }
}
