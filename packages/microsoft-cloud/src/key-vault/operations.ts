import { type CloudRequest, json, jsonObjectOf, type Reply } from '../web/http.ts';
import { bundleOf, detailsOf } from './bundle.ts';
import type { SecretDetails, SecretStore, SecretVersion, StoredSecret } from './secrets.ts';
import { VaultError } from './vault-error.ts';

/** Source: "About Azure Key Vault secrets": the limit is 25 kilobytes. */
const maxSecretBytes = 25 * 1024;
/** Names of secrets and keys. */
export const namePattern = /^[0-9a-zA-Z-]{1,127}$/;
const maxPage = 25;

/** @throws VaultError 404 for an unknown or deleted secret. */
export function findLive(store: SecretStore, name: string): StoredSecret {
  const secret = store.find(name);
  if (secret !== undefined && store.stateOf(secret) === 'live') return secret;
  const message = `A secret with (name/id) ${name} was not found in this key vault. If you recently deleted this secret you may be able to recover it using the correct recovery command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182`;
  throw new VaultError(404, 'SecretNotFound', message);
}

/** @throws VaultError 404 for a secret that is not deleted, or not yet. */
export function findDeleted(store: SecretStore, name: string): StoredSecret {
  const secret = store.find(name);
  if (secret !== undefined && store.stateOf(secret) === 'deleted') return secret;
  throw new VaultError(404, 'SecretNotFound', `Deleted Secret not found: ${name}`);
}

/** A deleted secret that can be recovered or purged. @throws VaultError 404, and 409 while another operation lasts. */
export function findSettled(store: SecretStore, name: string): StoredSecret {
  refuseWhileChanging(store, name);
  return findDeleted(store, name);
}

/** @throws VaultError 409 while the secret is being deleted, recovered or purged. */
function refuseWhileChanging(store: SecretStore, name: string): void {
  const secret = store.find(name);
  const state = secret === undefined ? 'live' : store.stateOf(secret);
  if (state === 'live' || state === 'deleted') return;
  const innerCode = state === 'recovering' ? 'ObjectIsBeingRecovered' : 'ObjectIsBeingDeleted';
  const doing = state === 'recovering' ? 'recovered' : 'deleted';
  throw new VaultError(409, 'Conflict', `Secret ${name} is currently being ${doing}; retry later.`, innerCode);
}

/** The newest version. */
export function latest(secret: StoredSecret): SecretVersion {
  const version = secret.versions.at(-1);
  if (version === undefined) throw new VaultError(404, 'SecretNotFound', 'The secret has no version.');
  return version;
}

export function findVersion(secret: StoredSecret, wanted: string): SecretVersion {
  const version = secret.versions.find((each) => each.version === wanted);
  if (version !== undefined) return version;
  throw new VaultError(
    404,
    'SecretNotFound',
    `A secret with (name/id) ${secret.name}/${wanted} was not found in this key vault.`,
  );
}

/** @throws VaultError 403 for a disabled version. */
export function getVersion(vault: string, secret: StoredSecret, version: SecretVersion): Reply {
  if (!version.enabled)
    throw new VaultError(403, 'Forbidden', 'Operation get is not allowed on a disabled secret.', 'SecretDisabled');
  return json(200, bundleOf(vault, secret.name, version));
}

/** Adds a version to a secret. @throws VaultError 400, and 409 for the name of a deleted secret. */
export function setSecret(store: SecretStore, vault: string, name: string, request: CloudRequest): Reply {
  if (!namePattern.test(name))
    throw new VaultError(400, 'BadParameter', `The request URI contains an invalid name: ${name}`);
  const body = bodyOf(request);
  const value = body['value'];
  if (typeof value !== 'string') throw new VaultError(400, 'BadParameter', "Property 'value' is required.");
  if (Buffer.byteLength(value) > maxSecretBytes)
    throw new VaultError(400, 'BadParameter', 'The secret value is too long.');
  refuseWhileChanging(store, name);
  if (store.find(name)?.deletedMs !== undefined) {
    const message = `Secret ${name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the secret can only be recovered or purged.`;
    throw new VaultError(409, 'Conflict', message, 'ObjectIsDeletedButRecoverable');
  }
  return json(200, bundleOf(vault, name, store.add(name, value, readDetails(request))));
}

/** @throws VaultError 400 for a body that is not a JSON object. */
export function bodyOf(request: CloudRequest): Record<string, unknown> {
  const body = jsonObjectOf(request.body);
  if (body === undefined) throw new VaultError(400, 'BadParameter', 'The request body is not valid JSON.');
  return body;
}

/** @throws VaultError 400 */
export function readDetails(request: CloudRequest): SecretDetails {
  const body = bodyOf(request);
  try {
    return detailsOf(body);
  } catch (error) {
    throw error instanceof TypeError ? new VaultError(400, 'BadParameter', error.message) : error;
  }
}

/** Replies with one page of a list. @throws VaultError 400 for an invalid page size. */
export function paged(vault: string, request: CloudRequest, items: readonly unknown[]): Reply {
  const size = Number(request.query.get('maxresults') ?? maxPage);
  if (!Number.isInteger(size) || size < 1 || size > maxPage)
    throw new VaultError(400, 'BadParameter', 'maxresults is not valid.');
  const from = Number(request.query.get('$skiptoken') ?? 0);
  const next = new URLSearchParams(request.query);
  next.set('$skiptoken', String(from + size));
  const nextLink = from + size < items.length ? `${vault}${request.path}?${next.toString()}` : null;
  return json(200, { value: items.slice(from, from + size), nextLink });
}
