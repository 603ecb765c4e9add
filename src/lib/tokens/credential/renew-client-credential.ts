import { dayMs } from '../../core/durations.ts';
import type { Clock } from '../../core/clock.ts';
import { errorFields } from '../../core/log.ts';
import { toBrokerError } from '../../core/errors.ts';
import { ptbCommand } from '../../core/advice.ts';
import { applicationPath, type ClientKeys, clientKeys } from './client-keys.ts';
import type { ClientCredentialVersion } from './credential-store.ts';
import { endInEntra } from './end-in-entra.ts';
import type { JsonObject } from '../../microsoft/reply.ts';
import type { ClientCredential, StoredClientCredential } from '../../core/secrets.ts';
import { issueAndStore } from './issue-and-store.ts';
import { adoptProposed } from './proposed-credential.ts';
import { isRefused, proveClientCredential } from './prove-client-credential.ts';
import { versionsKept } from './rotate.ts';
import { clientVersions, putInUse, type StagedVersion } from './staged-version.ts';
import { isForbidden, removeSuperseded, type RenewalDeps } from './superseded-keys.ts';
import { workingClient } from './working-client.ts';

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

/**
 * Renews an application's client secret or certificate. Issues a new one, proves it, stores it and proves the stored one.
 * The old one stays valid, because instances may use it until they read the vault again: the next daily run removes it. If
 * the process is killed at any point, the stored credential works; a later run removes one that was not stored.
 * Certificates that the broker did not create are not renewed. If the application is not allowed to change itself,
 * `ptb setup` must renew its credential.
 * @param force renews even if the credential does not expire soon.
 * @throws BrokerError client_credential_rejected, credential_missing, key_vault_unavailable, or from Graph.
 */
export async function renewClientCredential(deps: RenewalDeps, application: string, force: boolean): Promise<Renewal> {
  const known = await deps.store.listClientCredentialVersions(application);
  await adoptProposed(deps, application);
  const credential = await deps.store.load(application);
  const { client: newest } = credential;
  if (newest.credential.kind === 'federated' && !(await isRefused(deps, newest))) {
    return unchanged(application, 'federated', 'never expires');
  }
  const { client, token } = await workingClient(deps, application, credential);
  const { kind } = client.credential;
  if (kind === 'federated') return unchanged(application, kind, 'never expires');
  const path = applicationPath(client.clientId);
  const keys = clientKeys({ ...deps, ...deps.graphOf(token) }, application, path, kind);
  let isDue = force || endsSoon(client, deps.clock);
  try {
    const entries = await keys.entries();
    const registered = await keys.registered(entries);
    const dated = await withEndFromEntra(deps, application, client, entries);
    if (kind === 'certificate' && !registered.some(({ keyId }) => keyId === client.keyId)) {
      return unchanged(application, kind, 'was not created by the broker: renew it where it was created');
    }
    isDue ||= endsSoon(dated, deps.clock);
    if (isDue) return await replace(deps, keys, { application, previous: client, known });
    const removed = await removeSuperseded(deps, keys, registered, { application, client });
    return unchanged(application, kind, 'does not expire soon', removed);
  } catch (thrown) {
    if (!isForbidden(thrown)) throw thrown;
    const setup = ptbCommand('setup', application);
    const why = `cannot be renewed by the application itself: run ${setup} in its last 30 days`;
    return { ...unchanged(application, kind, why), ...(isDue ? { refused: true } : {}) };
  }
}

const unchanged = (application: string, kind: Renewal['kind'], why: string, removed = 0): Renewal => ({
  application,
  kind,
  renewed: false,
  reason: kind === 'federated' ? `A federated client credential ${why}.` : `The client ${kind} ${why}.`,
  removed,
});

const endsSoon = ({ endsAtMs }: StoredClientCredential, clock: Clock): boolean =>
  endsAtMs !== undefined && endsAtMs - clock.nowMs() <= renewBeforeMs;

/**
 * Corrects the end date in the vault, which a person may have changed or omitted, if Entra's is earlier.
 * @throws BrokerError key_vault_unavailable.
 */
async function withEndFromEntra(
  deps: RenewalDeps,
  application: string,
  client: StoredClientCredential,
  entries: readonly JsonObject[],
): Promise<StoredClientCredential> {
  const endsAtMs = endInEntra(entries, client, deps.clock.nowMs());
  if (endsAtMs === undefined) return client;
  // The vault's dates have whole seconds.
  if (client.endsAtMs !== undefined && client.endsAtMs < endsAtMs + 1_000) return client;
  deps.log.log('warn', 'credential.end_corrected', { application, endsAt: new Date(endsAtMs).toISOString() });
  await deps.store.setClientCredentialEnd(application, client.version, endsAtMs);
  return { ...client, endsAtMs };
}

interface ToReplace {
  readonly application: string;
  readonly previous: StoredClientCredential;
  /** The versions that existed when the renewal began. */
  readonly known: readonly ClientCredentialVersion[];
}

async function replace(
  deps: RenewalDeps,
  keys: ClientKeys,
  { application, previous, known }: ToReplace,
): Promise<Renewal> {
  const { store } = deps;
  try {
    const { version, undo } = await issueAndStore(deps, application, keys, {
      owner: previous,
      write: (credential) => store.stageClientCredential(application, credential),
    });
    const inUse = await useOrUndo(deps, application, { version, known }, undo);
    if (inUse !== version) {
      deps.log.log('info', 'credential.renewal_overtaken', { application, version: inUse });
      return unchanged(application, previous.credential.kind, 'was replaced by somebody else in the meantime');
    }
    const { client: stored } = await store.load(application);
    await proveClientCredential(deps, stored, { beforeRetry: async () => keys.restore?.(stored) });
    await disableOldVersions(deps, application, stored);
    return {
      application,
      kind: stored.credential.kind,
      renewed: true,
      ...(stored.endsAtMs === undefined ? {} : { endsAtMs: stored.endsAtMs }),
      removed: 0,
    };
  } finally {
    await restoreStored(deps, application, keys);
  }
}

/**
 * Puts the staged version in use. If a person has stored another one, or disabled all, the new credential is removed from
 * Entra. @returns the version in use.
 */
async function useOrUndo(
  { store }: RenewalDeps,
  application: string,
  staged: StagedVersion,
  undo: () => Promise<void>,
): Promise<string> {
  try {
    const overtaking = await putInUse(clientVersions(store, application), staged);
    if (overtaking === undefined) return staged.version;
    await undo();
    return overtaking;
  } catch (thrown) {
    // After any other failure, the version may be in use. A later run removes what is not.
    if (toBrokerError(thrown).code === 'credential_missing') await undo();
    throw thrown;
  }
}

/** Disables all but the newest versions. A failure is logged; a later renewal completes the work. */
async function disableOldVersions(
  deps: RenewalDeps,
  application: string,
  stored: StoredClientCredential,
): Promise<void> {
  try {
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
