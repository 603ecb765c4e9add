import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Section, TenantReport } from '../../../src/lib/api/report/read-report.ts';
import { reportPage } from '../../../src/cli/report/report-page.ts';
import { skippedBecause } from '../../support/skipped.ts';
import { connectBrowser, noBrowser, openPage } from './browser.ts';
import { checkLooks } from './looks.ts';

const types = ['text', 'text', 'number', 'boolean', 'date', 'text', 'text', 'text'] as const;
const columns = types.map((type, at) => ({ name: `c${at}`, title: `Column ${at}`, type }));
const names = ['Contoso', 'n'.repeat(200), 'شركة الأمثلة (Example)', '👩‍👩‍👧 family', '<img src=x onerror=alert(1)>'];
const rows = names.map((name, at) => ({
  c0: name,
  c1: name,
  c2: -1_234_567 - at,
  c3: at % 2 === 0,
  c4: `2026-11-2${at}T05:00:00Z`,
  c5: name,
  c6: name,
  c7: name,
}));
const row = (at: number) => rows[at] ?? {};

const section = (job: string, shown: Section['columns']): Section => ({
  job,
  title: `The ${job}`,
  description: 'What it answers.',
  runId: `${job}@now`,
  asOf: '2026-11-24T05:00:00.000Z',
  rowCount: 1234,
  columns: shown,
  rows,
  counts: { title: 'Column 0', values: names.map((name, at) => [name, at]) },
  since: '2026-10-24T05:00:00.000Z',
  figures: [
    { title: 'Rows', now: 1234, before: 1000 },
    { title: 'Column 2', now: -1_234_567 },
  ],
  changes: { added: 1, changed: 1, removed: 0 },
  changed: [
    { tenantId: 'x', name: 'Contoso', change: 'added', after: row(1) },
    { tenantId: 'x', name: 'Contoso', change: 'changed', before: { ...row(2), c2: 1 }, after: row(2), columns: ['c2'] },
  ],
});

const report: TenantReport = {
  tenantId: 'aaaaaaaa-0000-4000-8000-000000000001',
  name: names.join(' '),
  access: 'A GDAP relationship is active.',
  createdAt: '2026-11-24T07:00:00.000Z',
  findings: names.map((text) => ({ job: 'wide', text, consequence: text })),
  work: {
    since: '2026-10-25T05:00:00.000Z',
    changes: 0,
    unclear: 0,
    tokens: false,
    deeds: names.map((name) => ({
      kind: 'read' as const,
      name,
      count: 1,
      permissions: names,
      about: name,
      lastAt: '2026-11-24T05:00:00.000Z',
    })),
  },
  sections: [section('narrow', columns.slice(0, 4)), section('wide', columns)],
  gaps: [{ jobs: [{ job: 'users', title: 'Users' }], reason: 'Not read yet.', advice: 'Run it.' }],
  warnings: ['Something is missing.'],
};

describe('the page of ptb report', skippedBecause(noBrowser), () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await connectBrowser();
  });
  afterAll(() => browser?.close());

  it('has no finding of axe, fits and has contrast, wide and narrow, light and dark, and requests nothing', async () => {
    const { page, complaints, origins } = await openPage(browser);
    await page.setContent(reportPage(report));
    await checkLooks(page);
    expect([complaints, [...origins]]).toEqual([[], []]);
    await page.close();
  });

  it('shows the rows of a table with many columns as paragraphs on paper, and of every table on a phone', async () => {
    // The width of A4 without margins.
    const { page } = await openPage(browser, { viewport: { width: 680, height: 900 } });
    await page.setContent(reportPage(report));
    await page.emulateMedia({ media: 'print' });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(680);
    const display = (id: string): Promise<string> =>
      page
        .locator(`section:has(#${id}) table`)
        .last()
        .evaluate((table) => getComputedStyle(table).display);
    expect([await display('narrow'), await display('wide')]).toEqual(['table', 'block']);
    await page.emulateMedia({ media: 'screen' });
    await page.setViewportSize({ width: 390, height: 900 });
    expect([await display('narrow'), await display('wide')]).toEqual(['block', 'block']);
    await page.close();
  });
});
