import type { Declaration, Row, TenantView } from '../../../graph/declaration.ts';
import { dayMs } from '../../../clock.ts';
import { directoryRoles } from '../../roles.ts';
import { factsOf, idOf, perTenant, time, type TenantFacts } from '../facts.ts';
import { namedId } from '../group-data.ts';
import { needsPrivilegedManagement } from '../premium.ts';
import {
  eligibleRolesOf,
  ownUnitId,
  roleDefinitionRow,
  roleHoldingsOf,
  roleNames,
  roleTemplateRow,
  type RoleHolding,
} from '../role-data.ts';
import { checkRoleAssignment } from '../write-checks/roles.ts';
import { profilesOf } from '../user-profiles.ts';
import { entitySet, references } from './declare.ts';

const assignmentRow = ({ role, principalId, assignmentId, scope }: RoleHolding): Row => ({
  id: assignmentId,
  principalId,
  roleDefinitionId: directoryRoles[role],
  directoryScopeId: scope,
});

const directory = 'roleManagement/directory';
const assignments = `${directory}/roleAssignments`;
const units = 'directory/administrativeUnits';

/** The members of a role are the principals of its assignments in the whole tenant. */
const membersOfRole = (tenant: TenantView, id: string): readonly string[] => {
  const template = tenant.row('directoryRoles', id)?.['roleTemplateId'];
  return tenant
    .rows(assignments)
    .filter(({ roleDefinitionId, directoryScopeId }) => roleDefinitionId === template && directoryScopeId === '/')
    .map(({ principalId }) => String(principalId));
};

/** The assignment that stands for a member of a role: the present one, or a new one. */
function assignmentOf(tenant: TenantView, role: Row, id: string): { readonly set: string; readonly row: Row } {
  const wanted = { principalId: id, roleDefinitionId: role['roleTemplateId'], directoryScopeId: '/' };
  const present = tenant
    .rows(assignments)
    .find((row) => Object.entries(wanted).every(([name, value]) => row[name] === value));
  const made = tenant.world.seeded.guid('role member', tenant.tenantId, id, String(role['roleTemplateId']));
  return { set: assignments, row: present ?? { id: made, ...wanted } };
}

/** Roles that are assigned: Graph lists only these as `directoryRoles`. */
function directoryRoleRows(tenant: TenantView): readonly Row[] {
  const facts = factsOf(tenant);
  const assigned = new Set(tenant.rows(assignments).map(({ roleDefinitionId }) => roleDefinitionId));
  return roleNames
    .filter((role) => assigned.has(directoryRoles[role]) || role === 'Directory Readers')
    .map((role) => {
      const { id, ...template } = roleTemplateRow(role);
      return { ...template, id: idOf(facts, 'directory role', role), roleTemplateId: id };
    });
}

/** Roles that are limited to an administrative unit, as the unit, the role and the user list them. */
const scopedRoles = (path: string, belongs: (membership: Row, key: string) => boolean): Declaration => ({
  kind: 'set',
  path,
  type: 'microsoft.graph.scopedRoleMembership',
  live: true,
  rows: (tenant, key = '') => {
    const roleIds = new Map(tenant.rows('directoryRoles').map(({ roleTemplateId, id }) => [roleTemplateId, id]));
    return tenant
      .rows(assignments)
      .flatMap(({ id, principalId, roleDefinitionId, directoryScopeId }): readonly Row[] => {
        const [, administrativeUnitId] = /^\/administrativeUnits\/(.+)$/.exec(String(directoryScopeId)) ?? [];
        if (administrativeUnitId === undefined) return [];
        const displayName = tenant.row('users', String(principalId))?.['displayName'] ?? null;
        const roleMemberInfo = { id: principalId, displayName };
        return [{ id, administrativeUnitId, roleId: roleIds.get(roleDefinitionId) ?? null, roleMemberInfo }];
      })
      .filter((membership) => belongs(membership, key));
  },
});

const schedule = (facts: TenantFacts, assignment: Row): Row => ({
  ...assignment,
  createdDateTime: time(facts.startMs - 200 * dayMs),
  createdUsing: assignment['id'],
  memberType: 'Direct',
  modifiedDateTime: null,
  scheduleInfo: {
    startDateTime: time(facts.startMs - 200 * dayMs),
    recurrence: null,
    expiration: { type: 'noExpiration', endDateTime: null, duration: null },
  },
  status: 'Provisioned',
});

const instance = (facts: TenantFacts, assignment: Row, link: string): Row => ({
  ...assignment,
  memberType: 'Direct',
  startDateTime: time(facts.startMs - 200 * dayMs),
  endDateTime: null,
  [link]: assignment['id'],
});

/** Who has a role, and which one it is, as `$expand` asks for them. */
const holding = (path: string): readonly Declaration[] => [
  {
    kind: 'references',
    path: `${path}/{id}/principal`,
    type: 'microsoft.graph.directoryObject',
    targets: ['users', 'groups', 'servicePrincipals'],
    ids: idIn(path, 'principalId'),
    single: true,
    live: true,
  },
  {
    kind: 'references',
    path: `${path}/{id}/roleDefinition`,
    type: 'microsoft.graph.unifiedRoleDefinition',
    targets: [`${directory}/roleDefinitions`],
    ids: idIn(path, 'roleDefinitionId'),
    single: true,
    live: true,
    opensWithOwner: true,
  },
];

