import { randomUUID } from 'node:crypto';
import type { TableClient, TableEntity, TransactionAction } from '@azure/data-tables';
import { defaultApplication, nilUuid, type TenantId } from '../../../lib/core/identifiers.ts';
import { dayMs, minuteMs, systemClock } from '../../../lib/core/clock.ts';
import { BrokerError, toBrokerError } from '../../../lib/core/errors.ts';
import { silentLogger } from '../../../lib/core/log.ts';
import { asObject } from '../../../lib/core/objects.ts';
import { finishRun } from '../../../lib/runs/engine/finish-run.ts';
import { planRun } from '../../../lib/runs/engine/plan-run.ts';
import { countingOf, createJobRegistry, type Job, type JobContext } from '../../../lib/runs/job/job.ts';
import { readParameters } from '../../../lib/runs/job/job-parameters.ts';
import { writeRows } from '../../../lib/runs/job/row.ts';
import { historyTable, TableHistory } from '../../../lib/runs/history/table-history.ts';
import { createRuns } from '../../../lib/runs/store/create-runs.ts';
import { areShort, runIdOf, scheduledWindow, shortRowsName } from '../../../lib/runs/store/run.ts';
import type { Runs } from '../../../lib/runs/store/runs.ts';
import { comparedDays } from '../../../lib/api/report/read-report.ts';
import { jobs } from '../../../jobs/index.ts';
import { insertAll } from './past-audit.ts';
import type { Past, PastTenant } from './past-tenants.ts';

/**
 * Whether the demo has the records and rows of a run. A start must not take long: it has those of a week, and those about a
 * month before the latest ones, with which a report compares.
 */
const isKept = (days: number): boolean => days < 7.5 || (days > comparedDays - 0.6 && days < comparedDays + 1.1);

/** The scheduled runs: of the last days with their records and rows, of earlier ones the history. */
export async function writePastRuns(past: Past): Promise<void> {
  const rows: TableEntity[] = [];
  const runs = {
    ...createRuns({ storage: past.storage, clock: systemClock, newId: randomUUID }),
    history: new TableHistory(async () => keepingClient(rows)),
  };
  // Ten minutes ago, a run may still be under way.
  const toMs = past.toMs - 10 * minuteMs;
  await Promise.all(
    jobs.map(async (job) => {
      for (let atMs = job.schedule?.nextAfterMs(past.fromMs); atMs !== undefined && atMs < toMs; ) {
        await writeRun({ ...past, runs }, job, atMs, isKept((toMs - atMs) / dayMs));
        atMs = job.schedule?.nextAfterMs(atMs);
      }
    }),
  );
  const texts = [...Map.groupBy(rows, ({ partitionKey }) => partitionKey).values()].map((some) =>
    some.map(({ partitionKey: PartitionKey, rowKey: RowKey, ...row }) =>
      JSON.stringify({ PartitionKey, RowKey, ...row }),
    ),
  );
  await insertAll(past.storage, past.patientClock, historyTable, texts);
}

/** A client that keeps the rows that it is to write. Those of many runs share a transaction then, which is four times as fast. */
const keepingClient = (rows: TableEntity[]): TableClient =>
  ({
    createTable: async () => undefined,
    submitTransaction: async (actions: readonly TransactionAction[]) => rows.push(...actions.map(([, row]) => row)),
  }) as unknown as TableClient;

