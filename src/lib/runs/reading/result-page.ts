import { hash } from 'node:crypto';
import * as z from 'zod';
import type { Clock } from '../../core/clock.ts';
import { parseTenantId, type TenantId } from '../../core/identifiers.ts';
import { errorFields, type Logger } from '../../core/log.ts';
import { decodeContinuation, encodeContinuation, wrongContinuation } from '../../core/rows/continuation.ts';
import type { Job, JobRegistry } from '../job/job.ts';
import { csvLine } from '../../core/csv.ts';
import { cellsOf, selectedFirst, type StoredRow, tenantColumns } from '../job/row.ts';
import { type ExportFormat, isEnded, queryJob, type Run, type RunId } from '../store/run.ts';
import type { Runs } from '../store/runs.ts';
import { resultParts, rowOf, type RowPosition, type RowsPart, succeededTenants } from './result-rows.ts';
import type { RunSource } from './visible-runs.ts';

/**
 * Maximum size of the rows of a page, in bytes. A row that is larger is a page of its own. The Functions host holds an
 * answer in memory several times, and serves 16 requests at once on a small instance.
 */
export const maxPageBytes = 1024 * 1024;

/** What a caller asks for. */
export interface PageRequest {
  readonly format: ExportFormat;
  /** Maximum number of rows. */
  readonly limit: number;
  /** The `continuation` of the previous page. Undefined: the first page. */
  readonly continuation?: string | undefined;
}

/** Some consecutive rows of a run, complete in memory. */
export interface ResultPage {
  readonly text: string;
  /** Undefined on the last page. */
  readonly continuation: string | undefined;
}

/** What the pages of one export have in common, apart from their rows. */
export interface Pages {
  readonly runId: RunId;
  readonly format: ExportFormat;
}

export const digest = (text: string): string => hash('sha256', text, 'base64url').slice(0, 16);

/** What every continuation begins with. It contains no secret, and decoding it trusts nothing in it. */
export const pagesToken = ({ runId, format }: Pages) => ({ run: digest(runId), format });
export const pagesSchema = { run: z.string(), format: z.string() };
export const attemptSchema = z.string().regex(/^[\w-]{1,80}$/);
export const offsetSchema = z.number().int().min(0);

/** @throws BrokerError request_invalid for a text that does not continue these pages. */
export function decodePages<T extends { readonly run: string; readonly format: string }>(
  schema: z.ZodType<T>,
  pages: Pages,
  continuation: string,
): T {
  const token = decodeContinuation(schema, continuation);
  if (token.run !== digest(pages.runId)) throw wrongContinuation('belongs to another run');
  if (token.format !== pages.format) throw wrongContinuation(`belongs to pages of the format ${token.format}`);
  return token;
}

/** Maximum size of the column names inside a continuation. Servers accept addresses of about 8 KB. */
const maxColumnsBytes = 2_000;

/** Where a page starts, and the columns of a CSV, which the first page has announced. */
const positionSchema = z.strictObject({
  ...pagesSchema,
  tenant: z
    .string()
    .transform(parseTenantId)
    .pipe(z.custom<TenantId>((tenantId) => tenantId !== undefined)),
  attempt: attemptSchema.optional(),
  offset: offsetSchema,
  /** Absent if the job declares its columns, or if their names are too long for an address. */
  columns: z.array(z.string()).optional(),
  /** Digest of the columns. */
  header: z.string().optional(),
});

/** The columns of a CSV over several pages. */
interface ResultColumns {
  /** All columns, in order, those of the tenant first. */
  readonly all: readonly string[];
  /** The columns of the rows, if the job does not declare them and so the next page cannot know them. */
  readonly found: readonly string[] | undefined;
  readonly header: string;
}

/**
 * Determines the columns of a CSV: those that the job declares, or else those of the rows so far; of a query those of
 * `$select` first. The pages after the first take them from the continuation, because tenants that finish in the meantime
 * may have others.
 * @param job undefined if it is no longer part of the app.
 * @throws BrokerError request_invalid if they are no longer those of the first page.
 */
