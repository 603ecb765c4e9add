import { BrokerError } from '../../lib/core/errors.ts';
import type { GraphClient } from '../../lib/microsoft/client.ts';
import { textOf } from '../../lib/microsoft/reply.ts';

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
  throw new BrokerError(
    'config_invalid',
    `MANAGED_IDENTITY_CLIENT_ID: no managed identity of the partner tenant has the client id ${clientId}.`,
  );
}
