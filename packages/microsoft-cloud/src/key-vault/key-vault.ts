import { randomUUID } from 'node:crypto';
import type { JWTPayload } from 'jose';
import { findMicrosoftResource, keyVaultAppId } from '../directory/microsoft-resources.ts';
import { verifyAccessToken } from '../entra/verify.ts';
import { bearerOf, type CloudRequest, empty, json, type Reply, type Service } from '../web/http.ts';
import { createRouter, type PathParameters, route, type Route } from '../web/router.ts';
import type { World } from '../world.ts';
import { bundleOf, deletionOf, itemOf } from './bundle.ts';
import { keyRoutes } from './key-routes.ts';
import { KeyStore } from './keys.ts';
import {
  findDeleted,
  findSettled,
  findLive,
  findVersion,
  getVersion,
  latest,
  paged,
  readDetails,
  setSecret,
} from './operations.ts';
import { createSecretStore, type SecretStore, type SecretVersion, type StoredSecret } from './secrets.ts';
import { VaultError } from './vault-error.ts';

type Handler = (request: CloudRequest, parameters: PathParameters) => Reply;

/** One key vault. The managed identity and the partner's administrators have every role in it. */
export function createKeyVault(world: World): Service {
  const store = createSecretStore(world.clock, () => world.settings.keyVaultDelayMs);
  const vault = (): string => world.addresses().keyVault;
  const router = createRouter<Handler>([
    ...secretRoutes(store, vault),
    ...deletedRoutes(store, vault),
    ...keyRoutes(new KeyStore(world.clock), vault),
  ]);
  return {
    name: 'keyVault',
    identify: () => undefined,
    handle: async (request) => {
      try {
        await authorize(world, request);
        checkVersion(request.query.get('api-version'));
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

/** "Key Vault versions": those of secrets. Previews are accepted as well. */
const knownVersion =
  /^(?:2016-10-01|7\.[0-6](?:-preview(?:\.\d)?)?|2025-0[67]-01(?:-preview)?|2026-0[1-4]-01(?:-preview)?)$/;

/** @throws VaultError 400 without a version, and for one that Key Vault does not have. */
function checkVersion(version: string | null): void {
  if (version === null || version === '') throw new VaultError(400, 'BadParameter', 'api-version must be specified');
  if (!knownVersion.test(version))
    throw new VaultError(400, 'BadParameter', `The specified version (${version}) is not recognized.`);
}

/** @throws VaultError 401 without a valid token, 403 for a caller without a role. */
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

function secretRoutes(store: SecretStore, vault: () => string): readonly Route<Handler>[] {
  const named = (
    method: string,
    pattern: string,
    handle: (secret: StoredSecret, request: CloudRequest, version: string) => Reply,
  ) =>
    route<Handler>(method, pattern, (request, { name = '', version = '' }) =>
      handle(findLive(store, name), request, version),
    );
  const listLive = () => store.list().filter((secret) => store.stateOf(secret) === 'live');
  const update = (secret: StoredSecret, version: SecretVersion, request: CloudRequest): Reply => {
    store.change(version, readDetails(request));
    return json(200, bundleOf(vault(), secret.name, version, false));
  };
  return [
    route('GET', '/secrets', (request) => {
      const items = listLive().map((secret) => itemOf(vault(), secret.name, latest(secret), false));
      return paged(vault(), request, items);
    }),
    route('PUT', '/secrets/{name}', (request, { name = '' }) => setSecret(store, vault(), name, request)),
    named('GET', '/secrets/{name}/versions', (secret, request) => {
      const items = secret.versions.map((version) => itemOf(vault(), secret.name, version, true));
      return paged(vault(), request, items);
    }),
    named('GET', '/secrets/{name}', (secret) => getVersion(vault(), secret, latest(secret))),
    named('GET', '/secrets/{name}/{version}', (secret, _request, version) =>
      getVersion(vault(), secret, findVersion(secret, version)),
    ),
    named('PATCH', '/secrets/{name}/{version}', (secret, request, version) =>
      update(secret, findVersion(secret, version), request),
    ),
    named('PATCH', '/secrets/{name}', (secret, request) => update(secret, latest(secret), request)),
    named('DELETE', '/secrets/{name}', (secret) => {
      store.remove(secret);
      return json(200, deletedBundle(vault(), secret));
    }),
  ];
}

const deletedBundle = (vault: string, secret: StoredSecret): Readonly<Record<string, unknown>> => ({
  ...deletionOf(vault, secret),
  ...bundleOf(vault, secret.name, latest(secret), false),
});

function deletedRoutes(store: SecretStore, vault: () => string): readonly Route<Handler>[] {
  const settled = (method: string, pattern: string, handle: (secret: StoredSecret) => Reply) =>
    route<Handler>(method, pattern, (_request, { name = '' }) => handle(findSettled(store, name)));
  const listDeleted = () => store.list().filter((secret) => store.stateOf(secret) === 'deleted');
  return [
    route('GET', '/deletedsecrets', (request) => {
      const items = listDeleted().map((secret) => ({
        ...deletionOf(vault(), secret),
        ...itemOf(vault(), secret.name, latest(secret), false),
      }));
      return paged(vault(), request, items);
    }),
    route('GET', '/deletedsecrets/{name}', (_request, { name = '' }) =>
      json(200, deletedBundle(vault(), findDeleted(store, name))),
    ),
    settled('DELETE', '/deletedsecrets/{name}', (secret) => {
      store.purge(secret);
      return empty(204);
    }),
    settled('POST', '/deletedsecrets/{name}/recover', (secret) => {
      store.recover(secret);
      return json(200, bundleOf(vault(), secret.name, latest(secret), false));
    }),
  ];
}
