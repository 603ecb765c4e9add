import { describe, expect, test } from 'vitest';
import { world } from '../../../packages/microsoft-cloud/test/unit/served-engine.ts';
import { rowOf, viewOf } from '../../../packages/microsoft-cloud/test/unit/tenant-view.ts';
import { faultSet } from '../../../packages/microsoft-cloud/src/faults/sets.ts';
import administrators from '../../../src/jobs/administrators.ts';
import type { Row } from '../../../src/lib/runs/job/row.ts';
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

const requirementsOf = (id: unknown) => `/beta/users/${String(id)}/authentication/requirements`;
/** Whether per-user MFA is looked up. */
const isOpen = ({ enforcedBy }: Row) =>
  ['Conditional Access in part', 'nothing', 'per-user MFA'].includes(String(enforcedBy));

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

test('administrators has the rows that the population contains, with at most nine requests and one for each user without a policy', async () => {
  const seen = new Set<string>();
  for (const customer of customers) {
    const population = populationOf(customer);
    const isPremium = population.hasPlan('AAD_PREMIUM', 'AAD_PREMIUM_P2');
    const { rows, requests } = await reportOn(administrators, customer);
    expect(rows.map((row) => [row['principalId'], row['roleId'], row['state'], row['strength']].join(' '))).toEqual(
      expected(customer),
    );
    const asked = rows.flatMap((row) => (isOpen(row) ? [requirementsOf(row['principalId'])] : []));
    expect(pathsOf({ requests })).toEqual([
      ...always,
      ...(isPremium ? [report] : []),
      ...policyPaths,
      ...new Set(asked),
    ]);
    for (const row of rows.filter(isOpen)) {
      const state = rowOf(
        viewOf(world, customer),
        'users/{id}/authentication/requirements',
        String(row['principalId']),
      );
      expect(row['enforcedBy'] === 'per-user MFA').toBe(state?.['perUserMfaState'] === 'enforced');
    }
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
    'enforcedBy Conditional Access in part',
    'enforcedBy Conditional Access, but for excluded groups',
    'enforcedBy nothing',
    'enforcedBy per-user MFA',
    'enforcedBy security defaults',
    'methodsRead no licence',
    'methodsRead yes',
    'state activated',
    'state active',
    'state eligible',
    'state permanent',
  ]);
});

/** Answers a request as a fault set does, until a number of them were affected. */
const faulty = (name: string, count = Infinity) => {
  const [rule] = faultSet(name).rules;
  let left = count;
  return ({ url }: { readonly url: URL }): Response | undefined => {
    if (!new RegExp(rule?.path ?? '').test(url.pathname) || left === 0) return undefined;
    left -= 1;
    return new Response(rule?.body, { status: rule?.status ?? 0, headers: { 'content-type': 'application/json' } });
  };
};
const withP2 = customers.filter((customer) => populationOf(customer).hasPlan('AAD_PREMIUM_P2'));

test('administrators reports active roles of a tenant whose role schedules are refused to the partner', async () => {
  expect(withP2.length).toBeGreaterThan(0);
  for (const customer of withP2) {
    const { rows } = await reportOn(administrators, customer, { instead: faulty('role-schedules-refused') });
    const assigned = populationOf(customer).rows(`${roles.slice(1)}/roleAssignments`);
    // A role that is held both permanently and activated has one row, since nothing tells the two apart.
    const held = new Set(assigned.map((each) => [each['principalId'], each['roleDefinitionId']].join(' ')));
    expect(rows.map((row) => [row['principalId'], row['roleId']].join(' ')).toSorted()).toEqual([...held].toSorted());
    for (const row of rows) expect(row).toMatchObject({ state: 'active', ends: null, eligibleRead: 'no access' });
  }
});

