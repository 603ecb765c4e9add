import type { TokenCredential } from '@azure/identity';
import type { KeyVaultKey } from '@azure/keyvault-keys';
import type { SecretClient } from '@azure/keyvault-secrets';
import type { JWK } from 'jose';
import { LRUCache } from 'lru-cache';
import type { CheckpointSigner, KeyInUse } from '../audit/chain/checkpoint-log.ts';
import { type Clock, minuteMs } from '../core/clock.ts';
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
/** The same for RSA: each text has one signature. */
const indexKeyName = 'audit-index';
/** How the keys of the audit log sign. */
const auditKeys = { [checkpointKeyName]: 'ES256', [indexKeyName]: 'RS256' } as const;
type AuditKeyName = keyof typeof auditKeys;

/** A key that was deleted can be recovered, so the vault is asked again after this time. */
const goneMs = minuteMs;

/** Maximum duration of one request, milliseconds, including the retries of the SDK. */
const deadlineMs = 20_000;

/** A key of the audit log, by default that of its checkpoints. It stays in the vault, which signs. */
export function createCheckpointSigner(
  vaultUrl: string,
  identity: () => Promise<TokenCredential>,
  clock: Pick<Clock, 'nowMs'>,
  name: AuditKeyName = checkpointKeyName,
): CheckpointSigner {
  const open = once(async () => {
    const sdk = import('@azure/keyvault-keys');
    const [{ CryptographyClient, KeyClient }, credential] = await Promise.all([sdk, identity()]);
    return {
      keys: new KeyClient(vaultUrl, credential, vaultClientOptions(vaultUrl)),
      cryptography: (key: KeyVaultKey) => new CryptographyClient(key, credential, vaultClientOptions(vaultUrl)),
    };
  });
  const get = async (abortSignal: AbortSignal, version?: string): Promise<KeyVaultKey> =>
    (await open()).keys.getKey(name, { abortSignal, ...(version === undefined ? {} : { version }) });
  const known = new Map<string, JWK>();
  /** Until when a version counts as gone, milliseconds. Old checkpoints may name it by the thousand. */
  const gone = new LRUCache<string, number>({ max: 100 });
  return {
    current: () => unlessMissing(name, async (signal) => usable(name, await get(signal))),
    sign: (keyId, data) =>
      guarded(async (abortSignal) => {
        const key = await get(abortSignal, versionOf(name, keyId));
        return (await (await open()).cryptography(key).signData(auditKeys[name], data, { abortSignal })).result;
      }),
    publicKey: async (keyId) => {
      const kept = known.get(keyId);
      if (kept !== undefined) return kept;
      // Anybody who may write to the log of checkpoints can put an id there.
      const version = versionOf(name, keyId);
      if (version === '' || (gone.get(keyId) ?? 0) > clock.nowMs()) return undefined;
      const found = await guarded(async (signal) => publicPart(await get(signal, version))).catch(unlessGone);
      if (found?.kid !== keyId) {
        gone.set(keyId, clock.nowMs() + goneMs);
        return undefined;
      }
      known.set(keyId, found);
      return found;
    },
  };
}

/** Empty if the vault cannot have given this id. */
const versionOf = (name: AuditKeyName, keyId: string): string => {
  const [, found = '', version = ''] = /\/keys\/([\w-]+)\/([0-9a-f]{32})$/i.exec(keyId) ?? [];
  return found.toLowerCase() === name ? version : '';
};

function publicPart({ id, key }: KeyVaultKey): JWK {
  const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('base64url');
  const kid = id ?? '';
  return key?.n === undefined
    ? { kty: 'EC', crv: 'P-256', x: text(key?.x), y: text(key?.y), kid }
    : { kty: 'RSA', n: text(key.n), e: text(key.e), kid };
}

/** @throws BrokerError key_vault_unavailable for a key that cannot sign. */
function usable(name: AuditKeyName, { id, key, properties }: KeyVaultKey): KeyInUse {
  const fail = (why: string): BrokerError =>
    new BrokerError('key_vault_unavailable', `The key ${name} in Key Vault ${why}.`);
  if (properties.enabled === false) throw fail('is disabled: enable its newest version, or rotate it');
  if (name === indexKeyName) {
    if (id === undefined || key?.n === undefined) throw fail('is not an RSA key: replace it by one');
  } else if (id === undefined || key?.crv !== 'P-256')
    throw fail('is not an EC key with the curve P-256: replace it by one');
  return { id };
}

/** A refusal is no reason to believe that the vault never had the version. @throws BrokerError key_vault_unavailable. */
function unlessGone(thrown: unknown): undefined {
  if (!(thrown instanceof BrokerError) || httpStatusOf(thrown.cause) !== 404) throw thrown;
}

/** What the work returns; why there is no key for it if the vault has none or the identity may not use it. */
async function unlessMissing<T extends object>(
  name: AuditKeyName,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T | { readonly missing: string }> {
  try {
    return await guarded(work);
  } catch (thrown) {
    const cause = thrown instanceof BrokerError ? thrown.cause : undefined;
    if (httpStatusOf(cause) === 404) return { missing: `Key Vault has no key ${name}.` };
    if (httpStatusOf(cause) === 403 && !isBlockedByNetwork(cause))
      return { missing: `The identity may not read the key ${name} in Key Vault (403).` };
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
