import type { User } from '../directory/records.ts';
import type { World } from '../world.ts';
import { rolesWith } from './consent.ts';
import type { TargetResource } from './requested-access.ts';

/** Whether an application in the partner tenant requires an assignment (`appRoleAssignmentRequired`) that a user lacks. */
export const lacksAssignment = (world: World, appId: string, user: User): boolean =>
  world.partner.directory.servicePrincipalOf(appId)?.appRoleAssignmentRequired === true &&
  assignedIds(world, appId, user).size === 0;

/** The app roles of a resource in the partner tenant that a user has, also through groups. */
export const assignedRoles = (world: World, target: TargetResource, user: User): readonly string[] =>
  rolesWith(target, assignedIds(world, target.appId, user));

function assignedIds({ partner: { directory } }: World, appId: string, user: User): ReadonlySet<string> {
  const resourceId = directory.servicePrincipalOf(appId)?.id;
  const groups = [...directory.groups.values()].filter(({ members }) => members.has(user.id)).map(({ id }) => id);
  const holders = new Set([user.id, ...groups]);
  return new Set(
    [...directory.roleAssignments.values()]
      .filter((assignment) => assignment.resourceId === resourceId && holders.has(assignment.principalId))
      .map(({ appRoleId }) => appRoleId),
  );
}
