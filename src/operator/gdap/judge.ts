import { dayMs, isoTime } from '../../lib/core/clock.ts';
import type { TenantId } from '../../lib/core/identifiers.ts';
import { type DirectoryRole, directoryRoles, roleName } from '../../lib/microsoft/directory-roles.ts';
import { reasonAdvice } from '../../lib/tenants/tenant.ts';
import type { AffectedCustomer, Check } from '../doctor/checks.ts';
import type { AccessAssignment, Relationship, Groups } from './read.ts';

/** What something needs in a customer's tenant. One of the roles is enough; the least privileged comes first. */
export interface RoleRequirement {
  /** `consent`, or the name of a job. */
  readonly purpose: string;
  readonly roles: readonly DirectoryRole[];
}

/** What the service account may do at one customer. */
interface CustomerAccess {
  readonly tenantId: TenantId;
  readonly name: string;
  readonly relationships: readonly Relationship[];
  /** Template ids of the roles that the account has through active assignments to its groups. */
  readonly roleIds: ReadonlySet<string>;
  /** False if assignments of the customer could not be read, so that `roleIds` may be incomplete. */
  readonly known: boolean;
}

/**
 * Effective roles by customer, which can only be read at home, because a GDAP account is no object in the customer's
 * tenant: relationship → access assignment → group → member. A pure function.
 */
