import type { SecretClient, SecretProperties } from '@azure/keyvault-secrets';
import { parseTenantId, type TenantId } from '../../core/identifiers.ts';
import { defined } from '../../core/objects.ts';
import { httpStatusOf } from '../../core/outbound.ts';
import type { ClientCredentialVersion, RefreshTokenVersion, StoredVersion } from './credential-store.ts';
import { guarded, KeyVaultSecrets, type ResponseListener } from './key-vault-secrets.ts';
import { secretNames } from './key-vault-credential-store.ts';
import { readVersion, tagsOf } from './stored-secret.ts';

/**
 * One version of a stored secret with the tags that say whom it belongs to, without its value. `enabled` is false for the
 * versions of a deleted secret, too.
 */
export interface InventoryVersion
  extends Pick<ClientCredentialVersion, keyof StoredVersion | 'clientId' | 'keyId' | 'proposed'>,
    Pick<RefreshTokenVersion, 'account' | 'accountObjectId'> {
  /** The tenant of the application. Only a client credential names it. */
  readonly tenantId?: TenantId;
  readonly kind?: string;
}

/** Everything that the vault still knows about an application. Newest versions first. */
export interface ApplicationInventory {
  readonly client: readonly InventoryVersion[];
  readonly refreshToken: readonly InventoryVersion[];
  /** When a revocation was last recorded, by the clock of the vault. */
  readonly revokedAtMs?: number;
  /** When the vault answered, by its clock. Absent if it did not say that. */
  readonly readAtMs?: number;
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
    let date: string | undefined;
    const onResponse: ResponseListener = ({ headers }) => (date = headers.get('date'));
    const [listed, refreshToken, [record]] = await Promise.all([
      versionsOf(client, secretNames.clientCredential(application)),
      versionsOf(client, secretNames.refreshToken(application)),
      versionsOf(client, revocationName(application), onResponse),
    ]);
    const readAtMs = Date.parse(date ?? '');
    return defined({
      client: listed,
      refreshToken,
      revokedAtMs: record?.createdAtMs,
      readAtMs: Number.isNaN(readAtMs) ? undefined : readAtMs,
    });
  },
  recordRevocation: async (application) => {
    const record = { value: 'revoked', contentType: 'revocation', tags: { application } };
    await new KeyVaultSecrets(client).set(revocationName(application), record);
  },
});

async function versionsOf(
  client: SecretClient,
  name: string,
  onResponse?: ResponseListener,
): Promise<readonly InventoryVersion[]> {
  const versions = await new KeyVaultSecrets(client).versions(name, inventoryVersion, undefined, onResponse);
  // A name is never in use and deleted at the same time.
  if (versions.length > 0) return versions;
  return guarded(async (abortSignal) => {
    try {
      const { properties } = await client.getDeletedSecret(name, { abortSignal });
      return [{ ...inventoryVersion(properties), enabled: false }];
    } catch (error) {
      if (httpStatusOf(error) !== 404) throw error;
      return [];
    }
  });
}

function inventoryVersion(properties: SecretProperties): InventoryVersion {
  const { clientId, keyId, kind, account, accountObjectId, ...tags } = tagsOf(properties);
  const tenantId = parseTenantId(tags['tenantId']);
  return defined({
    ...readVersion(properties),
    // A tag that was written by hand may have capital letters.
    clientId: clientId?.toLowerCase() || undefined,
    tenantId: tenantId || undefined,
    keyId: keyId || undefined,
    kind: kind || undefined,
    account: account || undefined,
    accountObjectId: accountObjectId || undefined,
    proposed: tags['proposed'] === 'true' ? true : undefined,
  });
}
