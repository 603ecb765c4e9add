import type { TableClient, TableEntity } from '@azure/data-tables';
import { dayMs } from '../../core/clock.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { Limiter } from '../../core/limiter.ts';
import { parameterValuesSchema } from '../job/job-parameters.ts';
import { Columns, json, mark, oneOf, type Stored, words } from '../../core/rows/columns.ts';
import { quoted, type Row, Table } from '../../core/rows/table.ts';
import { ReadShard, readTotals, shardColumns, ShardText, Totals, totalsColumns } from './history-text.ts';
import {
  endedStatuses,
  historyKey,
  type HistoryOfBoth,
  type HistoryPeriod,
  type HistoryReading,
  type HistoryRun,
  type HistoryTenant,
  type HistoryTotals,
  NumbersSum,
  SumOfTenants,
  type TenantPoint,
} from './tenant-numbers.ts';

/**
 * The tenants of a run are spread over so many rows. All of them and the row of the run fit into one transaction of 100, and a
 * row of 5,000 tenants has about 80: the history of one tenant is a query that reads little of the others.
 */
const shards = 64;

/** Tenant ids are random, so their end spreads them evenly. */
const shardOf = (tenantId: TenantId): number => Number.parseInt(tenantId.slice(-2), 16) % shards;

const largestMs = 9_999_999_999_999;

/** The job with a row for each user of a tenant who is not disabled. */
const usersReport = 'mfa-report';

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

/** The rows of a job with this prefix whose runs belong to the period. */
const filterOf = (prefix: string, { job, sinceMs, untilMs }: HistoryPeriod): string =>
  [
    `PartitionKey eq ${quoted(job)}`,
    `RowKey ge ${quoted(`${prefix}-${timeKey(untilMs - 1)}-`)}`,
    `RowKey lt ${quoted(`${prefix}-${timeKey(sinceMs - 1)}-`)}`,
  ].join(' and ');

/** A run's own row, without its totals. */
const runColumns = new Columns({
  status: oneOf(endedStatuses).or('failed'),
  scope: oneOf(['all', 'selected'] as const).or('selected'),
  isScheduled: mark.as('scheduled'),
  parameters: json(parameterValuesSchema).lenient(),
});
/** The prefixes of the other rows of the run. */
const shardsColumns = new Columns({ shards: words.or([]) });

/** The rows of a run. The run's own row is the last one. @throws RangeError for tenants that do not fit. */
function historyRows(run: HistoryRun, tenants: readonly HistoryTenant[]): readonly TableEntity[] {
  const texts = new Map<number, ShardText>();
  const totals = new Totals();
  for (const tenant of tenants) {
    const shard = shardOf(tenant.tenantId);
    const text = texts.get(shard) ?? new ShardText();
    texts.set(shard, text);
    text.add(tenant);
    totals.add(tenant);
  }
  const row = (prefix: string, properties: Record<string, Stored>): TableEntity => ({
    partitionKey: run.job,
    rowKey: keyOf(prefix, run),
    ...properties,
  });
  const written = [...texts].toSorted(([a], [b]) => a - b);
  return [
    ...written.map(([shard, text]) => row(shardPrefix(shard), text.properties())),
    row(runPrefix, {
      ...runColumns.encode({ ...run, isScheduled: run.isScheduled || undefined }),
      ...shardsColumns.encode({ shards: written.map(([shard]) => shardPrefix(shard)) }),
      ...totals.properties(),
    }),
  ];
}

/** @returns undefined for a row that is not one of a run. */
function readRun(job: string, row: Row): HistoryRun | undefined {
  const key = readKey(row.rowKey);
  return key && { runId: `${job}@${key.window}`, job, ...key, isScheduled: false, ...runColumns.require(row) };
}

export const historyTable = 'ResultHistory';

/** Queries of a reading at a time. */
const concurrentQueries = 8;

