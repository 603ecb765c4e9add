import fc from 'fast-check';
import { describe, expect, it, test, vi } from 'vitest';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import { csvLine } from '../../../../../src/lib/core/csv.ts';
import { cellsOf, type Row } from '../../../../../src/lib/runs/job/row.ts';
import { type ExportFormat, shortRowsName } from '../../../../../src/lib/runs/store/run.ts';
import { defineJob, type Job } from '../../../../../src/lib/runs/job/job.ts';
import { VisibleRuns } from '../../../../../src/lib/runs/reading/visible-runs.ts';
import { maxPageBytes, type PageRequest, readResultPage } from '../../../../../src/lib/runs/reading/result-page.ts';
import { readPages } from '../../../../support/result-pages.ts';
import { runId, stageRun, tenantId } from '../store/stage.ts';

async function exported(rows: readonly (readonly object[])[], format: ExportFormat, job?: Job): Promise<string> {
  let next = 0;
  const { attempt, runLog, results } = await stageRun(async () => rows[next++], rows.length);
  for (const index of rows.keys()) await attempt(index);
  const run = await runLog.find(runId);
  const texts = await readPages({ log: runLog, results }, run!, { format, ...(job === undefined ? {} : { job }) });
  expect(texts).toHaveLength(1);
  return texts.join('');
}

const rows = [
  [
    { a: 1, b: 'x' },
    { a: 2, b: null },
  ],
  [],
  [{ a: -3, c: true }],
];

describe('readResultPage with all rows in one page', () => {
  test('writes JSON as an object with the rows and their tenant columns', async () => {
    expect(JSON.parse(await exported(rows, 'json'))).toEqual({
      rows: [
        { tenantId: tenantId(0), tenantName: 'Tenant 0', tenantDomain: null, a: 1, b: 'x' },
        { tenantId: tenantId(0), tenantName: 'Tenant 0', tenantDomain: null, a: 2, b: null },
        { tenantId: tenantId(2), tenantName: 'Tenant 2', tenantDomain: null, a: -3, c: true },
      ],
    });
  });

  test('writes JSON Lines with one row per line', async () => {
    const lines = (await exported(rows, 'jsonl')).trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { a: number }).a)).toEqual([1, 2, -3]);
  });

  test('writes CSV with a header of all columns and empty cells for missing values', async () => {
    expect(await exported(rows, 'csv')).toBe(
      [
        '\uFEFFtenantId,tenantName,tenantDomain,a,b,c',
        `${tenantId(0)},Tenant 0,,1,x,`,
        `${tenantId(0)},Tenant 0,,2,,`,
        `${tenantId(2)},Tenant 2,,-3,,true`,
        '',
      ].join('\r\n'),
    );
  });

  test('writes CSV with the columns of the job definition', async () => {
    const job = defineJob({
      name: 'probe',
      title: 'P',
      resources: [],
      timeoutSeconds: 1,
      columns: ['c', 'a', 'z'].map((name) => ({ name, title: name, type: 'text' as const })),
      run: async () => [],
    });
    expect((await exported(rows, 'csv', job)).split('\r\n')[0]).toBe('\uFEFFtenantId,tenantName,tenantDomain,c,a,z');
  });

  test.each([
    ['json', '{"rows":[]}\n'],
    ['jsonl', ''],
    ['csv', '\uFEFFtenantId,tenantName,tenantDomain\r\n'],
  ] as const)('without rows is still well-formed %s', async (format, text) => {
    expect(await exported([[], []], format)).toBe(text);
  });

  test('keeps the order of the plan for many tenants', async () => {
    const many = Array.from({ length: 140 }, (_, n) => [{ n }]);
    const lines = (await exported(many, 'jsonl')).trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { n: number }).n)).toEqual(many.map((_, n) => n));
  });
});

const formats = ['json', 'jsonl', 'csv'] as const;

