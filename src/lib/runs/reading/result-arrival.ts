import * as z from 'zod';
import { BrokerError } from '../../core/errors.ts';
import { encodeContinuation, wrongContinuation } from '../../core/rows/continuation.ts';
import { isEnded, type PlannedTenant, type Run, type TenantRun } from '../store/run.ts';
import {
  attemptSchema,
  decodePages,
  digest,
  fillPage,
  offsetSchema,
  type PageRequest,
  type Pages,
  pagesSchema,
  pagesToken,
  pageText,
  type ResultPage,
} from './result-page.ts';
import { continuedRows, lookUp, partsOf, recordedRows, type TenantRows } from './result-rows.ts';
import type { RunSource } from './visible-runs.ts';

/** A set of tenants, by their index in the plan. */
class IndexSet {
  readonly #bytes: Uint8Array;

  constructor(size: number, bytes = new Uint8Array(Math.ceil(size / 8))) {
    this.#bytes = bytes;
  }

  /** @returns undefined if the text is not one of a set of this size. */
  static parse(text: string, size: number): IndexSet | undefined {
    const bytes = Buffer.from(text, 'base64url');
    if (bytes.length !== Math.ceil(size / 8)) return undefined;
    // An index beyond the plan would never be read, and the pages would not end.
    const beyond = size % 8 === 0 ? 0 : (bytes.at(-1) ?? 0) >> (size % 8);
    return beyond === 0 ? new IndexSet(size, new Uint8Array(bytes)) : undefined;
  }