async function resultColumns(
  runs: RunSource,
  run: Run,
  job: Job | undefined,
  earlier?: Pick<z.output<typeof positionSchema>, 'columns' | 'header'>,
): Promise<ResultColumns> {
  const declared = job?.columns?.map(({ name }) => name);
  const found = declared === undefined ? (earlier?.columns ?? (await columnsOfRecords(runs, run))) : undefined;
  const all = [...tenantColumns, ...(declared ?? found ?? [])];
  const header = digest(JSON.stringify(all));
  if (earlier !== undefined && earlier.header !== header)
    throw wrongContinuation('belongs to pages with other columns: a new version of the job, or more tenants');
  return { all, found, header };
}

async function columnsOfRecords(runs: RunSource, run: Run): Promise<readonly string[]> {
  const planned = (await runs.results.plan(run))?.attempt ?? [];
  const indexes = new Map(planned.map(({ tenantId }, index) => [tenantId, index]));
  const records = [...(await succeededTenants(runs, run)).values()];
  const ordered = records.toSorted((a, b) => (indexes.get(a.tenantId) ?? 0) - (indexes.get(b.tenantId) ?? 0));
  const found = [...new Set(ordered.flatMap(({ columns }) => columns))];
  return run.query === undefined ? found : selectedFirst(run.query, found);
}

/**
 * Returns a page of the rows of a run. All pages together have the same rows, whatever their sizes. While the run is in
 * progress, they have the rows that were stored when the first page was read, and possibly later ones, each once.
 * @param job defines the columns of a CSV. Undefined if it is no longer part of the app.
 * @throws BrokerError request_invalid for a wrong continuation, plan_changed, storage_unavailable. The same request
 * succeeds once storage is back.
 */
export async function readResultPage(
  runs: RunSource,
  run: Run,
  job: Job | undefined,
  { format, limit, continuation }: PageRequest,
): Promise<ResultPage> {
  const pages = { runId: run.runId, format };
  const earlier = continuation === undefined ? undefined : decodePages(positionSchema, pages, continuation);
  const from = earlier && { tenantId: earlier.tenant, attempt: earlier.attempt, offset: earlier.offset };
  const columns = format === 'csv' ? await resultColumns(runs, run, job, earlier) : undefined;
  // One more, to know whether another page follows.
  const { rows, next } = await fillPage(resultParts(runs, run, from, limit + 1), limit, {
    textOf: (row) => (columns === undefined ? JSON.stringify(row) : csvLine(cellsOf(row, columns.all))),
    // A tenant with other columns finished after the first page, which has the header, was read.
    isShown: (part) =>
      columns?.found === undefined || part.columns?.every((name) => columns.found?.includes(name)) !== false,
  });
  const following = next && encodePosition(pages, next, columns);
  const header = columns === undefined || earlier !== undefined ? '' : `\uFEFF${csvLine(columns.all)}`;
  return { text: header + pageText(format, rows, following), continuation: following };
}

function encodePosition(pages: Pages, { tenantId, attempt, offset }: RowPosition, columns?: ResultColumns): string {
  const fits = columns?.found && Buffer.byteLength(JSON.stringify(columns.found)) <= maxColumnsBytes;
  const start: z.input<typeof positionSchema> = {
    ...pagesToken(pages),
    tenant: tenantId,
    attempt,
    offset,
    columns: fits ? [...columns.found] : undefined,
    header: columns?.header,
  };
  return encodeContinuation(start);
}

/** Reads rows until a page is full. @returns the row that did not fit, and the tenants of the others. */
export async function fillPage(
  parts: AsyncIterable<RowsPart>,
  limit: number,
  { textOf = JSON.stringify, isShown = () => true }: Partial<PageRows> = {},
): Promise<{ readonly rows: string[]; readonly tenantIds: Set<TenantId>; readonly next?: RowPosition }> {
  const rows: string[] = [];
  const tenantIds = new Set<TenantId>();
  let bytes = 0;
  for await (const part of parts) {
    if (!isShown(part)) continue;
    const { tenantId, rowsName } = part;
    let { offset } = part;
    for (const line of part.lines) {
      const text = textOf(rowOf(part, line));
      // A JSON row is followed by a line break, in an array by a comma too.
      const size = Buffer.byteLength(text) + 2;
      if (rows.length > 0 && (rows.length >= limit || bytes + size > maxPageBytes)) {
        const isNamed = offset > 0 && rowsName.startsWith(`${tenantId}.`);
        const attempt = isNamed ? rowsName.slice(tenantId.length + 1) : undefined;
        return { rows, tenantIds, next: { tenantId, attempt, offset } };
      }
      rows.push(text);
      tenantIds.add(tenantId);
      bytes += size;
      offset += Buffer.byteLength(line) + 1;
    }
  }
  return { rows, tenantIds };
}

