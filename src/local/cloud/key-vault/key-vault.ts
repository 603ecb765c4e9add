import { randomUUID } from 'node:crypto';
import type { JWTPayload } from 'jose';
import { findMicrosoftResource, keyVaultAppId } from '../entra/resources.ts';
import { verifyAccessToken } from '../entra/verify.ts';
import { bearerOf, type CloudRequest, empty, json, jsonObjectOf, type Reply, type Service } from '../web/exchange.ts';
import { createRouter, type PathParameters, route } from '../web/router.ts';
import type { World } from '../world.ts';
import { bundleOf, deletionOf, detailsOf, itemOf } from './bundle.ts';
import { createSecretStore, type SecretStore, type SecretVersion, type StoredSecret } from './secrets.ts';

/** Source: "About Azure Key Vault secrets": at most 25 kilobytes. */
const maxSecretBytes = 25 * 1024;
const namePattern = /^[0-9a-zA-Z-]{1,127}$/;
const maxPage = 25;

/** Says no as Key Vault does. */
class VaultError extends Error {
  readonly status: number;
  readonly code: string;
  readonly innerCode: string | undefined;
  constructor(status: number, code: string, message: string, innerCode?: string) {
    super(message);
    this.status = status;
    this.code = code;
    this.innerCode = innerCode;
  }
}

type Handler = (request: CloudRequest, parameters: PathParameters) => Reply;

/** One key vault with role-based access: the managed identity and the partner's administrators may do everything. */
export function createKeyVault(world: World): Service {
  const store = createSecretStore(world.clock);
  const router = createVaultRouter(store, () => world.addresses().keyVault);
  return {
    name: 'keyVault',
    identify: () => undefined,
    handle: async (request) => {
      try {
        await authorize(world, request);
        if (request.query.get('api-version') === null)
          throw new VaultError(400, 'BadParameter', 'api-version must be specified');
        const found = router.find(request.method, request.path);
        if (typeof found !== 'string') return withVaultHeaders(found.handler(request, found.parameters));
        request.facts.unmatched = true;
        throw found === 'none'
          ? new VaultError(404, 'NotFound', 'The requested resource was not found.')
          : new VaultError(405, 'MethodNotAllowed', 'The HTTP method is not allowed.');
      } catch (error) {
        if (!(error instanceof VaultError)) throw error;
        return withVaultHeaders(errorReply(world, error));
      }
    },
  };
}

/** @throws VaultError 401 with the challenge, 403 for a caller without a role. */
async function authorize(world: World, request: CloudRequest): Promise<void> {
  const token = bearerOf(request);
  if (token === undefined)
    throw new VaultError(401, 'Unauthorized', 'AKV10000: Request is missing a Bearer or PoP token.');
  const claims = await verifyAccessToken(world, token);
  if (typeof claims === 'string') throw new VaultError(401, 'Unauthorized', 'AKV10046: Unable to validate the token.');
  if (findMicrosoftResource(String(claims.aud))?.appId !== keyVaultAppId) {
    throw new VaultError(401, 'Unauthorized', 'AKV10022: Invalid audience. Expected https://vault.azure.net.');
  }
  if (!hasRole(world, claims)) {
    const message = `Caller is not authorized to perform action on resource. Caller: oid=${String(claims['oid'])}`;
    throw new VaultError(403, 'Forbidden', message, 'ForbiddenByRbac');
  }
}

function hasRole(world: World, claims: JWTPayload): boolean {
  if (claims['tid'] !== world.partner.tenantId) return false;
  const principal = String(claims['oid']);
  return (
    principal === world.partner.managedIdentity.principalId ||
    world.partner.directory.users.get(principal)?.isAdmin === true
  );
}

const withVaultHeaders = (reply: Reply): Reply => ({
  ...reply,
  headers: {
    ...reply.headers,
    'cache-control': 'no-cache',
    'x-ms-request-id': randomUUID(),
    'x-ms-keyvault-region': 'westeurope',
    'x-ms-keyvault-service-version': '1.9.2300.1',
  },
});

function errorReply(world: World, { status, code, message, innerCode }: VaultError): Reply {
  const { entra } = world.addresses();
  const challenge = `Bearer authorization="${entra}/${world.partner.tenantId}", resource="https://vault.azure.net"`;
  const error = { code, message, ...(innerCode === undefined ? {} : { innererror: { code: innerCode } }) };
  return json(status, { error }, status === 401 ? { 'www-authenticate': challenge } : {});
}

