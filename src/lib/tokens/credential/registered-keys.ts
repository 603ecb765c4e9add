import { X509Certificate } from 'node:crypto';
import { toBrokerError } from '../../core/errors.ts';
import { type ClientCredential, clientCredentialName, type StoredClientCredential } from '../../core/secrets.ts';
import { visibleText } from '../../core/text.ts';
import { type GraphClient, graphStatus } from '../../microsoft/graph.ts';
import { type JsonObject, objectsIn, textOf, textsIn } from '../../core/objects.ts';
import { applicationPath, isOlderThan, type KeyMark, keyMark, orphanAgeMs } from './client-keys.ts';
import type { ClientCredentialVersion, CredentialStore, StoredVersion } from './credential-store.ts';
import { type IdentityTrust, isTrustIn, type ListedTrust } from './identity-trust.ts';

type Stored = Pick<StoredClientCredential, 'credential' | 'keyId'>;

/**
 * Compares what Entra shows of a value: the first characters of a secret, or the certificate. Graph returns the certificate
 * itself only for a single object. Otherwise this compares the field that holds its thumbprint, which whoever adds a
 * certificate may set to another value ("keyCredential resource type", customKeyIdentifier). Pure.
 */
export function isValueOf(entry: JsonObject, { credential }: Pick<Stored, 'credential'>): boolean {
  if (credential.kind === 'federated') return false;
  if (credential.kind === 'secret') {
    const hint = textOf(entry, 'hint');
    return hint !== undefined && hint !== '' && credential.secret.reveal().startsWith(hint);
  }
  const own = new X509Certificate(credential.certificate);
  const key = textOf(entry, 'key');
  if (key !== undefined && key !== '') return fingerprintOf(key) === own.fingerprint256;
  const thumbprint = Buffer.from(own.fingerprint.replaceAll(':', ''), 'hex');
  // Graph's documentation and its answers differ in the form.
  const listed = textOf(entry, 'customKeyIdentifier')?.toLowerCase();
  return (['hex', 'base64'] as const).some((form) => listed === thumbprint.toString(form).toLowerCase());
}

/** Undefined if it is not a certificate. */
function fingerprintOf(key: string): string | undefined {
  try {
    return new X509Certificate(Buffer.from(key, 'base64')).fingerprint256;
  } catch {
    return undefined;
  }
}

/**
 * When a client credential that works ends, by Entra's list. A person may have stored it without the id of its key, or
 * with that of another. If several entries fit, the earliest end that is not past counts. Pure.
 * @param entries all entries of its kind in Entra.
 * @returns undefined if no entry fits.
 */
export function endInEntra(entries: readonly JsonObject[], client: Stored, nowMs: number): number | undefined {
  const byId = entries.filter((entry) => client.keyId !== undefined && textOf(entry, 'keyId') === client.keyId);
  const byValue = entries.filter((entry) => isValueOf(entry, client));
  const both = byId.filter((entry) => byValue.includes(entry));
  const found = [both, byValue, byId].find(({ length }) => length > 0) ?? [];
  const ends = found.map((entry) => Date.parse(textOf(entry, 'endDateTime') ?? '')).filter((end) => !Number.isNaN(end));
  const future = ends.filter((end) => end > nowMs);
  return ends.length === 0 ? undefined : Math.min(...(future.length > 0 ? future : ends));
}

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

/** A key with which somebody can authenticate as an application. */
export type KeyKind = 'client secret' | 'certificate' | 'federated credential';

type UnknownKind = Exclude<KeyKind, 'federated credential'>;

/** A key that this vault does not hold. */
interface UnknownKey {
  readonly kind: KeyKind;
  readonly id: string;
  readonly name: string;
  /** Whether its name is that of a broker's key. Anybody who may add a key may also give it such a name. */
  readonly isMarked: boolean;
  /** Set if the service principal holds it. Only scripts add such a key, and no broker does. */
  readonly isOfPrincipal?: true;
}

/** The client secrets and certificates of one object as Graph lists them. */
export interface ListedKeys {
  readonly secrets: readonly JsonObject[];
  readonly certificates: readonly JsonObject[];
}

/** The keys of an application as Graph lists them. */
interface KeyLists extends ListedKeys {
  readonly trusts: readonly JsonObject[];
  /** Those of its service principal, which Entra accepts, too. Undefined if they could not be read. */
  readonly ofPrincipal?: ListedKeys | undefined;
}

interface KnownKeys {
  readonly mark: KeyMark;
  /** The stored client credential. A person may have stored it without the id of its key. */
  readonly stored: StoredClientCredential | undefined;
  /** The managed identity that the application may trust. */
  readonly trust: IdentityTrust | undefined;
}

