import type { TableClient, TransactionAction } from '@azure/data-tables';
import type { TenantId } from '../../core/identifiers.ts';
import { createdTable } from '../../core/rows/created-table.ts';
import { Limiter } from '../../core/limiter.ts';
import { quoted } from '../../core/rows/storage-filter.ts';
import { isStorageMissing, storageCall, storageItems } from '../../core/rows/table.ts';
import {
  historyRows,
  type HistoryRow,
  keyRange,
  keysOfRun,
  readKey,
  readRun,
  runPrefix,
  runProperties,
  shardOf,
  shardPrefix,
  shards,
} from './history-rows.ts';
import {
  type HistoryPeriod,
  type HistoryReading,
  type HistoryRun,
  type HistoryTenant,
  type HistoryTotals,
  historyKey,
  type ResultHistory,
  type TenantPoint,
} from './result-history.ts';
import { ReadShard, shardProperties } from './shard-text.ts';
import { SumOfTenants } from './sum-of-tenants.ts';
import { readTotals, totalsProperties } from './history-text.ts';

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
