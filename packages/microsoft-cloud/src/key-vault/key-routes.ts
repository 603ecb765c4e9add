import { createPrivateKey, type JsonWebKey } from 'node:crypto';
import { type CloudRequest, json, type Reply } from '../web/http.ts';
import { type PathParameters, route, type Route } from '../web/router.ts';
import { bodyOf, namePattern, paged } from './operations.ts';
import { attributesOf, detailsOf } from './bundle.ts';
import {
  curves,
  type KeyDetails,
  type KeyKind,
  type KeyStore,
  type KeyVersion,
  publicParameters,
  rsaSizes,
  type StoredKey,
} from './keys.ts';
import { digestBytes, signDigest, verifyDigest } from './signatures.ts';
import { VaultError } from './vault-error.ts';

type Handler = (request: CloudRequest, parameters: PathParameters) => Reply;

const operations = ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey'];

/** The routes of the keys of a vault. @param vault returns its address. */
export function keyRoutes(store: KeyStore, vault: () => string): readonly Route<Handler>[] {
  const named = (
    method: string,
    pattern: string,
    handle: (key: StoredKey, version: KeyVersion, request: CloudRequest) => Reply,
  ) =>
    route<Handler>(method, pattern, (request, { name = '', version = '' }) => {
      const key = findKey(store, name);
      return handle(key, findVersion(key, version), request);
    });
  const bundle = (key: StoredKey, version: KeyVersion): Reply => json(200, keyBundle(vault(), key.name, version));
  const update = (key: StoredKey, version: KeyVersion, request: CloudRequest): Reply => {
    store.change(version, readDetails(bodyOf(request)));
    return bundle(key, version);
  };
  return [
    route('GET', '/keys', (request) => {
      const items = store.list().map((key) => itemOf(`${vault()}/keys/${key.name}`, latest(key)));
      return paged(vault(), request, items);
    }),
    route('POST', '/keys/{name}/create', (request, { name = '' }) => create(store, vault(), name, request)),
    named('POST', '/keys/{name}/rotate', (key, { kind, operations: allowed, tags }) => {
      store.add(key.name, kind, { operations: allowed, tags });
      return bundle(key, latest(key));
    }),
    named('GET', '/keys/{name}/versions', (key, _version, request) => {
      const items = key.versions.map((each) => itemOf(`${vault()}/keys/${key.name}/${each.version}`, each));
      return paged(vault(), request, items);
    }),
    named('GET', '/keys/{name}', bundle),
    named('GET', '/keys/{name}/{version}', bundle),
    route('PUT', '/keys/{name}', (request, { name = '' }) => importKey(store, vault(), name, request)),
    named('PATCH', '/keys/{name}', update),
    named('PATCH', '/keys/{name}/{version}', update),
    named('POST', '/keys/{name}/{version}/sign', (key, version, request) => {
      const { algorithm, digest } = readSigning(version, request, 'sign');
      const value = signDigest(version, algorithm, digest).toString('base64url');
      return json(200, { kid: idOf(vault(), key.name, version), value });
    }),
    named('POST', '/keys/{name}/{version}/verify', (_key, version, request) => {
      const { algorithm, digest, body } = readSigning(version, request, 'verify');
      const signature = bytes(body['value'], 'value');
      return json(200, { value: verifyDigest(version, algorithm, { digest, signature }) });
    }),
  ];
}

const idOf = (vault: string, name: string, { version }: KeyVersion): string => `${vault}/keys/${name}/${version}`;

/** @throws VaultError 404 */
function findKey(store: KeyStore, name: string): StoredKey {
  const key = store.find(name);
  if (key !== undefined) return key;
  const message = `A key with (name/id) ${name} was not found in this key vault. If you recently deleted this key you may be able to recover it using the correct recovery command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182`;
  throw new VaultError(404, 'KeyNotFound', message);
}

/** The version with this id; the newest for an empty one. @throws VaultError 404 */
function findVersion(key: StoredKey, wanted: string): KeyVersion {
  if (wanted === '') return latest(key);
  const version = key.versions.find((each) => each.version === wanted);
  if (version !== undefined) return version;
  throw new VaultError(
    404,
    'KeyNotFound',
    `A key with (name/id) ${key.name}/${wanted} was not found in this key vault.`,
  );
}

function latest(key: StoredKey): KeyVersion {
  const version = key.versions.at(-1);
  if (version === undefined) throw new VaultError(404, 'KeyNotFound', 'The key has no version.');
  return version;
}

const keyAttributesOf = (version: KeyVersion): Readonly<Record<string, unknown>> => ({
  ...attributesOf(version),
  exportable: false,
  hsmPlatform: '0',
});

