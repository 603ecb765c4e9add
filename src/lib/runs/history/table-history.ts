import type { TableClient, TransactionAction } from '@azure/data-tables';
import type { TenantId } from '../../core/identifiers.ts';
import { Limiter } from '../../core/limiter.ts';
import { parameterValuesSchema } from '../../core/parameters.ts';
import { createdTable, isStorageMissing, quoted, storageCall, storageItems } from '../../core/rows/table.ts';
import {
  jsonRecord,
  ReadShard,
  readTotals,
  shardProperties,
  ShardText,
  Totals,
  totalsProperties,
} from './history-text.ts';
import {
  endedStatuses,
  historyKey,
  type HistoryPeriod,
  type HistoryReading,
  type HistoryRun,
  type HistoryTenant,
  type HistoryTotals,
  type ResultHistory,
  SumOfTenants,
  type TenantPoint,
} from './result-history.ts';

/** A row of the table ResultHistory (docs/storage-schema.md). */
type HistoryRow = { partitionKey: string; rowKey: string } & Record<string, string | number>;

/**
 * The tenants of a run are spread over so many rows. All of them and the row of the run fit into one transaction of 100, and a
 * row of 5,000 tenants has about 80: the history of one tenant is a query that reads little of the others.
 */
const shards = 64;

/** Tenant ids are random, so their end spreads them evenly. */
const shardOf = (tenantId: TenantId): number => Number.parseInt(tenantId.slice(-2), 16) % shards;

const largestMs = 9_999_999_999_999;

/** Prefix of the keys of the runs' own rows. */
const runPrefix = 'run';

const shardPrefix = (shard: number): string => `t${String(shard).padStart(2, '0')}`;

/** Newer runs have smaller keys, so that they come first. */
const timeKey = (ms: number): string => String(Math.min(largestMs, Math.max(0, largestMs - ms))).padStart(13, '0');

const keyOf = (prefix: string, { startedAtMs, window }: Pick<HistoryRun, 'startedAtMs' | 'window'>): string =>
  `${prefix}-${timeKey(startedAtMs)}-${window}`;

/** When the run of a row started, and its window. Undefined for another key. */
function readKey(rowKey: unknown): Pick<HistoryRun, 'startedAtMs' | 'window'> | undefined {
  const [, time, window] = /^\w{3}-(\d{13})-(.+)$/.exec(String(rowKey)) ?? [];
  return time === undefined || window === undefined ? undefined : { startedAtMs: largestMs - Number(time), window };
}

/** The keys with this prefix whose runs belong to the period, as conditions of a query: from, and below. */
const keyRange = (
  prefix: string,
  { sinceMs, untilMs }: Pick<HistoryPeriod, 'sinceMs' | 'untilMs'>,
): { readonly from: string; readonly below: string } => ({
  from: `${prefix}-${timeKey(untilMs - 1)}-`,
  below: `${prefix}-${timeKey(sinceMs - 1)}-`,
});

/** The keys of all rows of a run. @param prefixes those of its shards, as its own row names them. */
const keysOfRun = (run: Pick<HistoryRun, 'startedAtMs' | 'window'>, prefixes: readonly string[]): string[] =>
  [...prefixes, runPrefix].map((prefix) => keyOf(prefix, run));

/** The rows of a run. The run's own row is the last one. @throws RangeError for tenants that do not fit. */
function historyRows(run: HistoryRun, tenants: readonly HistoryTenant[]): readonly HistoryRow[] {
  const texts = new Map<number, ShardText>();
  const totals = new Totals();
  for (const tenant of tenants) {
    const shard = shardOf(tenant.tenantId);
    const text = texts.get(shard) ?? new ShardText();
    texts.set(shard, text);
    text.add(tenant);
    totals.add(tenant);
  }
  const row = (prefix: string, properties: Record<string, string | number>): HistoryRow => ({
    partitionKey: run.job,
    rowKey: keyOf(prefix, run),
    ...properties,
  });
  const written = [...texts].toSorted(([a], [b]) => a - b);
  return [
    ...written.map(([shard, text]) => row(shardPrefix(shard), text.properties())),
    row(runPrefix, {
      ...propertiesOf(run),
      shards: written.map(([shard]) => shardPrefix(shard)).join(' '),
      ...totals.properties(),
    }),
  ];
}

/** Properties of a run's own row without its totals. */
const runProperties = ['rowKey', 'status', 'scope', 'scheduled', 'parameters'] as const;

