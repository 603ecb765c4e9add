import { hash } from 'node:crypto';
import * as z from 'zod';
import { parseTenantId, type TenantId } from '../../core/identifiers.ts';
import { decodeContinuation, encodeContinuation, wrongContinuation } from '../../core/rows/continuation.ts';
import type { RunId } from '../store/run.ts';

export const exportFormats = ['json', 'jsonl', 'csv'] as const;
export type ExportFormat = (typeof exportFormats)[number];

/** Largest `limit` of `GET /api/runs/{runId}/results`. Clients that want all rows send it. */
export const maxPageRows = 50_000;

export const exportContentTypes: Readonly<Record<ExportFormat, string>> = {
  json: 'application/json',
  jsonl: 'application/jsonl',
  csv: 'text/csv; charset=utf-8',
};

/** The order of the rows in pages. */
export const rowOrders = ['plan', 'arrival'] as const;

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

/** What the pages of one export have in common, apart from their rows. */
interface Pages {
  readonly runId: RunId;
  readonly format: ExportFormat;
}

/** Where the next page starts, and the columns of a CSV, which the first page has announced. */
interface NextPage {
  readonly position: RowPosition;
  /** Absent if the job declares its columns, or if their names are too long for an address. */
  readonly columns?: readonly string[] | undefined;
  /** Digest of the columns. */
  readonly header?: string | undefined;
}

/** Maximum size of the column names inside a continuation. Servers accept addresses of about 8 KB. */
const maxColumnsBytes = 2_000;

const tokenSchema = z.strictObject({
  run: z.string(),
  format: z.string(),
  tenant: z.string(),
  attempt: z
    .string()
    .regex(/^[\w-]{1,80}$/)
    .optional(),
  offset: z.number().int().min(0),
  columns: z.array(z.string()).optional(),
  header: z.string().optional(),
});

export const digest = (text: string): string => hash('sha256', text, 'base64url').slice(0, 16);

export const headerDigest = (columns: readonly string[]): string => digest(JSON.stringify(columns));

/** Encodes where the next page starts. The token contains no secret, and decoding it trusts nothing in it. */
export function encodePosition(pages: Pages, { position, columns, header }: NextPage): string {
  const fits = columns !== undefined && Buffer.byteLength(JSON.stringify(columns)) <= maxColumnsBytes;
  const start: z.input<typeof tokenSchema> = {
    run: digest(pages.runId),
    format: pages.format,
    tenant: position.tenantId,
    attempt: position.attempt,
    offset: position.offset,
    columns: fits ? [...columns] : undefined,
    header,
  };
  return encodeContinuation(start);
}

/** @throws BrokerError request_invalid for a text that `encodePosition` did not return for these pages. */
export function decodePosition({ runId, format }: Pages, continuation: string): NextPage {
  const {
    run,
    format: ofFormat,
    tenant,
    attempt,
    offset,
    columns,
    header,
  } = decodeContinuation(tokenSchema, continuation);
  const tenantId = parseTenantId(tenant);
  if (tenantId === undefined) throw wrongContinuation('is not valid');
  if (run !== digest(runId)) throw wrongContinuation('belongs to another run');
  if (ofFormat !== format) throw wrongContinuation(`belongs to pages of the format ${ofFormat}`);
  return { position: { tenantId, attempt, offset }, columns, header };
}