/** A run whose tenants have returned these rows. */
async function stagedRows(rowsOf: (tenant: number) => readonly object[], count: number) {
  const stage = await stageRun(async ({ tenant }) => rowsOf(Number(tenant.name.slice(7))), count);
  for (let index = 0; index < count; index += 1) await stage.attempt(index);
  const run = (await stage.runLog.find(runId))!;
  const runs = { log: stage.runLog, results: stage.results };
  const page = (request: Partial<PageRequest>) =>
    readResultPage(runs, run, undefined, { format: 'jsonl', limit: 1000, ...request });
  return { ...stage, run, runs, page };
}

/** The rows of pages as texts, one a row, and the header of a CSV. The whole text must be well-formed. */
function linesOf(format: ExportFormat, texts: readonly string[]): string[] {
  if (format === 'json')
    return texts.flatMap((text) => (JSON.parse(text) as { rows: Row[] }).rows.map((each) => JSON.stringify(each)));
  if (format === 'jsonl') return texts.join('').split('\n').slice(0, -1);
  // A line break inside a cell is in quotes, and no cell of these rows contains \r.
  return texts.join('').split('\r\n').slice(0, -1);
}

/** The lines that the rows of the tenants must give, made from what the job returned. */
function writtenLines(format: ExportFormat, rows: readonly (readonly Row[])[]): string[] {
  const all = rows.flatMap((own, tenant) =>
    own.map((each) => ({ tenantId: tenantId(tenant), tenantName: `Tenant ${tenant}`, tenantDomain: null, ...each })),
  );
  if (format !== 'csv') return all.map((each) => JSON.stringify(each));
  const own = new Set(rows.flat().flatMap((each) => Object.keys(each)));
  const columns = ['tenantId', 'tenantName', 'tenantDomain', ...own];
  return [`\uFEFF${columns.join(',')}`, ...all.map((each) => csvLine(cellsOf(each, columns)).slice(0, -2))];
}

const odd = fc.constantFrom('', 'Müller', 'a,b', 'line\nbreak', '=1+1', '\u2028"', '\u{1F600}', '\uFEFF');
const cell = fc.oneof(odd, fc.integer(), fc.boolean(), fc.constant(null));
const row = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'ü'), cell, { maxKeys: 3 });

