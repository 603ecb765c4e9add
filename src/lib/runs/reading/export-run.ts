import type { Clock } from '../../core/clock.ts';
import { errorFields, type Logger } from '../../core/log.ts';
import { cellsOf, csvLine } from '../job/csv.ts';
import type { JobRegistry } from '../job/job.ts';
import { resultColumns } from './result-columns.ts';
import { resultParts, rowOf } from './result-rows.ts';
import type { StoredRow } from '../job/row.ts';
import { isEnded, queryJob, type Run } from '../store/run.ts';
import type { RunId } from '../store/run-id.ts';
import type { Runs } from '../store/runs.ts';

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
