import type { Job } from '../job/job.ts';
import { headerDigest, wrongContinuation } from './page-position.ts';
import { type ResultSource, succeededTenants } from './result-rows.ts';
import { tenantColumns } from '../job/row.ts';
import { selectedFirst } from '../job/selected-columns.ts';
import type { Run } from '../store/run.ts';

/** The columns of a CSV over several pages. */
export interface ResultColumns {
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
export async function resultColumns(
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
