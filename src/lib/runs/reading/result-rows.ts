import { BrokerError } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { wrongContinuation } from '../../core/rows/continuation.ts';
import type { Row, StoredRow } from '../job/row.ts';
import { isApplyWindow, type PlannedTenant, type Run, type TenantRun } from '../store/run.ts';
import type { RunSource } from './visible-runs.ts';

/** A row in the results of a run: the first one of a page. */
export interface RowPosition {
  readonly tenantId: TenantId;
  /**
   * The attempt whose rows a page began with, so that the next page continues the same rows if a later attempt replaces
   * them. Absent at the first row of a tenant.
   */
  readonly attempt?: string | undefined;
  /** Where the row starts in the stored rows, in bytes. */
  readonly offset: number;
}

/** The stored rows of one tenant, from one of them on. */
export interface TenantRows {
  readonly tenantId: TenantId;
  /** The columns that exports add before the columns of each row. */
  readonly tenant: Row;
  readonly rowsName: string;
  /** Column names of the tenant's rows. Undefined where a page continues in the middle of a tenant. */
  readonly columns: readonly string[] | undefined;
  /** Where the first row starts in the stored rows, in bytes. */
  readonly offset: number;
  /** The row at `offset` was named by a caller, and so may not exist. */
  readonly isContinuation: boolean;
  /** Number of rows. 0 if a part of them was in an earlier page. */
  readonly rows: number;
}

/** Some consecutive rows of one tenant. */
export interface RowsPart extends TenantRows {
  /** Stored rows: one JSON object each. */
  readonly lines: readonly string[];
  /** Where the next part starts. Undefined after the last one. */
  readonly end: number | undefined;
}

/** Tenants whose rows are fetched in advance, which hides the latency of storage. */
const prefetchedTenants = 8;
/** Length of stored text that is read at a time, in characters. A tenant may have 32 MiB. */
const partLength = 256 * 1024;
/** Records that are looked up at a time. */
const recordsAtOnce = 16;
/**
 * Records that are looked up one by one. A page is usually full after a few tenants. If it is not, all records are read,
 * which takes one request for a thousand of them.
 */
const lookedUpRecords = 64;

/**
 * Yields the stored rows of a run, starting at `from`. Tenants have the order of the plan. Holds a part of a few tenants
 * in memory, however many rows there are.
 * @param expected number of rows that the reader expects to use. No rows beyond them are fetched in advance.
 * @throws BrokerError request_invalid if `from` is no position in these rows; storage_unavailable; plan_changed.
 */
export const resultParts = (
  runs: RunSource,
  run: Run,
  from?: RowPosition,
  expected = Number.POSITIVE_INFINITY,
): AsyncGenerator<RowsPart, void, undefined> => partsOf(runs, run, inPlanOrder(runs, run, from), expected);

/**
 * Yields the stored rows of these tenants. Those of the next tenants are fetched in advance, until the tenants fetched have
 * the expected number of rows; then one by one.
 * @throws as {@link resultParts}.
 */
export async function* partsOf(
  runs: RunSource,
  run: Run,
  tenants: AsyncIterable<TenantRows>,
  expected: number,
): AsyncGenerator<RowsPart, void, undefined> {
  const iterator = tenants[Symbol.asyncIterator]();
  const fetching: Promise<RowsPart>[] = [];
  let isEnded = false;
  let missing = expected;
  for (;;) {
    while (!isEnded && fetching.length < (missing > 0 ? prefetchedTenants : 1)) {
      const next = await iterator.next();
      if (next.done === true) {
        isEnded = true;
        break;
      }
      missing -= next.value.rows;
      const fetched = readPart(runs, run, next.value);
      // It is awaited later; until then the rejection must not count as unhandled.
      fetched.catch(() => undefined);
      fetching.push(fetched);
    }
    let part = await fetching.shift();
    if (part === undefined) return;
    while (part !== undefined) {
      if (part.lines.length > 0) yield part;
      part = part.end === undefined ? undefined : await readPart(runs, run, { ...part, offset: part.end });
    }
  }
}

async function* inPlanOrder(
  runs: RunSource,
  run: Run,
  from: RowPosition | undefined,
): AsyncGenerator<TenantRows, void, undefined> {
  const plan = await runs.results.plan(run);
  // If the plan no longer exists, the records have an order, too.
  const order: readonly PlannedTenant[] = plan?.attempt ?? [...(await tenantsWithRows(runs, run)).values()];
  let next = from === undefined ? 0 : order.findIndex(({ tenantId }) => tenantId === from.tenantId);
  if (next < 0) throw wrongContinuation('names a tenant that is not among those that you may read');
  const first = order[next];
  if (from?.attempt !== undefined && first !== undefined) {
    next += 1;
    yield continuedRows(first, from.attempt, from.offset);
  }
  const domains = new Map(order.map(({ tenantId, defaultDomain }) => [tenantId, defaultDomain]));
  const rest = order.slice(next).map(({ tenantId }) => tenantId);
  for await (const record of recordsOf(runs, run, rest)) {
    const { tenantId, name, rows } = record;
    // Only an apply keeps the rows of a tenant that failed: they say which changes were made.
    if (rows === 0) continue;
    const offset = tenantId === from?.tenantId ? from.offset : 0;
    yield* recordedRows({ tenantId, name, defaultDomain: domains.get(tenantId) }, record, offset);
  }
}

