import { hash } from 'node:crypto';
import { type Clock, dayMs, hourMs, minuteMs } from '../../core/clock.ts';
import { BrokerError, toBrokerError } from '../../core/errors.ts';
import {
  type ClientCredential,
  clientCredentialName,
  Secret,
  type StoredClientCredential,
} from '../../core/secrets.ts';
import type { GraphWriter } from '../../microsoft/graph.ts';
import { type JsonObject, objectsIn, textOf } from '../../core/objects.ts';
import {
  type CertificateDeps,
  listCertificates,
  registerCertificate,
  restoreCertificate,
  unregisterCertificates,
} from './client-certificate.ts';
import type { ClientCredentialVersion, CredentialStore } from './credential-store.ts';

/**
 * Lifetime of a new client secret. The daily renewal starts 30 days before the end, so single failures do no harm. A
 * leaked secret expires within half a year.
 */
export const clientSecretLifeMs = 180 * dayMs;

interface IssuedClientSecret {
  readonly secret: Secret;
  /** Entra's id of the secret, needed to remove it. */
  readonly keyId: string;
  readonly endsAtMs: number;
}

interface ClientSecretOptions {
  /** Lifetime from now by this machine's clock, milliseconds. Default: {@link clientSecretLifeMs}. */
  readonly lifeMs?: number;
  /** Name of the secret in Entra. Default: {@link clientCredentialName}, for a secret that is never stored. */
  readonly displayName?: string;
}

/**
 * Adds a client secret to an application in Entra.
 * @param applicationPath `/applications/{objectId}` or `/applications(appId='…')`.
 * @throws BrokerError from Graph; resource_error if the reply contains no secret.
 */
export async function issueClientSecret(
  writer: GraphWriter,
  clock: Clock,
  applicationPath: string,
  { lifeMs = clientSecretLifeMs, displayName = clientCredentialName }: ClientSecretOptions = {},
): Promise<IssuedClientSecret> {
  const endDateTime = new Date(clock.nowMs() + lifeMs).toISOString();
  const reply = await writer.post(`${applicationPath}/addPassword`, {
    passwordCredential: { displayName, endDateTime },
  });
  const secretText = textOf(reply, 'secretText');
  const keyId = textOf(reply, 'keyId');
  if (!secretText || !keyId)
    throw new BrokerError('resource_error', 'Microsoft Graph did not return the new client secret.');
  const endsAtMs = Date.parse(textOf(reply, 'endDateTime') ?? endDateTime);
  return { secret: new Secret(secretText), keyId, endsAtMs };
}

/**
 * Removes a client secret from an application in Entra. Succeeds if the secret no longer exists.
 * @param applicationPath see {@link issueClientSecret}.
 * @throws BrokerError from Graph.
 */
export async function removeClientSecret(writer: GraphWriter, applicationPath: string, keyId: string): Promise<void> {
  try {
    await writer.post(`${applicationPath}/removePassword`, { keyId });
  } catch (thrown) {
    // Graph answers 400 or 404 if the application has no secret with this id.
    const status = toBrokerError(thrown).logFields['status'];
    if (status !== 400 && status !== 404) throw thrown;
  }
}

/** A client secret or certificate in Entra that a broker created. */
export interface RegisteredKey {
  readonly keyId: string;
  /** NaN if Entra returned no valid start. */
  readonly startsAtMs: number;
  /** NaN if Entra returned no valid end. */
  readonly endsAtMs: number;
  /** Whether a version in this vault has its id. Others are left over from a run that was killed. */
  readonly stored: boolean;
  /**
   * Whether it is stored in this vault under this application's name. Any other one may be in use by another broker and
   * is never removed.
   */
  readonly ours: boolean;
}

interface IssuedClientCredential {
  readonly credential: ClientCredential;
  readonly keyId: string;
  readonly endsAtMs: number;
}

/** The client credentials of one kind that an application has in Entra. All methods throw BrokerError from Graph. */
export interface ClientKeys {
  /** Creates a client credential and registers it in Entra. */
  issue(): Promise<IssuedClientCredential>;
  /** Lists all entries in Entra, whoever created them. */
  entries(): Promise<readonly JsonObject[]>;
  /** Selects the credentials that any broker created. @throws BrokerError key_vault_unavailable. */
  registered(entries: readonly JsonObject[]): Promise<readonly RegisteredKey[]>;
  /** Ignores ids that no longer exist. */
  remove(keyIds: readonly string[]): Promise<void>;
  /**
   * Registers a credential again that another program's write has removed. Absent for secrets, which Graph adds and
   * removes one by one.
   */
  restore?(client: Pick<StoredClientCredential, 'credential' | 'keyId'>): Promise<void>;
}

interface ClientKeysDeps extends CertificateDeps {
  readonly store: Pick<CredentialStore, 'vault' | 'listClientCredentialVersions'>;
}

/**
 * Minimum age at which an unstored client credential is removed: a younger one may be about to be stored by another
 * run.
 */
export const orphanAgeMs = hourMs;

/** Difference between two clocks up to which a time in the future counts as now. */
const clockToleranceMs = 5 * minuteMs;

/**
 * Whether more time than `ageMs` has passed. A time far in the future counts as old: a clock was set back since. Not for
 * removals from Entra, which cannot be undone: see {@link hasPassed}.
 */
export const isOlderThan = (ageMs: number, sinceMs: number, nowMs: number): boolean =>
  nowMs - sinceMs > ageMs || nowMs - sinceMs < -clockToleranceMs;

/** Whether more time than `ageMs` has passed. False for a time in the future: this machine's clock may be behind. */
export const hasPassed = (ageMs: number, sinceMs: number, nowMs: number): boolean => nowMs - sinceMs > ageMs;

