import type { Clock } from '../../core/clock.ts';
import type { ClientKeys } from './client-keys.ts';
import type { StoredClientCredential } from '../../core/secrets.ts';
import type { CredentialStore, NewClientCredential } from './credential-store.ts';
import { proveClientCredential, type RedeemAsApplicationDeps } from './prove-client-credential.ts';
import { storeOrUndo } from './store-or-undo.ts';

export interface IssueAndStoreDeps extends RedeemAsApplicationDeps {
  readonly store: CredentialStore;
  readonly clock: Clock;
}

export interface IssueAndStoreOptions {
  /** The application that the credential belongs to. */
  readonly owner: Pick<StoredClientCredential, 'clientId' | 'tenantId'>;
  /** Writes the credential to the vault. @returns the new version. */
  readonly write: (credential: NewClientCredential) => Promise<string>;
  /** See {@link proveClientCredential}. */
  readonly isNewApplication?: boolean;
}

export interface IssuedAndStored {
  readonly version: string;
  /** Removes the credential from Entra. */
  readonly undo: () => Promise<void>;
}

/**
 * Issues a client credential, proves that it works, and then stores it. The vault therefore always contains a working
 * credential. If the proof fails, or Key Vault refuses the write, the credential is removed from Entra.
 * @param application name in the vault.
 * @throws BrokerError client_credential_rejected, key_vault_unavailable, entra_unavailable, or from Graph.
 */
export async function issueAndStore(
  deps: IssueAndStoreDeps,
  application: string,
  keys: ClientKeys,
  { owner: { clientId, tenantId }, write, isNewApplication = false }: IssueAndStoreOptions,
): Promise<IssuedAndStored> {
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
  const version = await storeOrUndo(deps.store, application, { credential, write: () => write(credential), undo });
  return { version, undo };
}