/** The rows that a page ended within. Their name begins with the tenant, so that no continuation reaches those of another one. */
export const continuedRows = (tenant: PlannedTenant, attempt: string, offset: number): TenantRows => ({
  ...cellsOf(tenant),
  rowsName: `${tenant.tenantId}.${attempt}`,
  columns: undefined,
  offset,
  isContinuation: true,
  rows: 0,
});

/** The rows of the attempt that the record of the tenant names, if there are any. */
export function* recordedRows(
  tenant: PlannedTenant,
  { rowsName, columns, rows }: TenantRun,
  offset = 0,
): Generator<TenantRows, void, undefined> {
  if (rowsName === undefined) return;
  const isContinuation = offset > 0;
  yield { ...cellsOf(tenant), rowsName, columns, offset, isContinuation, rows: isContinuation ? 0 : rows };
}

const cellsOf = ({ tenantId, name, defaultDomain }: PlannedTenant): Pick<TenantRows, 'tenantId' | 'tenant'> => ({
  tenantId,
  tenant: { tenantId, tenantName: name, tenantDomain: defaultDomain ?? null },
});

/** The records of the tenants that succeeded so far. */
export async function succeededTenants({ log }: RunSource, { runId }: Run): Promise<Map<TenantId, TenantRun>> {
  const records = new Map<TenantId, TenantRun>();
  for await (const record of log.tenants(runId, 'succeeded')) records.set(record.tenantId, record);
  return records;
}

/** The records of the tenants that have rows. */
async function tenantsWithRows({ log }: RunSource, run: Run): Promise<Map<TenantId, TenantRun>> {
  if (!isApplyWindow(run.window)) return succeededTenants({ log } as RunSource, run);
  const records = new Map<TenantId, TenantRun>();
  for await (const record of log.tenants(run.runId)) if (record.rows > 0) records.set(record.tenantId, record);
  return records;
}

/** Yields the records of these tenants in this order. Tenants without a record are left out. */
async function* recordsOf(
  runs: RunSource,
  run: Run,
  tenantIds: readonly TenantId[],
): AsyncGenerator<TenantRun, void, undefined> {
  for await (const { record } of lookUp(runs, run, tenantIds.slice(0, lookedUpRecords)))
    if (record !== undefined) yield record;
  if (tenantIds.length <= lookedUpRecords) return;
  const records = await tenantsWithRows(runs, run);
  for (const tenantId of tenantIds.slice(lookedUpRecords)) {
    const record = records.get(tenantId);
    if (record !== undefined) yield record;
  }
}

/** Looks up the record of each of these tenants, some at a time. */
export async function* lookUp(
  { log }: RunSource,
  { runId }: Run,
  tenantIds: readonly TenantId[],
): AsyncGenerator<{ readonly tenantId: TenantId; readonly record: TenantRun | undefined }, void, undefined> {
  for (let start = 0; start < tenantIds.length; start += recordsAtOnce) {
    const some = tenantIds.slice(start, start + recordsAtOnce);
    yield* await Promise.all(
      some.map(async (tenantId) => ({ tenantId, record: await log.findOutcome(runId, tenantId) })),
    );
  }
}

/** Reads whole lines: about `partLength` characters, or one line if it is longer. */
async function readPart({ results }: RunSource, { runId }: Run, from: TenantRows): Promise<RowsPart> {
  const { rowsName, offset, isContinuation } = from;
  // One byte more, which must be the end of the line before. A caller could name any offset.
  const before = offset === 0 ? '' : '\n';
  let text = '';
  let isComplete = true;
  for await (const piece of results.rows(runId, rowsName, offset - before.length)) {
    text += piece;
    // The line break before the rows ends none of them.
    const endsRow = piece.includes('\n') && text.lastIndexOf('\n') >= before.length;
    if (text.length < partLength || !endsRow) continue;
    isComplete = false;
    break;
  }
  if (!text.startsWith(before))
    throw isContinuation ? wrongContinuation('names a row that does not exist') : unreadableRows(from);
  const lineEnd = isComplete ? text.length : text.lastIndexOf('\n') + 1;
  const stored = text.slice(before.length, lineEnd);
  const lines = stored.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return { ...from, lines, end: isComplete ? undefined : offset + Buffer.byteLength(stored) };
}

/** Parses a stored row, and adds the columns of its tenant. @throws BrokerError storage_unavailable if it is damaged. */
export function rowOf(part: RowsPart, line: string): StoredRow {
  try {
    // Rows were checked to be objects without these columns before they were stored.
    return { ...part.tenant, ...(JSON.parse(line) as StoredRow) };
  } catch {
    throw unreadableRows(part);
  }
}

const unreadableRows = ({ tenant, rowsName }: TenantRows): BrokerError =>
  new BrokerError(
    'storage_unavailable',
    `The stored rows of ${String(tenant['tenantName'])} (${rowsName}) are damaged. Run the job again for this tenant.`,
  );
