import { toBrokerError } from '../model/errors.ts';
import type { StoredClientCredential } from '../model/credential.ts';
import type { CredentialStore, NewClientCredential } from './credential-store.ts';

export interface UndoableWrite {
  readonly credential: NewClientCredential;
  /**
   * The client credential that is stored now. If there is none, a write of unknown outcome is undone. Otherwise it is
   * not undone, because the new credential may already be the newest version in the vault.
   */
  readonly previous: StoredClientCredential | undefined;
  /** Removes the credential from Entra. */
  readonly undo: () => Promise<void>;
}

/**
 * Stores a client credential that is already registered in Entra, or removes it from Entra if the write fails. A write
 * whose reply was lost may have succeeded, so the store is read before anything is undone.
 * @returns the new version.
 * @throws BrokerError from the store, or what `undo` throws.
 */
export async function storeOrUndo(
  store: Pick<CredentialStore, 'load' | 'saveClientCredential'>,
  application: string,
  { credential, previous, undo }: UndoableWrite,
): Promise<string> {
  try {
    return await store.saveClientCredential(application, credential);
  } catch (failure) {
    const found = await store.load(application).then(
      ({ client }) => client,
      (thrown: unknown) => (toBrokerError(thrown).code === 'credential_missing' ? 'none' : 'unknown'),
    );
    if (typeof found !== 'string' && found.keyId !== undefined && found.keyId === credential.keyId)
      return found.version;
    if (found !== 'unknown' || previous === undefined) await undo();
    throw failure;
  }
}