  has(index: number): boolean {
    return ((this.#bytes[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
  }

  add(index: number): void {
    this.#bytes[index >> 3] = (this.#bytes[index >> 3] ?? 0) | (1 << (index & 7));
  }

  delete(index: number): void {
    this.#bytes[index >> 3] = (this.#bytes[index >> 3] ?? 0) & ~(1 << (index & 7));
  }

  get isEmpty(): boolean {
    return this.#bytes.every((byte) => byte === 0);
  }

  toString(): string {
    return Buffer.from(this.#bytes).toString('base64url');
  }
}

const tokenSchema = z.strictObject({
  ...pagesSchema,
  plan: z.string(),
  /** The tenant that a page ended within, by its index in the plan, and the attempt whose rows the page had. */
  open: z.strictObject({ place: z.number().int().min(0), attempt: attemptSchema, offset: offsetSchema }).optional(),
});

/** Which rows the pages so far had. */
interface Arrivals {
  /** Tenants whose rows were returned; of `open`, a part of them. */
  readonly done: IndexSet;
  /** Tenants that are known to have rows, and have not been returned. */
  readonly ready: IndexSet;
  readonly open: z.output<typeof tokenSchema>['open'];
}

/** What the pages have in common. */
export interface ArrivalPages extends Pages {
  /** Ids of the tenants in the plan, as far as the caller may read them. Undefined: the run has no plan yet. */
  readonly tenantIds: readonly string[] | undefined;
}

const planDigest = ({ tenantIds }: ArrivalPages): string => (tenantIds === undefined ? '' : digest(tenantIds.join()));

/** Encodes which rows are left. Two bits for each tenant, so that nothing is kept between two pages. */
export function encodeArrivals(pages: ArrivalPages, { done, ready, open }: Arrivals): string {
  const start = { ...pagesToken(pages), plan: planDigest(pages), open };
  return `${encodeContinuation(start)}.${done.toString()}.${ready.toString()}`;
}

/** @throws BrokerError request_invalid for a text that `encodeArrivals` did not return for these pages. */
export function decodeArrivals(pages: ArrivalPages, continuation: string | undefined): Arrivals {
  const size = pages.tenantIds?.length ?? 0;
  const nothing: Arrivals = { done: new IndexSet(size), ready: new IndexSet(size), open: undefined };
  if (continuation === undefined) return nothing;
  const [head = '', doneText = '', readyText = ''] = continuation.split('.', 3);
  const { plan, open } = decodePages(tokenSchema, pages, head);
  // The pages before the run had its plan returned nothing.
  if (plan === '') return nothing;
  if (plan !== planDigest(pages)) throw wrongContinuation('is for other tenants: those that you may read have changed');
  const [done, ready] = [IndexSet.parse(doneText, size), IndexSet.parse(readyText, size)];
  if (done === undefined || ready === undefined || (open !== undefined && open.place >= size))
    throw wrongContinuation('is not valid');
  return { done, ready, open };
}

/**
 * Returns a page of the rows of a run in the order in which its tenants finish. While the run is in progress, a page ends
 * with what is there, possibly nothing, and always has a continuation. All pages together have each row once.
 * @param run as it was before this call, so that no tenant of an ended run is missed.
 * @throws BrokerError request_invalid for CSV and for a wrong continuation, plan_changed, storage_unavailable.
 */
export async function readArrivalPage(
  runs: RunSource,
  run: Run,
  { format, limit, continuation }: PageRequest,
): Promise<ResultPage> {
  if (format === 'csv')
    throw new BrokerError('request_invalid', 'order: a CSV has the order of the plan, because its columns come first.');
  const planned = (await runs.results.plan(run))?.attempt;
  const pages = { runId: run.runId, format, tenantIds: planned?.map(({ tenantId }) => tenantId) };
  const indexes = new Map(planned?.map(({ tenantId }, index) => [tenantId, index]));
  const arrivals = decodeArrivals(pages, continuation);
  const { done, ready } = arrivals;
  const tenants = inArrivalOrder(runs, run, planned ?? [], arrivals);
  const { rows, tenantIds, next } = await fillPage(partsOf(runs, run, tenants, limit + 1), limit);
  for (const tenantId of tenantIds) {
    const index = indexes.get(tenantId) ?? 0;
    done.add(index);
    ready.delete(index);
  }
  // Before its first row, the tenant is one of those that are ready.
  const open =
    next === undefined || next.offset === 0
      ? undefined
      : { place: indexes.get(next.tenantId) ?? 0, attempt: next.attempt ?? '', offset: next.offset };
  const isLast = isEnded(run.status) && open === undefined && ready.isEmpty;
  const following = isLast ? undefined : encodeArrivals(pages, { done, ready, open });
  return { text: pageText(format, rows, following), continuation: following };
}

/**
 * The open tenant, then those that are ready, then those that have finished since.
 * @param arrivals The newly found tenants are added to its sets.
 */
async function* inArrivalOrder(
  runs: RunSource,
  run: Run,
  planned: readonly PlannedTenant[],
  { open, ready, done }: Arrivals,
): AsyncGenerator<TenantRows, void, undefined> {
  const opened = open && planned[open.place];
  if (open !== undefined && opened !== undefined) yield continuedRows(opened, open.attempt, open.offset);
  const indexed = new Map(planned.map((tenant, index) => [tenant.tenantId, { tenant, index }]));
  const known = planned.filter((_, index) => ready.has(index)).map(({ tenantId }) => tenantId);
  for await (const { tenantId, record } of lookUp(runs, run, known)) {
    const { tenant, index } = indexed.get(tenantId) ?? {};
    if (tenant === undefined || index === undefined) continue;
    // Without its record, a tenant is left out, so that the pages end.
    if (record?.rowsName === undefined) ready.delete(index);
    else yield* recordedRows(tenant, record);
  }
  const arrived: { readonly tenant: PlannedTenant; readonly record: TenantRun }[] = [];
  for await (const record of runs.log.tenants(run.runId, 'succeeded')) {
    const { tenant, index } = indexed.get(record.tenantId) ?? {};
    if (tenant === undefined || index === undefined || done.has(index) || ready.has(index)) continue;
    if (record.rows === 0 || record.rowsName === undefined) {
      done.add(index);
      continue;
    }
    ready.add(index);
    arrived.push({ tenant, record });
  }
  arrived.sort((a, b) => a.record.finishedAtMs - b.record.finishedAtMs);
  for (const { tenant, record } of arrived) yield* recordedRows(tenant, record);
}
