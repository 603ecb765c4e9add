import { cellsOf, csvLine } from '../job/csv.ts';
import type { ExportFormat } from './export-formats.ts';
import type { Job } from '../job/job.ts';
import { decodePosition, encodePosition, type RowPosition } from './page-position.ts';
import { type ResultColumns, resultColumns } from './result-columns.ts';
import { type ResultSource, resultParts, rowOf, type RowRange, type RowsPart } from './result-rows.ts';
import type { StoredRow } from '../job/row.ts';
import type { Run } from '../store/run.ts';

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
