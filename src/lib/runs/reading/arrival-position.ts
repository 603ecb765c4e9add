import * as z from 'zod';
import { parseJson } from '../../core/outbound.ts';
import { safeParse } from '../../core/json.ts';
import type { ExportFormat } from './export-formats.ts';
import { digest, wrongContinuation } from './page-position.ts';
import type { RunId } from '../store/run-id.ts';

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
export interface OpenTenant {
  readonly place: number;
  /** The attempt whose rows the page had. */
  readonly attempt: string;
  /** Where the next row starts in the stored rows, in bytes. */
  readonly offset: number;
}

/** Which rows the pages so far had. */
export interface Arrivals {
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
  const token = { run: digest(pages.runId), format: pages.format, plan: planDigest(pages), open };
  return `${Buffer.from(JSON.stringify(token)).toString('base64url')}.${done.toString()}.${ready.toString()}`;
}

/** @throws BrokerError request_invalid for a text that `encodeArrivals` did not return for these pages. */
export function decodeArrivals(pages: ArrivalPages, continuation: string | undefined): Arrivals {
  const size = pages.tenantIds?.length ?? 0;
  const nothing: Arrivals = { done: PlaceSet.of(size), ready: PlaceSet.of(size), open: undefined };
  if (continuation === undefined) return nothing;
  const [head = '', doneText = '', readyText = ''] = continuation.split('.', 3);
  const parsed = safeParse(tokenSchema, parseJson(Buffer.from(head, 'base64url').toString('utf8')));
  if (!parsed.success) throw wrongContinuation('is not valid');
  const { run, format, plan, open } = parsed.data;
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
