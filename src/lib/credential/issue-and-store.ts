import type { Clock } from '../runtime/clock.ts';
import type { ClientKeys } from './client-keys.ts';
import type { StoredClientCredential } from '../model/credential.ts';
import type { CredentialStore } from './credential-store.ts';
import { proveClientCredential, type RedeemAsApplicationDeps } from './prove-client-credential.ts';
import { storeOrUndo } from './store-or-undo.ts';

export interface IssueAndStoreDeps extends RedeemAsApplicationDeps {
  readonly store: CredentialStore;
  readonly clock: Clock;
}

export interface IssueAndStoreOptions {
  /** The application that the credential belongs to. */
  readonly owner: Pick<StoredClientCredential, 'clientId' | 'tenantId'>;
  /** The client credential that is stored now, see {@link storeOrUndo}. */
  readonly previous: StoredClientCredential | undefined;
  /** See {@link proveClientCredential}. */
  readonly isNewApplication?: boolean;
}

/**
 * Issues a client credential, proves that it works, and then stores it. The vault therefore always contains a working
 * credential. If the proof or the write fails, the credential is removed from Entra.
 * @param application name in the vault.
 * @throws BrokerError client_credential_rejected, key_vault_unavailable, entra_unavailable, or from Graph.
 */
export async function issueAndStore(
  deps: IssueAndStoreDeps,
  application: string,
  keys: ClientKeys,
  { owner: { clientId, tenantId }, previous, isNewApplication = false }: IssueAndStoreOptions,
): Promise<void> {
  const issued = await keys.issue();
  const undo = () => keys.remove([issued.keyId]);
  const credential = { clientId, tenantId, ...issued };
  try {
    await proveClientCredential(deps, credential, {
      beforeRetry: async () => keys.restore?.(issued),
      isNewApplication,
    });
  } catch (thrown) {
    await undo();
    throw thrown;
  }
  await storeOrUndo(deps.store, application, { credential, previous, undo });
}
