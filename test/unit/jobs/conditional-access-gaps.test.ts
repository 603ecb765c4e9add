import { describe, expect, test } from 'vitest';
import conditionalAccessGaps from '../../../src/jobs/conditional-access-gaps.ts';
import type { Row } from '../../../src/lib/runs/job/row.ts';
import { problem } from '../../fakes/scripted-fetch.ts';
import { customers, pathsOf, populationOf, type Raw, reportOn } from '../../support/population-report.ts';
import { partnerTenantId, tryJob } from '../../support/try-job.ts';

const defaultsPath = '/policies/identitySecurityDefaultsEnforcementPolicy';
const policiesPath = '/identity/conditionalAccess/policies';

/** The policies of the simulated cloud that make a demand in full, by the start of their names. */
const meeting: Readonly<Record<string, readonly string[]>> = {
  'mfa-for-all-users': ['CA001'],
  'mfa-for-administrators': ['CA001', 'CA002', 'CA009'],
  'legacy-authentication-blocked': ['CA003'],
};
/** Those that make it in part. */
const limited: Readonly<Record<string, readonly string[]>> = {
  'mfa-for-all-users': ['CA007', 'CA008'],
  'mfa-for-administrators': ['CA007', 'CA008'],
  'legacy-authentication-blocked': ['CA010'],
};
const findings: Readonly<Record<string, string>> = {
  CA004: 'limited by locations',
  CA005: 'limited by platforms',
  CA007: 'limited by locations',
  CA008: 'another control suffices',
};

test('conditional-access-gaps has the rows that the population contains, with two requests', async () => {
  const seen = new Set<string>();
  for (const customer of customers) {
    const { rows, requests } = await reportOn(conditionalAccessGaps, customer);
    expect(pathsOf({ requests })).toEqual([defaultsPath, policiesPath]);
    const policies = populationOf(customer).rows(policiesPath.slice(1));
    const of = (kind: string) => rows.filter((row) => row['kind'] === kind);
    expect(
      of('policy').map(({ id, name, state, finding, serviceProviders, excluded }) => ({
        id,
        name,
        state,
        finding,
        serviceProviders,
        excluded,
      })),
    ).toEqual(
      policies.map(({ id, displayName, state, conditions }) => {
        const users = (conditions as { users: Record<string, unknown> }).users;
        const except = users['excludeGuestsOrExternalUsers'] as Raw | null;
        const isForAll = String(users['includeUsers']) === 'All';
        return {
          id,
          name: displayName,
          state,
          finding: findings[String(displayName).slice(0, 5)] ?? null,
          serviceProviders: isForAll ? (except === null ? 'in' : 'excluded') : 'not concerned',
          excluded: (users['excludeGroups'] as readonly string[]).length + (except === null ? 0 : 1),
        };
      }),
    );
    const isDefault = of('security defaults')[0]?.['state'] === 'enabled';
    const enabled = policies
      .filter(({ state }) => state === 'enabled')
      .map(({ displayName }) => String(displayName).slice(0, 5));
    const missing = Object.keys(meeting).filter((id) => !meeting[id]?.some((name) => enabled.includes(name)));
    expect(of('gap').map(({ id }) => id)).toEqual(isDefault ? [] : missing);
    for (const { id, finding } of of('gap'))
      expect(String(finding).includes('limited policy exists')).toBe(
        limited[String(id)]?.some((name) => enabled.includes(name)),
      );
    for (const row of rows)
      for (const finding of String(row['finding'] ?? '').split('\n'))
        seen.add([row['kind'], row['kind'] === 'gap' ? finding : (row['serviceProviders'] ?? row['state'])].join(' '));
  }
  expect([...seen].toSorted()).toEqual([
    'gap disabled policy exists',
    'gap limited policy exists',
    'gap no policy',
    'gap report-only policy exists',
    'policy excluded',
    'policy in',
    'policy not concerned',
    'security defaults disabled',
    'security defaults enabled',
  ]);
});

