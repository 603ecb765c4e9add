import { dayMs, minuteMs } from '../model/durations.ts';
import type { Clock } from '../runtime/clock.ts';
import type { GraphClient } from '../graph/client.ts';
import { graphStatus, type GraphWriter } from '../graph/write.ts';
import { errorFields } from '../runtime/log.ts';
import { ptbCommand } from '../model/advice.ts';
import type { Secret } from '../model/secret.ts';
import type { CreateCertificate } from './client-certificate.ts';
import { applicationPath, type ClientKeys, clientKeys, type RegisteredKey, removeUnused } from './client-keys.ts';
import type { ClientCredential, StoredClientCredential } from '../model/credential.ts';
import { issueAndStore } from './issue-and-store.ts';
import { adoptProposed } from './proposed-credential.ts';
import {
  isRefused,
  proveClientCredential,
  redeemAsApplication,
  workingClient,
  type WorkingClientDeps,
} from './prove-client-credential.ts';
import { versionsKept } from './rotate.ts';

export interface RenewalDeps extends WorkingClientDeps {
  /** Returns Microsoft Graph of the partner tenant for the application's own token. */
  readonly graphOf: (token: Secret) => { readonly graph: Pick<GraphClient, 'get'>; readonly writer: GraphWriter };
  readonly createCertificate: CreateCertificate;
}

export interface Renewal {
  readonly application: string;
  readonly kind: ClientCredential['kind'];
  readonly renewed: boolean;
  /** Why the credential was not renewed. */
  readonly reason?: string;
  /** Set if a renewal was due or forced, and Graph does not let the application change itself. */
  readonly refused?: true;
  readonly endsAtMs?: number;
  /** Number of older secrets or certificates of this vault that were removed from the application. */
  readonly removed: number;
}

/** A client credential is renewed when its remaining lifetime is at most this. */
export const renewBeforeMs = 30 * dayMs;

/** Time until a new credential has reached all of Entra's servers. */
const replicationMs = minuteMs;

/**
 * Renews an application's client secret or certificate. Issues a new one, proves it, stores it, proves the stored one,
 * and only then removes the old one. If the process is killed at any point, the stored credential works; a later run
 * removes one that was not stored. Certificates that the broker did not create are not renewed. If the application is
 * not allowed to change itself, `ptb setup` must renew its credential.
 * @param force renews even if the credential does not expire soon.
 * @throws BrokerError client_credential_rejected, credential_missing, key_vault_unavailable, or from Graph.
 */
export async function renewClientCredential(deps: RenewalDeps, application: string, force: boolean): Promise<Renewal> {
  await adoptProposed(deps, application);
  const { client: newest } = await deps.store.load(application);
  if (newest.credential.kind === 'federated' && !(await isRefused(deps, newest))) {
    return unchanged(application, 'federated', 'never expires');
  }
  const { client, token } = await workingClient(deps, application, newest);
  const { kind } = client.credential;
  if (kind === 'federated') return unchanged(application, kind, 'never expires');
  const path = applicationPath(client.clientId);
  const keys = clientKeys({ ...deps, ...deps.graphOf(token) }, application, path, kind);
  const isDue = force || endsSoon(client, deps.clock);
  try {
    const registered = kind === 'certificate' || !isDue ? await keys.list() : [];
    if (kind === 'certificate' && !registered.some(({ keyId }) => keyId === client.keyId)) {
      return unchanged(application, kind, 'was not created by the broker: renew it where it was created');
    }
    if (isDue) return await replace(deps, application, keys, client);
    const removed = await removeOrphans(deps, keys, registered, client.keyId);
    return unchanged(application, kind, 'does not expire soon', removed);
  } catch (thrown) {
    if (!isForbidden(thrown)) throw thrown;
    const setup = ptbCommand('setup', application);
    const why = `cannot be renewed by the application itself: run ${setup} in its last 30 days`;
    return { ...unchanged(application, kind, why), ...(isDue ? { refused: true } : {}) };
  }
}

/**
 * Whether Graph answered 403. That is expected for an application without Application.ReadWrite.OwnedBy, so it is no
 * failure of the renewal.
 */
