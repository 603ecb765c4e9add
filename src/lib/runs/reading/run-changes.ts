import { BrokerError } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { type Job, uncompared } from '../job/job.ts';
import type { Row, RowValue } from '../job/row.ts';
import type { Run, RunId, RunLog, TenantRun } from '../store/run.ts';
import { succeededTenants } from './result-rows.ts';
import type { RunSource } from './visible-runs.ts';

/** One difference between a tenant's rows in two runs. */
type RowChange =
  | { readonly change: 'added'; readonly after: Row }
  | { readonly change: 'removed'; readonly before: Row }
  | { readonly change: 'changed'; readonly before: Row; readonly after: Row; readonly columns: readonly string[] };

/**
 * Compares two lists of rows. Rows with equal key columns correspond. Without a key the whole row is its key, so rows
 * are only added or removed. If several rows share a key, each is matched once.
 * @param uncompared columns whose values are ignored.
 */
export function compareRows(
  before: readonly Row[],
  after: readonly Row[],
  key: readonly string[] | undefined,
  uncompared: ReadonlySet<string> = new Set(),
): RowChange[] {
  const comparedNames = (...rows: readonly Row[]): string[] =>
    [...new Set(rows.flatMap(Object.keys))].filter((name) => !uncompared.has(name));
  const keyOf = (row: Row): string => {
    if (key !== undefined) return JSON.stringify(key.map((name) => valueAt(row, name)));
    const names = comparedNames(row).toSorted();
    return JSON.stringify(names.map((name) => [name, valueAt(row, name)]));
  };
  const waiting = Map.groupBy(before, keyOf);
  const changes: RowChange[] = [];
  for (const row of after) {
    const earlier = waiting.get(keyOf(row))?.shift();
    if (earlier === undefined) changes.push({ change: 'added', after: row });
    else {
      const columns = comparedNames(earlier, row).filter((name) => valueAt(earlier, name) !== valueAt(row, name));
      if (columns.length > 0) changes.push({ change: 'changed', before: earlier, after: row, columns });
    }
  }
  for (const row of [...waiting.values()].flat()) changes.push({ change: 'removed', before: row });
  return changes;
}

/** Treats a missing column as null. */
const valueAt = (row: Row, name: string): RowValue => row[name] ?? null;

/** Maximum number of changes returned. */
const maxChanges = 10_000;
/** Tenants whose blobs are read concurrently. */
const concurrentTenants = 8;

/**
 * Finds the run to compare with: the latest earlier run of the same job that completed over all tenants. Runs over
 * selected tenants in between are ignored.
 * @throws BrokerError storage_unavailable
 */
export async function previousRun(runLog: RunLog, run: Run): Promise<Run | undefined> {
  const filter = { job: run.job, createdBeforeMs: run.createdAtMs, limit: Number.MAX_SAFE_INTEGER };
  const earlier = await runLog.list(filter);
  return earlier.find(({ status, scope, runId }) => runId !== run.runId && status === 'completed' && scope === 'all');
}

/** Compares the rows of two runs, tenant by tenant. Only tenants that succeeded in both are compared. */
export async function compareRuns(runs: RunSource, job: Job | undefined, before: Run, after: Run) {
  const [earlier, later] = await Promise.all([succeededTenants(runs, before), succeededTenants(runs, after)]);
  const both = [...later.values()]
    .filter(({ tenantId }) => earlier.has(tenantId))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const changes: (RowChange & Pick<TenantRun, 'tenantId' | 'name'>)[] = [];
  for (let start = 0; start < both.length && changes.length <= maxChanges; start += concurrentTenants) {
    const compared = await Promise.all(
      both.slice(start, start + concurrentTenants).map(async (record) => {
        const { tenantId, name } = record;
        const [left, right] = await Promise.all([
          rowsOf(runs, before.runId, earlier.get(tenantId)),
          rowsOf(runs, after.runId, record),
        ]);
        return compareRows(left, right, job?.key, job && uncompared(job)).map((change) => ({
          tenantId,
          name,
          ...change,
        }));
      }),
    );
    changes.push(...compared.flat());
  }
  const names = (of: ReadonlyMap<TenantId, TenantRun>, not: ReadonlyMap<TenantId, TenantRun>) =>
    [...of.values()].flatMap(({ tenantId, name }) => (not.has(tenantId) ? [] : { tenantId, name }));
  return {
    runId: after.runId,
    comparedWith: before.runId,
    changes: changes.slice(0, maxChanges),
    truncated: changes.length > maxChanges,
    comparedTenants: both.length,
    onlyBefore: names(earlier, later),
    onlyAfter: names(later, earlier),
  };
}

async function rowsOf(runs: RunSource, runId: RunId, record: TenantRun | undefined): Promise<readonly Row[]> {
  if (record?.rowsName === undefined) return [];
  let text = '';
  for await (const piece of runs.results.rows(runId, record.rowsName)) text += piece;
  return text.split('\n').flatMap((line) => (line === '' ? [] : [rowIn(line, record.tenantId)]));
}

/** @throws BrokerError storage_unavailable for a damaged row. */
function rowIn(line: string, tenantId: TenantId): Row {
  try {
    return JSON.parse(line) as Row;
  } catch (cause) {
    throw new BrokerError('storage_unavailable', `The stored rows of the tenant ${tenantId} are damaged.`, { cause });
  }
}
