import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { resultFile } from '../../../dashboard/app/result-downloads.ts';
import { csvLine } from '../../../src/lib/core/csv.ts';
import { type Row } from '../../../src/lib/runs/job/row.ts';
import { nextAddress } from '../../../src/lib/core/outbound.ts';
import { ptbScript } from '../../paths.ts';
import type { WrittenRun } from '../../support/written-run.ts';

// Each reader compares row by row what a client returns with what was written, and holds no more than a page.

export interface Reader {
  readonly url: string;
  readonly token: string;
  readonly run: WrittenRun;
}

/** @returns the number of rows. @throws Error at the first line that differs, or if lines are missing. */
export async function compare(
  run: WrittenRun,
  lines: AsyncIterable<string>,
  formatted: (row: Row) => string,
): Promise<number> {
  let tenant = 0;
  let expected = run.rowsOf(0).map(formatted);
  let place = 0;
  let count = 0;
  for await (const line of lines) {
    while (place >= expected.length && tenant < run.tenants) {
      tenant += 1;
      place = 0;
      expected = run.rowsOf(tenant).map(formatted);
    }
    if (line !== expected[place]) throw new Error(`Row ${count}: ${line} instead of ${expected[place]}`);
    place += 1;
    count += 1;
  }
  if (count !== run.rows) throw new Error(`${count} rows instead of ${run.rows}`);
  return count;
}

/** Splits texts into pieces that end with the separator. */
async function* split(texts: AsyncIterable<string>, separator: string): AsyncGenerator<string, void, undefined> {
  let open = '';
  for await (const text of texts) {
    const pieces = (open + text).split(separator);
    open = pieces.pop() ?? '';
    yield* pieces;
  }
  if (open !== '') yield open;
}

const resultsOf = ({ url, run }: Reader): string => `${url}/api/runs/${encodeURIComponent(run.runId)}/results`;

/** @returns how long the first page took, in milliseconds. */
export async function readFirstPage(reader: Reader): Promise<number> {
  const begunMs = performance.now();
  await (await fetch(resultsOf(reader), { headers: { authorization: `Bearer ${reader.token}` } })).text();
  return performance.now() - begunMs;
}

/** A program that follows the header `Link`. */
export async function readByProgram(reader: Reader, limit: number | undefined): Promise<number> {
  const { token, run } = reader;
  const pages = async function* () {
    const query = `format=jsonl${limit === undefined ? '' : `&limit=${limit}`}`;
    let next: string | undefined = `${resultsOf(reader)}?${query}`;
    while (next !== undefined) {
      const response: Response = await fetch(next, { headers: { authorization: `Bearer ${token}` } });
      const text = await response.text();
      if (response.status !== 200) throw new Error(`${response.status} ${text}`);
      yield text;
      next = nextAddress(response.headers.get('link'), next);
    }
  };
  return compare(run, split(pages(), '\n'), (row) => JSON.stringify(row));
}

/** `ptb runs export --format json`: one JSON array, one row a line. */
export async function readByPtb({ url, token, run }: Reader): Promise<number> {
  const child = spawn(process.execPath, [ptbScript, 'runs', 'export', run.runId, '--format', 'json'], {
    env: { ...process.env, BROKER_URL: url, PTB_TOKEN: token },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const rows = async function* () {
    for await (const line of createInterface({ input: child.stdout }))
      if (line !== '[' && line !== ']') yield line.replace(/,$/, '');
  };
  return compare(run, rows(), (row) => JSON.stringify(row));
}

/** The download of the dashboard: one CSV. */
export async function readByDashboard(reader: Reader): Promise<number> {
  const { token, run } = reader;
  const file = await resultFile(resultsOf(reader), 'csv', async (address) => {
    const response = await fetch(address, { headers: { authorization: `Bearer ${token}` } });
    return { body: await response.blob(), link: response.headers.get('link') };
  });
  const columns = ['tenantId', 'tenantName', 'tenantDomain', 'number', 'text', 'share', 'enabled', 'note'];
  const formatted = (row: Row): string => csvLine(columns.map((name) => row[name] ?? null)).slice(0, -2);
  const rows = async function* () {
    // `text()` and streams of text drop the byte order mark.
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    const texts = async function* () {
      for await (const bytes of file.stream()) yield decoder.decode(bytes, { stream: true });
    };
    let isHeader = true;
    for await (const line of split(texts(), '\r\n')) {
      if (!isHeader) yield line;
      else if (line !== `\uFEFF${columns.join(',')}`) throw new Error(`The header is ${line}`);
      isHeader = false;
    }
  };
  return compare(run, rows(), formatted);
}
