import type { TenantId } from '../model/identifiers.ts';
import type { Job } from './job.ts';
import { type Row, type RowValue, tenantColumns } from './row.ts';
import type { Run, TenantRun } from './run.ts';
import type { Runs } from './runs.ts';

export const exportFormats = ['json', 'jsonl', 'csv'] as const;
export type ExportFormat = (typeof exportFormats)[number];

export const exportContentTypes: Readonly<Record<ExportFormat, string>> = {
  json: 'application/json',
  jsonl: 'application/jsonl',
  csv: 'text/csv; charset=utf-8',
};

export type ExportSource = Pick<Runs, 'log' | 'results'>;

/** How many tenants' rows are fetched ahead: hides the storage's latency without holding a whole result in memory. */
const ahead = 8;

/**
 * The rows of a run as text, piece by piece: each row with its tenant in front, tenants in the order of the plan.
 * @param job gives the columns' order where it is still part of the app.
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
  if (format === 'csv') yield `\uFEFF${columns.map(csvCell).join(',')}\r\n`;
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
      if (format === 'csv') piece += `${columns.map((name) => csvCell(row[name] ?? null)).join(',')}\r\n`;
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
  const planned = (await runs.results.plan(run.runId))?.attempt ?? [];
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
    // A failure is met when its turn comes; until then nobody looks.
    result.catch(() => undefined);
    fetching.push(result);
  };
  for (let index = 0; index < ahead; index += 1) start(index);
  for (let index = 0; index < items.length; index += 1) {
    const next = await fetching.shift();
    if (next !== undefined) yield next;
    start(index + ahead);
  }
}

/**
 * RFC 4180, and a guard: a cell that a spreadsheet would run as a formula gets an apostrophe in front (OWASP "CSV
 * injection"). Customers choose the names that end up here. Numbers are left alone, negative ones too.
 */
export function csvCell(value: RowValue): string {
  if (value === null) return '';
  if (typeof value !== 'string') return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
