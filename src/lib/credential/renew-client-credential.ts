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
  /** Microsoft Graph of the partner tenant, as whoever the token belongs to: the application itself. */
  readonly graphOf: (token: Secret) => { readonly graph: Pick<GraphClient, 'get'>; readonly writer: GraphWriter };
  readonly createCertificate: CreateCertificate;
}

export interface Renewal {
  readonly application: string;
  readonly kind: ClientCredential['kind'];
  readonly renewed: boolean;
  /** Why nothing was done, where nothing was. */
  readonly reason?: string;
  /** It was asked for or its end is near, and Graph does not let the application change itself. */
  readonly refused?: true;
  readonly endsAtMs?: number;
  /** How many older secrets or certificates of ours were removed from the application. */
  readonly removed: number;
}

/** How long before its end a client credential is renewed. */
export const renewBeforeMs = 30 * dayMs;

/** All of Entra's servers know by then what was made. */
const replicationMs = minuteMs;

/**
 * Renews an application's client secret or certificate: make the new one, use it, store it, use what is stored, and
 * only then remove the old one. Killed anywhere, one of the two works and is stored; one that nobody stored is removed
 * by a later run. A certificate that does not carry our name is somebody else's, and theirs to renew; what an
 * application has that may not change itself is left to `ptb setup`.
 * @param force also when the end is far.
 * @throws BrokerError client_credential_rejected, access_denied, key_vault_unavailable and what Graph answers.
 */
export async function renewClientCredential(deps: RenewalDeps, application: string, force: boolean): Promise<Renewal> {
  await adoptProposed(deps, application);
  const { client: newest } = await deps.store.load(application);
  if (newest.credential.kind === 'federated' && !(await isRefused(deps, newest))) {
    return unchanged(application, 'federated', 'never ends');
  }
  const { client, token } = await workingClient(deps, application, newest);
  const { kind } = client.credential;
  if (kind === 'federated') return unchanged(application, kind, 'never ends');
  const path = applicationPath(client.clientId);
  const keys = clientKeys({ ...deps, ...deps.graphOf(token) }, application, path, kind);
  const isDue = force || endsSoon(client, deps.clock);
  try {
    const registered = kind === 'certificate' || !isDue ? await keys.list() : [];
    if (kind === 'certificate' && !registered.some(({ keyId }) => keyId === client.keyId)) {
      return unchanged(application, kind, 'is none that the broker made, so whoever made it renews it');
    }
    if (isDue) return await replace(deps, application, keys, client);
    const removed = await removeOrphans(deps, keys, registered, client.keyId);
    return unchanged(application, kind, 'does not end soon', removed);
  } catch (thrown) {
    if (!isForbidden(thrown)) throw thrown;
    const setup = ptbCommand('setup', application);
    const why = `is for ${setup} to renew, in its last 30 days: the application may not change itself`;
    return { ...unchanged(application, kind, why), ...(isDue ? { refused: true } : {}) };
  }
}

/**
 * What a profile without Application.ReadWrite.OwnedBy leaves out: for an application that is a state, and no failure.
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

/** The predecessor is removed at Entra and disabled in the vault; whatever of that fails, a later run does. */
async function removePrevious(
  deps: RenewalDeps,
  application: string,
  keys: ClientKeys,
  { previous, stored }: { readonly previous: StoredClientCredential; readonly stored: StoredClientCredential },
): Promise<number> {
  let removed = 0;
  try {
    const registered = await keys.list();
    const isPredecessor = ({ keyId }: RegisteredKey) => keyId === previous.keyId && keyId !== stored.keyId;
    const predecessors = registered.filter((key) => key.ours && isPredecessor(key));
    const others = registered.filter((key) => !isPredecessor(key));
    if (predecessors.length > 0) await keys.remove(predecessors.map(({ keyId }) => keyId));
    removed += predecessors.length;
    removed += await removeOrphans(deps, keys, others, stored.keyId);
    const versions = await deps.store.listClientCredentialVersions(application);
    // Key Vault counts whole seconds: of versions made in one of them the list does not say which is the newest.
    const older = versions.filter(({ enabled, version }) => enabled && version !== stored.version);
    for (const { version } of older.slice(versionsKept - 1)) {
      await deps.store.disableClientCredentialVersion(application, version);
    }
  } catch (thrown) {
    deps.log.log('warn', 'credential.cleanup_failed', { application, ...errorFields(thrown) });
  }
  return removed;
}

/** Whatever two renewals at once did to each other's lists: what the vault holds in the end, Entra knows. */
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
  // Without knowing which one is in use, none may go.
  if (storedKeyId === undefined || !registered.some(({ keyId }) => keyId === storedKeyId)) return 0;
  return removeUnused(deps, keys, registered, storedKeyId);
}

/**
 * Removes the secrets and certificates that the application had before it went over to another kind, if it may.
 * @param client a credential that has just worked.
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
