import type { User } from '../directory/records.ts';
import type { World } from '../world.ts';
import { rolesWith } from './consent.ts';
import type { TargetResource } from './requested-access.ts';

/** Whether users need an app role of the resource to sign in to it (`appRoleAssignmentRequired`). */
export const needsRole = (world: World, target: TargetResource): boolean =>
  world.partner.directory.servicePrincipalOf(target.appId)?.appRoleAssignmentRequired === true;

/** The app roles of a resource in the partner tenant that a user has, also through groups. */
export function assignedRoles(world: World, target: TargetResource, user: User): readonly string[] {
  const { directory } = world.partner;
  const resourceId = directory.servicePrincipalOf(target.appId)?.id;
  const groups = [...directory.groups.values()].filter(({ members }) => members.has(user.id)).map(({ id }) => id);
  const holders = new Set([user.id, ...groups]);
  const ids = new Set(
    [...directory.roleAssignments.values()]
      .filter((assignment) => assignment.resourceId === resourceId && holders.has(assignment.principalId))
      .map(({ appRoleId }) => appRoleId),
  );
  return rolesWith(target, ids);
}
