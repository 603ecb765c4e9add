import type { Clock } from '../clock.ts';
import { isJsonObject, type JsonObject, textOf } from '../graph/reply.ts';
import {
  type CertificateDeps,
  listCertificates,
  registerCertificate,
  restoreCertificate,
  unregisterCertificates,
} from './client-certificate.ts';
import { issueClientSecret, removeClientSecret } from './client-secret.ts';
import { type ClientCredential, clientCredentialName, type StoredClientCredential } from './credential.ts';

/** A client credential that Entra knows, as it lists it. */
export interface RegisteredKey {
  readonly keyId: string;
  readonly startsAtMs: number;
}

export interface IssuedClientCredential {
  readonly credential: ClientCredential;
  readonly keyId: string;
  readonly endsAtMs: number;
}

/** The client credentials of one kind that an application has at Entra. All methods throw BrokerError from Graph. */
export interface ClientKeys {
  /** Makes one and has Entra know it. */
  issue(): Promise<IssuedClientCredential>;
  /** Those that carry our name. */
  listOurs(): Promise<readonly RegisteredKey[]>;
  /** Those that are gone already count as removed. */
  remove(keyIds: readonly string[]): Promise<void>;
  /** Puts one of ours back that got lost; absent where none can get lost. */
  restore?(client: Pick<StoredClientCredential, 'credential' | 'keyId'>): Promise<void>;
}

/** A client credential of ours that nobody stored is left alone this long: another run may be about to store it. */
export const orphanAgeMs = 3_600_000;

/** The path of an application by its client id. */
export const applicationPath = (clientId: string): string => `/applications(appId='${clientId}')`;

/** @param kind what a federated application has of either is from before. */
export function clientKeys(deps: CertificateDeps, clientId: string, kind: 'secret' | 'certificate'): ClientKeys {
  const path = applicationPath(clientId);
  return kind === 'secret' ? clientSecrets(deps, path) : clientCertificates(deps, path);
}

function clientSecrets(deps: Pick<CertificateDeps, 'graph' | 'writer' | 'clock'>, path: string): ClientKeys {
  return {
    issue: async () => {
      const { secret, keyId, endsAtMs } = await issueClientSecret(deps.writer, deps.clock, path);
      return { credential: { kind: 'secret', secret }, keyId, endsAtMs };
    },
    listOurs: async () => {
      const listed = (await deps.graph.get(`${path}?$select=id,passwordCredentials`))['passwordCredentials'];
      return Array.isArray(listed) ? ours(listed.filter(isJsonObject)) : [];
    },
    remove: async (keyIds) => {
      for (const keyId of keyIds) await removeClientSecret(deps.writer, path, keyId);
    },
  };
}

function clientCertificates(deps: CertificateDeps, path: string): ClientKeys {
  return {
    issue: () => registerCertificate(deps, path),
    listOurs: async () => ours(await listCertificates(deps, path)),
    remove: (keyIds) => unregisterCertificates(deps, path, keyIds),
    restore: (client) => restoreCertificate(deps, path, client),
  };
}

const ours = (listed: readonly JsonObject[]): readonly RegisteredKey[] =>
  listed
    .filter((entry) => textOf(entry, 'displayName') === clientCredentialName)
    .flatMap((entry) => {
      const keyId = textOf(entry, 'keyId');
      return keyId === undefined ? [] : { keyId, startsAtMs: Date.parse(textOf(entry, 'startDateTime') ?? '') };
    });

/**
 * Removes what nobody stored, made by a run that was killed, or what was in use before. Young ones may be another run's.
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
    ({ keyId, startsAtMs }) => keyId !== keptKeyId && clock.nowMs() - startsAtMs > orphanAgeMs,
  );
  if (unused.length > 0) await keys.remove(unused.map(({ keyId }) => keyId));
  return unused.length;
}
