import type { TenantId } from '../model/identifiers.ts';
import { csvLine } from './csv.ts';
import type { Job } from './job.ts';
import { type Row, tenantColumns } from './row.ts';
import type { Run, TenantRun } from './run.ts';
import type { ReadableRuns } from './readable-runs.ts';

export const exportFormats = ['json', 'jsonl', 'csv'] as const;
export type ExportFormat = (typeof exportFormats)[number];

export const exportContentTypes: Readonly<Record<ExportFormat, string>> = {
  json: 'application/json',
  jsonl: 'application/jsonl',
  csv: 'text/csv; charset=utf-8',
};

export type ExportSource = Pick<ReadableRuns, 'log' | 'results'>;

/** Tenants whose rows are fetched in advance: hides storage latency without holding the whole result in memory. */
const prefetchedTenants = 8;

/**
 * Yields the rows of a run as text. Each row starts with its tenant's columns; tenants keep the order of the plan.
 * @param job defines the column order. Undefined if the job is no longer part of the app.
 */
export async function* exportRows(
  runs: ExportSource,
  run: Run,
  job: Job | undefined,
  format: ExportFormat,
): AsyncGenerator<string, void, undefined> {
  const { domains, records } = await succeeded(runs, run);
  const columns = [
    ...tenantColumns,
    ...(job?.columns?.map(({ name }) => name) ?? new Set(records.flatMap((record) => record.columns))),
  ];
  if (format === 'csv') yield `\uFEFF${csvLine(columns)}`;
  if (format === 'json') yield '[';
  let first = true;
  for await (const lines of fetchAhead(records, async (record) => ({
    record,
    text: await textOf(runs, run, record),
  }))) {
    const { tenantId, name } = lines.record;
    const tenant: Row = { tenantId, tenantName: name, tenantDomain: domains.get(tenantId) ?? null };
    let piece = '';
    for (const line of lines.text.split('\n')) {
      if (line === '') continue;
      // Rows were checked to be flat objects before they were stored.
      const row: Row = { ...tenant, ...JSON.parse(line) };
      if (format === 'csv') piece += csvLine(columns.map((name) => row[name] ?? null));
      else if (format === 'jsonl') piece += `${JSON.stringify(row)}\n`;
      else piece += `${first ? '\n' : ',\n'}${JSON.stringify(row)}`;
      first = false;
    }
    if (piece !== '') yield piece;
  }
  if (format === 'json') yield first ? ']\n' : '\n]\n';
}

interface Succeeded {
  readonly domains: ReadonlyMap<TenantId, string | undefined>;
  readonly records: readonly TenantRun[];
}

async function succeeded(runs: ExportSource, run: Run): Promise<Succeeded> {
  const planned = (await runs.results.plan(run))?.attempt ?? [];
  const places = new Map(planned.map(({ tenantId }, index) => [tenantId, index]));
  const records: TenantRun[] = [];
  for await (const record of runs.log.tenants(run.runId, 'succeeded')) if (record.rows > 0) records.push(record);
  return {
    domains: new Map(planned.map(({ tenantId, defaultDomain }) => [tenantId, defaultDomain])),
    records: records.toSorted((a, b) => (places.get(a.tenantId) ?? 0) - (places.get(b.tenantId) ?? 0)),
  };
}

async function textOf(runs: ExportSource, run: Run, record: TenantRun): Promise<string> {
  if (record.rowsName === undefined) return '';
  let text = '';
  for await (const piece of runs.results.rows(run.runId, record.rowsName)) text += piece;
  return text;
}

async function* fetchAhead<T, R>(
  items: readonly T[],
  fetch: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const fetching: Promise<R>[] = [];
  const start = (index: number): void => {
    const item = items[index];
    if (item === undefined) return;
    const result = fetch(item);
    // The loop below awaits the promise later; until then the rejection must not count as unhandled.
    result.catch(() => undefined);
    fetching.push(result);
  };
  for (let index = 0; index < prefetchedTenants; index += 1) start(index);
  for (let index = 0; index < items.length; index += 1) {
    const next = await fetching.shift();
    if (next !== undefined) yield next;
    start(index + prefetchedTenants);
  }
}