const tagsOf = ({ tags }: KeyVersion): object => (tags === undefined ? {} : { tags });

const keyBundle = (vault: string, name: string, version: KeyVersion): Readonly<Record<string, unknown>> => ({
  key: { kid: idOf(vault, name, version), key_ops: version.operations, ...publicParameters(version) },
  attributes: keyAttributesOf(version),
  ...tagsOf(version),
});

const itemOf = (kid: string, version: KeyVersion): Readonly<Record<string, unknown>> => ({
  kid,
  attributes: keyAttributesOf(version),
  ...tagsOf(version),
});

/** Creates a key or a version of it. @throws VaultError 400 */
function create(store: KeyStore, vault: string, name: string, request: CloudRequest): Reply {
  if (!namePattern.test(name))
    throw new VaultError(400, 'BadParameter', `The request URI contains an invalid name: ${name}`);
  const body = bodyOf(request);
  return json(200, keyBundle(vault, name, store.add(name, kindOf(body), readDetails(body))));
}

/** "Import Key": creates a key or a version of it from a JWK with its private part. @throws VaultError 400 */
function importKey(store: KeyStore, vault: string, name: string, request: CloudRequest): Reply {
  const body = bodyOf(request);
  const key = { ...(body['key'] as object) } as JsonWebKey;
  if (!namePattern.test(name))
    throw new VaultError(400, 'BadParameter', `The request URI contains an invalid name: ${name}`);
  try {
    const privateKey = createPrivateKey({ key, format: 'jwk' });
    const details = readDetails({ ...body, key_ops: key['key_ops'] });
    return json(200, keyBundle(vault, name, store.add(name, kindOf(key), details, privateKey)));
  } catch (error) {
    if (error instanceof VaultError) throw error;
    throw new VaultError(400, 'BadParameter', "Property 'key' has an invalid value.");
  }
}

/** HSM keys need the tier Premium, which is not simulated. @throws VaultError 400 */
function kindOf({ kty, crv = 'P-256', key_size: size = 2048 }: Readonly<Record<string, unknown>>): KeyKind {
  const curve = curves.find((each) => each === crv);
  if (kty === 'EC' && curve !== undefined) return { kty, crv: curve };
  if (kty === 'RSA' && rsaSizes.includes(size)) return { kty, size: Number(size) };
  throw new VaultError(400, 'BadParameter', 'Property has invalid value: kty, crv or key_size.');
}

/** @throws VaultError 400 */
function readDetails(body: Readonly<Record<string, unknown>>): KeyDetails {
  const { key_ops: allowed } = body;
  const isList = Array.isArray(allowed) && allowed.every((each) => operations.includes(String(each)));
  if (allowed !== undefined && !isList)
    throw new VaultError(400, 'BadParameter', 'Property has invalid value: key_ops.');
  try {
    return { ...detailsOf(body), ...(isList ? { operations: allowed.map(String) } : {}) };
  } catch (error) {
    throw error instanceof TypeError ? new VaultError(400, 'BadParameter', error.message) : error;
  }
}

interface Signing {
  readonly algorithm: string;
  readonly digest: Buffer;
  readonly body: Readonly<Record<string, unknown>>;
}

/**
 * Reads a request to sign or verify. A disabled key still verifies, and so does one outside its dates ("About keys").
 * @throws VaultError 400, 403
 */
function readSigning(version: KeyVersion, request: CloudRequest, operation: 'sign' | 'verify'): Signing {
  const body = bodyOf(request);
  if (operation === 'sign' && !version.enabled)
    throw new VaultError(403, 'Forbidden', 'Operation sign is not allowed on a disabled key.', 'KeyDisabled');
  if (!version.operations.includes(operation))
    throw new VaultError(
      403,
      'Forbidden',
      `Operation ${operation} is not permitted on this key.`,
      'KeyOperationForbidden',
    );
  const algorithm = String(body['alg']);
  const length = digestBytes(version, algorithm);
  if (length === undefined)
    throw new VaultError(400, 'BadParameter', `Key and signing algorithm are incompatible. Algorithm: ${algorithm}`);
  const digest = bytes(body[operation === 'sign' ? 'value' : 'digest'], 'digest');
  if (digest.length !== length)
    throw new VaultError(400, 'BadParameter', `Invalid length of digest: ${digest.length}. Expected: ${length}.`);
  return { algorithm, digest, body };
}

/** @throws VaultError 400 */
function bytes(value: unknown, name: string): Buffer {
  if (typeof value === 'string') return Buffer.from(value, 'base64url');
  throw new VaultError(400, 'BadParameter', `Property '${name}' is required.`);
}
