import { type GraphClient, graphStatus, type GraphWriter } from '../../microsoft/graph.ts';
import type { Secret, StoredClientCredential } from '../../core/secrets.ts';
import type { CreateCertificate } from './client-certificate.ts';
import {
  applicationPath,
  type ClientKeys,
  clientKeys,
  hasPassed,
  type KeyInUse,
  type RegisteredKey,
  removeUnused,
  settledAgeMs,
} from './client-keys.ts';
import { redeemAsApplication, redeemRepeatedly, type WorkingClientDeps } from './prove-client-credential.ts';

export interface RenewalDeps extends WorkingClientDeps {
  /** Returns Microsoft Graph of the partner tenant for the application's own token. */
  readonly graphOf: (token: Secret) => { readonly graph: Pick<GraphClient, 'get'>; readonly writer: GraphWriter };
  readonly createCertificate: CreateCertificate;
}

/**
 * Whether Graph answered 403. That is expected for an application without Application.ReadWrite.OwnedBy, so it is no
 * failure of the renewal.
 */
export const isForbidden = (thrown: unknown): boolean => graphStatus(thrown) === 403;

/** Whether the client credential in use is old enough, and works often enough, for its predecessors to be removed. */
async function keyInUse(deps: RenewalDeps, application: string, client: StoredClientCredential): Promise<KeyInUse> {
  const versions = await deps.store.listClientCredentialVersions(application);
  const createdAtMs = versions.find(({ version }) => version === client.version)?.createdAtMs;
  const isOld = createdAtMs !== undefined && hasPassed(settledAgeMs, createdAtMs, deps.clock.nowMs());
  const isSettled = isOld && (await redeemRepeatedly(deps, client)).ok;
  return { keyId: client.keyId, isSettled };
}

/** Removes the unused client credentials of the kind in use. @returns the number of removed credentials. */
export async function removeSuperseded(
  deps: RenewalDeps,
  keys: ClientKeys,
  registered: readonly RegisteredKey[],
  { application, client }: { readonly application: string; readonly client: StoredClientCredential },
): Promise<number> {
  // If the one in use is unknown, none can be removed safely.
  if (client.keyId === undefined || !registered.some(({ keyId }) => keyId === client.keyId)) return 0;
  return removeUnused(deps, keys, registered, await keyInUse(deps, application, client));
}

/**
 * Removes the secrets and certificates that the application used before it changed to another kind of credential. Does
 * nothing if the application is not allowed to change itself.
 * @param client the stored credential; another kind than the removed ones.
 * @returns the number of removed credentials; 0 if `client` does not work.
 * @throws BrokerError key_vault_unavailable, or from Graph.
 */
export async function removeFormerCredentials(
  deps: RenewalDeps,
  application: string,
  client: StoredClientCredential,
): Promise<number> {
  const reply = await redeemAsApplication(deps, client);
  if (!reply.ok) return 0;
  const graph = deps.graphOf(reply.token.accessToken);
  const { isSettled } = await keyInUse(deps, application, client);
  let removed = 0;
  for (const kind of ['secret', 'certificate'] as const) {
    if (client.credential.kind === kind) continue;
    const keys = clientKeys({ ...deps, ...graph }, application, applicationPath(client.clientId), kind);
    try {
      const registered = await keys.registered(await keys.entries());
      removed += await removeUnused(deps, keys, registered, { keyId: undefined, isSettled });
    } catch (thrown) {
      if (!isForbidden(thrown)) throw thrown;
    }
  }
  return removed;
}
