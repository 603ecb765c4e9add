import type { ServicePrincipal } from '../directory/records.ts';
import { assignRole, newServicePrincipal } from '../directory/tenant-directory.ts';
import { empty, json, type Reply } from '../web/http.ts';
import { checkAdmin, type GraphContext, graphRoute, visibleIn } from './context.ts';
import { badRequest, GraphError, notFound } from './graph-error.ts';
import { roleAssignmentJson, servicePrincipalJson } from './json.ts';
import { bodyOf } from './objects.ts';

const write = 'Application.ReadWrite.All Application.ReadWrite.OwnedBy Directory.ReadWrite.All';
const assignPermissions = 'AppRoleAssignment.ReadWrite.All';

const noRole = '00000000-0000-0000-0000-000000000000';

/** Finds a service principal by object id or `appId=…`. @throws GraphError 404 */
function find(context: GraphContext): ServicePrincipal {
  const key = context.parameters['id'] ?? '';
  const appId = /^appId=(.+)$/i.exec(key)?.[1];
  const { directory } = context;
  const found = appId === undefined ? directory.servicePrincipals.get(key) : directory.servicePrincipalOf(appId);
  const [visible] = found === undefined ? [] : visibleIn(context, [found]);
  if (visible === undefined) throw notFound(appId ?? key);
  return visible;
}

function create(context: GraphContext): Reply {
  checkAdmin(context);
  const { appId, appRoleAssignmentRequired } = bodyOf(context);
  const { world, directory } = context;
  if (typeof appId !== 'string')
    throw badRequest("A value is required for property 'appId' of resource 'ServicePrincipal'.");
  if (directory.servicePrincipalOf(appId) !== undefined) {
    throw new GraphError(
      409,
      'Request_MultipleObjectsWithSameKeyValue',
      `The service principal cannot be created, updated, or restored because the service principal name ${appId} is already in use.`,
    );
  }
  const candidates = [...world.partner.directory.applications.values(), ...directory.applications.values()];
  const application = candidates.find((each) => each.appId === appId);
  if (
    application === undefined ||
    (application.tenantId !== directory.tenantId && application.signInAudience === 'AzureADMyOrg')
  ) {
    throw new GraphError(
      400,
      'Request_BadRequest',
      `The appId '${appId}' of the service principal does not reference a valid application object.`,
    );
  }
  const principal = newServicePrincipal(application, world.clock.nowMs());
  principal.appRoleAssignmentRequired = appRoleAssignmentRequired === true;
  directory.servicePrincipals.set(principal.id, principal);
  return json(201, servicePrincipalJson(world, principal));
}

function update(context: GraphContext): Reply {
  checkAdmin(context);
  const principal = find(context);
  const { accountEnabled, appRoleAssignmentRequired, displayName, tags } = bodyOf(context);
  if (typeof accountEnabled === 'boolean') principal.accountEnabled = accountEnabled;
  if (typeof appRoleAssignmentRequired === 'boolean') principal.appRoleAssignmentRequired = appRoleAssignmentRequired;
  if (typeof displayName === 'string') principal.displayName = displayName;
  if (Array.isArray(tags)) principal.tags = tags.map(String);
  return empty(204);
}

function remove(context: GraphContext): Reply {
  checkAdmin(context);
  const { id } = find(context);
  const { directory, world } = context;
  directory.servicePrincipals.delete(id);
  world.partner.adminAgents.members.delete(id);
  for (const grant of directory.permissionGrants.values())
    if (grant.clientId === id) directory.permissionGrants.delete(grant.id);
  for (const each of directory.roleAssignments.values())
    if (each.principalId === id) directory.roleAssignments.delete(each.id);
  return empty(204);
}

function assign(context: GraphContext): Reply {
  checkAdmin(context);
  find(context);
  const { directory, world } = context;
  const { principalId, resourceId, appRoleId } = bodyOf(context);
  if (typeof principalId !== 'string' || typeof resourceId !== 'string' || typeof appRoleId !== 'string') {
    throw badRequest('principalId, resourceId and appRoleId are required.');
  }
  const resource = directory.servicePrincipals.get(resourceId);
  if (resource === undefined) throw notFound(resourceId);
  const isKnown =
    directory.servicePrincipals.has(principalId) ||
    directory.users.has(principalId) ||
    directory.groups.has(principalId);
  if (!isKnown) throw notFound(principalId);
  const roles = servicePrincipalJson(world, resource)['appRoles'] as readonly { readonly id: string }[];
  // An application without roles is assigned with the default one ("Grant an appRoleAssignment").
  const isOffered = roles.length === 0 ? appRoleId === noRole : roles.some((role) => role.id === appRoleId);
  if (!isOffered) throw badRequest('Permission being assigned was not found on application.');
  const exists = [...directory.roleAssignments.values()].some(
    (each) => each.principalId === principalId && each.resourceId === resourceId && each.appRoleId === appRoleId,
  );
  if (exists) throw badRequest('Permission being assigned already exists on the object');
  const created = assignRole(directory, { principalId, resourceId, appRoleId }, world.clock.nowMs());
  return json(201, roleAssignmentJson(directory, created));
}

function unassign(context: GraphContext): Reply {
  checkAdmin(context);
  const id = context.parameters['assignmentId'] ?? '';
  if (!context.directory.roleAssignments.delete(id)) throw notFound(id);
  return empty(204);
}

const base = '/v1.0/servicePrincipals';

export const servicePrincipalRoutes = [
  graphRoute('POST', base, write, create),
  graphRoute('PATCH', `${base}/{id}`, write, update),
  graphRoute('DELETE', `${base}/{id}`, write, remove),
  graphRoute('POST', `${base}/{id}/appRoleAssignments`, assignPermissions, assign),
  graphRoute('DELETE', `${base}/{id}/appRoleAssignments/{assignmentId}`, assignPermissions, unassign),
  graphRoute('POST', `${base}/{id}/appRoleAssignedTo`, assignPermissions, assign),
  graphRoute('DELETE', `${base}/{id}/appRoleAssignedTo/{assignmentId}`, assignPermissions, unassign),
];
