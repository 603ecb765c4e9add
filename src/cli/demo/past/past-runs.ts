import { randomUUID } from 'node:crypto';
import type { TableClient, TableEntity, TransactionAction } from '@azure/data-tables';
import { defaultApplication, nilUuid } from '../../../lib/core/identifiers.ts';
import type { Storage } from '../../../lib/config/storage.ts';
import { dayMs, minuteMs, systemClock } from '../../../lib/core/clock.ts';
import { BrokerError, type ErrorCode, toBrokerError } from '../../../lib/core/errors.ts';
import { silentLogger } from '../../../lib/core/log.ts';
import { asObject } from '../../../lib/core/objects.ts';
import { finishRun } from '../../../lib/runs/engine/finish-run.ts';
import { planRun } from '../../../lib/runs/engine/plan-run.ts';
import { countingOf, createJobRegistry, type Job, type JobContext } from '../../../lib/runs/job/job.ts';
import { readParameters } from '../../../lib/runs/job/job-parameters.ts';
import { writeRows, type WrittenRows } from '../../../lib/runs/job/row.ts';
import { historyTable, TableHistory } from '../../../lib/runs/history/table-history.ts';
import { createRuns } from '../../../lib/runs/store/create-runs.ts';
import { runIdOf, scheduledWindow, type TenantOutcome } from '../../../lib/runs/store/run.ts';
import type { Runs } from '../../../lib/runs/store/runs.ts';
import { jobs } from '../../../jobs/index.ts';
import type { PastAudit } from './past-audit.ts';
import type { PastTenant } from './past-tenants.ts';
import { comparedDays } from '../../../lib/api/report/read-report.ts';
import { batchesOf, writeBatches } from './write-batches.ts';

interface PastRunsDeps {
  readonly storage: Storage;
  readonly audit: PastAudit;
  readonly tenants: readonly PastTenant[];
  readonly random: () => number;
}

interface Period {
  readonly fromMs: number;
  readonly toMs: number;
}

interface Visited {
  readonly tenant: PastTenant;
  readonly outcome: TenantOutcome;
  readonly code?: ErrorCode;
  readonly detail?: string;
  readonly written?: WrittenRows;
}

/**
 * Whether the demo has the rows of a run. Each tenant of such a run is a blob, and a start must not take long: it has those of five
 * days, and those about a month before the latest ones, with which a report compares.
 */
const hasRows = (days: number): boolean => days < 5 || (days > comparedDays - 0.6 && days < comparedDays + 1.1);

/** The scheduled runs of a time: of the last days with their records and rows, of earlier ones the history. */
export async function writePastRuns(deps: PastRunsDeps, { fromMs, toMs }: Period): Promise<void> {
  const together: TableEntity[] = [];
  const runs = {
    ...createRuns({ storage: deps.storage, clock: systemClock, newId: randomUUID }),
    history: new TableHistory(async () => keepingClient(together)),
  };
  const writeAll = async (job: Job): Promise<void> => {
    for (let atMs = job.schedule?.nextAfterMs(fromMs); atMs !== undefined && atMs < toMs; ) {
      await writeRun({ ...deps, runs }, job, atMs, hasRows((toMs - atMs) / dayMs));
      atMs = job.schedule?.nextAfterMs(atMs);
    }
  };
  await Promise.all(jobs.map(writeAll));
  const sorted = together.toSorted((one, other) => (one.partitionKey < other.partitionKey ? -1 : 1));
  const texts = batchesOf(sorted, ({ partitionKey }) => partitionKey).map((batch) => batch.map(textOf));
  await writeBatches(deps.storage, historyTable, texts);
}

const textOf = ({ partitionKey, rowKey, ...row }: TableEntity): string =>
  JSON.stringify({ PartitionKey: partitionKey, RowKey: rowKey, ...row });

/** A client that keeps the rows that it is to write. Those of many runs share a transaction then, which is four times as fast. */
const keepingClient = (kept: TableEntity[]): TableClient =>
  ({
    createTable: async () => undefined,
    submitTransaction: async (actions: readonly TransactionAction[]) => {
      for (const [, row] of actions) kept.push(row);
    },
  }) as unknown as TableClient;

