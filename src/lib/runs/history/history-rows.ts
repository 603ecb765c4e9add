import type { TenantId } from '../../core/identifiers.ts';
import { parameterValuesSchema } from '../../core/parameter-values-schema.ts';
import { jsonRecord } from './json-record.ts';
import { endedStatuses, type HistoryPeriod, type HistoryRun, type HistoryTenant } from './result-history.ts';
import { ShardText } from './shard-text.ts';
import { Totals } from './history-text.ts';

/** A row of the table ResultHistory (docs/storage-schema.md). */
export type HistoryRow = { partitionKey: string; rowKey: string } & Record<string, string | number>;

/**
 * The tenants of a run are spread over so many rows. All of them and the row of the run fit into one transaction of 100, and a
 * row of 5,000 tenants has about 80: the history of one tenant is a query that reads little of the others.
 */
export const shards = 64;

/** Tenant ids are random, so their end spreads them evenly. */
export const shardOf = (tenantId: TenantId): number => Number.parseInt(tenantId.slice(-2), 16) % shards;

const largestMs = 9_999_999_999_999;

/** Prefix of the keys of the runs' own rows. */
export const runPrefix = 'run';

export const shardPrefix = (shard: number): string => `t${String(shard).padStart(2, '0')}`;

/** Newer runs have smaller keys, so that they come first. */
const timeKey = (ms: number): string => String(Math.min(largestMs, Math.max(0, largestMs - ms))).padStart(13, '0');

const keyOf = (prefix: string, { startedAtMs, window }: Pick<HistoryRun, 'startedAtMs' | 'window'>): string =>
  `${prefix}-${timeKey(startedAtMs)}-${window}`;

/** When the run of a row started, and its window. Undefined for another key. */
export function readKey(rowKey: unknown): Pick<HistoryRun, 'startedAtMs' | 'window'> | undefined {
  const [, time, window] = /^\w{3}-(\d{13})-(.+)$/.exec(String(rowKey)) ?? [];
  return time === undefined || window === undefined ? undefined : { startedAtMs: largestMs - Number(time), window };
}

/** The keys with this prefix whose runs belong to the period, as conditions of a query: from, and below. */
export const keyRange = (
  prefix: string,
  { sinceMs, untilMs }: Pick<HistoryPeriod, 'sinceMs' | 'untilMs'>,
): { readonly from: string; readonly below: string } => ({
  from: `${prefix}-${timeKey(untilMs - 1)}-`,
  below: `${prefix}-${timeKey(sinceMs - 1)}-`,
});

/** The keys of all rows of a run. @param prefixes those of its shards, as its own row names them. */
export const keysOfRun = (run: Pick<HistoryRun, 'startedAtMs' | 'window'>, prefixes: readonly string[]): string[] =>
  [...prefixes, runPrefix].map((prefix) => keyOf(prefix, run));

/** The rows of a run. The run's own row is the last one. @throws RangeError for tenants that do not fit. */
export function historyRows(run: HistoryRun, tenants: readonly HistoryTenant[]): readonly HistoryRow[] {
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
export const runProperties = ['rowKey', 'status', 'scope', 'scheduled', 'parameters'] as const;

const propertiesOf = (run: HistoryRun): Record<string, string | number> => ({
  status: run.status,
  scope: run.scope,
  ...(run.isScheduled ? { scheduled: 1 } : {}),
  ...(run.parameters === undefined ? {} : { parameters: JSON.stringify(run.parameters) }),
});

/** @returns undefined for a row that is not one of a run. */
export function readRun(job: string, row: Readonly<Record<string, unknown>>): HistoryRun | undefined {
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
