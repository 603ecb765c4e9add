import { describe, expect, test } from 'vitest';
import groupsAndTeams from '../../../src/jobs/groups-and-teams.ts';
import legacyAuthentication from '../../../src/jobs/legacy-authentication.ts';
import riskyUsers from '../../../src/jobs/risky-users.ts';
import serviceHealth from '../../../src/jobs/service-health.ts';
import sharingSettings from '../../../src/jobs/sharing-settings.ts';
import secureScoreGains from '../../../src/jobs/secure-score-gains.ts';
import { problem } from '../../fakes/scripted-fetch.ts';
import { customers, nowMs, pathsOf, populationOf, type Raw, reportOn } from '../../support/population-report.ts';
import { tryJob } from '../../support/try-job.ts';

const dayMs = 86_400_000;

describe('secure-score-gains', () => {
  test('has the rows that the population contains, with two requests', async () => {
    let controls = 0;
    for (const customer of customers) {
      const { rows, requests, numbers } = await reportOn(secureScoreGains, customer);
      expect(pathsOf({ requests })).toEqual(['/security/secureScores', '/security/secureScoreControlProfiles']);
      const newest = populationOf(customer).rows('security/secureScores')[0]!;
      const most = new Map(
        populationOf(customer)
          .rows('security/secureScoreControlProfiles')
          .map(({ id, maxScore }) => [id, Number(maxScore)]),
      );
      const gains = (newest['controlScores'] as readonly Raw[])
        .map(({ controlName, score }) => [controlName, (most.get(controlName) ?? 0) - Number(score)] as const)
        .filter(([, gain]) => gain > 0)
        .toSorted((a, b) => b[1] - a[1]);
      const total = rows.at(-1);
      expect(total).toMatchObject({ control: 'total', score: newest['currentScore'], maximum: newest['maxScore'] });
      const found = rows.slice(0, -1);
      expect(new Set(found.map(({ control }) => control))).toEqual(new Set(gains.map(([name]) => name)));
      for (const [at, row] of found.entries()) expect(row['gain']).toBeCloseTo(gains[at]![1], 5);
      // The history adds the gains of all rows.
      expect(total?.['gain']).toBeUndefined();
      expect(numbers?.names).toEqual(['gain']);
      expect(numbers?.all[1]).toBeCloseTo(
        gains.reduce((sum, [, gain]) => sum + gain, 0),
        5,
      );
      controls += found.length;
    }
    expect(controls).toBeGreaterThan(20);
  });

  const run = async (score: readonly object[], profiles: readonly object[]) =>
    (
      await tryJob(secureScoreGains, {
        graph: {
          '/security/secureScores': { value: score },
          '/security/secureScoreControlProfiles': { value: profiles },
        },
      })
    ).rows;

  test('leaves out controls that are met, deprecated, ignored, met elsewhere, or unknown', async () => {
    const names = ['open', 'met', 'old', 'ignored', 'elsewhere', 'again', 'noMaximum', 'unknown'];
    const updates = (...states: readonly string[]) =>
      states.map((state, at) => ({ state, updatedDateTime: `2026-0${at + 1}-01T00:00:00Z` }));
    const rows = await run(
      [
        {
          currentScore: 1.5,
          maxScore: 9,
          controlScores: names.map((controlName) => ({ controlName, score: controlName === 'met' ? 2 : 0.5 })),
        },
      ],
      [
        { id: 'open', maxScore: 2 },
        { id: 'met', maxScore: 2 },
        { id: 'old', maxScore: 2, deprecated: true },
        { id: 'ignored', maxScore: 2, controlStateUpdates: updates('default', 'ignored').toReversed() },
        { id: 'elsewhere', maxScore: 2, controlStateUpdates: updates('thirdParty') },
        { id: 'again', maxScore: 3, controlStateUpdates: updates('ignored', 'default') },
        { id: 'noMaximum' },
      ],
    );
    expect(rows.map(({ control, gain }) => [control, gain])).toEqual([
      ['again', 2.5],
      ['open', 1.5],
      ['total', undefined],
    ]);
  });

  test('has no rows for a tenant without a score, and reads the newest score alone', async () => {
    expect(await run([], [])).toEqual([]);
    expect(await run([{ currentScore: 2 }, { currentScore: 1 }], [])).toMatchObject([
      { control: 'total', score: 2, maximum: null },
    ]);
  });
});

