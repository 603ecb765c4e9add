import * as z from 'zod';
import { dayMs, isoTime } from '../lib/core/clock.ts';
import { scrub } from '../lib/core/log.ts';
import { defineJob } from '../lib/runs/job/job.ts';
import type { Row } from '../lib/runs/job/row.ts';

const text = z.string().nullable().default(null);
const configurationMonitor = z.object({
  id: z.string(),
  displayName: text,
  status: text,
  createdDateTime: text,
  inactivationReason: text,
});
const monitoringResult = z.object({
  monitorId: z.string(),
  runInitiationDateTime: z.string(),
  runStatus: text,
  driftsCount: z.number().nullish(),
  errorDetails: z.array(z.object({ resourceType: text, errorMessage: text })).nullish(),
});
const configurationDrift = z.object({
  id: z.string(),
  monitorId: text,
  status: text,
  resourceType: text,
  baselineResourceDisplayName: text,
  firstReportedDateTime: text,
  driftedProperties: z
    .array(
      z.object({
        propertyName: text,
        currentValue: z.unknown().default(null),
        desiredValue: z.unknown().default(null),
      }),
    )
    .nullish(),
});
const snapshotJob = z.object({
  id: z.string(),
  displayName: text,
  status: text,
  createdDateTime: text,
  resources: z.array(z.string()).nullish(),
  errorDetails: z.array(z.string()).nullish(),
});

/** The path of a list with the properties of its shape, in pages of the largest size ("List configurationMonitors"). */
const path = (name: string, { shape }: z.ZodObject): string =>
  `/admin/configurationManagement/${name}?$top=999&$select=${Object.keys(shape).join(',')}`;

/**
 * Reports the monitors of tenant configuration management, their drifts, and the snapshots. It creates neither, so it uses
 * nothing of what a tenant may monitor and extract ("Use the Tenant Configuration Management APIs", API limits).
 */
export default defineJob({
  name: 'configuration-drift-report',
  title: 'Configuration drifts',
  description:
    'What differs from the baselines of tenant configuration management, whether its monitors run, and which snapshots exist. A tenant without monitors and snapshots has no rows.',
  topic: 'security',
  resources: ['graph'],
  permissions: ['ConfigurationMonitoring.Read.All'],
  // "Set up authentication for unified tenant configuration management APIs": any role that Entra calls privileged.
  directoryRoles: [
    'Security Reader',
    'Global Reader',
    'Helpdesk Administrator',
    'Cloud Application Administrator',
    'Application Administrator',
    'Authentication Administrator',
    'Conditional Access Administrator',
    'Intune Administrator',
    'User Administrator',
    'Security Administrator',
    'Privileged Authentication Administrator',
    'Privileged Role Administrator',
  ],
  timeoutSeconds: 300,
  columns: [
    { name: 'kind', title: 'Kind', type: 'text' },
    { name: 'name', title: 'Name', type: 'text' },
    { name: 'status', title: 'Status', type: 'text' },
    { name: 'monitor', title: 'Monitor', type: 'text' },
    { name: 'resourceType', title: 'Resource type', type: 'text' },
    { name: 'detail', title: 'Detail', type: 'text' },
    { name: 'since', title: 'Since', type: 'date' },
    { name: 'drifts', title: 'Drifts', type: 'number' },
    { name: 'lastRun', title: 'Last run', type: 'text' },
    { name: 'lastRunAt', title: 'Last run at', type: 'date', compare: false },
    { name: 'id', title: 'Id', type: 'text' },
  ],
  key: ['kind', 'id'],
  historyBy: 'kind',
  async run({ graph, nowMs }) {
    const monitors = await Array.fromAsync(
      graph.list(path('configurationMonitors', configurationMonitor), { shape: configurationMonitor }),
    );
    const names = new Map(monitors.map(({ id, displayName }) => [id, displayName ?? id]));
    const rows: Row[] = [];
    if (monitors.length > 0) {
      // A monitor runs every six hours: without a run in a day, it does not run.
      const since = `&$filter=runInitiationDateTime ge ${isoTime(nowMs - dayMs)}`;
      const lastRuns = new Map<string, z.output<typeof monitoringResult>>();
      for await (const run of graph.list(path('configurationMonitoringResults', monitoringResult) + since, {
        shape: monitoringResult,
      })) {
        const known = lastRuns.get(run.monitorId);
        // Graph documents no order.
        if (known === undefined || Date.parse(known.runInitiationDateTime) < Date.parse(run.runInitiationDateTime))
          lastRuns.set(run.monitorId, run);
      }
      for (const { id, displayName, status, createdDateTime, inactivationReason } of monitors) {
        const run = lastRuns.get(id);
        rows.push({
          kind: 'monitor',
          name: displayName,
          status,
          detail: lines([
            ...(inactivationReason === null ? [] : [inactivationReason]),
            ...(run?.errorDetails ?? []).map((each) => `${each.resourceType ?? 'error'}: ${each.errorMessage ?? ''}`),
          ]),
          since: createdDateTime,
          drifts: run?.driftsCount ?? null,
          lastRun: run?.runStatus ?? null,
          lastRunAt: run?.runInitiationDateTime ?? null,
          id,
        });
      }
      for await (const drift of graph.list(path('configurationDrifts', configurationDrift), {
        shape: configurationDrift,
      }))
        rows.push({
          kind: 'drift',
          name: drift.baselineResourceDisplayName,
          status: drift.status,
          monitor: names.get(drift.monitorId ?? '') ?? drift.monitorId,
          resourceType: drift.resourceType,
          detail: lines(
            (drift.driftedProperties ?? []).map(
              ({ propertyName, currentValue, desiredValue }) =>
                `${propertyName ?? '?'}: ${JSON.stringify(currentValue)} instead of ${JSON.stringify(desiredValue)}`,
            ),
          ),
          since: drift.firstReportedDateTime,
          id: drift.id,
        });
    }
    for await (const job of graph.list(path('configurationSnapshotJobs', snapshotJob), {
      shape: snapshotJob,
      // Otherwise Graph hides the status partiallySuccessful ("configurationSnapshotJob resource type").
      headers: { prefer: 'include-unknown-enum-members' },
    }))
      rows.push({
        kind: 'snapshot',
        name: job.displayName,
        status: job.status,
        resourceType: lines(job.resources ?? []),
        detail: lines(job.errorDetails ?? []),
        since: job.createdDateTime,
        id: job.id,
      });
    return rows;
  },
});

/** A setting may contain a secret, such as one in an address. Rows with something that looks like a token are refused. */
const lines = (texts: readonly string[]): string | null => (texts.length === 0 ? null : scrub(texts.join('\n')));
