import { stripVTControlCharacters } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { registerJobs } from '../../../../src/cli/commands/jobs.ts';
import type { JobHistoryAnswer, TenantHistoryAnswer } from '../../../../src/lib/api/answers/history.ts';
import { onTerminal, runCommand } from './command-stage.ts';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const common = {
  job: 'licence-report',
  since: '2026-08-26T06:00:00.000Z',
  until: '2026-11-24T06:00:00.000Z',
  otherParameters: 0,
  truncated: false,
  columns: [
    { name: 'free', title: 'Free' },
    { name: 'trial=true', title: 'Trial: yes' },
  ],
};
const tenants = { total: 50, succeeded: 45, failed: 5, skipped: 0, notAttempted: 0 };
const all: JobHistoryAnswer = {
  ...common,
  split: { column: 'product', title: 'Product', values: ['E3', 'E5'] },
  runs: [
    {
      runId: 'licence-report@w2',
      startedAt: '2026-11-24T05:00:00.000Z',
      status: 'completed',
      scope: 'all',
      tenants,
      counted: 45,
      rows: 130,
      numbers: { free: 12, 'trial=true': 0 },
    },
    {
      runId: 'licence-report@w1',
      startedAt: '2026-11-23T05:00:00.000Z',
      status: 'failed',
      scope: 'selected',
      tenants: { ...tenants, total: 3 },
      counted: 0,
    },
  ],
};
const one: TenantHistoryAnswer = {
  ...common,
  tenantId: 'aaaaaaaa-0000-4000-8000-000000000001',
  runs: [
    {
      runId: 'licence-report@w2',
      startedAt: '2026-11-24T05:00:00.000Z',
      outcome: 'succeeded',
      rows: 3,
      numbers: { free: 4 },
    },
    { runId: 'licence-report@w1', startedAt: '2026-11-23T05:00:00.000Z', outcome: 'failed' },
  ],
};

const history = (answer: unknown, ...words: string[]) =>
  runCommand(registerJobs, ['jobs', 'history', 'licence-report', ...words], [answer]);
/** The cells of each line. */
const cells = (out: string): string[][] => out.split('\n').map((line) => line.trim().split(/ {2,}/));

describe('ptb jobs history', () => {
  it('shows the sums of each run, and how many tenants they cover', async () => {
    const { exit, out, requests } = await history(all);
    expect(requests.map(({ path }) => path)).toEqual(['/jobs/licence-report/history']);
    expect(exit).toBe(0);
    const [head, , ...lines] = cells(out);
    expect(head).toEqual(['started', 'outcome', 'tenants', 'rows', 'free', 'trial=true']);
    expect(lines.slice(0, 2)).toEqual([
      ['2026-11-24T05:00:00.000Z', 'partly failed', '45/50', '130', '12', '0'],
      ['2026-11-23T05:00:00.000Z', 'stopped', '0/3 selected', '-', '-', '-'],
    ]);
    expect(out).toContain('Values of product for --value: E3, E5\n');
  });

  it('shows the outcome and the numbers of one tenant', async () => {
    const { out, requests } = await history(one, '--tenant', 'contoso.com');
    expect(requests.map(({ path }) => path)).toEqual(['/tenants/contoso.com/history?job=licence-report']);
    const [head, , ...lines] = cells(out);
    expect(head).toEqual(['started', 'outcome', 'rows', 'free', 'trial=true']);
    expect(lines.slice(0, 2)).toEqual([
      ['2026-11-24T05:00:00.000Z', 'succeeded', '3', '4', '-'],
      ['2026-11-23T05:00:00.000Z', 'failed', '-', '-', '-'],
    ]);
    expect(out).not.toContain('Values of');
  });

  it('asks for tenants, a value and a period', async () => {
    vi.useFakeTimers({ now: Date.UTC(2026, 10, 24, 6), toFake: ['Date'] });
    const pathOf = async (...words: string[]) => (await history(all, ...words)).requests.at(-1)?.path;
    expect(await pathOf('--tenant', 'group:gold')).toBe('/jobs/licence-report/history?tenants=group%3Agold');
    expect(await pathOf('--tenant', 'a.example', 'b.example', '--except', 'tag:trial')).toBe(
      '/jobs/licence-report/history?tenants=a.example%2Cb.example&except=tag%3Atrial',
    );
    expect(await pathOf('--value', 'Office 365 E3', '--since', '30d')).toBe(
      '/jobs/licence-report/history?value=Office+365+E3&since=2026-10-25T06%3A00%3A00.000Z',
    );
    expect(await pathOf('--since', '2026-09-01', '--until', '2026-10-01')).toBe(
      '/jobs/licence-report/history?since=2026-09-01&until=2026-10-01',
    );
    const wrong = await history(all, '--since', '0d');
    expect([wrong.exit, wrong.requests]).toEqual([2, []]);
  });

  it('shows the columns that are wanted, and names those that there are', async () => {
    const { out } = await history(all, '--column', 'trial=true', 'rows');
    expect(cells(out)[0]).toEqual(['started', 'outcome', 'tenants', 'trial=true', 'rows']);
    const wrong = await history(all, '--column', 'fre');
    expect([wrong.exit, wrong.out]).toEqual([2, '']);
    expect(wrong.err).toContain('The history has no column "fre". It has rows, free, trial=true.');
  });

  it('cuts no number on a terminal of 80 columns, and leaves columns out instead', async () => {
    const numbers = { licences: 40812, assigned: 729, free: 40083, suspended: 0, warning: 0 };
    const columns = Object.keys(numbers).map((name) => ({ name, title: name }));
    const runs = all.runs.map((each) => ({ ...each, numbers }));
    const { out } = await onTerminal(80, () => history({ ...all, columns, runs }));
    const [head, , first] = cells(stripVTControlCharacters(out));
    expect(head).toEqual(['started', 'outcome', 'tenants', 'rows', 'licences', 'assigned', 'free']);
    expect(first?.slice(1)).toEqual(['partly failed', '45/50', '130', '40812', '729', '40083']);
  });

  it('shows the numbers of a column that is called rows', async () => {
    const [run] = one.runs;
    const answer = { ...one, columns: [{ name: 'rows', title: 'Rows' }], runs: [{ ...run, numbers: { rows: 77 } }] };
    const { out } = await history(answer, '--tenant', 'contoso.com');
    expect(cells(out)[2]).toEqual(['2026-11-24T05:00:00.000Z', 'succeeded', '77']);
  });

  it('says what is left out, and when there is nothing', async () => {
    const { out } = await history({ ...all, otherParameters: 2, parameters: { days: 30 }, truncated: true });
    expect(out).toContain('Left out: 2 runs with other parameters than days = 30.\n');
    expect(out).toContain('There are older runs: --until 2026-08-26T06:00:00.000Z\n');
    const none = await history({ ...all, runs: [], columns: [], otherParameters: 1 });
    expect(none.out).toBe('There are no such runs.\n\nLeft out: 1 run with other parameters.\n');
    const further = await history({ ...all, runs: [], columns: [], truncated: true });
    expect(further.out).toContain('There are older runs: --until 2026-08-26T06:00:00.000Z\n');
  });

  it('prints the answer as JSON', async () => {
    const { out } = await history(all, '--json');
    expect(JSON.parse(out)).toEqual(all);
  });
});