describe('pages', () => {
  /** Reads pages with these numbers of rows. The last number repeats. */
  async function pagesOf(
    page: (request: Partial<PageRequest>) => ReturnType<typeof readResultPage>,
    format: ExportFormat,
    limits: readonly number[],
  ): Promise<string[]> {
    const texts: string[] = [];
    let continuation: string | undefined;
    do {
      const limit = limits[texts.length] ?? limits.at(-1) ?? 1;
      const { text, ...next } = await page({ format, limit, continuation });
      texts.push(text);
      ({ continuation } = next);
    } while (continuation !== undefined);
    return texts;
  }

  it('have the rows that were written, in their order, wherever they end', async () => {
    const tenants = fc.array(fc.array(row, { maxLength: 5 }), { minLength: 1, maxLength: 8 });
    const sizes = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(tenants, sizes, async (rows, random) => {
        const { page } = await stagedRows((tenant) => rows[tenant] ?? [], rows.length);
        const count = rows.flat().length;
        // One page, one row a page, a boundary before each row, and random pages.
        const partitions = [[count + 1], [1], ...rows.flat().map((_, index) => [index + 1, count]), random];
        for (const format of formats) {
          const written = writtenLines(format, rows);
          for (const limits of partitions) {
            const texts = await pagesOf(page, format, limits);
            expect(linesOf(format, texts)).toEqual(written);
            // No page but a single one is empty.
            expect(texts.length).toBeLessThanOrEqual(Math.max(1, count));
          }
        }
      }),
      { seed: 7, numRuns: 40 },
    );
  });

  it('end before they are too large, and have a row that is larger alone', async () => {
    const small = 'x'.repeat(400_000);
    const large = 'y'.repeat(maxPageBytes + 10);
    const { runs, run } = await stagedRows(
      (tenant) => (tenant === 1 ? [{ large }] : [{ small }, { small }, { small }]),
      3,
    );
    const sizes = (await readPages(runs, run, { format: 'jsonl' })).map((text) => text.trimEnd().split('\n').length);
    expect(sizes).toEqual([2, 1, 1, 2, 1]);
  });

  it('read the rows of no more tenants than they show, except to know whether another page follows', async () => {
    const { page, results, runLog } = await stagedRows(() => Array.from({ length: 10 }, (_, n) => ({ n })), 60);
    let read = 0;
    const rows = results.rows.bind(results);
    results.rows = (...args) => {
      read += 1;
      return rows(...args);
    };
    let lookedUp = 0;
    const findOutcome = runLog.findOutcome.bind(runLog);
    runLog.findOutcome = (...args) => {
      lookedUp += 1;
      return findOutcome(...args);
    };
    const traced = vi.spyOn(runLog, 'findTenant');
    const { continuation } = await page({ limit: 25 });
    expect(read).toBe(3);
    expect(lookedUp).toBe(16);
    expect(traced).not.toHaveBeenCalled();
    read = 0;
    await page({ limit: 30, continuation });
    // The page begins in the middle of a tenant, with an unknown number of rows.
    expect(read).toBeLessThanOrEqual(5);
  });

  it('read a tenant with many rows in parts, without an unhandled rejection', async () => {
    const text = 'ü'.repeat(3_000);
    const { runs, run } = await stagedRows(() => Array.from({ length: 900 }, (_, n) => ({ n, text })), 1);
    const texts = await readPages(runs, run, { format: 'jsonl', limit: 50_000 });
    expect(texts.length).toBeGreaterThan(1);
    for (const each of texts) expect(Buffer.byteLength(each)).toBeLessThanOrEqual(maxPageBytes);
    const numbers = texts
      .join('')
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { n: number }).n);
    expect(numbers).toEqual(Array.from({ length: 900 }, (_, n) => n));
  });

  it('end after a long row that follows a short one', async () => {
    const long = 'x'.repeat(300_000);
    const { runs, run } = await stagedRows(() => [{ n: 1 }, { long }, { n: 3 }], 1);
    const texts = await readPages(runs, run, { format: 'jsonl', limit: 1 });
    expect(texts.map((text) => text.length > 300_000)).toEqual([false, true, false]);
  });

  it('of a CSV accept their own continuation, whatever alphabet the columns have', async () => {
    const columns = Array.from({ length: 28 }, (_, n) => `${'列'.repeat(60)}${n}`);
    const wide = Object.fromEntries(columns.map((name) => [name, 1]));
    const { runs, run } = await stagedRows(() => [wide, wide], 1);
    const { continuation } = await readResultPage(runs, run, undefined, { format: 'csv', limit: 1 });
    expect(continuation?.length).toBeLessThanOrEqual(6000);
    expect(await readPages(runs, run, { format: 'csv', limit: 1 })).toHaveLength(2);
  });

  it('of a CSV leave a cell empty for a column with the name of a property of every object', async () => {
    const { runs, run } = await stagedRows((tenant) => (tenant === 0 ? [{ constructor: 1 }] : [{ n: 2 }]), 2);
    const [text = ''] = await readPages(runs, run, { format: 'csv' });
    expect(text).not.toContain('function');
  });

  it('of a CSV keep the columns of the first page while tenants finish', async () => {
    const stage = await stageRun(
      async ({ tenant }) => (tenant.name === 'Tenant 2' ? [{ late: 1 }] : [{ a: 1 }, { a: 2 }]),
      4,
    );
    for (const index of [0, 3]) await stage.attempt(index);
    const run = (await stage.runLog.find(runId))!;
    const runs = { log: stage.runLog, results: stage.results };
    const first = await readResultPage(runs, run, undefined, { format: 'csv', limit: 1 });
    for (const index of [1, 2]) await stage.attempt(index);
    const { continuation } = first;
    const rest = await readResultPage(runs, run, undefined, { format: 'csv', limit: 100, continuation });
    expect(first.text).toBe(`\uFEFFtenantId,tenantName,tenantDomain,a\r\n${tenantId(0)},Tenant 0,,1\r\n`);
    expect(rest.text.split('\r\n')).toEqual([
      `${tenantId(0)},Tenant 0,,2`,
      ...[1, 3].flatMap((index) => [`${tenantId(index)},Tenant ${index},,1`, `${tenantId(index)},Tenant ${index},,2`]),
      '',
    ]);
  });

  it('of a CSV with too many columns for a continuation refuse to continue with others', async () => {
    const wide = Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`column${n}`, n]));
    const stage = await stageRun(async ({ tenant }) => (tenant.name === 'Tenant 1' ? [{ late: 1 }] : [wide, wide]), 2);
    await stage.attempt(0);
    const run = (await stage.runLog.find(runId))!;
    const runs = { log: stage.runLog, results: stage.results };
    const { continuation } = await readResultPage(runs, run, undefined, { format: 'csv', limit: 1 });
    const next = () => readResultPage(runs, run, undefined, { format: 'csv', limit: 1, continuation });
    expect((await next()).text.split('\r\n')).toHaveLength(2);
    await stage.attempt(1);
    await expect(next()).rejects.toMatchObject({
      code: 'request_invalid',
      detail: expect.stringMatching(/other columns/) as string,
    });
  });

  it('continue the rows they began with when a later attempt replaces them', async () => {
    const { page, runLog, results } = await stagedRows(
      (tenant) => [
        { tenant, n: 1 },
        { tenant, n: 2 },
      ],
      2,
    );
    const record = (await runLog.findTenant(runId, tenantId(0)))!;
    const rowsName = `${tenantId(0)}.attempt`;
    await results.putRows(runId, rowsName, '{"tenant":0,"n":1}\n{"tenant":0,"n":2}\n');
    await runLog.recordTenant(runId, { ...record, round: 2, rowsName });
    const { continuation } = await page({ limit: 1 });
    const others = { rowsName: shortRowsName(tenantId(0), 'b'), rowsText: '{"other":1}\n{"other":2}\n{"other":3}\n' };
    await runLog.recordTenant(runId, { ...record, round: 3, rows: 3, ...others });
    const rest = (await page({ continuation })).text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Row);
    expect(rest.map(({ tenant, n, other }) => [tenant, n, other])).toEqual([
      [0, 2, undefined],
      [1, 1, undefined],
      [1, 2, undefined],
    ]);
  });
});

