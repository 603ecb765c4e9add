import type { Change, TenantView } from '../../../graph/declaration.ts';
import { badRequest, notFound } from '../../../graph/graph-error.ts';

const principals = ['users', 'groups', 'servicePrincipals'];

/** @throws GraphError 404 for an unknown principal or role, 400 for a scope that is no path or for a second assignment */
export function checkRoleAssignment(tenant: TenantView, { row }: Change): void {
  const { principalId, roleDefinitionId, directoryScopeId } = row;
  const principal = String(principalId);
  if (principals.every((path) => tenant.row(path, principal) === undefined)) throw notFound(principal);
  const role = String(roleDefinitionId);
  if (tenant.row('roleManagement/directory/roleDefinitions', role) === undefined) throw notFound(role);
  const group = tenant.row('groups', principal);
  // "Use Microsoft Entra groups to manage role assignments". The text is chosen.
  if (group !== undefined && group['isAssignableToRole'] !== true)
    throw badRequest('The group is not role-assignable: roles can be assigned to role-assignable groups only.');
  const [, unit] = /^\/administrativeUnits\/(.+)$/.exec(String(directoryScopeId)) ?? [];
  if (unit !== undefined && tenant.row('directory/administrativeUnits', unit) === undefined) throw notFound(unit);
  if (!String(directoryScopeId).startsWith('/'))
    throw badRequest("Invalid value specified for property 'directoryScopeId' of resource 'UnifiedRoleAssignment'.");
  const isSame = tenant
    .rows('roleManagement/directory/roleAssignments')
    .some(
      (other) =>
        other['principalId'] === principalId &&
        other['roleDefinitionId'] === roleDefinitionId &&
        other['directoryScopeId'] === directoryScopeId,
    );
  if (isSame)
    throw badRequest(
      'A conflicting object with one or more of the specified property values is present in the directory.',
    );
}
