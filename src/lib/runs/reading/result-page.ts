import type { Clock } from '../../core/clock.ts';
import { errorFields, type Logger } from '../../core/log.ts';
import { wrongContinuation } from '../../core/rows/continuation.ts';
import type { Job, JobRegistry } from '../job/job.ts';
import { cellsOf, csvLine, selectedFirst, type StoredRow, tenantColumns } from '../job/row.ts';
import { isEnded, queryJob, type Run, type RunId } from '../store/run.ts';
import type { Runs } from '../store/runs.ts';
import { decodePosition, encodePosition, type ExportFormat, headerDigest, type RowPosition } from './page-position.ts';
import {
  resultParts,
  type ResultSource,
  rowOf,
  type RowRange,
  type RowsPart,
  succeededTenants,
} from './result-rows.ts';

/** The columns of a CSV over several pages. */
interface ResultColumns {
  /** All columns, in order, those of the tenant first. */
  readonly all: readonly string[];
  /** The columns of the rows, if the job does not declare them and so the next page cannot know them. */
  readonly found: readonly string[] | undefined;
  readonly header: string;
}

/**
 * Determines the columns of a CSV: those that the job declares, or else those of the rows so far; of a query
 * those of `$select` first. The pages after the
 * first take them from the continuation, because tenants that finish in the meantime may have others.
 * @param job undefined if it is no longer part of the app.
 * @throws BrokerError request_invalid if they are no longer those of the first page.
 */
async function resultColumns(
  runs: ResultSource,
  run: Run,
  job: Job | undefined,
  earlier?: { readonly columns?: readonly string[] | undefined; readonly header?: string | undefined },
): Promise<ResultColumns> {
  const declared = job?.columns?.map(({ name }) => name);
  const found = declared === undefined ? (earlier?.columns ?? (await columnsOfRecords(runs, run))) : undefined;
  const all = [...tenantColumns, ...(declared ?? found ?? [])];
  const header = headerDigest(all);
  if (earlier !== undefined && earlier.header !== header)
    throw wrongContinuation('belongs to pages with other columns: a new version of the job, or more tenants');
  return { all, found, header };
}

async function columnsOfRecords(runs: ResultSource, run: Run): Promise<readonly string[]> {
  const planned = (await runs.results.plan(run))?.attempt ?? [];
  const places = new Map(planned.map(({ tenantId }, index) => [tenantId, index]));
  const records = await succeededTenants(runs, run);
  const ordered = records.toSorted((a, b) => (places.get(a.tenantId) ?? 0) - (places.get(b.tenantId) ?? 0));
  const found = [...new Set(ordered.flatMap(({ columns }) => columns))];
  return run.query === undefined ? found : selectedFirst(run.query, found);
}

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

/**
 * Returns a page of the rows of a run. All pages together have the same rows, whatever their sizes. While the run is in
 * progress, they have the rows that were stored when the first page was read, and possibly later ones, each once.
 * @param job defines the columns of a CSV. Undefined if it is no longer part of the app.
 * @throws BrokerError request_invalid for a wrong continuation, plan_changed, storage_unavailable. The same request
 * succeeds once storage is back.
 */
export async function readResultPage(
  runs: ResultSource,
  run: Run,
  job: Job | undefined,
  { format, limit, continuation }: PageRequest,
): Promise<ResultPage> {
  const pages = { runId: run.runId, format };
  const earlier = continuation === undefined ? undefined : decodePosition(pages, continuation);
  const columns = format === 'csv' ? await resultColumns(runs, run, job, earlier) : undefined;
  const rows: string[] = [];
  let bytes = 0;
  let next: RowPosition | undefined;
  // One more, to know whether another page follows.
  const range = { from: earlier?.position, expected: limit + 1 };
  for await (const { row, position } of rowsFrom(runs, run, columns, range)) {
    const text = columns === undefined ? JSON.stringify(row) : csvLine(cellsOf(row, columns.all));
    // A JSON row is followed by a line break, in an array by a comma too.
    const size = Buffer.byteLength(text) + 2;
    if (rows.length > 0 && (rows.length >= limit || bytes + size > maxPageBytes)) {
      next = position;
      break;
    }
    rows.push(text);
    bytes += size;
  }
  const following = next && encodePosition(pages, { position: next, columns: columns?.found, header: columns?.header });
  const header = columns === undefined || earlier !== undefined ? '' : `\uFEFF${csvLine(columns.all)}`;
  return { text: header + textOf(format, rows, following), continuation: following };
}

interface PlacedRow {
  readonly row: StoredRow;
  readonly position: RowPosition;
}

async function* rowsFrom(
  runs: ResultSource,
  run: Run,
  columns: ResultColumns | undefined,
  range: RowRange,
): AsyncGenerator<PlacedRow, void, undefined> {
  for await (const part of resultParts(runs, run, range)) {
    // This tenant finished after the first page, which has the header, was read.
    if (columns?.found !== undefined && !hasOnly(part, columns.found)) continue;
    let { offset } = part;
    for (const line of part.lines) {
      const position = { tenantId: part.tenantId, offset, attempt: offset === 0 ? undefined : attemptOf(part) };
      yield { row: rowOf(part, line), position };
      offset += Buffer.byteLength(line) + 1;
    }
  }
}

const hasOnly = ({ columns }: RowsPart, known: readonly string[]): boolean =>
  columns === undefined || columns.every((name) => known.includes(name));

/** The attempt in the name of a tenant's rows. */
export function attemptOf({ tenantId, rowsName }: Pick<RowsPart, 'tenantId' | 'rowsName'>): string | undefined {
  return rowsName.startsWith(`${tenantId}.`) ? rowsName.slice(tenantId.length + 1) : undefined;
}

export function textOf(format: ExportFormat, rows: readonly string[], continuation: string | undefined): string {
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
 * whoever asked. Repeating it writes the same files. Never
 * throws: the rows are complete without an export. Implements the activity `export-run`.
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
  for await (const part of resultParts(runs, run))
    yield part.lines.map((line) => `${JSON.stringify(rowOf(part, line))}\n`).join('');
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
