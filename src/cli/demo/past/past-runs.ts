import { randomUUID } from 'node:crypto';
import type {
  TableClient,
  TableEntity,
  TableEntityQueryOptions,
  TransactionAction,
  UpdateMode,
} from '@azure/data-tables';
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
import { createRuns } from '../../../lib/runs/store/create-runs.ts';
import { areShort, runIdOf, scheduledWindow, shortRowsName } from '../../../lib/runs/store/run.ts';
import type { Runs } from '../../../lib/runs/store/runs.ts';
import { comparedDays } from '../../../lib/api/report/partner-work.ts';
import { jobs } from '../../../jobs/index.ts';
import { insertAll } from './past-audit.ts';
import type { Past, PastTenant } from './past-tenants.ts';

/** The demo has the records and rows of the runs of a month, back to those with which a report compares. */
const keptDays = comparedDays + 1.1;

/** The scheduled runs: of the last days with their records and rows, of earlier ones the history. */
export async function writePastRuns(past: Past): Promise<void> {
  const tables = new Map<string, KeptTable>();
  const table = async (name: string): Promise<TableClient> => {
    const kept = tables.get(name) ?? new KeptTable();
    tables.set(name, kept);
    return kept as unknown as TableClient;
  };
  const container = (name: string) => past.storage.container(name);
  const runs = createRuns({ storage: { table, container }, clock: systemClock, newId: randomUUID });
  // Ten minutes ago, a run may still be under way.
  const toMs = past.toMs - 10 * minuteMs;
  await Promise.all(
    jobs.map(async (job) => {
      for (let atMs = job.schedule?.nextAfterMs(past.fromMs); atMs !== undefined && atMs < toMs; ) {
        await writeRun({ ...past, runs }, job, atMs, toMs - atMs < keptDays * dayMs);
        atMs = job.schedule?.nextAfterMs(atMs);
      }
    }),
  );
  await Promise.all([...tables].map(([name, kept]) => insertAll(past.storage, past.patientClock, name, kept.texts())));
}

/**
 * A table in memory, as far as runs use one. Storage gets all rows at the end: those of many runs share a transaction then, and
 * what a run reads of its own rows is no request.
 */
class KeptTable {
  readonly #partitions = new Map<string, Map<string, TableEntity>>();

  async createTable(): Promise<void> {}

  async createEntity(row: TableEntity): Promise<object> {
    return this.updateEntity(row, 'Replace');
  }

  async updateEntity(row: TableEntity, mode: UpdateMode): Promise<object> {
    const partition = this.#partitions.get(row.partitionKey) ?? new Map<string, TableEntity>();
    this.#partitions.set(row.partitionKey, partition);
    partition.set(row.rowKey, { ...(mode === 'Replace' ? {} : partition.get(row.rowKey)), ...row });
    return {};
  }

  async submitTransaction(actions: readonly TransactionAction[]): Promise<void> {
    for (const [kind, row, mode = 'Merge'] of actions) {
      if (kind !== 'create' && kind !== 'upsert') throw new Error(`The table of the demo does not ${kind} rows.`);
      await this.updateEntity(row, kind === 'create' || mode === 'Replace' ? 'Replace' : 'Merge');
    }
  }

  async getEntity(partitionKey: string, rowKey: string): Promise<TableEntity | undefined> {
    return this.#partitions.get(partitionKey)?.get(rowKey);
  }

  /** The rows of the partition that the filter names. */
  listEntities({ queryOptions: { filter = '' } }: { readonly queryOptions: TableEntityQueryOptions }) {
    const [, partitionKey] = /^PartitionKey eq '([^']*)'$/.exec(filter) ?? [];
    if (partitionKey === undefined) throw new Error(`The table of the demo does not know the filter: ${filter}`);
    return [...(this.#partitions.get(partitionKey)?.values() ?? [])];
  }

  /** The JSON of the rows of each partition. */
  texts(): readonly (readonly string[])[] {
    return [...this.#partitions.values()].map((rows) =>
      [...rows.values()].map(({ partitionKey: PartitionKey, rowKey: RowKey, ...row }) =>
        JSON.stringify({ PartitionKey, RowKey, ...row }),
      ),
    );
  }
}

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
  // There is no plan before, and none is read again, because each tenant gets a record.
  const { results } = runs;
  const plans = { plan: async () => undefined, putPlan: results.putPlan.bind(results) } as unknown as Runs['results'];
  const deps = {
    clock: { ...systemClock, nowMs: () => startedAtMs },
    log: silentLogger,
    jobs: createJobRegistry(jobs),
    directory: { snapshot: async () => list, tenantOf: async () => undefined },
    tenantTags: { current: async () => ({ byTenant: new Map(), warnings: [] }) },
    groups: async () => new Map(),
    runs: { ...runs, results: plans },
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
      await results.putRows(run.runId, rowsName, visited[index]?.text ?? '');
  const endedMs = Math.max(startedAtMs, ...records.map(({ finishedAtMs }) => finishedAtMs)) + 1_000;
  await finishRun({ ...deps, clock: { ...systemClock, nowMs: () => endedMs } }, run);
}

/** What the job found in a tenant at a time. @param past.kept the audit log gets the records of its tokens. */
async function visit(past: Past & { readonly kept: boolean }, job: Job, tenant: PastTenant, atMs: number) {
  const { tenantId, name } = tenant;
  const { kept } = past;
  const correlationId = randomUUID();
  const token = async (resource: string): Promise<void> => {
    const lacking = 'The tenant does not have the service of the requested resource (AADSTS650052).';
    const lack = tenant.lacks(resource) ? new BrokerError('resource_unavailable', lacking) : undefined;
    const refusal = tenant.refusalAt(atMs) ?? lack;
    const about = {
      atMs: atMs + Math.floor(past.random() * 4_000),
      correlationId,
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
