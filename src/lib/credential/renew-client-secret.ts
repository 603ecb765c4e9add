import type { Clock } from '../clock.ts';
import type { TokenReply } from '../entra/judge-token-reply.ts';
import type { Redeemer } from '../entra/redeemer.ts';
import { BrokerError } from '../errors.ts';
import type { GraphClient } from '../graph/client.ts';
import { isJsonObject, type JsonObject, textOf } from '../graph/reply.ts';
import type { GraphWriter } from '../graph/write.ts';
import { errorFields, type Logger } from '../log.ts';
import {
  clientSecretName,
  type IssuedClientSecret,
  issueClientSecret,
  orphanAgeMs,
  removeClientSecret,
  storeOrUndo,
} from './client-secret.ts';
import type { ClientCredential, StoredClientCredential } from './credential.ts';
import type { CredentialStore } from './credential-store.ts';
import { versionsKept } from './rotate.ts';

export interface RenewalDeps {
  readonly store: CredentialStore;
  readonly redeemer: Redeemer;
  readonly clock: Clock;
  readonly log: Logger;
  readonly newId: () => string;
  /** Microsoft Graph's name with Entra. */
  readonly graphIdentifier: string;
  /** Microsoft Graph of the partner tenant, as somebody who may change the application: mostly itself. */
  readonly graph: Pick<GraphClient, 'get'>;
  readonly writer: GraphWriter;
}

export interface Renewal {
  readonly application: string;
  readonly renewed: boolean;
  /** Why nothing was done, where nothing was. */
  readonly reason?: string;
  readonly endsAtMs?: number;
  /** How many older secrets of ours were removed from the application. */
  readonly removed: number;
}

/** How long before its end a client secret is renewed. */
export const renewBeforeMs = 30 * 86_400_000;

/** Entra's servers learn of a new secret one after the other: until all do, the old one stays. */
const spreadingMs = [3_000, 5_000, 10_000, 20_000, 30_000, 30_000] as const;
const settledMs = 60_000;

/**
 * Renews an application's client secret: make the new one, use it, store it, use what is stored, and only then remove
 * the old one. Killed anywhere, one of the two works and is stored; a secret that nobody stored is removed by a later run.
 * @param force also when the end is far.
 * @throws BrokerError client_credential_rejected, access_denied, key_vault_unavailable and what Graph answers.
 */
export async function renewClientSecret(deps: RenewalDeps, application: string, force: boolean): Promise<Renewal> {
  const { client } = await deps.store.load(application);
  if (client.credential.kind !== 'secret') {
    const reason = `The client credential is ${client.credential.kind}, not a secret.`;
    return { application, renewed: false, reason, removed: 0 };
  }
  const path = `/applications(appId='${client.clientId}')`;
  if (!force && (client.endsAtMs === undefined || client.endsAtMs - deps.clock.nowMs() > renewBeforeMs)) {
    const removed = await removeOrphans(deps, path, client.keyId);
    return { application, renewed: false, reason: 'The client secret does not end soon.', removed };
  }
  const issued = await issueClientSecret(deps.writer, deps.clock, path);
  const undo = () => removeClientSecret(deps.writer, path, issued.keyId);
  try {
    await proveClientCredential(deps, { ...client, credential: { kind: 'secret', secret: issued.secret } });
  } catch (thrown) {
    await undo();
    throw thrown;
  }
  await storeOrUndo(deps.store, application, storedFrom(client, issued), client, undo);
  await deps.clock.sleep(settledMs);
  const { client: stored } = await deps.store.load(application);
  await proveClientCredential(deps, stored);
  return {
    application,
    renewed: true,
    ...(stored.endsAtMs === undefined ? {} : { endsAtMs: stored.endsAtMs }),
    removed: await removeOld(deps, application, path, client, stored),
  };
}

function storedFrom(client: StoredClientCredential, { secret, keyId, endsAtMs }: IssuedClientSecret) {
  const credential: ClientCredential = { kind: 'secret', secret };
  return { clientId: client.clientId, tenantId: client.tenantId, credential, keyId, endsAtMs };
}