describe('groups-and-teams', () => {
  test('has the rows that the population contains, with two requests', async () => {
    const seen = new Set<string>();
    for (const customer of customers) {
      const population = populationOf(customer);
      const { rows, requests } = await reportOn(groupsAndTeams, customer);
      expect(pathsOf({ requests })).toEqual(['/users', '/groups']);
      const disabled = new Set(
        population
          .rows('users')
          .filter(({ accountEnabled }) => accountEnabled === false)
          .map(({ id }) => id),
      );
      const expected = population.rows('groups').flatMap((group) => {
        const isUnified = String(group['groupTypes']).includes('Unified');
        if (group['mailEnabled'] === true && !isUnified) return [];
        const owners = population.ids('groups/{id}/owners', String(group['id']));
        const findings: string[] = [];
        if (owners.length === 0) findings.push('no owner');
        else if (owners.every((id) => disabled.has(id))) findings.push('disabled owners only');
        if (group['visibility'] === 'Public')
          findings.push(String(group['resourceProvisioningOptions']) === 'Team' ? 'public team' : 'public group');
        return findings.map((finding) => `${String(group['id'])} ${finding}`);
      });
      expect(rows.map(({ id, finding }) => `${String(id)} ${String(finding)}`)).toEqual(expected);
      for (const { finding } of rows) seen.add(String(finding));
    }
    expect([...seen].toSorted()).toEqual(expect.arrayContaining(['no owner', 'public group', 'public team']));
  });

  test('finds disabled owners, leaves out groups whose owners are elsewhere, and knows nothing of owners that are not said', async () => {
    const { rows } = await tryJob(groupsAndTeams, {
      graph: {
        '/users': { value: [{ id: 'off' }] },
        '/groups': {
          value: [
            { id: '1', owners: [{ id: 'off' }] },
            { id: '2', owners: [{ id: 'off' }, { id: 'on' }] },
            { id: '3', owners: [], onPremisesSyncEnabled: true },
            { id: '4', owners: [], mailEnabled: true, groupTypes: [] },
            { id: '5' },
            {
              id: '6',
              owners: [],
              groupTypes: ['Unified'],
              mailEnabled: true,
              visibility: 'Private',
              resourceProvisioningOptions: ['Team'],
            },
            { id: '7', owners: [{ id: 'on' }], groupTypes: ['Unified'], visibility: 'Public' },
            { id: '8', owners: [], visibility: null, isAssignableToRole: true },
          ],
        },
      },
    });
    expect(rows.map((row) => [row['id'], row['kind'], row['finding'], row['public'], row['roleAssignable']])).toEqual([
      ['1', 'security group', 'disabled owners only', null, null],
      ['6', 'team', 'no owner', false, null],
      ['7', 'Microsoft 365 group', 'public group', true, null],
      ['8', 'security group', 'no owner', null, true],
    ]);
  });
});

describe('owners of a group beyond the 20 that Graph expands', () => {
  const id = '33333333-4444-4555-8666-777777777777';
  const twenty = Array.from({ length: 20 }, (_, at) => ({ id: `off${at}` }));
  const ask = (more: object, all: readonly object[]) =>
    tryJob(groupsAndTeams, {
      graph: {
        '/users': { value: twenty },
        '/groups': { value: [{ id, owners: twenty, groupTypes: ['Unified'], ...more }] },
        [`/groups/${id}/owners`]: { value: all },
      },
    });

  test('are read before all are called disabled', async () => {
    expect((await ask({}, [...twenty, { id: 'on' }])).rows).toEqual([]);
    expect((await ask({}, twenty)).rows).toMatchObject([{ finding: 'disabled owners only', owners: 20 }]);
  });

  test('are counted in a row, and not read for a group without one', async () => {
    const owners = [...twenty.slice(1), { id: 'on' }];
    const found = await ask({ owners, visibility: 'Public' }, [...owners, { id: 'on2' }]);
    expect(found.rows).toMatchObject([{ finding: 'public group', owners: 21 }]);
    expect(pathsOf(found)).toEqual(['/users', '/groups', `/groups/${id}/owners`]);
    expect(pathsOf(await ask({ owners }, []))).toEqual(['/users', '/groups']);
  });
});

describe('risky-users', () => {
  test('has the rows that the population contains, with one request, and skips tenants without P2', async () => {
    const seen = new Set<string>();
    for (const customer of customers) {
      if (!populationOf(customer).hasPlan('AAD_PREMIUM_P2')) {
        await expect(reportOn(riskyUsers, customer)).rejects.toMatchObject({ code: 'resource_unavailable' });
        continue;
      }
      const { rows, requests } = await reportOn(riskyUsers, customer);
      expect(pathsOf({ requests })).toEqual(['/identityProtection/riskyUsers']);
      expect(rows.map(({ id, level }) => [id, level])).toEqual(
        populationOf(customer)
          .rows('identityProtection/riskyUsers')
          .filter(({ riskState }) => riskState !== 'remediated')
          .map(({ id, riskLevel }) => [id, riskLevel]),
      );
      for (const { state } of rows) seen.add(String(state));
    }
    expect([...seen].toSorted()).toEqual(['atRisk', 'confirmedCompromised']);
  });
});