const isForbidden = (thrown: unknown): boolean => graphStatus(thrown) === 403;

const unchanged = (application: string, kind: Renewal['kind'], why: string, removed = 0): Renewal => ({
  application,
  kind,
  renewed: false,
  reason: kind === 'federated' ? `A federated client credential ${why}.` : `The client ${kind} ${why}.`,
  removed,
});

const endsSoon = ({ endsAtMs }: StoredClientCredential, clock: Clock): boolean =>
  endsAtMs !== undefined && endsAtMs - clock.nowMs() <= renewBeforeMs;

async function replace(
  deps: RenewalDeps,
  application: string,
  keys: ClientKeys,
  previous: StoredClientCredential,
): Promise<Renewal> {
  try {
    await issueAndStore(deps, application, keys, { owner: previous, previous });
    await deps.clock.sleep(replicationMs);
    const { client: stored } = await deps.store.load(application);
    await proveClientCredential(deps, stored, { beforeRetry: async () => keys.restore?.(stored) });
    return {
      application,
      kind: stored.credential.kind,
      renewed: true,
      ...(stored.endsAtMs === undefined ? {} : { endsAtMs: stored.endsAtMs }),
      removed: await removePrevious(deps, application, keys, { previous, stored }),
    };
  } finally {
    await restoreStored(deps, application, keys);
  }
}

/**
 * Removes the previous credential from Entra, and disables old versions in the vault. A failure is logged; a later run
 * completes the work.
 */
async function removePrevious(
  deps: RenewalDeps,
  application: string,
  keys: ClientKeys,
  { previous, stored }: { readonly previous: StoredClientCredential; readonly stored: StoredClientCredential },
): Promise<number> {
  let removed = 0;
  try {
    const registered = await keys.list();
    const isPrevious = ({ keyId }: RegisteredKey) => keyId === previous.keyId && keyId !== stored.keyId;
    const replaced = registered.filter((key) => key.ours && isPrevious(key));
    const others = registered.filter((key) => !isPrevious(key));
    if (replaced.length > 0) await keys.remove(replaced.map(({ keyId }) => keyId));
    removed += replaced.length;
    removed += await removeOrphans(deps, keys, others, stored.keyId);
    const versions = await deps.store.listClientCredentialVersions(application);
    // Key Vault's times have whole seconds, so the order of versions created within one second is unknown. The stored
    // version is therefore excluded by its id.
    const older = versions.filter(({ enabled, version }) => enabled && version !== stored.version);
    for (const { version } of older.slice(versionsKept - 1)) {
      await deps.store.disableClientCredentialVersion(application, version);
    }
  } catch (thrown) {
    deps.log.log('warn', 'credential.cleanup_failed', { application, ...errorFields(thrown) });
  }
  return removed;
}

/**
 * Registers the stored certificate again if a concurrent renewal has overwritten it in Entra. A failure is logged.
 */
async function restoreStored(deps: RenewalDeps, application: string, keys: ClientKeys): Promise<void> {
  if (keys.restore === undefined) return;
  try {
    await keys.restore((await deps.store.load(application)).client);
  } catch (thrown) {
    deps.log.log('warn', 'credential.cleanup_failed', { application, ...errorFields(thrown) });
  }
}

async function removeOrphans(
  deps: RenewalDeps,
  keys: ClientKeys,
  registered: readonly RegisteredKey[],
  storedKeyId: string | undefined,
): Promise<number> {
  // If the one in use is unknown, none can be removed safely.
  if (storedKeyId === undefined || !registered.some(({ keyId }) => keyId === storedKeyId)) return 0;
  return removeUnused(deps, keys, registered, storedKeyId);
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
  let removed = 0;
  for (const kind of ['secret', 'certificate'] as const) {
    if (client.credential.kind === kind) continue;
    const keys = clientKeys({ ...deps, ...graph }, application, applicationPath(client.clientId), kind);
    try {
      removed += await removeUnused(deps, keys, await keys.list(), undefined);
    } catch (thrown) {
      if (!isForbidden(thrown)) throw thrown;
    }
  }
  return removed;
}
