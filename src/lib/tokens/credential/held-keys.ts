import { type JsonObject, textOf } from '../../microsoft/reply.ts';
import type { ClientCredential } from '../../core/secrets.ts';
import { toBrokerError } from '../../core/errors.ts';
import { isOlderThan, type KeyMark, keyMark, orphanAgeMs } from './client-keys.ts';
import type { ClientCredentialVersion, CredentialStore, StoredVersion } from './credential-store.ts';
import { isValueOf } from './end-in-entra.ts';

type ListedKind = 'secret' | 'certificate';

interface HeldVersions {
  readonly versions: readonly (StoredVersion &
    Pick<ClientCredentialVersion, 'keyId' | 'staged'> & { readonly kind?: string })[];
  readonly values: KeyMark['values'];
}

/** Reads the mark of an application with the values of its enabled versions. @throws BrokerError key_vault_unavailable. */
export async function readKeyMark(store: CredentialStore, application: string): Promise<KeyMark> {
  const versions = await store.listClientCredentialVersions(application);
  return keyMark(store.vault, application, versions, await readValues(store, application, versions));
}

/** Reads the values of the enabled versions. Leaves out one that cannot be read. @throws BrokerError key_vault_unavailable. */
export async function readValues(
  store: Pick<CredentialStore, 'loadClientCredentialVersion'>,
  application: string,
  versions: readonly StoredVersion[],
): Promise<KeyMark['values']> {
  const values = new Map<string, ClientCredential>();
  for (const { version, enabled } of versions) {
    if (!enabled) continue;
    try {
      const client = await store.loadClientCredentialVersion(application, version);
      if (client !== undefined) values.set(version, client.credential);
    } catch (thrown) {
      if (toBrokerError(thrown).transient) throw thrown;
    }
  }
  return values;
}

/**
 * Selects the entries of an application that this vault holds: those of an enabled version, or of a staged one of a run
 * that may be about to enable it. Not those of a disabled version, because whoever has a certificate that was revoked can
 * add it again with its old id. Pure.
 *
 * The id alone proves nothing, because whoever adds a certificate chooses its id. So the kind and the value must agree, and
 * no two entries may have the same id.
 */
export function heldEntries(
  kind: ListedKind,
  entries: readonly JsonObject[],
  { versions, values }: HeldVersions,
  nowMs: number,
): ReadonlySet<JsonObject> {
  const idOf = (entry: JsonObject): string => textOf(entry, 'keyId') ?? '';
  return new Set(
    entries.filter(
      (entry) =>
        entries.filter((other) => idOf(other) === idOf(entry)).length === 1 &&
        versions.some(
          (version) =>
            version.keyId === idOf(entry) &&
            (version.kind === undefined || version.kind === kind) &&
            (version.enabled
              ? mayBeValueOf(kind, entry, values.get(version.version))
              : version.staged === true && !isOlderThan(orphanAgeMs, version.createdAtMs, nowMs)),
        ),
    ),
  );
}

/** Entra chooses the id of a secret, and may not show how its value begins. */
function mayBeValueOf(kind: ListedKind, entry: JsonObject, credential: ClientCredential | undefined): boolean {
  if (kind === 'secret' && (credential === undefined || (textOf(entry, 'hint') ?? '') === '')) return true;
  return credential?.kind === kind && isValueOf(entry, { credential });
}