it('refuses to continue short rows that a later attempt has replaced', async () => {
  const { page, runLog } = await stagedRows(
    (tenant) => [
      { tenant, n: 1 },
      { tenant, n: 2 },
    ],
    2,
  );
  const { continuation } = await page({ limit: 1 });
  const record = (await runLog.findTenant(runId, tenantId(0)))!;
  const others = { rowsName: shortRowsName(tenantId(0), 'b'), rowsText: '{"tenant":0,"n":3}\n{"tenant":0,"n":4}\n' };
  await runLog.recordTenant(runId, { ...record, round: 2, ...others });
  await expect(page({ continuation })).rejects.toMatchObject({
    code: 'request_invalid',
    detail: expect.stringContaining('a later attempt has replaced') as string,
  });
});

describe('a continuation', () => {
  const change = (continuation: string, more: object): string =>
    Buffer.from(
      JSON.stringify({ ...(JSON.parse(Buffer.from(continuation, 'base64url').toString()) as object), ...more }),
    ).toString('base64url');

  it.each([
    ['of another run', (text: string) => change(text, { run: 'x' }), /belongs to another run/],
    ['of another format', (text: string) => change(text, { format: 'csv' }), /of the format csv/],
    ['of a tenant outside the plan', (text: string) => change(text, { tenant: tenantId(9) }), /names a tenant/],
    ['in the middle of a row', (text: string) => change(text, { offset: 3 }), /names a row that does not exist/],
    ['beyond the rows', (text: string) => change(text, { offset: 9_999_999 }), /names a row that does not exist/],
    ['with another path', (text: string) => change(text, { attempt: '../x' }), /is not valid/],
    ['with a negative offset', (text: string) => change(text, { offset: -1 }), /is not valid/],
    ['with another property', (text: string) => change(text, { other: 1 }), /is not valid/],
    ['cut off', (text: string) => text.slice(0, -9), /is not valid/],
    ['of another kind', () => 'eyJuZXh0', /is not valid/],
  ])('%s is refused with the next step', async (_case, made, problem) => {
    const { page } = await stagedRows(() => [{ n: 1 }, { n: 2 }], 2);
    const { continuation = '' } = await page({ limit: 1 });
    const refused = page({ continuation: made(continuation) });
    await expect(refused).rejects.toMatchObject({
      code: 'request_invalid',
      detail: expect.stringMatching(problem) as string,
    });
    await expect(refused).rejects.toThrow(/or none to start with the first page\.$/);
  });

  it('gives a limited caller only the rows of its tenants', async () => {
    const { runLog, results, run, page } = await stagedRows(
      (tenant) => [
        { tenant, n: 1 },
        { tenant, n: 2 },
      ],
      3,
    );
    const limited = new VisibleRuns({ log: runLog, results }, { tenants: new Set([tenantId(1)]) });
    const pages = await readPages(limited, run, { format: 'jsonl', limit: 1 });
    expect(pages.join('').match(/"tenant":\d/g)).toEqual(['"tenant":1', '"tenant":1']);
    const { continuation } = await page({ limit: 1 });
    await expect(
      readResultPage(limited, run, undefined, { format: 'jsonl', limit: 9, continuation }),
    ).rejects.toMatchObject({ code: 'request_invalid' });
    await results.putRows(runId, `${tenantId(0)}.attempt`, '{"n":1}\n{"n":2}\n');
    const own = change(continuation ?? '', { tenant: tenantId(1), attempt: 'attempt' });
    await expect(
      readResultPage(limited, run, undefined, { format: 'jsonl', limit: 9, continuation: own }),
    ).rejects.toMatchObject({ code: 'storage_unavailable' });
  });
});

