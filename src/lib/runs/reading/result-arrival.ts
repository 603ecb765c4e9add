import { BrokerError } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { type Arrivals, decodeArrivals, encodeArrivals, type OpenTenant } from './arrival-position.ts';
import { attemptOf, maxPageBytes, type PageRequest, type ResultPage, textOf } from './result-page.ts';
import { partsAt, type Place, type ResultSource, rowOf, type RowsPart, tenantCells } from './result-rows.ts';
import { isEnded, type PlannedTenant, type Run, type TenantRun } from '../store/run.ts';

/** Records that are looked up at a time. */
const recordsAtOnce = 16;

/**
 * Returns a page of the rows of a run in the order in which its tenants finish. While the run is in progress, a page ends
 * with what is there, possibly nothing, and always has a continuation. All pages together have each row once.
 * @param run as it was before this call, so that no tenant of an ended run is missed.
 * @throws BrokerError request_invalid for CSV and for a wrong continuation, plan_changed, storage_unavailable.
 */
export async function readArrivalPage(
  runs: ResultSource,
  run: Run,
  { format, limit, continuation }: PageRequest,
): Promise<ResultPage> {
  if (format === 'csv')
    throw new BrokerError('request_invalid', 'order: a CSV has the order of the plan, because its columns come first.');
  const planned = (await runs.results.plan(run))?.attempt;
  const pages = { runId: run.runId, format, tenantIds: planned?.map(({ tenantId }) => tenantId) };
  const arrivals = decodeArrivals(pages, continuation);
  const { rows, open } = await readRows(runs, run, { planned: planned ?? [], arrivals, limit });
  const isLast = isEnded(run.status) && open === undefined && arrivals.ready.isEmpty;
  const following = isLast ? undefined : encodeArrivals(pages, { ...arrivals, open });
  return { text: textOf(format, rows, following), continuation: following };
}

interface Reading {
  readonly planned: readonly PlannedTenant[];
  /** Its sets change while rows are read. */
  readonly arrivals: Arrivals;
  readonly limit: number;
}

/** Reads rows until the page is full. */
async function readRows(
  runs: ResultSource,
  run: Run,
  reading: Reading,
): Promise<{ readonly rows: readonly string[]; readonly open?: OpenTenant }> {
  const { planned, arrivals, limit } = reading;
  const placeOf = new Map(planned.map(({ tenantId }, place) => [tenantId, place]));
  const rows: string[] = [];
  let bytes = 0;
  for await (const part of partsAt(runs, run, placesOf(runs, run, reading, placeOf), limit + 1)) {
    const place = placeOf.get(part.tenantId) ?? 0;
    let { offset } = part;
    for (const line of part.lines) {
      const text = JSON.stringify(rowOf(part, line));
      const size = Buffer.byteLength(text) + 2;
      if (rows.length > 0 && (rows.length >= limit || bytes + size > maxPageBytes)) {
        // Before its first row, the tenant is one of those that are ready.
        return offset === 0 ? { rows } : { rows, open: openAt(part, place, offset) };
      }
      arrivals.done.add(place);
      arrivals.ready.delete(place);
      rows.push(text);
      bytes += size;
      offset += Buffer.byteLength(line) + 1;
    }
  }
  return { rows };
}

const openAt = (part: RowsPart, place: number, offset: number): OpenTenant => ({
  place,
  attempt: attemptOf(part) ?? '',
  offset,
});

/** The open tenant, then those that are ready, then those that have finished since. */
async function* placesOf(
  runs: ResultSource,
  run: Run,
  { planned, arrivals: { open, ready, done } }: Reading,
  placeOf: ReadonlyMap<TenantId, number>,
): AsyncGenerator<Place, void, undefined> {
  const opened = open && planned[open.place];
  if (open !== undefined && opened !== undefined) {
    // The name begins with the tenant, so that no continuation reaches the rows of another one.
    const rowsName = `${opened.tenantId}.${open.attempt}`;
    yield { ...cellsOf(opened), rowsName, columns: undefined, offset: open.offset, isContinuation: true, rows: 0 };
  }
  const known = planned.filter((_, place) => ready.has(place));
  for (let start = 0; start < known.length; start += recordsAtOnce) {
    const some = known.slice(start, start + recordsAtOnce);
    const records = await Promise.all(some.map(({ tenantId }) => runs.log.findOutcome(run.runId, tenantId)));
    for (const [index, tenant] of some.entries()) {
      // Without its record, a tenant is left out, so that the pages end.
      if (records[index]?.rowsName === undefined) ready.delete(placeOf.get(tenant.tenantId) ?? 0);
      yield* placeAt(tenant, records[index]);
    }
  }
  const arrived: { readonly tenant: PlannedTenant; readonly record: TenantRun }[] = [];
  for await (const record of runs.log.tenants(run.runId, 'succeeded')) {
    const place = placeOf.get(record.tenantId);
    const tenant = place === undefined ? undefined : planned[place];
    if (place === undefined || tenant === undefined || done.has(place) || ready.has(place)) continue;
    if (record.rows === 0 || record.rowsName === undefined) {
      done.add(place);
      continue;
    }
    ready.add(place);
    arrived.push({ tenant, record });
  }
  arrived.sort((a, b) => a.record.finishedAtMs - b.record.finishedAtMs);
  for (const { tenant, record } of arrived) yield* placeAt(tenant, record);
}

function* placeAt(tenant: PlannedTenant, record: TenantRun | undefined): Generator<Place, void, undefined> {
  if (record?.rowsName === undefined) return;
  const { rowsName, columns, rows } = record;
  yield { ...cellsOf(tenant), rowsName, columns, offset: 0, isContinuation: false, rows };
}

const cellsOf = ({ tenantId, name, defaultDomain }: PlannedTenant): Pick<Place, 'tenant' | 'tenantId'> => ({
  tenantId,
  tenant: tenantCells(tenantId, name, defaultDomain),
});
