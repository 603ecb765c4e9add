import type { Clock } from '../runtime/clock.ts';
import type { ClientKeys } from './client-keys.ts';
import type { StoredClientCredential } from '../model/credential.ts';
import type { CredentialStore } from './credential-store.ts';
import { type Patience, proveClientCredential, type RedeemAsItselfDeps } from './prove-client-credential.ts';
import { storeOrUndo } from './store-or-undo.ts';

export interface IssueAndStoreDeps extends RedeemAsItselfDeps {
  readonly store: CredentialStore;
  readonly clock: Clock;
}

/**
 * Makes a client credential, uses it, and only then stores it: an instance that reads the vault at any moment finds one
 * that works. What Entra or the vault does not take is undone.
 * @param owner whose it is.
 * @param previous what is stored now, see {@link storeOrUndo}.
 * @throws BrokerError client_credential_rejected, key_vault_unavailable and what Graph answers.
 */
export async function issueAndStore(
  deps: IssueAndStoreDeps,
  application: string,
  keys: ClientKeys,
  { clientId, tenantId }: Pick<StoredClientCredential, 'clientId' | 'tenantId'>,
  previous: StoredClientCredential | undefined,
  patience: Patience = 'known application',
): Promise<void> {
  const issued = await keys.issue();
  const undo = () => keys.remove([issued.keyId]);
  const credential = { clientId, tenantId, ...issued };
  try {
    await proveClientCredential(deps, credential, async () => keys.restore?.(issued), patience);
  } catch (thrown) {
    await undo();
    throw thrown;
  }
  await storeOrUndo(deps.store, application, credential, previous, undo);
}
