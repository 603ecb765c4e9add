import { BrokerError } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { wrongContinuation } from '../../core/rows/continuation.ts';
import type { RowPosition } from './page-position.ts';
import type { Row, StoredRow } from '../job/row.ts';
import type { Run, RunPlan, TenantRun } from '../store/run.ts';
import type { RunSource } from './visible-runs.ts';

export type ResultSource = RunSource;

/** Some consecutive rows of one tenant. */
export interface RowsPart {
  /** The columns that exports add before the columns of each row. */
  readonly tenant: Row;
  readonly tenantId: TenantId;
  readonly rowsName: string;
  /** Column names of the tenant's rows. Undefined where a page continues in the middle of a tenant. */
  readonly columns: readonly string[] | undefined;
  /** Stored rows: one JSON object each. */
  readonly lines: readonly string[];
  /** Where the first line starts in the stored rows, in bytes. */
  readonly offset: number;
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

/** Which rows are read. */
export interface RowRange {
  readonly from?: RowPosition | undefined;
  /** Number of rows that the reader expects to use. No rows beyond them are fetched in advance. */
  readonly expected?: number | undefined;
}

/**
 * Yields the stored rows of a run, starting at `from`. Tenants have the order of the plan. Holds a part of a few tenants
 * in memory, however many rows there are.
 * @throws BrokerError request_invalid if `from` is no position in these rows; storage_unavailable; plan_changed.
 */
export async function* resultParts(
  runs: ResultSource,
  run: Run,
  { from, expected = Number.POSITIVE_INFINITY }: RowRange = {},
): AsyncGenerator<RowsPart, void, undefined> {
  const plan = await runs.results.plan(run);
  yield* partsAt(runs, run, places(runs, run, plan, from), expected);
}

/**
 * Yields the stored rows at these places.
 * @param expected as in {@link RowRange}.
 * @throws as {@link resultParts}.
 */
export async function* partsAt(
  runs: ResultSource,
  run: Run,
  found: AsyncIterable<Place>,
  expected: number,
): AsyncGenerator<RowsPart, void, undefined> {
  const read = (place: Place, offset: number): Promise<ReadPart> => readPart(runs, run, place, offset);
  for await (const first of fetchAhead(found, (place) => read(place, place.offset), expected)) {
    let part = first;
    for (;;) {
      if (part.lines.length > 0) yield part;
      if (part.end === undefined) break;
      part = await read(part.place, part.end);
    }
  }
}

/** Where the rows of a tenant are. */
export interface Place extends Omit<RowsPart, 'lines'> {
  /** The row at `offset` was named by a caller, and so may not exist. */
  readonly isContinuation: boolean;
  /** Number of rows. 0 if a part of them was in an earlier page. */
  readonly rows: number;
}

async function* places(
  runs: ResultSource,
  run: Run,
  plan: RunPlan | undefined,
  from: RowPosition | undefined,
): AsyncGenerator<Place, void, undefined> {
  const order = plan?.attempt ?? (await succeededTenants(runs, run));
  const start = from === undefined ? 0 : order.findIndex(({ tenantId }) => tenantId === from.tenantId);
  if (start < 0) throw wrongContinuation('names a tenant that is not among those that you may read');
  const domains = new Map(plan?.attempt.map(({ tenantId, defaultDomain }) => [tenantId, defaultDomain]));
  const tenantRow = (tenantId: TenantId, name: string): Row => tenantCells(tenantId, name, domains.get(tenantId));
  let next = start;
  const { tenantId, name } = order[start] ?? {};
  if (from?.attempt !== undefined && tenantId !== undefined && name !== undefined) {
    next += 1;
    // The name begins with the tenant, so that no continuation reaches the rows of another one.
    const rowsName = `${tenantId}.${from.attempt}`;
    const tenant = tenantRow(tenantId, name);
    yield { tenant, tenantId, rowsName, columns: undefined, offset: from.offset, isContinuation: true, rows: 0 };
  }
  const rest = order.slice(next).map((tenant) => tenant.tenantId);
  for await (const record of recordsOf(runs, run, rest)) {
    const { rowsName, columns } = record;
    if (record.outcome !== 'succeeded' || record.rows === 0 || rowsName === undefined) continue;
    const isContinuation = record.tenantId === from?.tenantId && from.offset > 0;
    const offset = isContinuation ? from.offset : 0;
    const tenant = tenantRow(record.tenantId, record.name);
    const rows = offset > 0 ? 0 : record.rows;
    yield { tenant, tenantId: record.tenantId, rowsName, columns, offset, isContinuation, rows };
  }
}

/** The columns that exports add. */
export const tenantCells = (tenantId: TenantId, tenantName: string, domain: string | undefined): Row => ({
  tenantId,
  tenantName,
  tenantDomain: domain ?? null,
});

/** The tenants that succeeded so far. If the plan no longer exists, this is their order. */
export async function succeededTenants({ log }: ResultSource, { runId }: Run): Promise<TenantRun[]> {
  const records: TenantRun[] = [];
  for await (const record of log.tenants(runId, 'succeeded')) records.push(record);
  return records;
}

/** Yields the records of these tenants in this order. Tenants without a record are left out. */
async function* recordsOf(
  runs: ResultSource,
  run: Run,
  tenantIds: readonly TenantId[],
): AsyncGenerator<TenantRun, void, undefined> {
  const one = Math.min(lookedUpRecords, tenantIds.length);
  for (let start = 0; start < one; start += recordsAtOnce) {
    const some = tenantIds.slice(start, Math.min(start + recordsAtOnce, one));
    for (const record of await Promise.all(some.map((tenantId) => runs.log.findOutcome(run.runId, tenantId))))
      if (record !== undefined) yield record;
  }
  if (one === tenantIds.length) return;
  const records = new Map((await succeededTenants(runs, run)).map((record) => [record.tenantId, record]));
  for (const tenantId of tenantIds.slice(one)) {
    const record = records.get(tenantId);
    if (record !== undefined) yield record;
  }
}

interface ReadPart extends RowsPart {
  readonly place: Place;
  /** Where the next part starts. Undefined after the last one. */
  readonly end: number | undefined;
}

/** Reads whole lines: about `partLength` characters, or one line if it is longer. */
async function readPart({ results }: ResultSource, run: Run, place: Place, offset: number): Promise<ReadPart> {
  // One byte more, which must be the end of the line before. A caller could name any offset.
  const before = offset === 0 ? '' : '\n';
  let text = '';
  let isComplete = true;
  for await (const piece of results.rows(run.runId, place.rowsName, offset - before.length)) {
    text += piece;
    // The line break before the rows ends none of them.
    const endsRow = piece.includes('\n') && text.lastIndexOf('\n') >= before.length;
    if (text.length < partLength || !endsRow) continue;
    isComplete = false;
    break;
  }
  if (!text.startsWith(before)) {
    if (place.isContinuation) throw wrongContinuation('names a row that does not exist');
    throw unreadableRows(place);
  }
  const lineEnd = isComplete ? text.length : text.lastIndexOf('\n') + 1;
  const stored = text.slice(before.length, lineEnd);
  const lines = stored.split('\n');
  if (lines.at(-1) === '') lines.pop();
  const end = isComplete ? undefined : offset + Buffer.byteLength(stored);
  const { tenant, tenantId, rowsName, columns } = place;
  return { tenant, tenantId, rowsName, columns, lines, offset, place, end };
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

const unreadableRows = ({ tenant, rowsName }: Pick<RowsPart, 'tenant' | 'rowsName'>): BrokerError =>
  new BrokerError(
    'storage_unavailable',
    `The stored rows of ${String(tenant['tenantName'])} (${rowsName}) are damaged. Run the job again for this tenant.`,
  );

/** Fetches the next items in advance, until those fetched have the expected number of rows; then one by one. */
async function* fetchAhead<T extends Pick<Place, 'rows'>, R>(
  items: AsyncIterable<T>,
  fetch: (item: T) => Promise<R>,
  expected: number,
): AsyncGenerator<R, void, undefined> {
  const iterator = items[Symbol.asyncIterator]();
  const fetching: Promise<R>[] = [];
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
      const result = fetch(next.value);
      // It is awaited later; until then the rejection must not count as unhandled.
      result.catch(() => undefined);
      fetching.push(result);
    }
    const first = fetching.shift();
    if (first === undefined) return;
    yield await first;
  }
}
