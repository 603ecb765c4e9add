import { type DirectoryRole, directoryRoles } from '../../lib/microsoft/directory-roles.ts';
import type { TenantId } from '../../lib/core/identifiers.ts';
import type { AccessAssignment, GdapRelationship, Groups } from './read-gdap.ts';

/** What something needs in a customer's tenant. One of the roles is enough; the least privileged comes first. */
export interface RoleRequirement {
  /** `consent`, or the name of a job. */
  readonly purpose: string;
  readonly roles: readonly DirectoryRole[];
}

/** What the service account may do at one customer. */
export interface CustomerAccess {
  readonly tenantId: TenantId;
  readonly name: string;
  readonly relationships: readonly GdapRelationship[];
  /** Template ids of the roles that the account has through active assignments to its groups. */
  readonly roleIds: ReadonlySet<string>;
  /** False if assignments of the customer could not be read, so that `roleIds` may be incomplete. */
  readonly known: boolean;
}

/**
 * Effective roles by customer, which can only be read at home, because a GDAP account is no object in the customer's
 * tenant: relationship → access assignment → group → member. A pure function.
 */
export function customerAccess(relationships: readonly GdapRelationship[], groups: Groups): readonly CustomerAccess[] {
  const byTenant = Map.groupBy(relationships, ({ tenantId }) => tenantId);
  return [...byTenant].map(([tenantId, own]) => ({
    tenantId,
    name: own[0]?.customer ?? tenantId,
    relationships: own,
    roleIds: new Set(
      own
        .flatMap(({ assignments = [] }) => assignments)
        .filter(({ status, groupId }) => status === 'active' && groups.has(groupId))
        .flatMap(({ roleIds }) => roleIds),
    ),
    known: own.every(({ assignments }) => assignments !== undefined),
  }));
}

/** Why the account lacks a role, from the easiest remedy to the hardest. */
export const lackCauses = ['pending', 'not_member', 'not_assigned', 'not_in_relationship'] as const;
export type LackCause = (typeof lackCauses)[number];

export interface Lack {
  readonly cause: LackCause;
  /** With `not_member`: ids of the groups that have a role that would do. */
  readonly groupIds: readonly string[];
}

/** Why the account has none of the required roles at a customer; undefined if it has one. */
export function lackOf(access: CustomerAccess, requirement: RoleRequirement, groups: Groups): Lack | undefined {
  const wanted = acceptedRoles(requirement);
  const hasWanted = (roleIds: Iterable<string>): boolean => [...roleIds].some((id) => wanted.has(id));
  if (hasWanted(access.roleIds)) return undefined;
  const granting = access.relationships
    .flatMap(({ assignments = [] }) => assignments)
    .filter(({ roleIds, status }) => hasWanted(roleIds) && (status === 'active' || status === 'pending'));
  const isMember = ({ groupId }: AccessAssignment): boolean => groups.has(groupId);
  if (granting.some(isMember)) return { cause: 'pending', groupIds: [] };
  if (granting.length > 0)
    return { cause: 'not_member', groupIds: [...new Set(granting.map(({ groupId }) => groupId))] };
  const isOffered = access.relationships.some(({ roleIds }) => hasWanted(roleIds));
  return { cause: isOffered ? 'not_assigned' : 'not_in_relationship', groupIds: [] };
}

/** Global Administrator may do everything. It is never advised, because its relationships cannot be extended. */
const acceptedRoles = ({ roles }: RoleRequirement): ReadonlySet<string> =>
  new Set([...roles, 'Global Administrator' as const].map((role) => directoryRoles[role]));

/** Groups with roles at a customer that the account is not a member of. */
export const foreignGroups = ({ relationships }: CustomerAccess, groups: Groups): readonly string[] => [
  ...new Set(
    relationships
      .flatMap(({ assignments = [] }) => assignments)
      .filter(({ status, groupId }) => (status === 'active' || status === 'pending') && !groups.has(groupId))
      .map(({ groupId }) => groupId),
  ),
];
