import { describe, expect, test } from 'vitest';
import administrators from '../../../src/jobs/administrators.ts';
import { problem } from '../../fakes/scripted-fetch.ts';
import { type Customer, customers, pathsOf, populationOf, reportOn } from '../../support/population-report.ts';
import { tryJob } from '../../support/try-job.ts';

const roles = '/roleManagement/directory';
const always = [
  '/subscribedSkus',
  `${roles}/roleDefinitions`,
  `${roles}/roleAssignments`,
  `${roles}/roleEligibilityScheduleInstances`,
  `${roles}/roleAssignmentScheduleInstances`,
  '/users',
];
const policyPaths = ['/policies/identitySecurityDefaultsEnforcementPolicy', '/identity/conditionalAccess/policies'];
const report = '/reports/authenticationMethods/userRegistrationDetails';

/** The expected rows as `[principal, role, state, strength]`, by the population alone. */
function expected(customer: Customer): readonly unknown[] {
  const population = populationOf(customer);
  const [isPremium, isP2] = [population.hasPlan('AAD_PREMIUM', 'AAD_PREMIUM_P2'), population.hasPlan('AAD_PREMIUM_P2')];
  const users = new Map(population.rows('users').map((user) => [user['id'], user]));
  const registered = new Map(population.rows(report.slice(1)).map((row) => [row['id'], row]));
  const strengthOf = (id: unknown) => {
    if (!isPremium) return null;
    if (users.get(id)?.['accountEnabled'] === false) return 'absent';
    const methods = String(registered.get(id)?.['methodsRegistered']);
    if (/fido2|Hello|passKey/.test(methods)) return 'strong';
    return /Authenticator|OneTime/.test(methods) ? 'medium' : methods === '' ? 'none' : 'weak';
  };
  const read = (list: string) => population.rows(`${roles.slice(1)}/${list}`);
  const rowOf = (each: Readonly<Record<string, unknown>>, state: string) =>
    [each['principalId'], each['roleDefinitionId'], state, strengthOf(each['principalId'])].join(' ');
  return [
    ...(isP2 ? read('roleAssignmentScheduleInstances') : read('roleAssignments')).map((each) =>
      rowOf(each, isP2 ? (each['assignmentType'] === 'Activated' ? 'activated' : 'permanent') : 'active'),
    ),
    ...(isP2 ? read('roleEligibilityScheduleInstances').map((each) => rowOf(each, 'eligible')) : []),
  ];
}

test('administrators has the rows that the population contains, with at most nine requests', async () => {
  const seen = new Set<string>();
  for (const customer of customers) {
    const population = populationOf(customer);
    const isPremium = population.hasPlan('AAD_PREMIUM', 'AAD_PREMIUM_P2');
    const { rows, requests } = await reportOn(administrators, customer);
    expect(rows.map((row) => [row['principalId'], row['roleId'], row['state'], row['strength']].join(' '))).toEqual(
      expected(customer),
    );
    expect(pathsOf({ requests })).toEqual([...always, ...(isPremium ? [report] : []), ...policyPaths]);
    for (const row of rows) {
      const isP2 = population.hasPlan('AAD_PREMIUM_P2');
      expect(row).toMatchObject({ kind: 'user', scope: '/', eligibleRead: isP2 ? 'yes' : 'no licence' });
      expect(row['registered']).toBe(
        row['strength'] === null || row['strength'] === 'absent' ? null : row['strength'] !== 'none',
      );
      for (const name of ['state', 'enforcedBy', 'methodsRead']) seen.add(`${name} ${String(row[name])}`);
    }
  }
  expect([...seen].toSorted()).toEqual([
    'enforcedBy Conditional Access, but for excluded groups',
    'enforcedBy nothing',
    'enforcedBy security defaults',
    'methodsRead no licence',
    'methodsRead yes',
    'state activated',
    'state active',
    'state eligible',
    'state permanent',
  ]);
});