export function customerAccess(relationships: readonly Relationship[], groups: Groups): readonly CustomerAccess[] {
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

/** "Privileged Identity Management": roles and memberships are in tokens that are issued after the activation. */
const activation = 'A membership that Privileged Identity Management activates counts with the next token.';

/** "Partner security requirements", since October 2025. No API that the broker may use shows them. */
export const alsoRequired =
  'Not checked: Microsoft also requires of partners a security contact, and an answer to alerts within 24 hours.';

/** Why the account lacks a role, from the easiest remedy to the hardest. */
const texts = {
  pending: { reason: 'The access assignment is still pending', remedy: 'Wait until the assignment is active.' },
  not_member: {
    reason: 'The role belongs to a group that the account is not in',
    remedy: `Add the account to the group. ${activation}`,
  },
  not_assigned: {
    reason: 'The relationship has the role, but gives it to no group',
    remedy: 'Assign the role to a security group of the account in Partner Center.',
  },
  not_in_relationship: {
    reason: 'The relationship does not have the role',
    remedy: 'Request a new relationship with the role: roles cannot be added to a relationship.',
  },
} as const;
const lackCauses = Object.keys(texts) as LackCause[];
type LackCause = keyof typeof texts;

interface Lack {
  readonly cause: LackCause;
  /** With `not_member`: ids of the groups that have a role that would do. */
  readonly groupIds: readonly string[];
}

/** Why the account has none of the required roles at a customer; undefined if it has one. */
function lackOf(access: CustomerAccess, requirement: RoleRequirement, groups: Groups): Lack | undefined {
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

/** Names that a message lists. JSON has all of them. */
const listedNames = 3;
/** Partner Center sends a mail 30 days before the end ("Granular delegated admin privileges expiring notifications"). */
const endsSoonMs = 30 * dayMs;

/** What is known about the service account's access to its customers. */
export interface Facts {
  readonly customers: readonly CustomerAccess[];
  /** The groups of the account. */
  readonly groups: Groups;
  /** Names of other groups, as far as they are known. */
  readonly otherGroups: Groups;
  readonly nowMs: number;
}

/** Which customers give the account no role for a purpose, grouped by cause. */
export function requirementCheck(facts: Facts, requirement: RoleRequirement): Check {
  const { customers, groups } = facts;
  const check = `Roles for ${requirement.purpose}`;
  const known = customers.filter((customer) => customer.known);
  if (known.length === 0)
    return { check, status: 'notice', message: 'Not known, because no access assignment could be read.' };
  const lacking = known.flatMap((customer) => {
    const lack = lackOf(customer, requirement, groups);
    return lack === undefined ? [] : [{ customer, lack }];
  });
  const [least = '', ...more] = requirement.roles;
  const roles = `The least role is ${least}${more.length === 0 ? '' : ` (${more.join(', ')} will do, too)`}.`;
  if (lacking.length === 0)
    return { check, status: 'ok', message: `All ${known.length} customers give the account a role. ${roles}` };
  const byCause = Map.groupBy(lacking, ({ lack }) => lack.cause);
  const found = lackCauses.filter((cause) => byCause.has(cause));
  const reasons = found.map((cause) => reasonText(facts, cause, byCause.get(cause) ?? []));
  return {
    check,
    status: 'notice',
    message: `${lacking.length} of ${known.length} customers give the account no role. ${reasons.join(' ')}`,
    remedy: [roles, ...found.map((cause) => texts[cause].remedy)].join(' '),
    affected: lacking.map(({ customer, lack }) => ({
      ...named(customer),
      cause: lack.cause,
      ...(lack.groupIds.length === 0 ? {} : { groups: lack.groupIds.map((id) => groupName(facts, id)) }),
    })),
  };
}

function reasonText(
  facts: Facts,
  cause: LackCause,
  lacking: readonly { readonly customer: CustomerAccess; readonly lack: Lack }[],
): string {
  const groups = [...new Set(lacking.flatMap(({ lack }) => lack.groupIds))].map((id) => groupName(facts, id));
  const which = groups.length === 0 ? '' : ` (${someOf(groups)})`;
  return `${texts[cause].reason}${which}: ${someOf(lacking.map(({ customer }) => customer.name))}.`;
}

/** The effective roles. Everything that is known about each customer is in `affected`. */
export function rolesCheck(facts: Facts): Check {
  const { customers, groups } = facts;
  const withRoles = customers.filter(({ roleIds }) => roleIds.size > 0).length;
  const unknown = customers.filter((customer) => !customer.known).length;
  const counts = `The account has roles at ${withRoles} of ${customers.length} customers with an active relationship.`;
  const isUseless = withRoles === 0 && unknown === 0 && customers.length > 0;
  return {
    check: 'Delegated roles',
    status: isUseless ? 'warning' : 'ok',
    message: unknown === 0 ? counts : `${counts} Those of ${unknown} could not be read.`,
    ...(isUseless
      ? { remedy: 'Assign the relationships to a security group in Partner Center, and add the account to the group.' }
      : {}),
    affected: customers.map((customer) => ({
      ...named(customer),
      roles: [...customer.roleIds].map(roleName).toSorted(),
      groupsWithoutAccount: foreignGroups(customer, groups).map((id) => groupName(facts, id)),
      relationships: customer.relationships.map(({ id, name, endsAtMs, autoExtends, roleIds, assignments }) => ({
        id,
        name,
        ...(endsAtMs === undefined ? {} : { endsAt: isoTime(endsAtMs) }),
        autoExtends,
        roles: roleIds.map(roleName).toSorted(),
        assignments: assignments?.map((each) => ({
          group: groupName(facts, each.groupId),
          status: each.status,
          roles: each.roleIds.map(roleName).toSorted(),
        })),
      })),
    })),
  };
}

/** Which customers are lost within 30 days: no relationship is extended automatically or ends later. */
export function endsCheck({ customers, nowMs }: Facts): Check {
  const ending = customers.flatMap((customer) => {
    const { relationships } = customer;
    if (relationships.some(({ autoExtends, endsAtMs }) => autoExtends || endsAtMs === undefined)) return [];
    const lastEndMs = Math.max(...relationships.map(({ endsAtMs = 0 }) => endsAtMs));
    return lastEndMs - nowMs < endsSoonMs ? [{ ...named(customer), endsAt: isoTime(lastEndMs) }] : [];
  });
  const extended = customers.filter(({ relationships }) => relationships.some(({ autoExtends }) => autoExtends)).length;
  const others = `${extended} of ${customers.length} customers have a relationship that is extended automatically.`;
  if (ending.length === 0)
    return { check: 'Relationship ends', status: 'ok', message: `No relationship ends within 30 days. ${others}` };
  const first = ending.toSorted((a, b) => (a.endsAt < b.endsAt ? -1 : 1));
  const names = someOf(first.map(({ name, endsAt }) => `${name} (${endsAt.slice(0, 10)})`));
  return {
    check: 'Relationship ends',
    status: 'notice',
    message: `The relationship of ${ending.length} customers ends within 30 days: ${names}. ${others}`,
    remedy: reasonAdvice.gdap_expiring,
    affected: first,
  };
}

/** Relationships with Global Administrator, which Microsoft does not extend automatically. Undefined if there are none. */
export function globalAdministratorCheck({ customers }: Facts): Check | undefined {
  const affected = withRole(customers, 'Global Administrator');
  if (affected.length === 0) return undefined;
  return {
    check: 'Global Administrator',
    status: 'notice',
    message: `The relationship of ${affected.length} customers contains Global Administrator and so cannot be extended automatically: ${someOf(affected.map(({ name }) => name))}.`,
    remedy: 'Request a new relationship with the least roles, and end the old one.',
    affected,
  };
}

/** With these roles of the default relationships, an account can make itself Global Administrator. */
const privilegedRoles = ['Privileged Role Administrator', 'Privileged Authentication Administrator'] as const;

/** Relationships with {@link privilegedRoles}, which nobody has to have asked for. Undefined if there are none. */
export function privilegedRolesCheck({ customers }: Facts): Check | undefined {
  const found = privilegedRoles.flatMap((role) => {
    const affected = withRole(customers, role);
    const names = someOf(affected.map(({ name }) => name));
    return affected.length === 0 ? [] : [{ text: `${role} (${affected.length} customers: ${names})`, affected }];
  });
  if (found.length === 0) return undefined;
  return {
    check: 'Privileged roles',
    status: 'notice',
    message: `Relationships contain roles with which an account can make itself Global Administrator: ${found.map(({ text }) => text).join('; ')}. The relationships that Microsoft creates with a new customer have them by default.`,
    remedy:
      'Assign these roles to no group of the account, and end the default relationships once others replace them.',
    affected: [...new Map(found.flatMap(({ affected }) => affected.map((each) => [each.tenantId, each]))).values()],
  };
}

const withRole = (customers: Facts['customers'], role: DirectoryRole): readonly AffectedCustomer[] =>
  customers
    .filter(({ relationships }) => relationships.some(({ roleIds }) => roleIds.includes(directoryRoles[role])))
    .map(named);

const named = ({ tenantId, name }: CustomerAccess): AffectedCustomer => ({ tenantId, name });

const groupName = ({ groups, otherGroups }: Facts, id: string): string => groups.get(id) ?? otherGroups.get(id) ?? id;

function someOf(names: readonly string[]): string {
  const more = names.length - listedNames;
  const listed = names.slice(0, listedNames).join(', ');
  return more > 0 ? `${listed} and ${more} more` : listed;
}
