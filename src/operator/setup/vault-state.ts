import { BrokerError, toBrokerError } from '../../lib/core/errors.ts';
import type { Credential } from '../../lib/core/secrets.ts';
import type { GraphClient } from '../../lib/microsoft/graph.ts';
import { textOf } from '../../lib/core/objects.ts';
import { keyMark } from '../../lib/tokens/credential/client-keys.ts';
import { type CredentialStore, UnreadableCredentialError } from '../../lib/tokens/credential/credential-store.ts';
import { readValues } from '../../lib/tokens/credential/registered-keys.ts';
import { isProposed } from '../../lib/tokens/credential/renew-client-credential.ts';

/**
 * `remembered`: what the vault knows about an application, including disabled versions. `account` has consented. The client id is known after a
 * revocation, too, so that setup finds the same application again. The kind of client credential that was requested last is
 * the default for setup.
 * @throws BrokerError key_vault_unavailable.
 */
export async function readVaultState(store: CredentialStore, application: string) {
  const { client: stored, refreshToken } = await storedCredential(store, application);
  const versions = await store.listClientCredentialVersions(application);
  const waits = stored !== undefined && isProposed(versions);
  return {
    stored,
    isProposed: waits,
    mark: keyMark(store.vault, application, versions, await readValues(store, application, versions)),
    remembered: {
      account: refreshToken && { objectId: refreshToken.accountObjectId, name: refreshToken.account },
      clientId: stored?.clientId ?? versions.find(({ clientId }) => clientId !== undefined)?.clientId,
      kind: waits ? 'federated' : (stored?.credential.kind ?? versions.find(({ kind }) => kind !== undefined)?.kind),
    },
  };
}

async function storedCredential(store: CredentialStore, application: string): Promise<Partial<Credential>> {
  try {
    return await store.load(application);
  } catch (thrown) {
    if (thrown instanceof UnreadableCredentialError || toBrokerError(thrown).code === 'credential_missing') return {};
    throw thrown;
  }
}

/**
 * Looks up the object id of a managed identity, which is the subject of its tokens. Entra accepts any subject in a trust
 * and fails only when it is used.
 * @param clientId of the user-assigned managed identity.
 * @throws BrokerError config_invalid when it is missing, or no managed identity has it.
 */
export async function findManagedIdentity(graph: GraphClient, clientId: string | undefined): Promise<string> {
  if (clientId === undefined) {
    throw new BrokerError(
      'config_invalid',
      "MANAGED_IDENTITY_CLIENT_ID: is missing. A federated credential needs the client id of the function app's user-assigned managed identity.",
    );
  }
  const path = `/servicePrincipals?$filter=appId eq '${clientId}'&$select=id,servicePrincipalType`;
  for await (const principal of graph.list(path)) {
    const id = textOf(principal, 'id');
    if (textOf(principal, 'servicePrincipalType') === 'ManagedIdentity' && id !== undefined) return id;
  }
  const detail = `MANAGED_IDENTITY_CLIENT_ID: no managed identity of the partner tenant has the client id ${clientId}.`;
  throw new BrokerError('config_invalid', detail);
}