function createVaultRouter(store: SecretStore, vault: () => string) {
  const named = (
    method: string,
    pattern: string,
    handle: (secret: StoredSecret, request: CloudRequest, version: string) => Reply,
  ) =>
    route<Handler>(method, pattern, (request, { name = '', version = '' }) =>
      handle(findLive(store, name), request, version),
    );
  const deleted = (method: string, pattern: string, handle: (secret: StoredSecret) => Reply) =>
    route<Handler>(method, pattern, (_request, { name = '' }) => handle(findDeleted(store, name)));
  const live = (): readonly StoredSecret[] => store.list().filter((secret) => secret.deletedMs === undefined);
  const gone = (): readonly StoredSecret[] => store.list().filter((secret) => secret.deletedMs !== undefined);
  return createRouter<Handler>([
    route('GET', '/secrets', (request) =>
      paged(
        vault(),
        request,
        live().map((secret) => itemOf(vault(), secret.name, latest(secret), false)),
      ),
    ),
    route('PUT', '/secrets/{name}', (request, { name = '' }) => setSecret(store, vault(), name, request)),
    named('GET', '/secrets/{name}/versions', (secret, request) =>
      paged(
        vault(),
        request,
        secret.versions.map((version) => itemOf(vault(), secret.name, version, true)),
      ),
    ),
    named('GET', '/secrets/{name}', (secret) => getVersion(vault(), secret, latest(secret))),
    named('GET', '/secrets/{name}/{version}', (secret, _request, version) =>
      getVersion(vault(), secret, findVersion(secret, version)),
    ),
    named('PATCH', '/secrets/{name}/{version}', (secret, request, version) =>
      updateVersion(store, vault(), secret, version, request),
    ),
    named('PATCH', '/secrets/{name}', (secret, request) => updateVersion(store, vault(), secret, '', request)),
    named('DELETE', '/secrets/{name}', (secret) => {
      store.remove(secret);
      return json(200, { ...deletionOf(vault(), secret), ...bundleOf(vault(), secret.name, latest(secret), false) });
    }),
    route('GET', '/deletedsecrets', (request) =>
      paged(
        vault(),
        request,
        gone().map((secret) => ({
          ...deletionOf(vault(), secret),
          ...itemOf(vault(), secret.name, latest(secret), false),
        })),
      ),
    ),
    deleted('GET', '/deletedsecrets/{name}', (secret) =>
      json(200, { ...deletionOf(vault(), secret), ...bundleOf(vault(), secret.name, latest(secret), false) }),
    ),
    deleted('DELETE', '/deletedsecrets/{name}', (secret) => {
      store.purge(secret);
      return empty(204);
    }),
    deleted('POST', '/deletedsecrets/{name}/recover', (secret) => {
      store.recover(secret);
      return json(200, bundleOf(vault(), secret.name, latest(secret), false));
    }),
  ]);
}

function findLive(store: SecretStore, name: string): StoredSecret {
  const secret = store.find(name);
  if (secret !== undefined && secret.deletedMs === undefined) return secret;
  const message = `A secret with (name/id) ${name} was not found in this key vault. If you recently deleted this secret you may be able to recover it using the correct recovery command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182`;
  throw new VaultError(404, 'SecretNotFound', message);
}

function findDeleted(store: SecretStore, name: string): StoredSecret {
  const secret = store.find(name);
  if (secret?.deletedMs !== undefined) return secret;
  throw new VaultError(404, 'SecretNotFound', `Deleted Secret not found: ${name}`);
}

function latest(secret: StoredSecret): SecretVersion {
  const version = secret.versions.at(-1);
  if (version === undefined) throw new VaultError(404, 'SecretNotFound', 'The secret has no version.');
  return version;
}

function findVersion(secret: StoredSecret, wanted: string): SecretVersion {
  const version = secret.versions.find((each) => each.version === wanted);
  if (version !== undefined) return version;
  throw new VaultError(
    404,
    'SecretNotFound',
    `A secret with (name/id) ${secret.name}/${wanted} was not found in this key vault.`,
  );
}

function getVersion(vault: string, secret: StoredSecret, version: SecretVersion): Reply {
  if (!version.enabled)
    throw new VaultError(403, 'Forbidden', 'Operation get is not allowed on a disabled secret.', 'SecretDisabled');
  return json(200, bundleOf(vault, secret.name, version));
}

function setSecret(store: SecretStore, vault: string, name: string, request: CloudRequest): Reply {
  if (!namePattern.test(name))
    throw new VaultError(400, 'BadParameter', `The request URI contains an invalid name: ${name}`);
  const body = bodyOf(request);
  const value = body['value'];
  if (typeof value !== 'string') throw new VaultError(400, 'BadParameter', "Property 'value' is required.");
  if (Buffer.byteLength(value) > maxSecretBytes)
    throw new VaultError(400, 'BadParameter', 'The secret value is too long.');
  if (store.find(name)?.deletedMs !== undefined) {
    const message = `Secret ${name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the secret can only be recovered or purged.`;
    throw new VaultError(409, 'Conflict', message, 'ObjectIsDeletedButRecoverable');
  }
  return json(200, bundleOf(vault, name, store.add(name, value, readDetails(body))));
}

function updateVersion(
  store: SecretStore,
  vault: string,
  secret: StoredSecret,
  wanted: string,
  request: CloudRequest,
): Reply {
  const version = wanted === '' ? latest(secret) : findVersion(secret, wanted);
  store.change(version, readDetails(bodyOf(request)));
  return json(200, bundleOf(vault, secret.name, version, false));
}

function bodyOf(request: CloudRequest): Record<string, unknown> {
  const body = jsonObjectOf(request.body);
  if (body === undefined) throw new VaultError(400, 'BadParameter', 'The request body is not valid JSON.');
  return body;
}

function readDetails(body: Record<string, unknown>) {
  try {
    return detailsOf(body);
  } catch (error) {
    throw error instanceof TypeError ? new VaultError(400, 'BadParameter', error.message) : error;
  }
}

function paged(vault: string, request: CloudRequest, items: readonly unknown[]): Reply {
  const size = Number(request.query.get('maxresults') ?? maxPage);
  if (!Number.isInteger(size) || size < 1 || size > maxPage)
    throw new VaultError(400, 'BadParameter', 'maxresults is not valid.');
  const from = Number(request.query.get('$skiptoken') ?? 0);
  const next = new URLSearchParams(request.query);
  next.set('$skiptoken', String(from + size));
  const nextLink = from + size < items.length ? `${vault}${request.path}?${next.toString()}` : null;
  return json(200, { value: items.slice(from, from + size), nextLink });
}
