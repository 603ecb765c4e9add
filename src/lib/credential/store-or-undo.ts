import { toBrokerError } from '../model/errors.ts';
import type { StoredClientCredential } from '../model/credential.ts';
import type { CredentialStore, NewClientCredential } from './credential-store.ts';

/**
 * Stores a client credential that Entra knows already, or undoes it there, so that nothing is half done. A write whose
 * reply was lost may have succeeded: the store is asked before anything is undone.
 * @param previous what is stored now. With nothing to fall back to, a write of unknown outcome is undone; with a
 * working predecessor it is left, because the vault may already hold the new one as the newest.
 * @returns the version.
 */
export async function storeOrUndo(
  store: Pick<CredentialStore, 'load' | 'saveClientCredential'>,
  application: string,
  credential: NewClientCredential,
  previous: StoredClientCredential | undefined,
  undo: () => Promise<void>,
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