/**
 * Numbers of the rows of each ended run of a job, by tenant. It outlives the runs. It is in one table: partition job, rows of
 * shards and of runs (docs/storage-schema.md). Every method throws BrokerError `storage_unavailable`.
 */
export class TableHistory {
  readonly #table: Table;

  /** @param open returns the table's client. The table is created on first use. */
  constructor(open: () => Promise<TableClient>) {
    this.#table = new Table(open);
  }

  /** Keeps what a run brought. A repeated call replaces it. @throws RangeError if there are too many tenants for the rows. */
  async add(run: HistoryRun, tenants: readonly HistoryTenant[]): Promise<void> {
    await this.#table.putAll(historyRows(run, tenants));
  }

  /** The newest runs of the period, newest first. @param limit of the number of runs. */
  async runs(period: HistoryPeriod, limit: number, signal?: AbortSignal): Promise<readonly HistoryRun[]> {
    const found: HistoryRun[] = [];
    if (limit < 1) return found;
    for await (const row of this.#rows(runPrefix, period, runColumns.names, signal)) {
      const run = readRun(period.job, row);
      if (run !== undefined) found.push(run);
      if (found.length >= limit) break;
    }
    return found;
  }

  /** Totals over all tenants by {@link historyKey}, for the runs of the period. */
  async totals(
    period: HistoryPeriod,
    { part, signal }: HistoryReading = {},
  ): Promise<ReadonlyMap<string, HistoryTotals>> {
    const found = new Map<string, HistoryTotals>();
    for await (const row of this.#rows(runPrefix, period, totalsColumns.names, signal)) {
      const key = readKey(row.rowKey);
      if (key !== undefined) found.set(historyKey(key), readTotals(row, part));
    }
    return found;
  }

