import type { GraphClient } from '../graph/client.ts';
import { type JsonObject, objectsIn, textOf, textsIn } from '../graph/reply.ts';
import { clientCredentialName, type StoredClientCredential } from '../model/credential.ts';
import { visibleText } from '../runtime/visible-text.ts';
import { holdsKey, type KeyMark, orphanAgeMs } from './client-keys.ts';
import { isValueOf } from './end-in-entra.ts';
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
}

/** The keys of an application as Graph lists them. */
export interface KeyLists {
  readonly secrets: readonly JsonObject[];
  readonly certificates: readonly JsonObject[];
  readonly trusts: readonly JsonObject[];
}

export interface KnownKeys {
  readonly mark: KeyMark;
  /** The stored client credential. A person may have stored it without the id of its key. */
  readonly stored: StoredClientCredential | undefined;
  /** The managed identity that the application may trust. */
  readonly trust: IdentityTrust | undefined;
}

/** @param path `/applications/{objectId}` or `/applications(appId='…')`. @throws BrokerError from Graph. */
export async function readKeyLists({ get }: Pick<GraphClient, 'get'>, path: string): Promise<KeyLists> {
  const application = await get(`${path}?$select=id,passwordCredentials,keyCredentials`);
  // At most twenty, so there is one page.
  const trusts = await get(`${path}/federatedIdentityCredentials`);
  return {
    secrets: objectsIn(application['passwordCredentials']),
    certificates: objectsIn(application['keyCredentials']),
    trusts: objectsIn(trusts['value']),
  };
}

/** Selects the keys that this vault does not hold. Pure. */
export function unknownKeys(lists: KeyLists, known: KnownKeys, nowMs: number): readonly UnknownKey[] {
  const unknownIn = (kind: ListedKind, entries: readonly JsonObject[]): UnknownKey[] =>
    entries
      .filter((entry) => !isKnown(kind, entry, known, nowMs))
      .map((entry) => describe(kind, textOf(entry, 'keyId'), textOf(entry, 'displayName')));
  return [
    ...unknownIn('client secret', lists.secrets),
    ...unknownIn('certificate', lists.certificates),
    ...lists.trusts
      .filter((trust) => !isTrustIn(known.trust, listedTrust(trust)))
      .map((trust) => describe('federated credential', textOf(trust, 'id'), textOf(trust, 'name'))),
  ];
}

const describe = (kind: KeyKind, id = '', name = ''): UnknownKey => ({
  kind,
  id,
  name,
  isMarked: name === clientCredentialName || /^partner-token-broker[:-]/.test(name),
});

function isKnown(kind: ListedKind, entry: JsonObject, { mark, stored }: KnownKeys, nowMs: number): boolean {
  const key = { keyId: textOf(entry, 'keyId') ?? '', kind: kind === 'certificate' ? kind : 'secret' } as const;
  if (holdsKey(mark, key, nowMs)) return true;
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
    .map((key) => `${key.kind} ${describeKey(key)}`)
    .toSorted()
    .slice(0, maxNamed);
  return `${named.join(', ')}${keys.length > maxNamed ? `, and ${keys.length - maxNamed} more` : ''}`;
}
