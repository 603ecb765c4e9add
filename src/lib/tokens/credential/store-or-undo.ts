import { toBrokerError } from '../../core/errors.ts';
import type { CredentialStore, NewClientCredential } from './credential-store.ts';

export interface UndoableWrite {
  readonly credential: NewClientCredential;
  /** Writes the credential. @returns the new version. */
  readonly write: () => Promise<string>;
  /** Removes the credential from Entra. */
  readonly undo: () => Promise<void>;
}

/**
 * Stores a client credential that is already registered in Entra, or removes it from Entra if Key Vault refuses the write.
 * A write whose reply was lost may have succeeded, or may still arrive. Nothing is undone then: an unstored credential is
 * removed from Entra by a later run, see client-keys.ts.
 * @returns the new version.
 * @throws BrokerError from the store, or what `undo` throws.
 */
export async function storeOrUndo(
  store: Pick<CredentialStore, 'listClientCredentialVersions'>,
  application: string,
  { credential: { keyId }, write, undo }: UndoableWrite,
): Promise<string> {
  try {
    return await write();
  } catch (failure) {
    const versions = await store.listClientCredentialVersions(application).catch(() => undefined);
    const landed = versions?.find((version) => keyId !== undefined && version.keyId === keyId);
    if (landed !== undefined) return landed.version;
    if (versions !== undefined && isRefused(failure)) await undo();
    throw failure;
  }
}

/** Whether Key Vault answered that it did not store the credential. */
function isRefused(failure: unknown): boolean {
  const status = toBrokerError(failure).logFields['httpStatus'];
  return typeof status === 'number' && status >= 400 && status < 500 && status !== 408;
}