interface PageRows {
  readonly textOf: (row: StoredRow) => string;
  readonly isShown: (part: RowsPart) => boolean;
}

export function pageText(format: ExportFormat, rows: readonly string[], continuation: string | undefined): string {
  if (format === 'csv') return rows.join('');
  if (format === 'jsonl') return rows.map((row) => `${row}\n`).join('');
  const list = rows.length === 0 ? '[]' : `[\n${rows.join(',\n')}\n]`;
  return `{"rows":${list}${continuation === undefined ? '' : `,"continuation":${JSON.stringify(continuation)}`}}\n`;
}

export interface ExportRunDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly jobs: JobRegistry;
  readonly runs: Pick<Runs, 'log' | 'results'>;
}

/** An export that takes longer is given up. The activity that writes it has 30 minutes, the default of the plan. */
const maxExportMs = 10 * 60_000;

/**
 * Writes the rows of an ended run to the storage account, as JSON Lines and as CSV, for tools that read storage. The
 * API does not serve these files, because they hold the rows of every tenant. A query leaves none: its rows belong to
 * whoever started it. Repeating it writes the same files. Never throws: the rows are complete without an export. Implements
 * the activity `export-run`.
 * @returns whether both files were written.
 */
export async function exportRun(deps: ExportRunDeps, runId: RunId): Promise<{ exported: boolean }> {
  const { clock, jobs, log, runs } = deps;
  try {
    const run = await runs.log.find(runId);
    if (run === undefined || !isEnded(run.status) || run.job === queryJob) return { exported: false };
    const deadlineMs = clock.nowMs() + maxExportMs;
    const inTime = async function* (pieces: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
      for await (const piece of pieces) {
        if (clock.nowMs() > deadlineMs) throw new Error(`not done within ${maxExportMs / 60_000} minutes`);
        yield piece;
      }
    };
    const { all } = await resultColumns(runs, run, jobs.find(run.job));
    await runs.results.putExport(runId, 'jsonl', inTime(jsonLines(runs, run)));
    // From the file that was just written: one read instead of one per tenant.
    await runs.results.putExport(runId, 'csv', inTime(csvOf(all, runs.results.export(runId, 'jsonl'))));
    return { exported: true };
  } catch (thrown) {
    log.log('warn', 'run.export_failed', { runId, ...errorFields(thrown) });
    return { exported: false };
  }
}

async function* jsonLines(runs: ExportRunDeps['runs'], run: Run): AsyncGenerator<string, void, undefined> {
  const source = { log: runs.log, results: await withShortRows(runs, run) };
  for await (const part of resultParts(source, run))
    yield part.lines.map((line) => `${JSON.stringify(rowOf(part, line))}\n`).join('');
}

/** Characters of the rows that an export holds, so that it does not ask storage for those of each tenant. */
const heldCharacters = 16 * 1024 * 1024;

async function withShortRows({ log, results }: ExportRunDeps['runs'], { runId }: Run): Promise<RunSource['results']> {
  const held = new Map<string, string>();
  let left = heldCharacters;
  for await (const { rowsName, rowsText } of log.allShortRows(runId)) {
    left -= rowsText.length;
    if (left < 0) break;
    held.set(rowsName, rowsText);
  }
  return {
    plan: (of) => results.plan(of),
    rows: async function* (of, rowsName, fromByte = 0) {
      const text = held.get(rowsName);
      if (text === undefined) yield* results.rows(of, rowsName, fromByte);
      else yield Buffer.from(text).toString('utf8', fromByte);
    },
  };
}

async function* csvOf(
  columns: readonly string[],
  text: AsyncIterable<string>,
): AsyncGenerator<string, void, undefined> {
  yield `\uFEFF${csvLine(columns)}`;
  let open = '';
  for await (const piece of text) {
    const lines = (open + piece).split('\n');
    open = lines.pop() ?? '';
    const rows = lines.map((line) => JSON.parse(line) as StoredRow);
    if (rows.length > 0) yield rows.map((row) => csvLine(cellsOf(row, columns))).join('');
  }
}
