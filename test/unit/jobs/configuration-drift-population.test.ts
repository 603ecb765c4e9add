import { expect, test } from 'vitest';
import { ask, world } from '../../../packages/microsoft-cloud/test/unit/served-engine.ts';
import { dayMs, startMs, viewOf } from '../../../packages/microsoft-cloud/test/unit/tenant-view.ts';
import configurationDriftReport from '../../../src/jobs/configuration-drift-report.ts';
import type { Row } from '../../../src/lib/runs/job/row.ts';
import { tryJob } from '../../support/try-job.ts';

/** Objects as the population of the simulated cloud creates them. No query has touched them. */
type Objects = readonly Readonly<Record<string, unknown>>[];

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
const joined = (texts: readonly unknown[]): string | null => (texts.length === 0 ? null : texts.join('\n'));

function expectedRows(read: (list: string) => Objects): readonly Row[] {
  const monitors = read('configurationMonitors');
  const runs = read('configurationMonitoringResults')
    .filter(({ runInitiationDateTime: at }) => Date.parse(String(at)) >= startMs - dayMs)
    .toSorted((a, b) => String(b['runInitiationDateTime']).localeCompare(String(a['runInitiationDateTime'])));
  return [
    ...monitors.map(({ id, displayName, status, createdDateTime, inactivationReason }) => {
      const run = runs.find(({ monitorId }) => monitorId === id);
      const errors = (run?.['errorDetails'] ?? []) as Objects;
      return {
        kind: 'monitor',
        name: text(displayName),
        status: text(status),
        detail: joined([
          ...[inactivationReason].filter((reason) => reason !== null),
          ...errors.map((error) => `${String(error['resourceType'])}: ${String(error['errorMessage'])}`),
        ]),
        since: text(createdDateTime),
        drifts: run === undefined ? null : Number(run['driftsCount']),
        lastRun: text(run?.['runStatus']),
        lastRunAt: text(run?.['runInitiationDateTime']),
        id: String(id),
      };
    }),
    ...read('configurationDrifts').map((drift) => ({
      kind: 'drift',
      name: text(drift['baselineResourceDisplayName']),
      status: text(drift['status']),
      monitor: text(monitors.find(({ id }) => id === drift['monitorId'])?.['displayName']),
      resourceType: text(drift['resourceType']),
      detail: joined(
        (drift['driftedProperties'] as Objects).map(
          ({ propertyName, currentValue, desiredValue }) =>
            `${String(propertyName)}: ${JSON.stringify(currentValue)} instead of ${JSON.stringify(desiredValue)}`,
        ),
      ),
      since: text(drift['firstReportedDateTime']),
      id: String(drift['id']),
    })),
    ...read('configurationSnapshotJobs').map((job) => ({
      kind: 'snapshot',
      name: text(job['displayName']),
      status: text(job['status']),
      resourceType: joined(job['resources'] as readonly string[]),
      detail: joined(job['errorDetails'] as readonly string[]),
      since: text(job['createdDateTime']),
      id: String(job['id']),
    })),
  ];
}

test('configuration-drift-report has the rows that the population of the simulated cloud contains', async () => {
  const all: Row[] = [];
  let without = 0;
  for (const customer of world.customers) {
    const { rows } = await tryJob(configurationDriftReport, {
      nowMs: startMs,
      graph: ({ url }) => {
        const { status, body } = ask(customer, `${url.pathname.replace('/v1.0/', '')}${url.search}`);
        return Response.json(body, { status });
      },
    });
    const view = viewOf(world, customer);
    expect(rows).toEqual(expectedRows((list) => view.rows(`admin/configurationManagement/${list}`)));
    all.push(...rows);
    if (rows.length === 0) without += 1;
  }
  expect(without).toBeGreaterThan(0);
  const seen = new Set(all.map(({ kind, status }) => `${String(kind)} ${String(status)}`));
  expect([...seen].toSorted()).toEqual([
    'drift active',
    'drift fixed',
    'monitor active',
    'monitor inactive',
    'snapshot failed',
    'snapshot succeeded',
  ]);
});
