import { describe, expect, test } from 'vitest';
import configurationDriftReport from '../../../src/jobs/configuration-drift-report.ts';
import { BrokerError } from '../../../src/lib/core/errors.ts';
import { problem, type Scripted, type SeenRequest } from '../../fakes/scripted-fetch.ts';
import { tryJob, type TriedJob } from '../../support/try-job.ts';

const nowMs = Date.parse('2026-11-24T07:00:00Z');
const root = '/v1.0/admin/configurationManagement';
const monitor = {
  id: 'm1',
  displayName: 'Mail',
  status: 'active',
  createdDateTime: '2026-10-01T08:00:00Z',
  inactivationReason: null,
};
const run = (runInitiationDateTime: string, more: object = {}) => ({
  monitorId: 'm1',
  runInitiationDateTime,
  runStatus: 'successful',
  driftsCount: 1,
  errorDetails: [],
  ...more,
});
const drift = {
  id: 'd1',
  monitorId: 'm1',
  status: 'active',
  resourceType: 'microsoft.exchange.transportconfig',
  baselineResourceDisplayName: 'Transport',
  firstReportedDateTime: '2026-11-20T06:00:00Z',
  driftedProperties: [{ propertyName: 'SmtpClientAuthenticationDisabled', currentValue: false, desiredValue: true }],
};
const snapshot = {
  id: 's1',
  displayName: 'Before the change',
  status: 'succeeded',
  createdDateTime: '2026-11-22T10:00:00Z',
  resources: ['microsoft.exchange.transportconfig', 'microsoft.entra.securitydefaults'],
  errorDetails: [],
};

interface Lists {
  readonly configurationMonitors?: readonly object[];
  readonly configurationMonitoringResults?: readonly object[];
  readonly configurationDrifts?: readonly object[];
  readonly configurationSnapshotJobs?: readonly object[];
}
const listOf = ({ url }: SeenRequest): keyof Lists => url.pathname.replace(`${root}/`, '') as keyof Lists;
const report = (lists: Lists): Promise<TriedJob> =>
  tryJob(configurationDriftReport, { nowMs, graph: (request) => ({ value: lists[listOf(request)] ?? [] }) });

