import type { GraphClient } from '../../microsoft/client.ts';
import { type JsonObject, objectsIn, textOf, textsIn } from '../../microsoft/reply.ts';
import { clientCredentialName, type StoredClientCredential } from '../../core/secrets.ts';
import { visibleText } from '../../core/visible-text.ts';
import { graphStatus } from '../../microsoft/graph.ts';
import { applicationPath, type KeyMark, orphanAgeMs } from './client-keys.ts';
import { isValueOf } from './end-in-entra.ts';
import { heldEntries } from './held-keys.ts';
import { type IdentityTrust, isTrustIn, type ListedTrust } from './identity-trust.ts';

/** A key with which somebody can authenticate as an application. */
export type KeyKind = 'client secret' | 'certificate' | 'federated credential';

type ListedKind = Exclude<KeyKind, 'federated credential'>;

/** A key that this vault does not hold. */
export interface UnknownKey {
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
export interface KeyLists extends ListedKeys {
  readonly trusts: readonly JsonObject[];
  /** Those of its service principal, which Entra accepts, too. Undefined if they could not be read. */
  readonly ofPrincipal?: ListedKeys | undefined;
}

export interface KnownKeys {
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
  const describeEntry = (kind: ListedKind, entry: JsonObject): UnknownKey =>
    describe(kind, textOf(entry, 'keyId'), textOf(entry, 'displayName'));
  const unknownIn = (kind: ListedKind, entries: readonly JsonObject[]): UnknownKey[] => {
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
  // Graph does not promise an order, and the daily care compares the text with that of the day before.
  const named = keys
    .map((key) => `${key.kind} ${key.isOfPrincipal ? 'of the service principal ' : ''}${describeKey(key)}`)
    .toSorted()
    .slice(0, maxNamed);
  return `${named.join(', ')}${keys.length > maxNamed ? `, and ${keys.length - maxNamed} more` : ''}`;
}
