import { describe, expect, test } from 'vitest';
import { csvCell } from '../../../../src/lib/runs/csv.ts';
import { exportRows, type ExportFormat } from '../../../../src/lib/runs/export-rows.ts';
import { defineJob, type Job } from '../../../../src/lib/runs/job.ts';
import { runId, stageRun, tenantId } from './stage.ts';

async function exported(rows: readonly (readonly object[])[], format: ExportFormat, job?: Job): Promise<string> {
  let next = 0;
  const { attempt, runLog, results } = await stageRun(async () => rows[next++], rows.length);
  for (const index of rows.keys()) await attempt(index);
  const run = await runLog.find(runId);
  let text = '';
  for await (const piece of exportRows({ log: runLog, results }, run!, job, format)) text += piece;
  return text;
}

const rows = [
  [
    { a: 1, b: 'x' },
    { a: 2, b: null },
  ],
  [],
  [{ a: -3, c: true }],
];

describe('exportRows', () => {
  test('writes JSON as one array of rows with tenant columns', async () => {
    expect(JSON.parse(await exported(rows, 'json'))).toEqual([
      { tenantId: tenantId(0), tenantName: 'Tenant 0', tenantDomain: null, a: 1, b: 'x' },
      { tenantId: tenantId(0), tenantName: 'Tenant 0', tenantDomain: null, a: 2, b: null },
      { tenantId: tenantId(2), tenantName: 'Tenant 2', tenantDomain: null, a: -3, c: true },
    ]);
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
    ['json', '[]\n'],
    ['jsonl', ''],
    ['csv', '\uFEFFtenantId,tenantName,tenantDomain\r\n'],
  ] as const)('without rows is still well-formed %s', async (format, text) => {
    expect(await exported([[], []], format)).toBe(text);
  });

  test('keeps the order of the plan for many tenants', async () => {
    const many = Array.from({ length: 40 }, (_, n) => [{ n }]);
    const lines = (await exported(many, 'jsonl')).trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { n: number }).n)).toEqual(many.map((_, n) => n));
  });
});

describe('csvCell', () => {
  test('reads a megabyte of separators and blanks in linear time', () => {
    const separators = ';\n \t'.repeat(300_000);
    expect(csvCell(separators)).toBe(`"${separators}"`);
    expect(csvCell(`${separators}=1`)).toBe(`"${separators}'=1"`);
  });

  test.each([
    ['plain', 'plain'],
    ['a,b', '"a,b"'],
    ['say "hi"', '"say ""hi"""'],
    ['two\nlines', '"two\nlines"'],
    ['=1+1', "'=1+1"],
    ['+49 30', "'+49 30"],
    ['-2+3', "'-2+3"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['\t=1', `"'\t'=1"`],
    ['\r=1', `"'\r'=1"`],
    ['\n=1', `"'\n'=1"`],
    [' =1+1', " '=1+1"],
    ['\u00a0\u200b=1', "\u00a0\u200b'=1"],
    ['＝1+1', "'＝1+1"],
    ['＋1', "'＋1"],
    ['－1', "'－1"],
    ['＠SUM(1)', "'＠SUM(1)"],
    ['Contoso;=1+1', `"Contoso;'=1+1"`],
    ['Contoso; @SUM(1)', `"Contoso; '@SUM(1)"`],
    ['Contoso;"=1+"', `"Contoso;""'=1+"""`],
    ['Contoso\t-1', `"Contoso\t'-1"`],
    ['Contoso\r\n\n+1', `"Contoso\r\n\n'+1"`],
    ['Contoso\u2028=1', `Contoso\u2028'=1`],
    ['a; b=1; c', '"a; b=1; c"'],
    ['Müller, +49 30', '"Müller, +49 30"'],
    ['a-b+c@d', 'a-b+c@d'],
    ['=HYPERLINK("http://x","y")', '"\'=HYPERLINK(""http://x"",""y"")"'],
    [-5, '-5'],
    [true, 'true'],
    [null, ''],
  ] as const)('%j is written %j: quoted, and never run as a formula', (value, expected) => {
    expect(csvCell(value)).toBe(expected);
  });
});