describe('configuration-drift-report', () => {
  test('reports monitors with their last run, their drifts, and snapshots', async () => {
    const { rows, requests } = await report({
      configurationMonitors: [monitor],
      configurationMonitoringResults: [run('2026-11-24T00:00:20Z', { driftsCount: 0 }), run('2026-11-24T06:00:20Z')],
      configurationDrifts: [drift],
      configurationSnapshotJobs: [snapshot],
    });
    expect(rows).toEqual([
      {
        kind: 'monitor',
        name: 'Mail',
        status: 'active',
        detail: null,
        since: '2026-10-01T08:00:00Z',
        drifts: 1,
        lastRun: 'successful',
        lastRunAt: '2026-11-24T06:00:20Z',
        id: 'm1',
      },
      {
        kind: 'drift',
        name: 'Transport',
        status: 'active',
        monitor: 'Mail',
        resourceType: 'microsoft.exchange.transportconfig',
        detail: 'SmtpClientAuthenticationDisabled: false instead of true',
        since: '2026-11-20T06:00:00Z',
        id: 'd1',
      },
      {
        kind: 'snapshot',
        name: 'Before the change',
        status: 'succeeded',
        resourceType: 'microsoft.exchange.transportconfig\nmicrosoft.entra.securitydefaults',
        detail: null,
        since: '2026-11-22T10:00:00Z',
        id: 's1',
      },
    ]);
    // Graph returns some properties only if they are selected, and hides a status of snapshots without the header.
    const selected = requests.map(({ url }) => url.searchParams.get('$select'));
    expect(selected).toEqual([
      expect.stringContaining('inactivationReason'),
      expect.stringContaining('errorDetails'),
      expect.stringContaining('driftedProperties'),
      expect.stringContaining('errorDetails'),
    ]);
    expect(requests[1]?.url.searchParams.get('$filter')).toBe('runInitiationDateTime ge 2026-11-23T07:00:00.000Z');
    expect(requests[3]?.headers.get('prefer')).toBe('include-unknown-enum-members');
  });

  test('only reads, and asks a tenant without monitors neither for runs nor for drifts', async () => {
    const none = await report({});
    expect(none.rows).toEqual([]);
    expect(none.requests.map(listOf)).toEqual(['configurationMonitors', 'configurationSnapshotJobs']);
    const some = await report({ configurationMonitors: [monitor] });
    expect([...none.requests, ...some.requests].every(({ method }) => method === 'GET')).toBe(true);
    expect((await report({ configurationSnapshotJobs: [snapshot] })).rows).toMatchObject([{ kind: 'snapshot' }]);
  });

  test('says why a monitor is inactive, or that it has not run for a day', async () => {
    const inactive = { ...monitor, id: 'm2', status: 'inactive', inactivationReason: 'No permissions.' };
    const { rows } = await report({ configurationMonitors: [monitor, inactive] });
    expect(rows).toMatchObject([
      { status: 'active', detail: null, lastRun: null, lastRunAt: null, drifts: null },
      { status: 'inactive', detail: 'No permissions.', lastRun: null },
    ]);
  });

  test('says why the last run of a monitor or a snapshot failed', async () => {
    const errorDetails = [
      { resourceType: 'microsoft.entra.securitydefaults', resourceInstanceName: 'x', errorMessage: 'Forbidden.' },
      { errorMessage: null },
    ];
    const { rows } = await report({
      configurationMonitors: [monitor],
      configurationMonitoringResults: [
        run('2026-11-24T06:00:20Z', { runStatus: 'failed', driftsCount: 0, errorDetails }),
      ],
      configurationSnapshotJobs: [
        { ...snapshot, status: 'partiallySuccessful', errorDetails: ['Forbidden.', 'Busy.'] },
      ],
    });
    expect(rows).toMatchObject([
      { lastRun: 'failed', drifts: 0, detail: 'microsoft.entra.securitydefaults: Forbidden.\nerror: ' },
      { status: 'partiallySuccessful', detail: 'Forbidden.\nBusy.' },
    ]);
  });

  test.each([
    ['no list', {}, null],
    ['null', { driftedProperties: null }, null],
    ['an empty list', { driftedProperties: [] }, null],
    ['a property without name and values', { driftedProperties: [{}] }, '?: null instead of null'],
    [
      'several, with nested values',
      {
        driftedProperties: [
          { propertyName: 'Users', currentValue: ['a', 'b'], desiredValue: { include: 'All' } },
          { propertyName: 'State', currentValue: null, desiredValue: 'enabled' },
        ],
      },
      'Users: ["a","b"] instead of {"include":"All"}\nState: null instead of "enabled"',
    ],
  ])('reports a drift whose properties are %s', async (_case, properties, detail) => {
    const { driftedProperties: _omitted, ...bare } = drift;
    const { rows } = await report({
      configurationMonitors: [monitor],
      configurationDrifts: [{ ...bare, ...properties }],
    });
    expect(rows[1]).toMatchObject({ kind: 'drift', id: 'd1', detail });
  });

  test('reports a drift of a monitor that is gone, and one that lacks everything but its id', async () => {
    const { rows } = await report({
      configurationMonitors: [monitor],
      configurationDrifts: [{ ...drift, monitorId: 'gone', status: 'fixed' }, { id: 'd2' }],
    });
    expect(rows.slice(1)).toMatchObject([
      { monitor: 'gone', status: 'fixed' },
      { id: 'd2', monitor: null, name: null, status: null },
    ]);
  });

  test('replaces a setting that looks like a token, and keeps the row', async () => {
    const token = 'eyJhbGciOiJub25lIn0.eyJhdWQiOiJ4In0.signature';
    const driftedProperties = [{ propertyName: 'Url', currentValue: `https://x/?key=${token}`, desiredValue: null }];
    const { rows } = await report({
      configurationMonitors: [monitor],
      configurationDrifts: [{ ...drift, driftedProperties }],
    });
    expect(rows[1]?.['detail']).toContain('[secret]');
    expect(JSON.stringify(rows)).not.toContain(token);
  });

  test('reads every page of every list', async () => {
    const page = (request: SeenRequest): Scripted => {
      const list = listOf(request);
      const second = request.url.searchParams.has('$skiptoken');
      const item = { ...monitor, ...run('2026-11-24T06:00:20Z'), id: `${list} ${second ? 2 : 1}` };
      return second
        ? { value: [item] }
        : { value: [item], '@odata.nextLink': `https://graph.microsoft.com${root}/${list}?$skiptoken=x` };
    };
    const { rows, requests } = await tryJob(configurationDriftReport, { nowMs, graph: page });
    expect(requests).toHaveLength(8);
    expect(rows.map(({ id }) => id)).toEqual([
      'configurationMonitors 1',
      'configurationMonitors 2',
      'configurationDrifts 1',
      'configurationDrifts 2',
      'configurationSnapshotJobs 1',
      'configurationSnapshotJobs 2',
    ]);
  });

  test('waits when it is throttled, and asks again', async () => {
    let refused = 0;
    const { rows } = await tryJob(configurationDriftReport, {
      nowMs,
      graph: (request) => {
        if (listOf(request) === 'configurationDrifts' && refused++ === 0)
          return problem(429, 'TooManyRequests', 'Slow down.', { 'retry-after': '20' });
        return { value: listOf(request) === 'configurationMonitoringResults' ? [] : [{ id: 'x' }] };
      },
    });
    expect([refused, rows.map(({ kind }) => kind)]).toEqual([2, ['monitor', 'drift', 'snapshot']]);
  });

  test.each([
    ['no role or no permission', problem(403, 'Forbidden', 'Access denied.'), 'access_denied'],
    [
      'no licence',
      problem(403, 'Authentication_RequestFromNonPremiumTenantOrB2CTenant', 'Tenant does not have premium license'),
      'resource_unavailable',
    ],
    ['throttled to the end', problem(429, 'TooManyRequests', '', { 'retry-after': '600' }), 'throttled'],
    ['an item of another shape', Response.json({ value: [{ displayName: 'no id' }] }), 'resource_error'],
    ['no list', Response.json({}), 'resource_error'],
  ])('fails with the reason of Graph: %s', async (_case, reply, code) => {
    await expect(tryJob(configurationDriftReport, { nowMs, graph: () => reply.clone() })).rejects.toMatchObject({
      code,
    });
  });

  test('fails with the reason why there is no token', async () => {
    const token = (): void => {
      throw new BrokerError('consent_required', 'No.');
    };
    await expect(tryJob(configurationDriftReport, { nowMs, token })).rejects.toMatchObject({
      code: 'consent_required',
    });
  });
});