/** Graph path of an application by its client id. */
export const applicationPath = (clientId: string): string => `/applications(appId='${clientId}')`;

/**
 * Returns the client credentials of one kind of an application.
 * @param application name in the vault.
 * @param path `/applications/{objectId}` or {@link applicationPath}.
 */
export function clientKeys(
  deps: ClientKeysDeps,
  application: string,
  path: string,
  kind: 'secret' | 'certificate',
): ClientKeys {
  const name = keyName(deps.store.vault, application);
  return {
    ...(kind === 'secret' ? clientSecrets : clientCertificates)(deps, path, name),
    registered: async (entries) => {
      const versions = await deps.store.listClientCredentialVersions(application);
      return registeredKeys(entries, keyMark(deps.store.vault, application, versions));
    },
  };
}

type KeysOfKind = Omit<ClientKeys, 'registered'>;

function clientSecrets({ graph, writer, clock }: CertificateDeps, path: string, name: string): KeysOfKind {
  return {
    issue: async () => {
      const { secret, keyId, endsAtMs } = await issueClientSecret(writer, clock, path, { displayName: name });
      return { credential: { kind: 'secret', secret }, keyId, endsAtMs };
    },
    entries: async () => {
      return objectsIn((await graph.get(`${path}?$select=id,passwordCredentials`))['passwordCredentials']);
    },
    remove: async (keyIds) => {
      for (const keyId of keyIds) await removeClientSecret(writer, path, keyId);
    },
  };
}

const clientCertificates = (deps: CertificateDeps, path: string, name: string): KeysOfKind => ({
  issue: () => registerCertificate(deps, path, name),
  entries: () => listCertificates(deps, path),
  remove: (keyIds) => unregisterCertificates(deps, path, keyIds),
  restore: (client) => restoreCertificate(deps, path, client, name),
});

/**
 * Display name of a client credential in Entra. It identifies the vault and the application's name there, because two
 * vaults may serve one application (a second environment, a move) and two names in one vault may refer to one
 * application. It contains a hash because Graph truncates names to 90 characters and every account of the tenant can
 * read them.
 */
const keyName = (vault: string, application: string): string =>
  `${clientCredentialName}:${hash('sha256', `${vault}/${application}`, 'hex').slice(0, 12)}`;

/** Identifies the client credentials in Entra that are stored in this vault under one application's name. */
export interface KeyMark {
  readonly name: string;
  /** All ids ever stored here. They identify older credentials, whose display name does not identify the vault. */
  readonly storedKeyIds: ReadonlySet<string>;
  /** All versions of the application's client credential in the vault. */
  readonly versions: readonly ClientCredentialVersion[];
  /** The values of the enabled versions that can be read. */
  readonly values: ReadonlyMap<string, ClientCredential>;
}

/**
 * @param versions all versions of the application's client credential in the vault.
 * @param values see {@link KeyMark.values}. Only the comparison in registered-keys.ts needs them.
 */
export const keyMark = (
  vault: string,
  application: string,
  versions: readonly ClientCredentialVersion[],
  values: KeyMark['values'] = new Map(),
): KeyMark => ({
  name: keyName(vault, application),
  storedKeyIds: new Set(versions.flatMap(({ keyId }) => keyId ?? [])),
  versions,
  values,
});

/** Selects the credentials that a broker created from Entra's list. Pure. */
export const registeredKeys = (
  listed: readonly JsonObject[],
  { name, storedKeyIds }: KeyMark,
): readonly RegisteredKey[] =>
  listed.flatMap((entry) => {
    const keyId = textOf(entry, 'keyId');
    const displayName = textOf(entry, 'displayName') ?? '';
    const isBare = displayName === clientCredentialName;
    if (keyId === undefined || !(isBare || displayName.startsWith(`${clientCredentialName}:`))) return [];
    const ours = displayName === name || (isBare && storedKeyIds.has(keyId));
    const timeOf = (field: string): number => Date.parse(textOf(entry, field) ?? '');
    return [
      {
        keyId,
        ours,
        stored: storedKeyIds.has(keyId),
        startsAtMs: timeOf('startDateTime'),
        endsAtMs: timeOf('endDateTime'),
      },
    ];
  });

/**
 * Minimum age of the version in use at which its predecessors are removed from Entra. An instance that cannot read the
 * vault keeps its predecessor in use, so the daily run after the renewal removes it, and not the renewal. The runs are not
 * exactly a day apart.
 */
export const settledAgeMs = 20 * hourMs;

export interface KeyInUse {
  /** Undefined if no key of this kind is in use. */
  readonly keyId: string | undefined;
  /** Whether the client credential in use is older than {@link settledAgeMs} and was just proven. */
  readonly isSettled: boolean;
}

/**
 * Removes client credentials of this vault that are not in use: those of a killed run, and former ones. Keeps those
 * younger than {@link orphanAgeMs}, and former ones until the one in use is settled.
 * @returns the number of removed credentials.
 * @throws BrokerError from Graph.
 */
export async function removeUnused(
  { clock }: { readonly clock: Clock },
  keys: ClientKeys,
  registered: readonly RegisteredKey[],
  inUse: KeyInUse,
): Promise<number> {
  const unused = registered.filter(
    ({ keyId, ours, stored, startsAtMs }) =>
      ours &&
      keyId !== inUse.keyId &&
      (inUse.isSettled || !stored) &&
      hasPassed(orphanAgeMs, startsAtMs, clock.nowMs()),
  );
  if (unused.length > 0) await keys.remove(unused.map(({ keyId }) => keyId));
  return unused.length;
}