const propertiesOf = (run: HistoryRun): Record<string, string | number> => ({
  status: run.status,
  scope: run.scope,
  ...(run.isScheduled ? { scheduled: 1 } : {}),
  ...(run.parameters === undefined ? {} : { parameters: JSON.stringify(run.parameters) }),
});

/** @returns undefined for a row that is not one of a run. */
function readRun(job: string, row: Readonly<Record<string, unknown>>): HistoryRun | undefined {
  const key = readKey(row['rowKey']);
  if (key === undefined) return undefined;
  const text = row['parameters'];
  const parameters = typeof text === 'string' ? parameterValuesSchema.safeParse(jsonRecord(text)).data : undefined;
  return {
    runId: `${job}@${key.window}`,
    job,
    ...key,
    status: endedStatuses.find((status) => status === row['status']) ?? 'failed',
    scope: row['scope'] === 'all' ? 'all' : 'selected',
    isScheduled: row['scheduled'] === 1,
    ...(parameters && { parameters }),
  };
}

export const historyTable = 'ResultHistory';

type Table = Pick<TableClient, 'createTable' | 'listEntities' | 'submitTransaction'>;

/** Limits of "Performing entity group transactions" (Azure Table storage): 100 rows, and a payload below 4 MiB. */
const maxRows = 100;
const maxBytes = 3 * 1024 * 1024;

/** Queries of a reading at a time. */
const concurrentQueries = 8;

/** The history in one table: partition job, rows of shards and of runs (docs/storage-schema.md). */
export class TableHistory implements ResultHistory {
  readonly #table: () => Promise<Table>;

  /** @param open returns the table's client. The table is created on first use. */
  constructor(open: () => Promise<Table>) {
    this.#table = createdTable(open);
  }