/** Uses a client credential by itself, again while Entra's servers may not know it yet. @throws BrokerError as soon as it is plain that it does not work. */
export async function proveClientCredential(
  deps: Pick<RenewalDeps, 'redeemer' | 'newId' | 'graphIdentifier' | 'clock'>,
  client: StoredClientCredential,
): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    const reply = await redeemAsItself(deps, client);
    if (reply.ok) return;
    const { code, detail, logFields, reach } = reply.failure;
    const waitMs = spreadingMs[attempt];
    const mayPass = reach === 'transient' || code === 'client_credential_rejected';
    if (waitMs === undefined || !mayPass) throw new BrokerError(code, detail, { logFields });
    await deps.clock.sleep(waitMs);
  }
}

/** A token of the application for itself in its own tenant. */
export function redeemAsItself(
  deps: Pick<RenewalDeps, 'redeemer' | 'newId' | 'graphIdentifier'>,
  client: StoredClientCredential,
): Promise<TokenReply> {
  return deps.redeemer.redeem({
    tenantId: client.tenantId,
    resourceIdentifier: deps.graphIdentifier,
    clientId: client.clientId,
    clientCredential: client.credential,
    grant: { kind: 'application' },
    correlationId: deps.newId(),
  });
}

/** The predecessor is removed at Entra and disabled in the vault; whatever of that fails, a later run does. */
async function removeOld(
  deps: RenewalDeps,
  application: string,
  path: string,
  previous: StoredClientCredential,
  stored: StoredClientCredential,
): Promise<number> {
  let removed = 0;
  try {
    if (previous.keyId !== undefined && previous.keyId !== stored.keyId) {
      await removeClientSecret(deps.writer, path, previous.keyId);
      removed += 1;
    }
    removed += await removeOrphans(deps, path, stored.keyId);
    const versions = await deps.store.listClientCredentialVersions(application);
    for (const { version } of versions.filter(({ enabled }) => enabled).slice(versionsKept)) {
      await deps.store.disableClientCredentialVersion(application, version);
    }
  } catch (thrown) {
    deps.log.log('warn', 'credential.cleanup_failed', { application, ...errorFields(thrown) });
  }
  return removed;
}

/**
 * Removes the secrets that the application had before it went over to another client credential.
 * @param client a credential that has just worked, and that is no secret.
 */
export async function removeFormerSecrets(
  deps: Pick<RenewalDeps, 'graph' | 'writer' | 'clock'>,
  client: StoredClientCredential,
): Promise<number> {
  if (client.credential.kind === 'secret') return 0;
  const path = `/applications(appId='${client.clientId}')`;
  return removeOurs(deps, path, await ourSecrets(deps, path), undefined);
}

/** Secrets with our name that nobody stored: made by a run that was killed. Young ones may be another run's. */
async function removeOrphans(
  deps: Pick<RenewalDeps, 'graph' | 'writer' | 'clock'>,
  path: string,
  storedKeyId: string | undefined,
): Promise<number> {
  const ours = await ourSecrets(deps, path);
  // Without knowing which one is in use, none may go.
  if (storedKeyId === undefined || !ours.some((secret) => textOf(secret, 'keyId') === storedKeyId)) return 0;
  return removeOurs(deps, path, ours, storedKeyId);
}

async function ourSecrets({ graph }: Pick<RenewalDeps, 'graph'>, path: string): Promise<readonly JsonObject[]> {
  const application = await graph.get(`${path}?$select=id,passwordCredentials`);
  const listed = application['passwordCredentials'];
  const secrets = Array.isArray(listed) ? listed.filter(isJsonObject) : [];
  return secrets.filter((secret) => textOf(secret, 'displayName') === clientSecretName);
}

async function removeOurs(
  deps: Pick<RenewalDeps, 'writer' | 'clock'>,
  path: string,
  ours: readonly JsonObject[],
  keptKeyId: string | undefined,
): Promise<number> {
  let removed = 0;
  for (const secret of ours) {
    const keyId = textOf(secret, 'keyId');
    const ageMs = deps.clock.nowMs() - Date.parse(textOf(secret, 'startDateTime') ?? '');
    if (keyId === undefined || keyId === keptKeyId || !(ageMs > orphanAgeMs)) continue;
    await removeClientSecret(deps.writer, path, keyId);
    removed += 1;
  }
  return removed;
}
