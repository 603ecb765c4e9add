import { createHash } from 'node:crypto';
import { hourMs } from '../model/durations.ts';
import type { Clock } from '../runtime/clock.ts';
import { type JsonObject, objectsIn, textOf } from '../graph/reply.ts';
import {
  type CertificateDeps,
  listCertificates,
  registerCertificate,
  restoreCertificate,
  unregisterCertificates,
} from './client-certificate.ts';
import { issueClientSecret, removeClientSecret } from './client-secret.ts';
import { type ClientCredential, clientCredentialName, type StoredClientCredential } from '../model/credential.ts';
import type { ClientCredentialVersion, CredentialStore } from './credential-store.ts';

/** A client credential of a broker's making, as Entra lists it. */
export interface RegisteredKey {
  readonly keyId: string;
  readonly startsAtMs: number;
  /** Whether this vault keeps it. Another one's may be in use by another broker, and is never removed. */
  readonly ours: boolean;
}

interface IssuedClientCredential {
  readonly credential: ClientCredential;
  readonly keyId: string;
  readonly endsAtMs: number;
}

/** The client credentials of one kind that an application has at Entra. All methods throw BrokerError from Graph. */
export interface ClientKeys {
  /** Makes one and has Entra know it. */
  issue(): Promise<IssuedClientCredential>;
  /** Those that carry our name, of whichever vault. @throws BrokerError key_vault_unavailable. */
  list(): Promise<readonly RegisteredKey[]>;
  /** Those that are gone already count as removed. */
  remove(keyIds: readonly string[]): Promise<void>;
  /** Puts one of ours back that got lost; absent where none can get lost. */
  restore?(client: Pick<StoredClientCredential, 'credential' | 'keyId'>): Promise<void>;
}

export interface ClientKeysDeps extends CertificateDeps {
  readonly store: Pick<CredentialStore, 'vault' | 'listClientCredentialVersions'>;
}

/** A client credential of ours that nobody stored is left alone this long: another run may be about to store it. */
export const orphanAgeMs = hourMs;

/** The path of an application by its client id. */
export const applicationPath = (clientId: string): string => `/applications(appId='${clientId}')`;

/**
 * @param application its name in the vault.
 * @param path `/applications/{objectId}` or {@link applicationPath}.
 * @param kind what a federated application has of either is from before.
 */
export function clientKeys(
  deps: ClientKeysDeps,
  application: string,
  path: string,
  kind: 'secret' | 'certificate',
): ClientKeys {
  const name = keyName(deps.store.vault, application);
  const { entries, ...keys } = (kind === 'secret' ? clientSecrets : clientCertificates)(deps, path, name);
  return {
    ...keys,
    list: async () => {
      const listed = await entries();
      const versions = await deps.store.listClientCredentialVersions(application);
      return registeredKeys(listed, keyMark(deps.store.vault, application, versions));
    },
  };
}

interface KeysOfKind extends Omit<ClientKeys, 'list'> {
  /** Everybody's, as Entra lists them. */
  readonly entries: () => Promise<readonly JsonObject[]>;
}

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
 * Two vaults may serve one application, in a second environment or during a move, and two names in one vault may stand
 * for one application. So the name says where the credential is kept; in few letters, as Graph shortens names to 90,
 * and not readable, as every account of the tenant can read it.
 */
const keyName = (vault: string, application: string): string =>
  `${clientCredentialName}:${createHash('sha256').update(`${vault}/${application}`).digest('hex').slice(0, 12)}`;

/** What tells the client credentials at Entra that this vault keeps from those of others. */
export interface KeyMark {
  readonly name: string;
  /** Those ever stored here: what was made before names said so carries the bare name. */
  readonly storedKeyIds: ReadonlySet<string>;
}

/** @param versions all that the vault has of the application. */
export const keyMark = (vault: string, application: string, versions: readonly ClientCredentialVersion[]): KeyMark => ({
  name: keyName(vault, application),
  storedKeyIds: new Set(versions.flatMap(({ keyId }) => keyId ?? [])),
});

/** Those of a list of Entra's that carry our name. Pure. */
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
    return [{ keyId, ours, startsAtMs: Date.parse(textOf(entry, 'startDateTime') ?? '') }];
  });

/**
 * Removes what nobody stored, made by a run that was killed, or what was in use before. Young ones may be another
 * run's.
 * @param keptKeyId what is in use.
 * @returns how many.
 */
export async function removeUnused(
  { clock }: { readonly clock: Clock },
  keys: ClientKeys,
  registered: readonly RegisteredKey[],
  keptKeyId: string | undefined,
): Promise<number> {
  const unused = registered.filter(
    ({ keyId, ours, startsAtMs }) => ours && keyId !== keptKeyId && clock.nowMs() - startsAtMs > orphanAgeMs,
  );
  if (unused.length > 0) await keys.remove(unused.map(({ keyId }) => keyId));
  return unused.length;
}
