import { randomUUID } from 'node:crypto';
import { graphAppId } from '../directory/microsoft-resources.ts';
import { type CloudRequest, headerOf, type Reply, type Service } from '../web/http.ts';
import { createRouter } from '../web/router.ts';
import type { World } from '../world.ts';
import { type AccessProblem, type Caller, callerOf, identifyByToken } from '../resource/caller.ts';
import { applicationRoutes } from './applications.ts';
import { answerBatch } from './batch.ts';
import { checkPermission, checkRole, type GraphContext, type GraphRoute } from './context.ts';
import { GraphError, graphErrorReply } from './graph-error.ts';
import { groupRoutes } from './groups.ts';
import { ownerRoutes } from './owners.ts';
import { permissionGrantRoutes } from './permission-grants.ts';
import { servicePrincipalRoutes } from './service-principals.ts';
import { tenantRoutes } from './tenants.ts';
import { createTenantTraits, type TenantTraits } from '../resource/tenant-traits.ts';
import { userRoutes } from './users.ts';

const router = createRouter<GraphRoute>([
  ...tenantRoutes,
  ...userRoutes,
  ...applicationRoutes,
  ...ownerRoutes,
  ...servicePrincipalRoutes,
  ...permissionGrantRoutes,
  ...groupRoutes,
]);

/** Microsoft Graph, v1.0. */
export function createGraph(world: World): Service {
  const traits = createTenantTraits();
  return {
    name: 'graph',
    identify: identifyByToken,
    handle: async (request) => {
      try {
        const caller = await callerOf(world, request, graphAppId);
        if (typeof caller === 'string') throw accessError(caller);
        if (/^\/(?:v1\.0|beta)\/\$batch\/?$/i.test(request.path)) {
          return withGraphHeaders(
            request,
            answerBatch(request, (inner) => answer(world, traits, inner, caller)),
          );
        }
        return withGraphHeaders(request, answer(world, traits, request, caller));
      } catch (error) {
        return withGraphHeaders(request, errorReply(world, request, error));
      }
    },
  };
}

/** Replies to one request, or to one part of a batch. Returns errors as replies, so that parts do not affect each other. */
function answer(world: World, traits: TenantTraits, request: CloudRequest, caller: Caller): Reply {
  try {
    const throttled = traits.throttle(caller.customer);
    if (throttled !== undefined) return throttled;
    // Beta is served as v1.0. `applications(appId='…')` addresses an object by application id.
    const path = request.path
      .replace(/^\/beta\//i, '/v1.0/')
      .replace(/\/(applications|servicePrincipals)\(appId='([^']+)'\)/i, '/$1/appId=$2');
    const found = router.find(request.method, path);
    if (typeof found === 'string') {
      request.facts.unmatched = true;
      throw found === 'none'
        ? new GraphError(400, 'BadRequest', `Resource not found for the segment '${path.split('/')[2] ?? ''}'.`)
        : new GraphError(405, 'Request_BadRequest', 'Specified HTTP method is not allowed for the request target.');
    }
    const context = contextOf(world, request, caller, found.parameters);
    checkPermission(context, found.handler.permissions);
    checkRole(context, found.handler.roles);
    return { ...found.handler.handle(context), ...traits.slowness(caller.customer) };
  } catch (error) {
    return errorReply(world, request, error);
  }
}

function contextOf(
  world: World,
  request: CloudRequest,
  caller: Caller,
  parameters: Readonly<Record<string, string>>,
): GraphContext {
  const { customer } = caller;
  return {
    world,
    request,
    caller,
    parameters,
    // Created on demand: most requests in customer tenants do not use it.
    get directory() {
      return customer === undefined ? world.partner.directory : world.directoryOf(customer);
    },
  };
}

function accessError(problem: AccessProblem): GraphError {
  const messages: Readonly<Record<AccessProblem, string>> = {
    missing: 'Access token is empty.',
    invalid: 'CompactToken parsing failed or the signature is invalid.',
    expired: 'Lifetime validation failed, the token is expired.',
    audience: 'Access token validation failure. Invalid audience.',
  };
  const challenge = {
    'www-authenticate':
      'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000"',
  };
  return new GraphError(401, 'InvalidAuthenticationToken', messages[problem], challenge);
}

function errorReply(world: World, request: CloudRequest, error: unknown): Reply {
  if (!(error instanceof GraphError)) throw error;
  return graphErrorReply(error, world.clock.nowMs(), headerOf(request, 'client-request-id'));
}

function withGraphHeaders(request: CloudRequest, reply: Reply): Reply {
  const id = randomUUID();
  return {
    ...reply,
    headers: {
      ...reply.headers,
      'request-id': id,
      'client-request-id': headerOf(request, 'client-request-id') ?? id,
      'x-ms-ags-diagnostic':
        '{"ServerInfo":{"DataCenter":"West Europe","Slice":"E","Ring":"5","ScaleUnit":"001","RoleInstance":"AM2PEPF00000001"}}',
      'x-ms-resource-unit': '1',
      'odata-version': '4.0',
    },
  };
}