describe('legacy-authentication', () => {
  test('has the rows that the population contains, with two requests', async () => {
    const seen = new Set<string>();
    for (const customer of customers) {
      const report = reportOn(legacyAuthentication, customer, { parameters: { days: 20 } });
      if (!populationOf(customer).hasPlan('AAD_PREMIUM', 'AAD_PREMIUM_P2')) {
        await expect(report).rejects.toMatchObject({ code: 'resource_unavailable' });
        continue;
      }
      const { rows, requests } = await report;
      expect(pathsOf({ requests })).toEqual(['/subscribedSkus', '/auditLogs/signIns']);
      const counts = new Map<string, { succeeded: number; failed: number }>();
      for (const { userId, clientAppUsed, createdDateTime, status } of populationOf(customer).rows(
        'auditLogs/signIns',
      )) {
        const isModern = clientAppUsed === 'Browser' || clientAppUsed === 'Mobile Apps and Desktop clients';
        if (isModern || Date.parse(String(createdDateTime)) < nowMs - 20 * dayMs) continue;
        const key = `${String(userId)} ${String(clientAppUsed)}`;
        const count = counts.get(key) ?? { succeeded: 0, failed: 0 };
        count[(status as Raw)['errorCode'] === 0 ? 'succeeded' : 'failed'] += 1;
        counts.set(key, count);
        seen.add(String(clientAppUsed));
      }
      expect(
        new Map(
          rows.map(({ userId, protocol, succeeded, failed }) => [
            `${String(userId)} ${String(protocol)}`,
            { succeeded, failed },
          ]),
        ),
      ).toEqual(counts);
      expect(rows).toHaveLength(counts.size);
    }
    expect([...seen].toSorted()).toEqual(['Authenticated SMTP', 'Exchange Web Services', 'IMAP4', 'POP3']);
  });

  const licence = { value: [{ capabilityStatus: 'Enabled', servicePlans: [{ servicePlanName: 'AAD_PREMIUM' }] }] };

  test('counts failures apart, and neither for a status that is not known', async () => {
    const at = (day: number, more: object) => ({
      userId: 'u',
      clientAppUsed: 'IMAP4',
      createdDateTime: `2026-11-0${day}T00:00:00Z`,
      ...more,
    });
    const value = [
      at(2, { status: { errorCode: 0 }, userPrincipalName: 'a@contoso.com' }),
      at(3, { status: { errorCode: 50126 } }),
      at(1, {}),
    ];
    const { rows, requests } = await tryJob(legacyAuthentication, {
      nowMs: Date.parse('2026-11-24T00:00:00Z'),
      graph: { '/subscribedSkus': licence, '/auditLogs/signIns': { value } },
    });
    expect(rows).toEqual([
      {
        user: 'a@contoso.com',
        userId: 'u',
        protocol: 'IMAP4',
        succeeded: 1,
        failed: 1,
        last: '2026-11-03T00:00:00Z',
        signIns: 'interactive',
      },
    ]);
    expect(requests[1]?.url.searchParams.get('$filter')).toMatch(
      /^createdDateTime ge 2026-11-17T00:00:00\.000Z and \(clientAppUsed eq /,
    );
  });

  test('tells attempts apart that have no id of a user, by the name that was tried', async () => {
    const zeros = '00000000-0000-0000-0000-000000000000';
    const value = [
      { userId: zeros, userPrincipalName: 'info@contoso.com' },
      { userId: zeros, userPrincipalName: 'sales@contoso.com' },
      { userId: '', userPrincipalName: 'info@contoso.com' },
      { userPrincipalName: null },
      { userId: 'u', userPrincipalName: 'info@contoso.com' },
    ].map((each) => ({ clientAppUsed: 'IMAP4', status: { errorCode: 50126 }, ...each }));
    const { rows } = await tryJob(legacyAuthentication, {
      graph: { '/subscribedSkus': licence, '/auditLogs/signIns': { value } },
    });
    expect(rows.map(({ userId, user, failed }) => [userId, user, failed])).toEqual([
      ['info@contoso.com', 'info@contoso.com', 2],
      ['sales@contoso.com', 'sales@contoso.com', 1],
      ['', null, 1],
      ['u', 'info@contoso.com', 1],
    ]);
  });

  test('tries a licensed tenant again when Graph says that it has no licence', async () => {
    const refusal = problem(403, 'Authentication_RequestFromNonPremiumTenantOrB2CTenant', 'Neither tenant is B2C');
    await expect(
      tryJob(legacyAuthentication, { graph: { '/subscribedSkus': licence, '/auditLogs/signIns': refusal } }),
    ).rejects.toMatchObject({ code: 'resource_error', transient: true });
  });

  test.each([{ days: 0 }, { days: 31 }, { days: '7' }])('refuses the parameters %j', async (parameters) => {
    await expect(tryJob(legacyAuthentication, { parameters })).rejects.toMatchObject({ code: 'request_invalid' });
  });
});

describe.each([secureScoreGains, groupsAndTeams, riskyUsers, legacyAuthentication])('$name', (job) => {
  test.each([
    ['no role', () => problem(403, 'Forbidden', 'Access denied.'), 'access_denied'],
    ['throttled to the end', () => problem(429, 'TooManyRequests', ''), 'throttled'],
    ['no list', () => Response.json({}), 'resource_error'],
  ])('fails with the reason of Graph: %s', async (_name, reply, code) => {
    await expect(tryJob(job, { graph: reply })).rejects.toMatchObject({ code });
  });
});

describe('sharing-settings', () => {
  test('has the rows that the population contains, with one request, and skips tenants without SharePoint', async () => {
    const seen = new Set<string>();
    for (const customer of customers) {
      if (!populationOf(customer).hasSharePoint) {
        await expect(reportOn(sharingSettings, customer)).rejects.toMatchObject({ code: 'resource_unavailable' });
        seen.add('skipped');
        continue;
      }
      const { rows, requests } = await reportOn(sharingSettings, customer);
      expect(pathsOf({ requests })).toEqual(['/admin/sharepoint/settings']);
      const settings = populationOf(customer).object('admin/sharepoint/settings');
      const isOn = settings['sharingCapability'] !== 'disabled';
      expect(rows).toEqual([
        {
          setting: 'sharing',
          value: settings['sharingCapability'],
          open: settings['sharingCapability'] === 'externalUserAndGuestSharing' ? 'yes' : 'no',
        },
        { setting: 'domains', value: 'none', open: isOn ? 'yes' : 'no' },
        {
          setting: 'resharing by guests',
          value: String(settings['isResharingByExternalUsersEnabled']),
          open: isOn && settings['isResharingByExternalUsersEnabled'] ? 'yes' : 'no',
        },
        {
          setting: 'legacy protocols',
          value: String(settings['isLegacyAuthProtocolsEnabled']),
          open: settings['isLegacyAuthProtocolsEnabled'] ? 'yes' : 'no',
        },
      ]);
      for (const { setting, open } of rows) seen.add(`${String(setting)} ${String(open)}`);
    }
    expect(seen.size).toBe(9);
  });

  const rowsOf = async (settings: object) =>
    (await tryJob(sharingSettings, { graph: { '/admin/sharepoint/settings': settings } })).rows;

  test.each([
    [
      { sharingDomainRestrictionMode: 'allowList', sharingAllowedDomainList: ['b.example', 'a.example'] },
      'allowList a.example b.example',
      'no',
    ],
    [
      { sharingDomainRestrictionMode: 'blockList', sharingBlockedDomainList: ['c.example'] },
      'blockList c.example',
      'yes',
    ],
    [{ sharingDomainRestrictionMode: 'allowList' }, 'allowList', 'no'],
    [{}, null, null],
  ])('names the domains of %j', async (settings, value, open) => {
    expect((await rowsOf(settings))[1]).toEqual({ setting: 'domains', value, open });
  });

  test('reads settings inside `value`, and knows nothing of a setting that is absent', async () => {
    const rows = await rowsOf({ value: { sharingCapability: 'externalUserAndGuestSharing' } });
    expect(rows.map(({ value, open }) => [value, open])).toEqual([
      ['externalUserAndGuestSharing', 'yes'],
      [null, null],
      [null, null],
      [null, null],
    ]);
  });

  test('says that access is refused', async () => {
    await expect(rowsOf(problem(401, 'Unauthorized'))).rejects.toMatchObject({ code: 'access_denied' });
  });
});

describe('service-health', () => {
  test('has the open issues that the population contains, with one request for few properties', async () => {
    const all = new Set<string>();
    for (const customer of customers) {
      const { rows, requests } = await reportOn(serviceHealth, customer);
      const issues = populationOf(customer)
        .rows('admin/serviceAnnouncement/issues')
        .filter(({ isResolved }) => isResolved === false);
      expect(issues.length).toBeGreaterThan(0);
      expect(rows).toEqual(
        issues.map((issue) => ({
          issue: issue['id'],
          service: issue['service'],
          title: issue['title'],
          classification: issue['classification'],
          status: issue['status'],
          started: issue['startDateTime'],
          changed: issue['lastModifiedDateTime'],
        })),
      );
      expect(requests.map(({ url }) => url.searchParams.has('$select'))).toEqual([true]);
      all.add(JSON.stringify(rows));
    }
    // The same everywhere, which is why the job visits customers with a tag alone.
    expect(all.size).toBe(1);
    expect(serviceHealth.tenants).toEqual(['tag:service-health']);
  });
});