  /** @throws RangeError if there are too many tenants for the rows. */
  async add(run: HistoryRun, tenants: readonly HistoryTenant[]): Promise<void> {
    for (const actions of transactionsOf(historyRows(run, tenants)))
      await storageCall(async () => (await this.#table()).submitTransaction(actions));
  }

  async runs(period: HistoryPeriod, limit: number, signal?: AbortSignal): Promise<readonly HistoryRun[]> {
    const found: HistoryRun[] = [];
    if (limit < 1) return found;
    for await (const row of this.#rows(runPrefix, period, runProperties, signal)) {
      const run = readRun(period.job, row);
      if (run !== undefined) found.push(run);
      if (found.length >= limit) break;
    }
    return found;
  }

  async totals(
    period: HistoryPeriod,
    { part, signal }: HistoryReading = {},
  ): Promise<ReadonlyMap<string, HistoryTotals>> {
    const found = new Map<string, HistoryTotals>();
    for await (const row of this.#rows(runPrefix, period, totalsProperties, signal)) {
      const key = readKey(row['rowKey']);
      if (key !== undefined) found.set(historyKey(key), readTotals(row, part));
    }
    return found;
  }

  async totalsOf(
    isWanted: (tenantId: TenantId) => boolean,
    period: HistoryPeriod,
    { part, among, signal }: HistoryReading = {},
  ): Promise<ReadonlyMap<string, HistoryTotals>> {
    const sums = new Map<string, SumOfTenants>();
    const read = async (shard: number, ended: AbortSignal): Promise<void> => {
      for await (const row of this.#rows(shardPrefix(shard), period, shardProperties, ended)) {
        const key = readKey(row['rowKey']);
        if (key === undefined) continue;
        const read = new ReadShard(row, part);
        for (const tenantId of read.tenantIds()) {
          const point = isWanted(tenantId) ? read.point(tenantId) : undefined;
          if (point === undefined) continue;
          const sum = sums.get(historyKey(key)) ?? new SumOfTenants();
          sums.set(historyKey(key), sum);
          sum.add(point);
        }
      }
    };
    await inEach(among === undefined ? allShards : new Set([...among].map(shardOf)), read, signal);
    return new Map([...sums].map(([key, sum]) => [key, sum.result()]));
  }

  async ofTenant(
    tenantId: TenantId,
    period: HistoryPeriod,
    { part, signal }: HistoryReading = {},
  ): Promise<ReadonlyMap<string, TenantPoint>> {
    const found = new Map<string, TenantPoint>();
    for await (const row of this.#rows(shardPrefix(shardOf(tenantId)), period, shardProperties, signal)) {
      const key = readKey(row['rowKey']);
      const point = key && new ReadShard(row, part).point(tenantId);
      if (key !== undefined && point !== undefined) found.set(historyKey(key), point);
    }
    return found;
  }

  async purge(startedBeforeMs: number): Promise<number> {
    let purged = 0;
    for await (const job of this.#jobs()) {
      const period = { job, sinceMs: 0, untilMs: startedBeforeMs };
      for await (const row of this.#rows(runPrefix, period, ['rowKey', 'shards'])) {
        const key = readKey(row['rowKey']);
        if (key === undefined) continue;
        await this.#remove(job, keysOfRun(key, String(row['shards']).split(' ').filter(Boolean)));
        purged += 1;
      }
      await inEach(allShards, (shard) => this.#removeOrphans(shardPrefix(shard), period));
    }
    return purged;
  }

  /** A large run whose last transaction failed has rows of tenants, and none of its own. */
  async #removeOrphans(prefix: string, period: HistoryPeriod): Promise<void> {
    const rowKeys: string[] = [];
    for await (const { rowKey } of this.#rows(prefix, period, [])) rowKeys.push(String(rowKey));
    for (let start = 0; start < rowKeys.length; start += maxRows)
      await this.#remove(period.job, rowKeys.slice(start, start + maxRows));
  }

  /** The jobs that have a history. A query for each of them, because the next one is the first row after its partition. */
  async *#jobs(): AsyncGenerator<string, void, undefined> {
    const table = await storageCall(this.#table);
    for (let job = ''; ; ) {
      const queryOptions = { filter: `PartitionKey gt ${quoted(job)}`, select: ['partitionKey'] };
      const [next] = await storageCall(async () => firstOf(table.listEntities({ queryOptions })));
      if (next?.partitionKey === undefined) return;
      yield (job = next.partitionKey);
    }
  }

  async #remove(partitionKey: string, rowKeys: readonly string[]): Promise<void> {
    const actions = rowKeys.map((rowKey): TransactionAction => ['delete', { partitionKey, rowKey }]);
    await storageCall(async () => {
      const table = await this.#table();
      try {
        await table.submitTransaction(actions);
      } catch (thrown) {
        if (!isStorageMissing(thrown)) throw thrown;
        // The SDK repeats a transaction that got no answer. Then all rows are gone; otherwise one of them was.
        for (const action of actions) await table.submitTransaction([action]).catch(ifMissing);
      }
    });
  }

  async *#rows(
    prefix: string,
    period: HistoryPeriod,
    properties: readonly string[],
    abortSignal?: AbortSignal,
  ): AsyncGenerator<Readonly<Record<string, unknown>>, void, undefined> {
    const { from, below } = keyRange(prefix, period);
    const filter = `PartitionKey eq ${quoted(period.job)} and RowKey ge ${quoted(from)} and RowKey lt ${quoted(below)}`;
    const table = await storageCall(this.#table);
    const queryOptions = { filter, select: ['rowKey', ...properties] };
    const options = abortSignal === undefined ? { queryOptions } : { queryOptions, abortSignal };
    for await (const row of storageItems(table.listEntities(options))) {
      abortSignal?.throwIfAborted();
      yield row;
    }
  }
}

const allShards: ReadonlySet<number> = new Set(Array.from({ length: shards }, (_, shard) => shard));

/** Does the work for each shard, some at a time. If it fails for one, the others end, too. */
async function inEach(
  wanted: ReadonlySet<number>,
  work: (shard: number, signal: AbortSignal) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const limiter = new Limiter(concurrentQueries);
  const failed = new AbortController();
  const ended = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
  try {
    await Promise.all([...wanted].map((shard) => limiter.run(() => work(shard, ended), ended)));
  } catch (thrown) {
    failed.abort(thrown);
    throw thrown;
  }
}

function ifMissing(thrown: unknown): void {
  if (!isStorageMissing(thrown)) throw thrown;
}

async function firstOf<T>(pages: { byPage(options: { maxPageSize: number }): AsyncIterable<readonly T[]> }) {
  for await (const page of pages.byPage({ maxPageSize: 1 })) if (page.length > 0) return page;
  return [];
}

/** Splits rows into as few transactions as storage takes, in their order. */
function transactionsOf(rows: readonly HistoryRow[]): TransactionAction[][] {
  const transactions: TransactionAction[][] = [[]];
  let bytes = 0;
  for (const row of rows) {
    const size = Buffer.byteLength(JSON.stringify(row)) + 1_000;
    const last = transactions.at(-1) ?? [];
    const isFull = last.length >= maxRows || (last.length > 0 && bytes + size > maxBytes);
    const open = isFull ? [] : last;
    if (isFull) transactions.push(open);
    bytes = isFull ? size : bytes + size;
    open.push(['upsert', row, 'Replace']);
  }
  return transactions;
}
