import { issueClientSecret, removeClientSecret } from '../credential/client-secret.ts';
import type { ClientCredential, StoredClientCredential } from '../credential/credential.ts';
import { proveClientCredential, type RedeemAsItselfDeps } from '../credential/prove-client-credential.ts';
import type { Clock } from '../clock.ts';
import type { GraphWriter } from '../graph/write.ts';

/**
 * Lends the application a client secret for one piece of work and takes it away again. For a consent on a machine that
 * does not have the managed identity: the code that the browser brings can only be redeemed by the application itself.
 * The secret is never stored; killed before it is taken away, the daily timer removes it.
 * @throws BrokerError client_credential_rejected when Entra does not take it within about two minutes.
 */
export async function withTemporarySecret<T>(
  deps: RedeemAsItselfDeps & { readonly clock: Clock; readonly writer: GraphWriter },
  client: StoredClientCredential,
  work: (credential: ClientCredential) => Promise<T>,
): Promise<T> {
  const path = `/applications(appId='${client.clientId}')`;
  const { secret, keyId } = await issueClientSecret(deps.writer, deps.clock, path);
  try {
    const credential: ClientCredential = { kind: 'secret', secret };
    await proveClientCredential(deps, { ...client, credential });
    return await work(credential);
  } finally {
    await removeClientSecret(deps.writer, path, keyId);
  }
}
