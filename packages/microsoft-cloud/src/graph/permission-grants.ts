import { randomBytes } from 'node:crypto';
import type { PermissionGrant } from '../directory/records.ts';
import { empty, json, type Reply } from '../web/http.ts';
import { checkAdmin, type GraphContext, graphRoute } from './context.ts';
import { badRequest, GraphError, notFound } from './graph-error.ts';
import { permissionGrantJson } from './json.ts';
import { bodyOf } from './objects.ts';

const write = 'DelegatedPermissionGrant.ReadWrite.All Directory.ReadWrite.All';

function find({ directory, parameters }: GraphContext): PermissionGrant {
  const id = parameters['id'] ?? '';
  const found = directory.permissionGrants.get(id);
  if (found === undefined) throw notFound(id);
  return found;
}

function create(context: GraphContext): Reply {
  checkAdmin(context);
  const { directory, world } = context;
  const { clientId, resourceId, consentType, principalId = null, scope } = bodyOf(context);
  if (typeof clientId !== 'string' || typeof resourceId !== 'string' || typeof scope !== 'string') {
    throw badRequest('clientId, resourceId and scope are required.');
  }
  if (consentType !== 'AllPrincipals' && consentType !== 'Principal') throw badRequest('Invalid consentType.');
  if (principalId !== null && typeof principalId !== 'string') throw badRequest('Invalid principalId.');
  for (const id of [clientId, resourceId]) if (!directory.servicePrincipals.has(id)) throw notFound(id);
  const exists = [...directory.permissionGrants.values()].some(
    (grant) => grant.clientId === clientId && grant.resourceId === resourceId && grant.principalId === principalId,
  );
  if (exists) throw new GraphError(409, 'Request_MultipleObjectsWithSameKeyValue', 'Permission entry already exists.');
  const id = randomBytes(24).toString('base64url');
  const grant: PermissionGrant = {
    id,
    clientId,
    resourceId,
    consentType,
    principalId,
    scope: scope.trim(),
    createdMs: world.clock.nowMs(),
  };
  directory.permissionGrants.set(id, grant);
  return json(201, permissionGrantJson(grant));
}

function update(context: GraphContext): Reply {
  checkAdmin(context);
  const grant = find(context);
  const { scope } = bodyOf(context);
  if (typeof scope !== 'string') throw badRequest('scope is required.');
  grant.scope = scope.trim();
  return empty(204);
}

function remove(context: GraphContext): Reply {
  checkAdmin(context);
  context.directory.permissionGrants.delete(find(context).id);
  return empty(204);
}

export const permissionGrantRoutes = [
  graphRoute('POST', '/v1.0/oauth2PermissionGrants', write, create),
  graphRoute('PATCH', '/v1.0/oauth2PermissionGrants/{id}', write, update),
  graphRoute('DELETE', '/v1.0/oauth2PermissionGrants/{id}', write, remove),
];
