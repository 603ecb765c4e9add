import { randomUUID } from 'node:crypto';
import { managedIdentityClaim } from '../entra/verify.ts';
import { findMicrosoftResource, withoutTrailingSlash } from '../directory/microsoft-resources.ts';
import { issuerV1, issuerV2 } from '../entra/tokens.ts';
import { headerOf, json, type Reply, type Service } from '../web/http.ts';
import type { World } from '../world.ts';

/** Path of the endpoint, the same as on App Service. */
export const identityPath = '/msi/token';
const federationAudience = 'api://AzureADTokenExchange';
/** Source: "Managed identities for App Service": tokens live for a day. */
const lifetimeSeconds = 24 * 3600;

/**
 * The managed identity endpoint of App Service (`IDENTITY_ENDPOINT`, API version 2019-08-01) for one user-assigned
 * identity. Its tokens follow the base clock: the SDKs that hold them do not see the cloud's clock move.
 * @param header the required value of `X-IDENTITY-HEADER`.
 */
export function createManagedIdentity(world: World, header: string): Service {
  const failure = (status: number, message: string): Reply =>
    json(status, { statusCode: status, message, correlationId: randomUUID() });
  return {
    name: 'managedIdentity',
    identify: (request) => {
      request.facts.resource = withoutTrailingSlash(request.query.get('resource') ?? '');
    },
    handle: async (request) => {
      if (request.path !== identityPath || request.method !== 'GET') {
        request.facts.unmatched = true;
        return failure(404, 'Not Found');
      }
      if (headerOf(request, 'x-identity-header') !== header) return failure(403, 'Forbidden');
      if (request.query.get('api-version') !== '2019-08-01') return failure(400, 'Unsupported API version.');
      const resource = request.query.get('resource');
      if (resource === null || resource === '') return failure(400, 'The resource is missing.');
      if (!isOwnIdentity(world, request.query)) {
        return failure(
          400,
          'No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.',
        );
      }
      if (withoutTrailingSlash(resource) !== federationAudience && findMicrosoftResource(resource) === undefined) {
        return failure(400, `The resource principal named ${resource} was not found in the tenant.`);
      }
      return json(200, await issue(world, resource));
    },
  };
}

/** Whether the request names the identity. Without a name it means the system-assigned identity, which does not exist. */
function isOwnIdentity(world: World, query: URLSearchParams): boolean {
  const { clientId, principalId, resourceId } = world.partner.managedIdentity;
  const names: readonly (readonly [string, string])[] = [
    ['client_id', clientId],
    ['object_id', principalId],
    ['principal_id', principalId],
    ['mi_res_id', resourceId],
  ];
  const given = names.filter(([name]) => query.get(name) !== null);
  return given.length > 0 && given.every(([name, own]) => query.get(name)?.toLowerCase() === own.toLowerCase());
}

async function issue(world: World, resource: string): Promise<Readonly<Record<string, string>>> {
  const { clientId, principalId, resourceId } = world.partner.managedIdentity;
  const { tenantId } = world.partner;
  const nowSeconds = Math.floor((world.clock.nowMs() - world.clock.aheadMs) / 1000);
  const isFederation = withoutTrailingSlash(resource) === federationAudience;
  const versioned = isFederation
    ? { iss: issuerV2(world, tenantId), ver: '2.0', azp: clientId, azpacr: '2' }
    : { iss: issuerV1(tenantId), ver: '1.0', appid: clientId, appidacr: '2', idp: issuerV1(tenantId) };
  const accessToken = await world.keys.sign({
    ...versioned,
    aud: resource,
    iat: nowSeconds - 5,
    nbf: nowSeconds - 5,
    exp: nowSeconds + lifetimeSeconds,
    tid: tenantId,
    oid: principalId,
    sub: principalId,
    idtyp: 'app',
    [managedIdentityClaim]: resourceId,
    uti: randomUUID(),
  });
  return {
    access_token: accessToken,
    expires_on: String(nowSeconds + lifetimeSeconds),
    resource,
    token_type: 'Bearer',
    client_id: clientId,
  };
}