describe('conditional-access-gaps', () => {
  const everybody = { includeUsers: ['All'] };
  const anywhere = { users: everybody, applications: { includeApplications: ['All'] }, clientAppTypes: ['all'] };
  const mfa = { operator: 'OR', builtInControls: ['mfa'] };
  const gapsOf = async (policies: readonly object[], isEnabled: unknown = false) => {
    const { rows } = await tryJob(conditionalAccessGaps, {
      graph: {
        [defaultsPath]: { isEnabled },
        [policiesPath]: { value: policies.map((each, at) => ({ id: `${at}`, state: 'enabled', ...each })) },
      },
    });
    return { rows, gaps: rows.filter(({ kind }) => kind === 'gap').map(({ id }) => id) };
  };
  const demandsAll = async (conditions: object, grantControls: object = mfa) =>
    !(await gapsOf([{ conditions, grantControls }])).gaps.includes('mfa-for-all-users');

  test.each([
    ['nothing else', {}, true],
    ['all platforms', { platforms: { includePlatforms: ['all'] } }, true],
    ['all locations', { locations: { includeLocations: ['All'], excludeLocations: [] } }, true],
    ['both modern clients', { clientAppTypes: ['browser', 'mobileAppsAndDesktopClients'] }, true],
    ['one client', { clientAppTypes: ['browser'] }, false],
    ['one platform', { platforms: { includePlatforms: ['android'] } }, false],
    ['all platforms but one', { platforms: { includePlatforms: ['all'], excludePlatforms: ['iOS'] } }, false],
    ['trusted locations', { locations: { includeLocations: ['All'], excludeLocations: ['AllTrusted'] } }, false],
    ['risk', { signInRiskLevels: ['high'] }, false],
    ['risk of users', { userRiskLevels: ['high'] }, false],
    ['devices', { devices: { deviceFilter: { mode: 'exclude', rule: 'x' } } }, false],
    ['an application', { applications: { includeApplications: ['Office365'] } }, false],
    ['an excluded application', { applications: { includeApplications: ['All'], excludeApplications: ['x'] } }, false],
    ['a flow', { authenticationFlows: { transferMethods: 'deviceCodeFlow' } }, false],
    ['some users', { users: { includeGroups: ['x'] } }, false],
    ['no conditions', null, false],
  ])(
    'takes a policy with %s for one that demands a second factor of everybody: %j is %s',
    async (_name, more, isMet) => {
      expect(await demandsAll(more === null ? {} : { ...anywhere, ...more })).toBe(isMet);
    },
  );

  test.each([
    [{ operator: 'OR', builtInControls: ['mfa', 'compliantDevice'] }, false],
    [{ operator: 'AND', builtInControls: ['mfa', 'compliantDevice'] }, true],
    [{ operator: 'OR', builtInControls: ['mfa'], termsOfUse: ['x'] }, false],
    [{ operator: 'OR', builtInControls: [], authenticationStrength: { requirementsSatisfied: 'mfa' } }, true],
    [{ operator: 'OR', builtInControls: [], authenticationStrength: { requirementsSatisfied: 'none' } }, false],
    [{ operator: 'OR', builtInControls: ['block'] }, false],
    [null, false],
  ])('reads the controls %j: demands a second factor, %s', async (controls, isMet) => {
    expect(await demandsAll(anywhere, controls as object)).toBe(isMet);
  });

  test('does not take a policy for everybody but administrators for one for administrators', async () => {
    const users = { ...everybody, excludeRoles: ['62e90394-69f5-4237-9190-012177145e10'] };
    expect((await gapsOf([{ conditions: { ...anywhere, users }, grantControls: mfa }])).gaps).toContain(
      'mfa-for-administrators',
    );
  });

  test.each<readonly [string, object, object, string]>([
    ['of a group', { users: { includeGroups: ['x'] } }, mfa, 'limited policy exists'],
    ['of one application', { applications: { includeApplications: ['x'] } }, mfa, 'limited policy exists'],
    [
      'or a compliant device',
      {},
      { operator: 'OR', builtInControls: ['mfa', 'compliantDevice'] },
      'limited policy exists',
    ],
    ['of guests', { users: { includeGuestsOrExternalUsers: {} } }, mfa, 'no policy'],
    ['of one role', { users: { includeRoles: ['x'] } }, mfa, 'no policy'],
    ['that is none', {}, { operator: 'OR', builtInControls: ['compliantDevice'] }, 'no policy'],
  ])('says whether a policy demands a second factor %s', async (_name, more, grantControls, finding) => {
    const { rows } = await gapsOf([{ conditions: { ...anywhere, ...more }, grantControls }]);
    expect(rows.find(({ id }) => id === 'mfa-for-all-users')).toMatchObject({ finding });
  });

  test('takes a policy for another role for a limited one for administrators', async () => {
    const users = { includeRoles: ['x'] };
    const { rows } = await gapsOf([{ conditions: { ...anywhere, users }, grantControls: mfa }]);
    expect(rows.find(({ id }) => id === 'mfa-for-administrators')).toMatchObject({ finding: 'limited policy exists' });
  });

  test('names what is only tried beside what is limited', async () => {
    const { rows } = await gapsOf([
      { conditions: anywhere, grantControls: mfa, state: 'enabledForReportingButNotEnforced' },
      { conditions: anywhere, grantControls: mfa, state: 'disabled' },
      { conditions: { ...anywhere, clientAppTypes: ['browser'] }, grantControls: mfa },
    ]);
    expect(rows.find(({ id }) => id === 'mfa-for-all-users')).toMatchObject({
      finding: 'report-only policy exists\ndisabled policy exists\nlimited policy exists',
    });
  });

  test.each<readonly [string, object, string]>([
    ['all guests', { includeUsers: ['GuestsOrExternalUsers'] }, 'in'],
    ['all users but all guests', { ...everybody, excludeUsers: ['GuestsOrExternalUsers'] }, 'excluded'],
    ['some users', { includeUsers: ['x'], excludeUsers: ['GuestsOrExternalUsers'] }, 'not concerned'],
  ])('finds service providers among %s', async (_name, users, serviceProviders) => {
    expect((await gapsOf([{ conditions: { users } }])).rows[1]).toMatchObject({ serviceProviders });
  });

  test('names partners that are excluded, and roles for administrators', async () => {
    const except = (externalTenants: object) => ({
      users: {
        ...everybody,
        excludeGuestsOrExternalUsers: {
          guestOrExternalUserTypes: 'b2bCollaborationGuest, serviceProvider',
          externalTenants,
        },
      },
    });
    const { rows, gaps } = await gapsOf([
      { conditions: except({ membershipKind: 'all' }) },
      { conditions: except({ membershipKind: 'enumerated', members: ['x'] }) },
      { conditions: except({ membershipKind: 'enumerated', members: ['x', partnerTenantId.toUpperCase()] }) },
      { conditions: { users: { includeGuestsOrExternalUsers: { guestOrExternalUserTypes: 'serviceProvider' } } } },
      {
        conditions: { ...anywhere, users: { includeRoles: ['62e90394-69f5-4237-9190-012177145e10'] } },
        grantControls: mfa,
      },
    ]);
    const policies = rows.filter(({ kind }: Row) => kind === 'policy');
    expect(policies.map(({ serviceProviders, users }) => [serviceProviders, users])).toEqual([
      ['excluded', 'All'],
      ['in', 'All'],
      ['excluded', 'All'],
      ['in', 'external users'],
      ['not concerned', '1 role'],
    ]);
    expect(gaps).toEqual(['mfa-for-all-users', 'legacy-authentication-blocked']);
  });

  test.each([
    ['on', true, []],
    ['not known', null, []],
    ['off', false, ['mfa-for-all-users', 'mfa-for-administrators', 'legacy-authentication-blocked']],
  ])('reports gaps without policies where security defaults are %s', async (_name, isEnabled, gaps) => {
    const report = await gapsOf([], isEnabled);
    expect(report.gaps).toEqual(gaps);
    expect(report.rows[0]).toMatchObject({
      state: isEnabled === null ? null : isEnabled ? 'enabled' : 'disabled',
    });
  });

  test.each([
    ['no licence', problem(403, 'AccessDenied', 'Your tenant is not licensed for this feature.'), 'no licence'],
    ['no role', problem(403, 'AccessDenied', 'You cannot perform the requested operation.'), 'no access'],
  ])('says nothing about gaps if the policies cannot be read: %s', async (_name, refusal, policiesRead) => {
    const graph = { [defaultsPath]: { isEnabled: false }, [policiesPath]: refusal };
    const { rows } = await tryJob(conditionalAccessGaps, { graph });
    expect(rows).toMatchObject([{ kind: 'security defaults', state: 'disabled', policiesRead }]);
    expect(rows).toHaveLength(1);
  });

  test.each([
    ['throttled to the end', problem(429, 'TooManyRequests', ''), 'throttled'],
    ['an unexpected shape', { value: [{ displayName: 'no id' }] }, 'resource_error'],
  ])('fails with the reason of Graph: %s', async (_name, policies, code) => {
    const graph = { [defaultsPath]: { isEnabled: false }, [policiesPath]: policies };
    await expect(tryJob(conditionalAccessGaps, { graph })).rejects.toMatchObject({ code });
  });
});