async function writeRun(
  deps: PastRunsDeps & { readonly runs: Runs },
  job: Job,
  atMs: number,
  isKept: boolean,
): Promise<void> {
  const { runs, tenants } = deps;
  const parameters = readParameters(job, {});
  const startedAtMs = atMs + 2_000;
  const window = scheduledWindow(atMs);
  const runId = runIdOf(job.name, window);
  const listed = tenants.flatMap((tenant) => tenant.listedAt(atMs) ?? []);
  const reachable = new Set(listed.flatMap(({ reachable: is, tenantId }) => (is ? [tenantId] : [])));
  const visited = await Promise.all(
    tenants
      .filter(({ tenantId }) => reachable.has(tenantId))
      .map((tenant) => visit({ ...deps, isKept }, job, tenant, startedAtMs)),
  );
  if (!isKept) {
    const numbers = visited.map(({ tenant, outcome, written }) => ({
      tenantId: tenant.tenantId,
      outcome: outcome === 'retrying' ? ('failed' as const) : outcome,
      rows: written?.count ?? 0,
      numbers: written?.numbers,
    }));
    const lost = listed.filter(({ tenantId }) => !reachable.has(tenantId));
    const decided = lost.map(({ tenantId }) => ({ tenantId, outcome: 'failed' as const, rows: 0 }));
    const about = { status: 'completed', scope: 'all', isScheduled: true, parameters } as const;
    await runs.history.add({ ...about, runId, job: job.name, window, startedAtMs }, [...numbers, ...decided]);
    return;
  }
  await runs.log.create({ runId, job: job.name, window, startedBy: 'timer', createdAtMs: atMs }, { parameters });
  const list = { tenants: listed, warnings: [], complete: true, asOfMs: startedAtMs };
  await planRun(
    {
      clock: { ...systemClock, nowMs: () => startedAtMs },
      log: silentLogger,
      jobs: createJobRegistry(jobs),
      directory: { snapshot: async () => list, tenantOf: async () => undefined },
      tenantTags: { current: async () => ({ byTenant: new Map(), warnings: [] }) },
      groups: async () => new Map(),
      runs,
    },
    { runId },
  );
  const records = visited.map(({ tenant: { tenantId, name }, outcome, code, detail, written }, index) => ({
    tenantId,
    name,
    outcome,
    code,
    detail,
    round: 1,
    rows: written?.count ?? 0,
    ...(written !== undefined && written.count > 0 ? { rowsName: `${tenantId}.${randomUUID()}` } : {}),
    columns: written?.columns ?? [],
    numbers: written?.numbers,
    startedAtMs: startedAtMs + 150 * index,
    finishedAtMs: startedAtMs + 150 * index + 400 + Math.floor(deps.random() * 2_000),
  }));
  await Promise.all([
    runs.log.recordTenants(runId, records),
    ...records.map(async ({ rowsName }, index) => {
      const text = visited[index]?.written?.jsonLines;
      if (rowsName !== undefined && text !== undefined) await runs.results.putRows(runId, rowsName, text);
    }),
  ]);
  const endedMs = Math.max(startedAtMs, ...records.map(({ finishedAtMs }) => finishedAtMs)) + 1_000;
  await finishRun({ clock: { ...systemClock, nowMs: () => endedMs }, log: silentLogger, runs }, { runId });
}

/** What the job found in a tenant at a time, with the records of its tokens. */
async function visit(
  deps: PastRunsDeps & { readonly isKept: boolean },
  job: Job,
  tenant: PastTenant,
  atMs: number,
): Promise<Visited> {
  const { isKept } = deps;
  const token = async (resource: string): Promise<void> => {
    const lacking = `The tenant does not have the service of the requested resource (AADSTS650052).`;
    const refusal =
      tenant.refusalAt(atMs) ?? (tenant.lacks(resource) ? new BrokerError('resource_unavailable', lacking) : undefined);
    // The audit log has the tokens of the runs that are kept: those of all would double the start.
    if (isKept)
      await deps.audit.record({
        atMs: atMs + Math.floor(deps.random() * 4_000),
        correlationId: randomUUID(),
        tokenId: randomUUID(),
        caller: { applicationId: nilUuid, objectId: nilUuid, kind: 'application' },
        rule: `job:${job.name}`,
        tenantId: tenant.tenantId,
        resource,
        scopes: refusal === undefined ? (job.permissions ?? []) : [],
        grant: 'delegated',
        application: defaultApplication,
        ...(refusal === undefined
          ? { outcome: 'issued', expiresAtMs: atMs + 70 * minuteMs, fromCache: false }
          : { outcome: 'denied', code: refusal.code }),
      });
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
    const context = { graph, token, parameters: readParameters(job, {}), nowMs: atMs } as unknown as JobContext;
    return { tenant, outcome: 'succeeded', written: writeRows(await job.run(context), [], countingOf(job)) };
  } catch (thrown) {
    const { code, detail } = toBrokerError(thrown);
    return { tenant, outcome: code === 'resource_unavailable' ? 'skipped' : 'failed', code, detail };
  }
}
