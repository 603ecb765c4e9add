import { randomUUID } from 'node:crypto';
import { graphAppId } from '../directory/microsoft-resources.ts';
import { type CloudRequest, empty, headerOf, type Reply, type Service } from '../web/http.ts';
import { createRouter } from '../web/router.ts';
import type { World } from '../world.ts';
import { type AccessProblem, type Caller, callerOf, identifyByToken } from '../resource/caller.ts';
import { applicationRoutes } from './applications.ts';
import { answerBatch } from './batch.ts';
import { declarations } from '../population/graph/declarations.ts';
import { checkPermission, checkRole, createAccess } from './access.ts';
import type { GraphContext, GraphRoute } from './context.ts';
import { GraphError, graphErrorReply } from './graph-error.ts';
import { groupRoutes } from './groups.ts';
import { checkContentType } from './objects.ts';
import { ownerRoutes } from './owners.ts';
import { permissionGrantRoutes } from './permission-grants.ts';
import { servicePrincipalRoutes } from './service-principals.ts';
import { loadTypes } from './schema/schema.ts';
import { createEngine, type Engine } from './serve/engine.ts';
import { applicationSets } from './sets/applications.ts';
import { directorySets } from './sets/directory.ts';
import { relationshipSets } from './sets/relationships.ts';
import { createTenantTraits, type TenantTraits } from '../resource/tenant-traits.ts';
import { userRoutes } from './users.ts';

const router = createRouter<GraphRoute>([
  ...userRoutes,
  ...applicationRoutes,
  ...ownerRoutes,
  ...servicePrincipalRoutes,
  ...permissionGrantRoutes,
  ...groupRoutes,
]);

/** The engine with all data. */
export const createGraphEngine = (world: World): Engine =>
  createEngine({
    world,
    declarations: [...applicationSets, ...relationshipSets, ...directorySets, ...declarations],
    access: createAccess(world),
  });

/** Microsoft Graph, v1.0 and beta. */
export function createGraph(world: World, engine: Engine): Service {
  const parts: Parts = { world, engine, traits: createTenantTraits() };
  return {
    name: 'graph',
    identify: identifyByToken,
    handle: async (request) => {
      try {
        if (request.method === 'OPTIONS') return preflight(request);
        const report = engine.fetchReport(request.path);
        if (report !== undefined) return report;
        await loadTypes();
        const caller = await callerOf(world, request, graphAppId);
        if (typeof caller === 'string') throw accessError(caller);
        if (/^\/(?:v1\.0|beta)\/\$batch\/?$/i.test(request.path)) {
          checkContentType(request);
          return withGraphHeaders(
            request,
            answerBatch(request, (inner) => answer(parts, inner, caller)),
          );
        }
        return withGraphHeaders(request, answer(parts, request, caller));
      } catch (error) {
        return withGraphHeaders(request, errorReply(world, request, error));
      }
    },
  };
}

interface Parts {
  readonly world: World;
  readonly engine: Engine;
  readonly traits: TenantTraits;
}

/** Replies to one request, or to one part of a batch. Returns errors as replies, so that parts do not affect each other. */
function answer(parts: Parts, request: CloudRequest, caller: Caller): Reply {
  const { world, engine, traits } = parts;
  try {
    const throttled = traits.throttle(caller.customer);
    if (throttled !== undefined) return throttled;
    checkContentType(request);
    const context = routed(parts, request, caller);
    if (context === undefined) return { ...engine.answer(request, caller), ...traits.slowness(caller.customer) };
    const { route } = context;
    checkPermission(caller, route.permissions);
    checkRole(world, caller, undefined);
    return { ...route.handle(context), ...traits.slowness(caller.customer) };
  } catch (error) {
    return errorReply(world, request, error);
  }
}

/** The route for what the engine does not know: the writes of applications and grants, and actions. */
function routed(
  parts: Parts,
  request: CloudRequest,
  caller: Caller,
): (GraphContext & { readonly route: GraphRoute }) | undefined {
  // `applications(appId='…')` addresses an object by application id.
  const path = request.path
    .replace(/^\/beta\//i, '/v1.0/')
    .replace(/\/(applications|servicePrincipals)\(appId='([^']+)'\)/i, '/$1/appId=$2');
  const found = router.find(request.method, path);
  if (typeof found === 'string') return undefined;
  const context = contextOf(parts, request, caller, found.parameters);
  return found.handler.applies?.(context) === false ? undefined : Object.assign(context, { route: found.handler });
}

function contextOf(
  { world, engine }: Parts,
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
    findUser: (key) => {
      const view = engine.viewOf(caller.tenantId);
      const name = key.toLowerCase();
      return (
        view.row('users', key) ??
        view.rows('users').find((row) => String(row['userPrincipalName']).toLowerCase() === name)
      );
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

/** Pages of every origin may call Graph: the access token is what protects it (Fetch standard, CORS protocol). */
const readableEverywhere = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers':
    'ETag, Location, Preference-Applied, request-id, client-request-id, Retry-After, x-ms-ags-diagnostic',
};

const preflight = (request: CloudRequest): Reply =>
  empty(200, {
    ...readableEverywhere,
    'access-control-allow-methods': 'GET, POST, PATCH, PUT, DELETE',
    'access-control-allow-headers': headerOf(request, 'access-control-request-headers') ?? 'authorization',
  });

function withGraphHeaders(request: CloudRequest, reply: Reply): Reply {
  const id = randomUUID();
  return {
    ...reply,
    headers: {
      ...readableEverywhere,
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