const idIn =
  (path: string, property: string) =>
  (tenant: TenantView, key = ''): readonly string[] => {
    const id = tenant.row(path, key)?.[property];
    return typeof id === 'string' ? [id] : [];
  };

/** Ends of the roles that are active because somebody activated them, by the id of the assignment. */
const activatedUntilOf = perTenant(
  (facts): ReadonlyMap<string, number> =>
    new Map(
      roleHoldingsOf(facts).flatMap(({ assignmentId, activatedUntilMs }) =>
        activatedUntilMs === undefined ? [] : [[assignmentId, activatedUntilMs] as const],
      ),
    ),
);

const needsPim = { check: needsPrivilegedManagement };

/** What is assigned, as Privileged Identity Management lists it. */
const activeSet = (name: string, type: string, show: (facts: TenantFacts, assignment: Row) => Row): Declaration => ({
  kind: 'set',
  path: `${directory}/${name}`,
  type: `microsoft.graph.${type}`,
  live: true,
  rows: (tenant) =>
    tenant.rows(assignments).map((row) => {
      const facts = factsOf(tenant);
      const until = activatedUntilOf(facts).get(String(row['id']));
      const shown = show(facts, row);
      if (until === undefined) return { ...shown, assignmentType: 'Assigned' };
      const isInstance = 'endDateTime' in shown;
      return { ...shown, ...(isInstance ? { endDateTime: time(until) } : {}), assignmentType: 'Activated' };
    }),
  ...needsPim,
});

const privilegedSets: readonly Declaration[] = [
  entitySet(
    `${directory}/roleEligibilitySchedules`,
    'unifiedRoleEligibilitySchedule',
    (facts) => eligibleRolesOf(facts).map((each) => schedule(facts, assignmentRow(each))),
    needsPim,
  ),
  entitySet(
    `${directory}/roleEligibilityScheduleInstances`,
    'unifiedRoleEligibilityScheduleInstance',
    (facts) => eligibleRolesOf(facts).map((each) => instance(facts, assignmentRow(each), 'roleEligibilityScheduleId')),
    needsPim,
  ),
  activeSet('roleAssignmentSchedules', 'unifiedRoleAssignmentSchedule', schedule),
  activeSet('roleAssignmentScheduleInstances', 'unifiedRoleAssignmentScheduleInstance', (facts, assignment) =>
    instance(facts, assignment, 'roleAssignmentScheduleId'),
  ),
];

/** One administrative unit, for the second office, in tenants with thirty users or more. */
const unitId = (facts: TenantFacts): string => idOf(facts, 'administrative unit');

const unitRow = (id: string, displayName: string, description: string): Row => ({
  id,
  displayName,
  description,
  visibility: null,
});

export const roleSets: readonly Declaration[] = [
  entitySet(`${directory}/roleDefinitions`, 'unifiedRoleDefinition', () => roleNames.map(roleDefinitionRow)),
  entitySet(assignments, 'unifiedRoleAssignment', (facts) => roleHoldingsOf(facts).map(assignmentRow), {
    writes: {
      operations: ['create', 'delete'],
      required: ['principalId', 'roleDefinitionId', 'directoryScopeId'],
      check: checkRoleAssignment,
    },
  }),
  {
    kind: 'set',
    path: 'directoryRoles',
    type: 'microsoft.graph.directoryRole',
    rows: directoryRoleRows,
    live: true,
    queries: 'directory',
    alternateKeys: ['roleTemplateId'],
  },
  {
    kind: 'references',
    path: 'directoryRoles/{id}/members',
    type: 'microsoft.graph.directoryObject',
    targets: ['users', 'groups'],
    objectOf: assignmentOf,
    ids: (tenant, id = '') => membersOfRole(tenant, id),
    live: true,
    writable: true,
    queries: 'directory',
  },
  entitySet('directoryRoleTemplates', 'directoryRoleTemplate', () => roleNames.map(roleTemplateRow), {
    queries: 'directory',
  }),
  ...privilegedSets,
  ...[...privilegedSets.map(({ path }) => path), assignments].flatMap(holding),
  scopedRoles(`${units}/{id}/scopedRoleMembers`, (row, key) => row['administrativeUnitId'] === key),
  scopedRoles('directoryRoles/{id}/scopedMembers', (row, key) => row['roleId'] === key),
  scopedRoles('users/{id}/scopedRoleMemberOf', (row, key) => (row['roleMemberInfo'] as Row)['id'] === key),
  entitySet(
    'directory/administrativeUnits',
    'administrativeUnit',
    (facts) => [
      ...(facts.isPartner || facts.users.length < 30
        ? []
        : [unitRow(unitId(facts), 'North Office', 'Staff of the North Office.')]),
      ...facts.own.administrativeUnits.map(({ displayName }) =>
        unitRow(ownUnitId(facts, displayName), displayName, displayName),
      ),
    ],
    { queries: 'directory', writes: { operations: ['create', 'update', 'delete'], required: ['displayName'] } },
  ),
  references(
    'directory/administrativeUnits/{id}/members',
    ['users', 'groups', 'devices'],
    (facts, id) => {
      const own = facts.own.administrativeUnits.find(({ displayName }) => ownUnitId(facts, displayName) === id);
      if (own !== undefined) return own.members.map(namedId(facts));
      return id === unitId(facts)
        ? profilesOf(facts)
            .filter(({ place }) => place?.office === 'North Office')
            .map(({ user }) => user.id)
        : [];
    },
    { writable: true, queries: 'directory' },
  ),
];