  /** The same over some tenants. Runs that did not concern them are left out. */
  async totalsOf(
    isWanted: (tenantId: TenantId) => boolean,
    period: HistoryPeriod,
    { part, among, signal }: HistoryReading = {},
  ): Promise<ReadonlyMap<string, HistoryTotals>> {
    const sums = new Map<string, SumOfTenants>();
    const read = async (shard: number, ended: AbortSignal): Promise<void> => {
      for await (const row of this.#rows(shardPrefix(shard), period, shardColumns.names, ended)) {
        const key = readKey(row.rowKey);
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

  /**
   * Sums of two runs of a job over the tenants whose wanted rows were counted in both: those that read the same tenants can be
   * compared. Reads only the rows of these runs. @returns undefined if there is no such tenant.
   */
  async inBoth(
    [one, other]: readonly [HistoryRun, HistoryRun],
    isWanted: (tenantId: TenantId) => boolean,
    { part, among, signal }: HistoryReading = {},
  ): Promise<HistoryOfBoth | undefined> {
    const [sum, otherSum] = [new NumbersSum(), new NumbersSum()];
    const rowsOf = async (prefix: string, run: HistoryRun, names: readonly string[], ended?: AbortSignal) => {
      const { job, startedAtMs } = run;
      const found = await Array.fromAsync(
        this.#rows(prefix, { job, sinceMs: startedAtMs, untilMs: startedAtMs + 1 }, names, ended),
      );
      // Several runs may have started at the same time.
      return found.filter(({ rowKey }) => rowKey === keyOf(prefix, run));
    };
    const shardsOf = async (run: HistoryRun): Promise<readonly string[]> => {
      const rows = await rowsOf(runPrefix, run, shardsColumns.names, signal);
      return rows.flatMap((row) => shardsColumns.require(row).shards);
    };
    const [written, otherWritten] = [await shardsOf(one), await shardsOf(other)];
    const read = async (shard: number, ended: AbortSignal): Promise<void> => {
      const [[row], [otherRow]] = await Promise.all([
        rowsOf(shardPrefix(shard), one, shardColumns.names, ended),
        rowsOf(shardPrefix(shard), other, shardColumns.names, ended),
      ]);
      if (row === undefined || otherRow === undefined) return;
      const [tenants, otherTenants] = [new ReadShard(row, part), new ReadShard(otherRow, part)];
      for (const tenantId of tenants.tenantIds().filter(isWanted)) {
        const [found, otherFound] = [tenants.point(tenantId)?.found, otherTenants.point(tenantId)?.found];
        if (found === undefined || otherFound === undefined) continue;
        sum.add(found.names, found.numbers);
        otherSum.add(otherFound.names, otherFound.numbers);
      }
    };
    const wanted = among === undefined ? allShards : new Set([...among].map(shardOf));
    const inBoth = [...wanted].filter((shard) =>
      [written, otherWritten].every((some) => some.includes(shardPrefix(shard))),
    );
    await inEach(new Set(inBoth), read, signal);
    return sum.counted === 0 ? undefined : { counted: sum.counted, sums: [sum.result(), otherSum.result()] };
  }

  /** What each run brought in one tenant, by {@link historyKey}. Runs that did not concern it are left out. */
  async ofTenant(
    tenantId: TenantId,
    period: HistoryPeriod,
    { part, signal }: HistoryReading = {},
  ): Promise<ReadonlyMap<string, TenantPoint>> {
    const found = new Map<string, TenantPoint>();
    for await (const row of this.#rows(shardPrefix(shardOf(tenantId)), period, shardColumns.names, signal)) {
      const key = readKey(row.rowKey);
      const point = key && new ReadShard(row, part).point(tenantId);
      if (key !== undefined && point !== undefined) found.set(historyKey(key), point);
    }
    return found;
  }

  /** How many users a tenant has, by its newest {@link usersReport} of three days. Undefined if none has succeeded there. */
  async usersOf(tenantId: TenantId, nowMs: number): Promise<number | undefined> {
    const period = { job: usersReport, sinceMs: nowMs - 3 * dayMs, untilMs: nowMs };
    // Newer runs come first.
    for await (const row of this.#rows(shardPrefix(shardOf(tenantId)), period, shardColumns.names)) {
      const found = new ReadShard(row, undefined).point(tenantId)?.found;
      if (found !== undefined) return found.numbers[0];
    }
    return undefined;
  }

  /** Deletes what is kept of runs that started before. @returns the number of runs. */
  async purge(startedBeforeMs: number): Promise<number> {
    let purged = 0;
    for await (const job of this.#jobs()) {
      const period = { job, sinceMs: 0, untilMs: startedBeforeMs };
      for await (const row of this.#rows(runPrefix, period, shardsColumns.names)) {
        const key = readKey(row.rowKey);
        if (key === undefined) continue;
        // The run's own row last, so that the others are found again after a failure.
        const prefixes = [...shardsColumns.require(row).shards, runPrefix];
        await this.#table.removeAll(prefixes.map((prefix) => ({ partitionKey: job, rowKey: keyOf(prefix, key) })));
        purged += 1;
      }
      // A large run whose last transaction failed has rows of tenants, and none of its own.
      await inEach(allShards, async (shard) => {
        await this.#table.removeRange(filterOf(shardPrefix(shard), period));
      });
    }
    return purged;
  }

  /** The jobs that have a history. A query for each of them, because the next one is the first row after its partition. */
  async *#jobs(): AsyncGenerator<string, void, undefined> {
    for (let job = await this.#jobAfter(''); job !== undefined; job = await this.#jobAfter(job)) yield job;
  }

  async #jobAfter(job: string): Promise<string | undefined> {
    const query = { filter: `PartitionKey gt ${quoted(job)}`, select: ['partitionKey'] };
    for await (const [row] of this.#table.pages(query, { size: 1 })) if (row !== undefined) return row.partitionKey;
    return undefined;
  }

  #rows(
    prefix: string,
    period: HistoryPeriod,
    names: readonly string[],
    signal?: AbortSignal,
  ): AsyncGenerator<Row, void, undefined> {
    return this.#table.rows({ filter: filterOf(prefix, period), select: ['rowKey', ...names] }, signal);
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