describe('administrators', () => {
  const nowMs = Date.parse('2026-11-24T05:00:00Z');
  const role = 'role-1';
  const held = (principalId: string, more: object = {}) => ({
    principalId,
    roleDefinitionId: role,
    directoryScopeId: '/',
    ...more,
  });
  const lists = {
    '/subscribedSkus': {
      value: [{ capabilityStatus: 'Enabled', servicePlans: [{ servicePlanName: 'AAD_PREMIUM_P2' }] }],
    },
    [`${roles}/roleDefinitions`]: { value: [{ id: role, templateId: role, displayName: 'Helpdesk Administrator' }] },
    [`${roles}/roleAssignments`]: { value: [held('u1'), held('g1'), held('s1')] },
    [`${roles}/roleEligibilityScheduleInstances`]: { value: [] },
    [`${roles}/roleAssignmentScheduleInstances`]: { value: [] },
    '/users': {
      value: [
        { id: 'u1', userPrincipalName: 'break.glass@contoso.com' },
        { id: 'u2', userPrincipalName: 'b@contoso.com' },
      ],
    },
    '/groups': {
      value: [
        { id: 'g1', displayName: 'Helpdesk' },
        { id: 'g2', displayName: 'No role' },
      ],
    },
    '/groups/g1/transitiveMembers': { value: [{ id: 'u1' }, { id: 'u2' }, { id: 'device' }] },
    [report]: { value: [{ id: 'u1', isMfaRegistered: true, methodsRegistered: ['mobilePhone'] }] },
    [policyPaths[0]!]: { isEnabled: false },
    [policyPaths[1]!]: { value: [] },
  };
  const run = (more: object = {}, parameters: Readonly<Record<string, unknown>> = {}) =>
    tryJob(administrators, { nowMs, parameters, graph: { ...lists, ...more } as never });

  test('names the members of groups, and reads only groups that hold a role', async () => {
    const { rows, requests } = await run({}, { emergency: ['Break.Glass'] });
    expect(rows.map(({ principal, kind, via, emergency }) => [principal, kind, via, emergency])).toEqual([
      ['break.glass@contoso.com', 'user', null, true],
      ['Helpdesk', 'group', null, null],
      ['break.glass@contoso.com', 'user', 'Helpdesk', true],
      ['b@contoso.com', 'user', 'Helpdesk', false],
      ['s1', 'other', null, null],
    ]);
    expect(rows.map(({ strength }) => strength)).toEqual(['weak', null, 'weak', 'absent', null]);
    expect(pathsOf({ requests }).filter((path) => path.startsWith('/groups'))).toEqual([
      '/groups',
      '/groups/g1/transitiveMembers',
    ]);
    // What Graph does not say is not known.
    expect(rows[0]).toMatchObject({ enabled: null, synced: null });
  });

  test.each([
    ['no licence', problem(400, 'AadPremiumLicenseRequired', 'The tenant needs Microsoft Entra ID P2.')],
    ['no access', problem(403, 'PermissionScopeNotGranted', 'Authorization failed.')],
    ['no access', problem(400, 'UnknownError', 'Attempted to perform an unauthorized operation.')],
  ])('reports active roles if privileged identity management cannot be read: %s', async (eligibleRead, refusal) => {
    const { rows } = await run({
      [`${roles}/roleEligibilityScheduleInstances`]: refusal,
      [`${roles}/roleAssignmentScheduleInstances`]: refusal,
    });
    expect(rows).toHaveLength(5);
    for (const row of rows) expect(row).toMatchObject({ state: 'active', eligibleRead });
  });

  test('tells activated roles from permanent ones, and leaves out those that ended', async () => {
    const { rows } = await run({
      [`${roles}/roleAssignments`]: {
        value: [held('u1'), held('u2'), held('u1', { directoryScopeId: '/administrativeUnits/a' })],
      },
      [`${roles}/roleEligibilityScheduleInstances`]: {
        value: [held('u1'), held('u2', { endDateTime: '2026-11-01T00:00:00Z' })],
      },
      [`${roles}/roleAssignmentScheduleInstances`]: {
        value: [
          held('u1', { assignmentType: 'Activated', endDateTime: '2026-11-24T08:00:00Z' }),
          held('u2', { assignmentType: 'Assigned' }),
        ],
      },
    });
    expect(rows.map(({ principalId, state, scope, ends }) => [principalId, state, scope, ends])).toEqual([
      ['u1', 'activated', '/', '2026-11-24T08:00:00Z'],
      ['u2', 'permanent', '/', null],
      ['u1', 'permanent', '/administrativeUnits/a', null],
      ['u1', 'eligible', '/', null],
    ]);
  });

  test.each([
    [{}, 'Conditional Access'],
    [{ excludeGroups: ['g'] }, 'Conditional Access, but for excluded groups'],
    [{ excludeUsers: ['u1'] }, 'nothing'],
    [{ excludeRoles: [role] }, 'nothing'],
    [{ includeUsers: [], includeRoles: [role] }, 'Conditional Access'],
    [{ includeUsers: ['u1'] }, 'Conditional Access'],
    [{ includeUsers: ['u2'] }, 'nothing'],
  ])('finds what demands a second factor in a policy for %j: %s', async (users, enforcedBy) => {
    const policy = {
      id: 'p',
      state: 'enabled',
      conditions: {
        users: { includeUsers: ['All'], ...users },
        applications: { includeApplications: ['All'] },
        clientAppTypes: ['all'],
      },
      grantControls: { operator: 'OR', builtInControls: ['mfa'] },
    };
    const { rows } = await run({ [policyPaths[1]!]: { value: [policy] } });
    expect(rows[0]).toMatchObject({ principalId: 'u1', via: null, enforcedBy });
  });

  test.each([
    ['the policies are refused', { [policyPaths[1]!]: problem(403, 'AccessDenied', 'No.') }],
    ['Graph does not say whether security defaults are on', { [policyPaths[0]!]: {} }],
  ])('does not know what demands a second factor if %s', async (_name, more) => {
    expect((await run(more)).rows[0]).toMatchObject({ enforcedBy: null });
  });

  test('reports roles without methods if the report on methods is refused', async () => {
    const { rows } = await run({
      [report]: problem(403, 'Authentication_RequestFromUnsupportedUserRole', 'User is not in the allowed roles'),
    });
    expect(rows[0]).toMatchObject({ methodsRead: 'no access', registered: null, strength: null, methods: null });
  });

  test('tries a licensed tenant again when Graph says that it has no licence', async () => {
    const refusal = problem(403, 'Authentication_RequestFromNonPremiumTenantOrB2CTenant', 'Neither tenant is B2C');
    await expect(run({ [report]: refusal })).rejects.toMatchObject({ code: 'resource_error', transient: true });
  });

  test.each([
    ['no role', { [`${roles}/roleAssignments`]: problem(403, 'Authorization_RequestDenied', '') }, 'access_denied'],
    ['an unexpected shape', { [`${roles}/roleAssignments`]: { value: [{}] } }, 'resource_error'],
  ])('fails with the reason of Graph: %s', async (_name, more, code) => {
    await expect(run(more)).rejects.toMatchObject({ code });
  });

  test.each([{ emergency: 'a' }, { emergency: [''] }, { emergency: [1] }])(
    'refuses the parameters %j',
    async (parameters) => {
      await expect(run({}, parameters)).rejects.toMatchObject({ code: 'request_invalid' });
    },
  );
});
