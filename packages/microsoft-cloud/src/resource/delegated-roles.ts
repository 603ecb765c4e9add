import type { TenantDirectory } from '../directory/tenant-directory.ts';
import { assignedRolesOf } from '../population/relationships.ts';
import { directoryRoles } from '../population/roles.ts';
import type { CustomerTenant } from '../population/tenant.ts';
import type { World } from '../world.ts';
import type { Caller } from './caller.ts';

/** Ids of the groups of which an object is a member, directly or through another group. */
function groupIdsOf({ groups }: TenantDirectory, objectId: string): ReadonlySet<string> {
  const found = new Set<string>();
  const add = (memberId: string): void => {
    for (const { id, members } of groups.values()) {
      if (found.has(id) || !members.has(memberId)) continue;
      found.add(id);
      add(id);
    }
  };
  add(objectId);
  return found;
}

/**
 * Returns the ids of the roles that a user of the partner has in a customer tenant: the roles of the active access
 * assignments, in active relationships, of the security groups of which the user is a member.
 */
export function delegatedRolesOf(world: World, userId: string, customer: CustomerTenant): ReadonlySet<string> {
  const { partner, clock, startMs } = world;
  if (!customer.sources.relationship && customer.state !== 'gdap_expired') {
    return new Set(partner.adminAgents.members.has(userId) ? [directoryRoles['Global Administrator']] : []);
  }
  const groupIds = groupIdsOf(partner.directory, userId);
  const roles = new Set<string>();
  for (const roleId of assignedRolesOf(customer, { startMs, nowMs: clock.nowMs() })) {
    // A role without a group of its own is assigned to the partner's administrators.
    const { id } = partner.gdapGroups.get(roleId) ?? partner.adminAgents;
    if (groupIds.has(id)) roles.add(roleId);
  }
  return roles;
}

/**
 * Whether the roles of a caller allow a request. Only users of the partner in a customer tenant need a role.
 * @param allowed role ids, of which one is enough. Undefined: any role.
 */
export function hasDelegatedRole(
  world: World,
  { customer, isApplication, objectId }: Caller,
  allowed?: readonly string[],
): boolean {
  if (customer === undefined || isApplication) return true;
  const roles = delegatedRolesOf(world, objectId, customer);
  return allowed === undefined ? roles.size > 0 : allowed.some((id) => roles.has(id));
}
