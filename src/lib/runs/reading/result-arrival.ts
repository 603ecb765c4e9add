import * as z from 'zod';
import { BrokerError } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { decodeContinuation, encodeContinuation, wrongContinuation } from '../../core/rows/continuation.ts';
import { isEnded, type PlannedTenant, type Run, type RunId, type TenantRun } from '../store/run.ts';
import { digest, type ExportFormat } from './page-position.ts';
import { attemptOf, maxPageBytes, type PageRequest, type ResultPage, textOf } from './result-page.ts';
import { partsAt, type Place, type ResultSource, rowOf, type RowsPart, tenantCells } from './result-rows.ts';

/** A set of tenants, by their place in the plan. */
class PlaceSet {
  readonly #bytes: Uint8Array;

  private constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  static of(size: number): PlaceSet {
    return new PlaceSet(new Uint8Array(Math.ceil(size / 8)));
  }

  /** @returns undefined if the text is not one of a set of this size. */
  static parse(text: string, size: number): PlaceSet | undefined {
    const bytes = Buffer.from(text, 'base64url');
    if (bytes.length !== Math.ceil(size / 8)) return undefined;
    // A place beyond the plan would never be read, and the pages would not end.
    const beyond = size % 8 === 0 ? 0 : (bytes.at(-1) ?? 0) >> (size % 8);
    return beyond === 0 ? new PlaceSet(new Uint8Array(bytes)) : undefined;
  }

  has(place: number): boolean {
    return ((this.#bytes[place >> 3] ?? 0) & (1 << (place & 7))) !== 0;
  }

  add(place: number): void {
    const byte = this.#bytes[place >> 3];
    if (byte !== undefined) this.#bytes[place >> 3] = byte | (1 << (place & 7));
  }

  delete(place: number): void {
    const byte = this.#bytes[place >> 3];
    if (byte !== undefined) this.#bytes[place >> 3] = byte & ~(1 << (place & 7));
  }

  get isEmpty(): boolean {
    return this.#bytes.every((byte) => byte === 0);
  }

  toString(): string {
    return Buffer.from(this.#bytes).toString('base64url');
  }
}

/** The rows of a tenant that a page ended within. */
interface OpenTenant {
  readonly place: number;
  /** The attempt whose rows the page had. */
  readonly attempt: string;
  /** Where the next row starts in the stored rows, in bytes. */
  readonly offset: number;
}

/** Which rows the pages so far had. */
interface Arrivals {
  /** Tenants whose rows were returned; of `open`, a part of them. */
  readonly done: PlaceSet;
  /** Tenants that are known to have rows, and have not been returned. */
  readonly ready: PlaceSet;
  readonly open: OpenTenant | undefined;
}

/** What the pages have in common. */
export interface ArrivalPages {
  readonly runId: RunId;
  readonly format: ExportFormat;
  /** Ids of the tenants in the plan, as far as the caller may read them. Undefined: the run has no plan yet. */
  readonly tenantIds: readonly string[] | undefined;
}

const tokenSchema = z.strictObject({
  run: z.string(),
  format: z.string(),
  plan: z.string(),
  open: z
    .strictObject({
      place: z.number().int().min(0),
      attempt: z.string().regex(/^[\w-]{1,80}$/),
      offset: z.number().int().min(0),
    })
    .optional(),
});

const planDigest = ({ tenantIds }: ArrivalPages): string => (tenantIds === undefined ? '' : digest(tenantIds.join()));

/** Encodes which rows are left. Two bits for each tenant, so that nothing is kept between two pages. */
export function encodeArrivals(pages: ArrivalPages, { done, ready, open }: Arrivals): string {
  const start = { run: digest(pages.runId), format: pages.format, plan: planDigest(pages), open };
  return `${encodeContinuation(start)}.${done.toString()}.${ready.toString()}`;
}

/** @throws BrokerError request_invalid for a text that `encodeArrivals` did not return for these pages. */
export function decodeArrivals(pages: ArrivalPages, continuation: string | undefined): Arrivals {
  const size = pages.tenantIds?.length ?? 0;
  const nothing: Arrivals = { done: PlaceSet.of(size), ready: PlaceSet.of(size), open: undefined };
  if (continuation === undefined) return nothing;
  const [head = '', doneText = '', readyText = ''] = continuation.split('.', 3);
  const { run, format, plan, open } = decodeContinuation(tokenSchema, head);
  if (run !== digest(pages.runId)) throw wrongContinuation('belongs to another run');
  if (format !== pages.format) throw wrongContinuation(`belongs to pages of the format ${format}`);
  // The pages before the run had its plan returned nothing.
  if (plan === '') return nothing;
  if (plan !== planDigest(pages)) throw wrongContinuation('is for other tenants: those that you may read have changed');
  const [done, ready] = [PlaceSet.parse(doneText, size), PlaceSet.parse(readyText, size)];
  if (done === undefined || ready === undefined || (open !== undefined && open.place >= size))
    throw wrongContinuation('is not valid');
  return { done, ready, open };
}

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