describe('a page that storage fails half-way', () => {
  it('fails as a whole, and the same request succeeds once storage is back', async () => {
    const { page, results } = await stagedRows(
      (tenant) => [
        { tenant, n: 1 },
        { tenant, n: 2 },
      ],
      5,
    );
    const { continuation } = await page({ limit: 3 });
    const before = await page({ continuation });
    const rows = results.rows.bind(results);
    let reads = 0;
    results.rows = async function* (...args) {
      reads += 1;
      yield* rows(...args);
      if (reads > 2) throw new BrokerError('storage_unavailable', 'Away.');
    };
    await expect(page({ continuation })).rejects.toMatchObject({ code: 'storage_unavailable' });
    results.rows = rows;
    expect(await page({ continuation })).toEqual(before);
  });

  it('names the tenant whose stored rows are damaged, and what to do', async () => {
    const { page, runLog } = await stagedRows(() => [{ n: 1 }], 2);
    const record = (await runLog.findTenant(runId, tenantId(1)))!;
    await runLog.recordTenant(runId, { ...record, round: 2, rowsText: '{"n":' });
    await expect(page({})).rejects.toMatchObject({
      code: 'storage_unavailable',
      detail: expect.stringMatching(/^The stored rows of Tenant 1 .* Run the job again for this tenant\.$/) as string,
    });
  });
});