async function writeRun(past: Past & { readonly runs: Runs }, job: Job, atMs: number, kept: boolean): Promise<void> {
  const { runs } = past;
  const startedAtMs = atMs + 2_000;
  const parameters = readParameters(job, {});
  const window = scheduledWindow(atMs);
  const run = { runId: runIdOf(job.name, window), job: job.name, window };
  const listed = past.tenants.flatMap((tenant) => tenant.listedAt(atMs) ?? []);
  const reachable = new Set(listed.flatMap(({ reachable: is, tenantId }) => (is ? [tenantId] : [])));
  const visits = past.tenants.filter(({ tenantId }) => reachable.has(tenantId));
  const visited = await Promise.all(visits.map((tenant) => visit({ ...past, kept }, job, tenant, startedAtMs)));
  if (!kept) {
    const lost = listed.filter(({ tenantId }) => !reachable.has(tenantId));
    const decided = lost.map(({ tenantId }) => ({ tenantId, outcome: 'failed' as const, rows: 0 }));
    const about = { ...run, status: 'completed', scope: 'all', isScheduled: true, parameters, startedAtMs } as const;
    return runs.history.add(about, [...visited, ...decided]);
  }
  const list = { tenants: listed, warnings: [], complete: true, asOfMs: startedAtMs };
  const deps = {
    clock: { ...systemClock, nowMs: () => startedAtMs },
    log: silentLogger,
    jobs: createJobRegistry(jobs),
    directory: { snapshot: async () => list, tenantOf: async () => undefined },
    tenantTags: { current: async () => ({ byTenant: new Map(), warnings: [] }) },
    groups: async () => new Map(),
    runs,
  };
  await runs.log.create({ ...run, startedBy: 'timer', createdAtMs: atMs }, { parameters });
  await planRun(deps, run);
  const nameOf = (tenantId: TenantId, text: string): string =>
    areShort(text) ? shortRowsName(tenantId, randomUUID()) : `${tenantId}.${randomUUID()}`;
  const records = visited.map(({ text, ...found }, index) => ({
    ...found,
    round: 1,
    rowsName: found.rows === 0 ? undefined : nameOf(found.tenantId, text),
    rowsText: found.rows > 0 && areShort(text) ? text : undefined,
    startedAtMs: startedAtMs + 150 * index,
    finishedAtMs: startedAtMs + 150 * index + 400 + Math.floor(past.random() * 2_000),
  }));
  await runs.log.recordTenants(run.runId, records);
  for (const [index, { rowsName, rowsText }] of records.entries())
    if (rowsName !== undefined && rowsText === undefined)
      await runs.results.putRows(run.runId, rowsName, visited[index]?.text ?? '');
  const endedMs = Math.max(startedAtMs, ...records.map(({ finishedAtMs }) => finishedAtMs)) + 1_000;
  await finishRun({ ...deps, clock: { ...systemClock, nowMs: () => endedMs } }, run);
}

/** What the job found in a tenant at a time. @param past.kept the audit log gets the records of its tokens. */
async function visit(past: Past & { readonly kept: boolean }, job: Job, tenant: PastTenant, atMs: number) {
  const { tenantId, name } = tenant;
  const { kept } = past;
  const token = async (resource: string): Promise<void> => {
    const lacking = 'The tenant does not have the service of the requested resource (AADSTS650052).';
    const lack = tenant.lacks(resource) ? new BrokerError('resource_unavailable', lacking) : undefined;
    const refusal = tenant.refusalAt(atMs) ?? lack;
    const about = {
      atMs: atMs + Math.floor(past.random() * 4_000),
      correlationId: randomUUID(),
      tokenId: randomUUID(),
      caller: { applicationId: nilUuid, objectId: nilUuid, kind: 'application' },
      rule: `job:${job.name}`,
      tenantId,
      resource,
      grant: 'delegated',
      application: defaultApplication,
    } as const;
    const issued = { outcome: 'issued', expiresAtMs: atMs + 70 * minuteMs, fromCache: false } as const;
    // A permission of another API has its name behind it, which no token has.
    const scopes = (job.permissions ?? []).filter((permission) => !permission.includes(' '));
    if (kept && refusal === undefined) await past.audit.record({ ...about, ...issued, scopes });
    else if (kept)
      await past.audit.record({ ...about, outcome: 'denied', scopes: [], code: refusal?.code ?? 'internal' });
    if (refusal !== undefined) throw refusal;
  };
  const graph = {
    get: async () => ({}),
    async *list(path: string) {
      for (const row of tenant.graphAt(atMs, path)) yield asObject(row);
    },
  };
  try {
    await token('graph');
    // Customers renew credentials every five weeks: in the past, others were about to expire.
    const nowMs = past.toMs - ((past.toMs - atMs) % (35 * dayMs));
    const context = { graph, token, parameters: readParameters(job, {}), nowMs } as unknown as JobContext;
    const { count: rows, columns, numbers, jsonLines } = writeRows(await job.run(context), [], countingOf(job));
    const text = Buffer.from(jsonLines).toString();
    return { tenantId, name, outcome: 'succeeded' as const, rows, columns, numbers, text };
  } catch (thrown) {
    const { code, detail } = toBrokerError(thrown);
    const outcome = code === 'resource_unavailable' ? ('skipped' as const) : ('failed' as const);
    return { tenantId, name, outcome, code, detail, rows: 0, columns: [], text: '' };
  }
}