test('administrators fails for a while when Graph finds no licence that is there, and never without methods', async () => {
  for (const customer of withP2) {
    const instead = faulty('premium-denied-at-times', 1);
    await expect(reportOn(administrators, customer, { instead })).rejects.toMatchObject({ transient: true });
    expect((await reportOn(administrators, customer, { instead })).rows).toEqual(
      (await reportOn(administrators, customer)).rows,
    );
  }
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
    '/groups/g1/transitiveMembers': {
      value: [
        { id: 'u1' },
        { id: 'u2' },
        { id: 'd1', '@odata.type': '#microsoft.graph.device' },
        { id: 's2', '@odata.type': '#microsoft.graph.servicePrincipal' },
      ],
    },
    [report]: { value: [{ id: 'u1', isMfaRegistered: true, methodsRegistered: ['mobilePhone'] }] },
    [policyPaths[0]!]: { isEnabled: false },
    [policyPaths[1]!]: { value: [] },
    [requirementsOf('u1')]: { perUserMfaState: 'disabled' },
    [requirementsOf('u2')]: { perUserMfaState: 'disabled' },
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
      ['s2', 'other', 'Helpdesk', null],
      ['s1', 'other', null, null],
    ]);
    expect(rows.map(({ strength }) => strength)).toEqual(['weak', null, 'weak', 'absent', null, null]);
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
    expect(rows).toHaveLength(6);
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

  const policyWith = (conditions: object, builtInControls: readonly string[] = ['mfa']) => ({
    [policyPaths[1]!]: {
      value: [
        {
          id: 'p',
          state: 'enabled',
          conditions: {
            users: { includeUsers: ['All'] },
            applications: { includeApplications: ['All'] },
            clientAppTypes: ['all'],
            ...conditions,
          },
          grantControls: { operator: 'OR', builtInControls },
        },
      ],
    },
  });

  test.each<readonly [string, object, string]>([
    ['for a group', policyWith({ users: { includeGroups: ['g'] } }), 'Conditional Access in part'],
    ['for one client', policyWith({ clientAppTypes: ['browser'] }), 'Conditional Access in part'],
    ['with another control', policyWith({}, ['mfa', 'compliantDevice']), 'Conditional Access in part'],
    [
      'for another user and one client',
      policyWith({ users: { includeUsers: ['u2'] }, clientAppTypes: ['browser'] }),
      'nothing',
    ],
    ['for devices', policyWith({}, ['compliantDevice']), 'nothing'],
  ])('does not call it nothing where a policy may demand a second factor: %s', async (_name, policies, enforcedBy) => {
    expect((await run(policies)).rows[0]).toMatchObject({ principalId: 'u1', enforcedBy });
  });

  test.each(['enabled', 'enforced'])('finds per-user MFA that is %s', async (perUserMfaState) => {
    const state = { [requirementsOf('u1')]: { perUserMfaState } };
    const of = async (policies: object) => (await run({ ...state, ...policies })).rows[0]?.['enforcedBy'];
    expect(await of({})).toBe('per-user MFA');
    expect(await of(policyWith({ clientAppTypes: ['browser'] }))).toBe('per-user MFA');
    expect(await of(policyWith({}))).toBe('Conditional Access');
  });

  test.each([
    ['is refused', problem(403, 'accessDenied', 'Request Authorization failed')],
    ['names no state', {}],
    ['is of a user who is gone', problem(404, 'ResourceNotFound', '')],
  ])('does not know what demands a second factor if per-user MFA %s', async (_name, reply) => {
    const refused = { [requirementsOf('u1')]: reply };
    expect((await run(refused)).rows[0]).toMatchObject({ principalId: 'u1', enforcedBy: null });
    expect((await run({ ...refused, ...policyWith({ clientAppTypes: ['browser'] }) })).rows[0]).toMatchObject({
      enforcedBy: 'Conditional Access in part',
    });
  });

  test('applies a policy for one role of a user to all roles, but not one for a role in a unit or not in use', async () => {
    const definitions = [role, 'role-2', 'role-3'].map((id) => ({ id, templateId: id, displayName: id }));
    const more = {
      [`${roles}/roleDefinitions`]: { value: definitions },
      [`${roles}/roleAssignments`]: {
        value: [
          held('u1'),
          held('u1', { roleDefinitionId: 'role-2' }),
          held('u2'),
          held('u2', { roleDefinitionId: 'role-2', directoryScopeId: '/administrativeUnits/a' }),
        ],
      },
      [`${roles}/roleEligibilityScheduleInstances`]: { value: [held('u2', { roleDefinitionId: 'role-2' })] },
    };
    const { rows } = await run({ ...more, ...policyWith({ users: { includeRoles: ['role-2'] } }) });
    expect(rows.map(({ principalId, roleId, state, enforcedBy }) => [principalId, roleId, state, enforcedBy])).toEqual([
      ['u1', role, 'permanent', 'Conditional Access'],
      ['u1', 'role-2', 'permanent', 'Conditional Access'],
      ['u2', role, 'permanent', 'nothing'],
      ['u2', 'role-2', 'permanent', 'nothing'],
      ['u2', 'role-2', 'eligible', 'Conditional Access'],
    ]);
  });

  test.each([
    ['the policies are refused', { [policyPaths[1]!]: problem(403, 'AccessDenied', 'No.') }],
    ['Graph does not say whether security defaults are on', { [policyPaths[0]!]: {} }],
    ['security defaults are refused', { [policyPaths[0]!]: problem(403, 'AccessDenied', 'No.') }],
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
