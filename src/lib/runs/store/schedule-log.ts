import type { TableClient } from '@azure/data-tables';
import { type Clock, isoTime } from '../../core/clock.ts';
import type { ErrorCode } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { defined } from '../../core/objects.ts';
import { Columns, time } from '../../core/rows/columns.ts';
import { Table } from '../../core/rows/table.ts';
import { SingleFlight } from '../../core/single-flight.ts';
import type { RunLog, TenantOutcome } from './run.ts';

const schedulesTable = 'Schedules';
const partitionKey = 'schedule';
const columns = new Columns({ firstSeenAtMs: time });

/** Stores since when each job has had a schedule, with one row per job. Each instance reads a row once. */
export class TableScheduleLog {
  readonly #table: Table;
  readonly #known = new Map<string, number>();

  /** @param table returns the client for a table name. The table is created on first use. */
  constructor(table: (name: string) => Promise<TableClient>) {
    this.#table = new Table(() => table(schedulesTable));
  }

  /**
   * Returns when the job's schedule was first seen. Stores `initialMs()` if there is no time yet. Concurrent first calls
   * return the same time.
   * @throws BrokerError storage_unavailable
   */
  async firstSeenMs(job: string, initialMs: () => Promise<number>): Promise<number> {
    const known = this.#known.get(job);
    if (known !== undefined) return known;
    const firstSeenMs = (await this.#find(job)) ?? (await this.#create(job, await initialMs()));
    this.#known.set(job, firstSeenMs);
    return firstSeenMs;
  }

  async #find(job: string): Promise<number | undefined> {
    const row = await this.#table.find({ partitionKey, rowKey: job });
    return row && columns.decode(row)?.firstSeenAtMs;
  }

  async #create(job: string, firstSeenAtMs: number): Promise<number> {
    const row = { partitionKey, rowKey: job, ...columns.encode({ firstSeenAtMs }) };
    const isCreated = (await this.#table.putIfUnchanged(row, undefined)) !== undefined;
    // Another instance was first, or the row has no readable time.
    return isCreated ? firstSeenAtMs : ((await this.#find(job)) ?? firstSeenAtMs);
  }
}

/** The latest result of a job in a tenant. */
interface LastResult {
  readonly job: string;
  readonly runId: string;
  readonly outcome: TenantOutcome;
  readonly code?: ErrorCode;
  readonly finishedAt: string;
}

export type LastResults = ReadonlyMap<TenantId, readonly LastResult[]>;

export type LastResultsReader = ReturnType<typeof createLastResults>;

/** Newest runs to read besides the last run over all tenants: runs over selected tenants cover only some tenants. */
const newestRuns = 20;
/** Cache time. For 5,000 tenants a read loads 20,000 records, and an open dashboard polls every few seconds. */
const cachedMs = 15_000;

export function createLastResults(deps: { readonly runLog: RunLog; readonly clock: Clock }) {
  const flight = new SingleFlight<LastResults>();
  const cache = new Map<string, { readonly results: LastResults; readonly untilMs: number }>();
  return {
    /** Latest results by tenant, each job at most once, in the given order. @throws BrokerError storage_unavailable */
    read: async (jobs: readonly string[]): Promise<LastResults> => {
      const key = jobs.join(',');
      const known = cache.get(key);
      if (known !== undefined && deps.clock.nowMs() < known.untilMs) return known.results;
      return flight.run(key, async () => {
        const results = await readAll(deps.runLog, jobs);
        cache.set(key, { results, untilMs: deps.clock.nowMs() + cachedMs });
        return results;
      });
    },
  };
}

async function readAll(runLog: RunLog, jobs: readonly string[]): Promise<LastResults> {
  const perJob = await Promise.all(jobs.map((job) => readJob(runLog, job)));
  const results = new Map<TenantId, LastResult[]>();
  for (const [tenantId, result] of perJob.flatMap((found) => [...found])) {
    results.set(tenantId, [...(results.get(tenantId) ?? []), result]);
  }
  return results;
}

async function readJob(runLog: RunLog, job: string): Promise<ReadonlyMap<TenantId, LastResult>> {
  const found = new Map<TenantId, LastResult>();
  const runs = await runLog.list({ job, limit: Number.MAX_SAFE_INTEGER });
  const full = runs.findIndex(({ status, scope }) => status === 'completed' && scope === 'all');
  const newest = runs.slice(0, full < 0 ? newestRuns : Math.min(full, newestRuns));
  for (const { runId } of [...newest, ...runs.slice(full, full + 1)]) {
    for await (const { tenantId, outcome, code, finishedAtMs } of runLog.tenants(runId)) {
      // Runs are ordered newest first. A tenant that waits for a retry has no result in this run yet.
      if (outcome === 'retrying' || found.has(tenantId)) continue;
      const finishedAt = isoTime(finishedAtMs);
      found.set(tenantId, defined({ job, runId, outcome, code, finishedAt }));
    }
  }
  return found;
}
