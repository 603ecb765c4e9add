import type { Declaration, Row, TenantView } from '../../../graph/declaration.ts';
import { dayMs } from '../../../clock.ts';
import { directoryRoles } from '../../roles.ts';
import { idOf, time, type TenantFacts } from '../facts.ts';
import { needsPrivilegedManagement } from '../premium.ts';
import {
  activeRolesOf,
  eligibleRolesOf,
  roleDefinitionRow,
  roleHoldingsOf,
  roleNames,
  roleTemplateRow,
  type RoleHolding,
} from '../role-data.ts';
import { checkRoleAssignment } from '../write-checks/roles.ts';
import { profilesOf } from '../user-profiles.ts';
import { entitySet, references } from './declare.ts';

const assignmentRow = ({ role, principalId, assignmentId }: RoleHolding): Row => ({
  id: assignmentId,
  principalId,
  roleDefinitionId: directoryRoles[role],
  directoryScopeId: '/',
});

/** The members of a role are the principals of its assignments. */
function membersOfRole(tenant: TenantView, id: string): readonly string[] {
  const template = tenant.row('directoryRoles', id)?.['roleTemplateId'];
  return tenant
    .rows('roleManagement/directory/roleAssignments')
    .filter(({ roleDefinitionId }) => roleDefinitionId === template)
    .map(({ principalId }) => String(principalId));
}

const schedule = (facts: TenantFacts, holding: RoleHolding): Row => ({
  ...assignmentRow(holding),
  createdDateTime: time(facts.startMs - 200 * dayMs),
  createdUsing: holding.assignmentId,
  memberType: 'Direct',
  modifiedDateTime: null,
  scheduleInfo: {
    startDateTime: time(facts.startMs - 200 * dayMs),
    recurrence: null,
    expiration: { type: 'noExpiration', endDateTime: null, duration: null },
  },
  status: 'Provisioned',
});

const instance = (facts: TenantFacts, holding: RoleHolding, link: string): Row => ({
  ...assignmentRow(holding),
  memberType: 'Direct',
  startDateTime: time(facts.startMs - 200 * dayMs),
  endDateTime: null,
  [link]: holding.assignmentId,
});

const directory = 'roleManagement/directory';

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

const needsPim = { check: needsPrivilegedManagement };

const privilegedSets: readonly Declaration[] = [
  entitySet(
    `${directory}/roleEligibilitySchedules`,
    'unifiedRoleEligibilitySchedule',
    (facts) => eligibleRolesOf(facts).map((each) => schedule(facts, each)),
    needsPim,
  ),
  entitySet(
    `${directory}/roleEligibilityScheduleInstances`,
    'unifiedRoleEligibilityScheduleInstance',
    (facts) => eligibleRolesOf(facts).map((each) => instance(facts, each, 'roleEligibilityScheduleId')),
    needsPim,
  ),
  entitySet(
    `${directory}/roleAssignmentSchedules`,
    'unifiedRoleAssignmentSchedule',
    (facts) => roleHoldingsOf(facts).map((each) => ({ ...schedule(facts, each), assignmentType: 'Assigned' })),
    needsPim,
  ),
  entitySet(
    `${directory}/roleAssignmentScheduleInstances`,
    'unifiedRoleAssignmentScheduleInstance',
    (facts) =>
      roleHoldingsOf(facts).map((each) => ({
        ...instance(facts, each, 'roleAssignmentScheduleId'),
        assignmentType: 'Assigned',
      })),
    needsPim,
  ),
];

/** One administrative unit, for the second office, in tenants with thirty users or more. */
const unitId = (facts: TenantFacts): string => idOf(facts, 'administrative unit');

export const roleSets: readonly Declaration[] = [
  entitySet(`${directory}/roleDefinitions`, 'unifiedRoleDefinition', () => roleNames.map(roleDefinitionRow)),
  entitySet(
    `${directory}/roleAssignments`,
    'unifiedRoleAssignment',
    (facts) => roleHoldingsOf(facts).map(assignmentRow),
    {
      writes: {
        operations: ['create', 'delete'],
        required: ['principalId', 'roleDefinitionId', 'directoryScopeId'],
        check: checkRoleAssignment,
      },
    },
  ),
  entitySet(
    'directoryRoles',
    'directoryRole',
    (facts) =>
      activeRolesOf(facts).map((role) => {
        const { id, ...template } = roleTemplateRow(role);
        return { ...template, id: idOf(facts, 'directory role', role), roleTemplateId: id };
      }),
    { queries: 'directory', alternateKeys: ['roleTemplateId'] },
  ),
  {
    kind: 'references',
    path: 'directoryRoles/{id}/members',
    type: 'microsoft.graph.directoryObject',
    targets: ['users', 'groups'],
    ids: (tenant, id = '') => membersOfRole(tenant, id),
    live: true,
    writable: true,
    queries: 'directory',
  },
  entitySet('directoryRoleTemplates', 'directoryRoleTemplate', () => roleNames.map(roleTemplateRow), {
    queries: 'directory',
  }),
  ...privilegedSets,
  ...[...privilegedSets.map(({ path }) => path), `${directory}/roleAssignments`].flatMap(holding),
  entitySet(
    'directory/administrativeUnits',
    'administrativeUnit',
    (facts) =>
      facts.isPartner || facts.users.length < 30
        ? []
        : [
            {
              id: unitId(facts),
              displayName: 'North Office',
              description: 'Staff of the North Office.',
              visibility: null,
            },
          ],
    { queries: 'directory', writes: { operations: ['create', 'update', 'delete'], required: ['displayName'] } },
  ),
  references(
    'directory/administrativeUnits/{id}/members',
    ['users', 'groups', 'devices'],
    (facts, id) =>
      id === unitId(facts)
        ? profilesOf(facts)
            .filter(({ place }) => place?.office === 'North Office')
            .map(({ user }) => user.id)
        : [],
    { writable: true, queries: 'directory' },
  ),
];
