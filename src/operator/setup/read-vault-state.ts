import { keyMark } from '../../lib/tokens/credential/client-keys.ts';
import { readValues } from '../../lib/tokens/credential/held-keys.ts';
import type { ClientCredential, StoredClientCredential } from '../../lib/core/secrets.ts';
import type { CredentialStore } from '../../lib/tokens/credential/credential-store.ts';
import { isProposed } from '../../lib/tokens/credential/proposed-credential.ts';
import { toBrokerError } from '../../lib/core/errors.ts';
import type { VaultState } from '../../lib/consent/read-directory-state.ts';

/** What the vault knows about an application, including disabled versions. */
interface Remembered {
  /** Known after a revocation, too, so that setup finds the same application again. */
  readonly clientId: string | undefined;
  /** The kind of client credential that was requested last: the default for setup. */
  readonly kind: ClientCredential['kind'] | undefined;
}

/** @throws BrokerError key_vault_unavailable. */
export async function readVaultState(
  store: CredentialStore,
  application: string,
): Promise<VaultState & { readonly remembered: Remembered }> {
  const stored = await storedClient(store, application);
  const versions = await store.listClientCredentialVersions(application);
  const waits = stored !== undefined && isProposed(versions);
  return {
    stored,
    isProposed: waits,
    mark: keyMark(store.vault, application, versions, await readValues(store, application, versions)),
    remembered: {
      clientId: stored?.clientId ?? versions.find(({ clientId }) => clientId !== undefined)?.clientId,
      kind: waits ? 'federated' : (stored?.credential.kind ?? versions.find(({ kind }) => kind !== undefined)?.kind),
    },
  };
}

async function storedClient(store: CredentialStore, application: string): Promise<StoredClientCredential | undefined> {
  try {
    return (await store.load(application)).client;
  } catch (thrown) {
    if (toBrokerError(thrown).code === 'credential_missing') return undefined;
    throw thrown;
  }
}
