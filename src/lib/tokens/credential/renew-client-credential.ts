import { type Clock, dayMs } from '../../core/clock.ts';
import { ptbCommand, toBrokerError } from '../../core/errors.ts';
import { errorFields } from '../../core/log.ts';
import type { ClientCredential, StoredClientCredential } from '../../core/secrets.ts';
import { defined, type JsonObject } from '../../core/objects.ts';
import { errorOf } from '../../microsoft/token-reply.ts';
import { applicationPath, type ClientKeys, clientKeys } from './client-keys.ts';
import type { ClientCredentialVersion, CredentialStore, NewClientCredential } from './credential-store.ts';
import {
  isRefused,
  proveClientCredential,
  type RedeemAsApplicationDeps,
  redeemRepeatedly,
  type UsableClient,
  workingClient,
  type WorkingClientDeps,
} from './prove-client-credential.ts';
import { endInEntra } from './registered-keys.ts';
import { versionsKept } from './rotate.ts';
import { clientVersions, putInUse, type StagedVersion } from './staged-version.ts';
import { isForbidden, removeSuperseded, type RenewalDeps } from './superseded-keys.ts';

/**
 * Stores a client credential that is already registered in Entra, or removes it from Entra if Key Vault refuses the write.
 * A write whose reply was lost may have succeeded, or may still arrive. Nothing is undone then: an unstored credential is
 * removed from Entra by a later run, see client-keys.ts.
 * @param change.write writes the credential, and returns the new version.
 * @param change.undo removes the credential from Entra.
 * @returns the new version.
 * @throws BrokerError from the store, or what `undo` throws.
 */
export async function storeOrUndo(
  store: Pick<CredentialStore, 'listClientCredentialVersions'>,
  application: string,
  change: {
    readonly credential: Pick<NewClientCredential, 'keyId'>;
    readonly write: () => Promise<string>;
    readonly undo: () => Promise<void>;
  },
): Promise<string> {
  const { keyId } = change.credential;
  try {
    return await change.write();
  } catch (failure) {
    const versions = await store.listClientCredentialVersions(application).catch(() => undefined);
    const landed = versions?.find((version) => keyId !== undefined && version.keyId === keyId);
    if (landed !== undefined) return landed.version;
    if (versions !== undefined && wasRefused(failure)) await change.undo();
    throw failure;
  }
}

/** Whether Key Vault answered that it did not store the credential. */
function wasRefused(failure: unknown): boolean {
  const status = toBrokerError(failure).logFields['httpStatus'];
  return typeof status === 'number' && status >= 400 && status < 500 && status !== 408;
}

export interface IssueAndStoreDeps extends RedeemAsApplicationDeps {
  readonly store: CredentialStore;
  readonly clock: Clock;
}

interface IssueAndStoreOptions {
  /** The application that the credential belongs to. */
  readonly owner: Pick<StoredClientCredential, 'clientId' | 'tenantId'>;
  /** Writes the credential to the vault. @returns the new version. */
  readonly write: (credential: NewClientCredential) => Promise<string>;
  /** See {@link proveClientCredential}. */
  readonly isNewApplication?: boolean;
}

/**
 * Issues a client credential, proves that it works, and then stores it. The vault therefore always contains a working
 * credential. If the proof fails, or Key Vault refuses the write, the credential is removed from Entra.
 * @param application name in the vault.
 * @returns the new version, and what removes the credential from Entra.
 * @throws BrokerError client_credential_rejected, key_vault_unavailable, entra_unavailable, or from Graph.
 */
export async function issueAndStore(
  deps: IssueAndStoreDeps,
  application: string,
  keys: ClientKeys,
  { owner: { clientId, tenantId }, write, isNewApplication = false }: IssueAndStoreOptions,
): Promise<{ readonly version: string; readonly undo: () => Promise<void> }> {
  const issued = await keys.issue();
  const undo = () => keys.remove([issued.keyId]);
  const credential = { clientId, tenantId, ...issued };
  try {
    await proveClientCredential(deps, credential, {
      beforeRetry: async () => keys.restore?.(issued),
      isNewApplication,
    });
  } catch (thrown) {
    await undo();
    throw thrown;
  }
  const version = await storeOrUndo(deps.store, application, { credential, write: () => write(credential), undo });
  return { version, undo };
}

// Changes an application from a secret or certificate to the managed identity. Only the app has the identity, so setup
// cannot prove that Entra accepts it. For some minutes after the trust is created, Entra accepts it only now and then
// (AADSTS70021). Setup therefore stores a disabled version, the proposal, and the daily timer tries it.

/**
 * Whether the vault contains a proposal newer than every version that is or was in use. A later renewal or setup cancels a
 * proposal, also if its version is disabled again. Pure.
 * @param versions newest first.
 */
export function isProposed(versions: readonly ClientCredentialVersion[]): boolean {
  const newerCount = versions.findIndex(({ staged, proposed }) => staged !== true && proposed !== true);
  return versions.slice(0, Math.max(0, newerCount)).some(({ proposed }) => proposed === true);
}

/** Returns the application with the managed identity as its client credential. */
export const federatedClient = ({ clientId, tenantId }: Omit<UsableClient, 'credential'>): UsableClient => ({
  clientId,
  tenantId,
  credential: { kind: 'federated' },
});

/**
 * Starts using the proposed managed identity if Entra accepts it. Otherwise the credential in use stays.
 * @throws BrokerError key_vault_unavailable, credential_missing or client_credential_rejected from the store.
 */
export async function adoptProposed(deps: WorkingClientDeps, application: string): Promise<void> {
  const { client } = await deps.store.load(application);
  if (client.credential.kind === 'federated') return;
  const known = await deps.store.listClientCredentialVersions(application);
  if (!isProposed(known)) return;
  const proposed = federatedClient(client);
  const reply = await redeemRepeatedly(deps, proposed);
  if (reply.ok) {
    const version = await deps.store.stageClientCredential(application, proposed);
    const overtaking = await putInUse(clientVersions(deps.store, application), { version, known });
    if (overtaking !== undefined) return;
    deps.log.log('info', 'credential.identity_in_use', { application });
  } else {
    const failure = errorFields(errorOf(reply.failure));
    deps.log.log('warn', 'credential.identity_not_accepted', { application, ...failure });
  }
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
    if (isDue) return await replace(deps, keys, client, { application, known });
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

async function replace(
  deps: RenewalDeps,
  keys: ClientKeys,
  previous: StoredClientCredential,
  { application, known }: { readonly application: string } & Pick<StagedVersion, 'known'>,
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
    return defined({ application, kind: stored.credential.kind, renewed: true, endsAtMs: stored.endsAtMs, removed: 0 });
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
