import type { SecretClient, SecretProperties } from '@azure/keyvault-secrets';
import { parseTenantId, type TenantId } from '../../core/identifiers.ts';
import { defined } from '../../core/objects.ts';
import { httpStatusOf } from '../../core/outbound.ts';
import { keyVaultFailure, KeyVaultSecrets } from './key-vault-secrets.ts';
import { secretNames } from './key-vault-credential-store.ts';
import { readVersion, tagsOf } from './stored-secret.ts';

/** One version of a stored secret with the tags that say whom it belongs to, without its value. */
export interface InventoryVersion {
  readonly version: string;
  readonly createdAtMs: number;
  /** False for the versions of a deleted secret, too. */
  readonly enabled: boolean;
  readonly clientId?: string;
  /** The tenant of the application. Only a client credential names it. */
  readonly tenantId?: TenantId;
  readonly keyId?: string;
  readonly kind?: string;
  readonly account?: string;
  readonly accountObjectId?: string;
  /** Set if the daily timer has yet to try it, see proposed-credential.ts. */
  readonly proposed?: true;
}

/** Everything that the vault still knows about an application. Newest versions first. */
export interface ApplicationInventory {
  readonly client: readonly InventoryVersion[];
  readonly refreshToken: readonly InventoryVersion[];
  /** When a revocation was last recorded, by the clock of the vault. */
  readonly revokedAtMs?: number;
}

/**
 * Reads what the vault still knows about applications that are not in use: versions that are disabled or lack tags, and
 * secrets that were deleted and can be recovered. All methods throw BrokerError key_vault_unavailable.
 */
export interface VaultInventory {
  /** Sorted names of all applications, whatever state their secrets are in. */
  applications(): Promise<readonly string[]>;
  /** Empty lists for an unknown application. Key Vault lists only the newest version of a deleted secret. */
  read(application: string): Promise<ApplicationInventory>;
  /** Records that everything of an application was revoked before now. */
  recordRevocation(application: string): Promise<void>;
}

/** Milliseconds per operation, including the SDK's retries. */
const deadlineMs = 20_000;

/** The secret whose newest version shows when the application was last revoked. Its value says nothing. */
const revocationName = (application: string): string => `ptb-${application}-revocation`;

const namePattern = /^ptb-(.+)-(?:client-credential|refresh-token)$/;

export const keyVaultInventory = (client: SecretClient): VaultInventory => ({
  applications: () =>
    guarded(async (abortSignal) => {
      const names = new Set<string>();
      for await (const { name } of client.listPropertiesOfSecrets({ abortSignal })) names.add(name);
      for await (const { name } of client.listDeletedSecrets({ abortSignal })) names.add(name);
      const applications = [...names].flatMap((name) => namePattern.exec(name)?.[1] ?? []);
      return [...new Set(applications)].toSorted();
    }),
  read: async (application) => {
    const [listed, refreshToken, [record]] = await Promise.all([
      versionsOf(client, secretNames.clientCredential(application)),
      versionsOf(client, secretNames.refreshToken(application)),
      versionsOf(client, revocationName(application)),
    ]);
    return { client: listed, refreshToken, ...(record === undefined ? {} : { revokedAtMs: record.createdAtMs }) };
  },
  recordRevocation: async (application) => {
    const record = { value: 'revoked', contentType: 'revocation', tags: { application } };
    await new KeyVaultSecrets(client).set(revocationName(application), record);
  },
});

function versionsOf(client: SecretClient, name: string): Promise<readonly InventoryVersion[]> {
  return guarded(async (abortSignal) => {
    const versions: InventoryVersion[] = [];
    const listed = client.listPropertiesOfSecretVersions(name, { abortSignal });
    await ifFound(async () => {
      for await (const properties of listed) versions.push(inventoryVersion(properties));
    });
    // A name is never in use and deleted at the same time.
    if (versions.length === 0) {
      await ifFound(async () => {
        const { properties } = await client.getDeletedSecret(name, { abortSignal });
        versions.push({ ...inventoryVersion(properties), enabled: false });
      });
    }
    return versions.toSorted((a, b) => b.createdAtMs - a.createdAtMs);
  });
}

function inventoryVersion(properties: SecretProperties): InventoryVersion {
  const { clientId, keyId, kind, account, accountObjectId, ...tags } = tagsOf(properties);
  const tenantId = parseTenantId(tags['tenantId']);
  return defined({
    ...readVersion(properties),
    clientId: clientId || undefined,
    tenantId: tenantId || undefined,
    keyId: keyId || undefined,
    kind: kind || undefined,
    account: account || undefined,
    accountObjectId: accountObjectId || undefined,
    proposed: tags['proposed'] === 'true' ? true : undefined,
  });
}

async function ifFound(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (httpStatusOf(error) !== 404) throw error;
  }
}

async function guarded<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const deadline = AbortSignal.timeout(deadlineMs);
  try {
    return await work(deadline);
  } catch (error) {
    throw keyVaultFailure(error, deadline.aborted);
  }
}