const keyFields = '$select=id,passwordCredentials,keyCredentials';

/** @throws BrokerError from Graph. */
export async function readKeyLists({ get }: Pick<GraphClient, 'get'>, clientId: string): Promise<KeyLists> {
  const path = applicationPath(clientId);
  const application = await get(`${path}?${keyFields}`);
  // At most twenty, so there is one page.
  const trusts = await get(`${path}/federatedIdentityCredentials`);
  return {
    ...listedKeys(application),
    trusts: objectsIn(trusts['value']),
    ofPrincipal: await readPrincipalKeys({ get }, clientId),
  };
}

/** @returns undefined if the caller may not read the service principal, or there is none. */
async function readPrincipalKeys({ get }: Pick<GraphClient, 'get'>, clientId: string): Promise<ListedKeys | undefined> {
  try {
    return listedKeys(await get(`/servicePrincipals(appId='${clientId}')?${keyFields}`));
  } catch (thrown) {
    if (graphStatus(thrown) === 403 || graphStatus(thrown) === 404) return undefined;
    throw thrown;
  }
}

export const listedKeys = (holder: JsonObject): ListedKeys => ({
  secrets: objectsIn(holder['passwordCredentials']),
  certificates: objectsIn(holder['keyCredentials']),
});

/** Selects the keys that this vault does not hold. Pure. */
export function unknownKeys(lists: KeyLists, known: KnownKeys, nowMs: number): readonly UnknownKey[] {
  const describeEntry = (kind: UnknownKind, entry: JsonObject): UnknownKey =>
    describe(kind, textOf(entry, 'keyId'), textOf(entry, 'displayName'));
  const unknownIn = (kind: UnknownKind, entries: readonly JsonObject[]): UnknownKey[] => {
    const held = heldEntries(kind === 'certificate' ? kind : 'secret', entries, known.mark, nowMs);
    return entries
      .filter((entry) => !held.has(entry) && !isKnown(entry, known, nowMs))
      .map((entry) => describeEntry(kind, entry));
  };
  const ofPrincipal = [
    ...(lists.ofPrincipal?.secrets ?? []).map((entry) => describeEntry('client secret', entry)),
    ...(lists.ofPrincipal?.certificates ?? []).map((entry) => describeEntry('certificate', entry)),
  ];
  return [
    ...unknownIn('client secret', lists.secrets),
    ...unknownIn('certificate', lists.certificates),
    ...lists.trusts
      .filter((trust) => !isTrustIn(known.trust, listedTrust(trust)))
      .map((trust) => describe('federated credential', textOf(trust, 'id'), textOf(trust, 'name'))),
    ...ofPrincipal.map((key) => ({ ...key, isMarked: false, isOfPrincipal: true as const })),
  ];
}

const describe = (kind: KeyKind, id = '', name = ''): UnknownKey => ({
  kind,
  id,
  name,
  isMarked: name === clientCredentialName || /^partner-token-broker[:-]/.test(name),
});

function isKnown(entry: JsonObject, { mark, stored }: KnownKeys, nowMs: number): boolean {
  // A run may be about to store it.
  const ageMs = nowMs - Date.parse(textOf(entry, 'startDateTime') ?? '');
  if (textOf(entry, 'displayName') === mark.name && ageMs >= 0 && ageMs <= orphanAgeMs) return true;
  return stored !== undefined && stored.keyId === undefined && isValueOf(entry, stored);
}

/** A federated credential as Graph lists it. */
export const listedTrust = (trust: JsonObject): ListedTrust => ({
  issuer: textOf(trust, 'issuer') ?? '',
  subject: textOf(trust, 'subject') ?? '',
  audiences: textsIn(trust['audiences']),
});

/** Graph truncates display names to 90 characters. They are text of whoever added the key. */
const maxName = 90;

export const describeKey = ({ id, name }: Pick<UnknownKey, 'id' | 'name'>): string =>
  name === '' ? id : `${id} ("${visibleText(name.slice(0, maxName))}")`;

/** Maximum number of keys that a text names. */
const maxNamed = 20;

export function namesOf(keys: readonly UnknownKey[]): string {
  // Graph does not promise an order, and the daily maintenance compares the text with that of the day before.
  const named = keys
    .map((key) => `${key.kind} ${key.isOfPrincipal ? 'of the service principal ' : ''}${describeKey(key)}`)
    .toSorted()
    .slice(0, maxNamed);
  return `${named.join(', ')}${keys.length > maxNamed ? `, and ${keys.length - maxNamed} more` : ''}`;
}
