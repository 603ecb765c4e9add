// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Api } from '../../../dashboard/app/api.ts';
import { ApiFailure } from '../../../dashboard/app/api-failure.ts';
import type { HistoryChoice } from '../../../dashboard/app/history-choice.ts';
import { JobView } from '../../../dashboard/app/job-view.tsx';
import { TenantOverTime } from '../../../dashboard/app/tenant-history.tsx';
import type { TenantDetailsAnswer } from '../../../src/lib/api/answers/tenants.ts';
import type { JobsAnswer } from '../../../src/lib/api/answers/jobs.ts';
import { jobHistory, tenantHistory } from './histories.ts';
import { rendered } from './rendered.ts';
import { signedIn } from './signed-in.tsx';
import { failed, tenant } from './tenants.ts';

beforeEach(() => {
  vi.spyOn(location, 'replace').mockImplementation((address) => {
    location.hash = String(address);
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  location.hash = '';
});

/** The jobs arrive first, and then the history. */
async function settle(): Promise<void> {
  for (let round = 0; round < 2; round += 1) await act(() => new Promise((resolve) => setTimeout(resolve)));
}

const job = (name: string, type: 'text' | 'number'): JobsAnswer['jobs'][number] => ({
  name,
  title: `Title of ${name}`,
  schedule: '0 0 5 * * *',
  nextAt: '2026-11-25T05:00:00.000Z',
  resources: [],
  parameters: { type: 'object', properties: {}, additionalProperties: false },
  timeoutSeconds: 60,
  columns: [{ name: 'c', title: 'C', type }],
});
const jobs: Api['jobs'] = async () => ({ jobs: [job('access-check', 'text'), job('licence-report', 'number')] });

const tenantId = tenantHistory.tenantId;
const visited = { tenantId } as TenantDetailsAnswer;

async function ofTenant(choice: HistoryChoice = {}, more: Partial<Api> = {}, roles?: string[], of = visited) {
  const asked: unknown[] = [];
  const api: Partial<Api> = {
    jobs,
    tenantHistory: async (...args) => {
      asked.push(args);
      return { ...tenantHistory, job: args[1] };
    },
    ...more,
  };
  const page = await rendered(signedIn(api, <TenantOverTime tenant={of} choice={choice} />, roles));
  await settle();
  return { ...page, asked, ...parts(page.root) };
}

async function ofJob(choice: HistoryChoice = {}, more: Partial<Api> = {}, name = 'licence-report') {
  const asked: unknown[] = [];
  const api: Partial<Api> = {
    jobs,
    jobHistory: async (...args) => {
      asked.push(args);
      return jobHistory;
    },
    ...more,
  };
  const page = await rendered(signedIn(api, <JobView name={name} choice={choice} />));
  await settle();
  return { ...page, asked, ...parts(page.root) };
}

const parts = (root: HTMLElement) => ({
  slider: () => root.querySelector('[role=slider]'),
  marked: () => root.querySelector('.chart-marked')?.textContent,
  press: (key: string) =>
    act(() => void root.querySelector('[role=slider]')?.dispatchEvent(new KeyboardEvent('keydown', { key }))),
  select: (label: string) =>
    [...root.querySelectorAll('label')]
      .find(({ textContent }) => textContent?.startsWith(label))
      ?.querySelector('select') ?? undefined,
  button: (text: string) => [...root.querySelectorAll('button')].find(({ textContent }) => textContent === text),
});

const options = (select: HTMLSelectElement | undefined): string[] =>
  [...(select?.options ?? [])].map(({ textContent }) => textContent ?? '');

async function choose(select: HTMLSelectElement | undefined, value: string): Promise<void> {
  await act(() => {
    if (select !== undefined) select.value = value;
    select?.dispatchEvent(new Event('change', { bubbles: true }));
  });
}

describe('the numbers of a tenant over time', () => {
  it('are those of the first job that counts something, with its first column and 90 days', async () => {
    const { asked, slider, marked, select, root, unmount } = await ofTenant();
    expect(asked).toEqual([[tenantId, 'licence-report', { since: expect.any(String) }]]);
    expect(select('Job')?.value).toBe('licence-report');
    expect(options(select('Number'))).toEqual(['Licences', 'Free', 'Rows']);
    expect(options(select('Product'))).toEqual(['all', 'E3', 'E5']);
    expect(select('Period')?.value).toBe('90');
    // The newest run is marked.
    expect(slider()?.getAttribute('aria-valuetext')).toMatch(/^24 Nov\b.*: 0, succeeded$/);
    expect(marked()).toMatch(/^0 licences on 24 Nov\b[^a-z]*$/);
    expect(root.querySelectorAll('.history-chart .gap')).toHaveLength(2);
    expect(root.querySelectorAll('.history-chart .c-line')).toHaveLength(2);
    expect(root.querySelector('figcaption')?.textContent).toMatch(/^Licences: 2 runs, from 40 on /);
    await unmount();
  });

  it('are read run by run with the arrow keys', async () => {
    const { slider, press, marked, root, unmount } = await ofTenant();
    const values: unknown[] = [];
    for (const key of ['ArrowLeft', 'Home', 'ArrowLeft', 'ArrowRight', 'End', 'PageDown', 'PageUp', 'x']) {
      await press(key);
      values.push(slider()?.getAttribute('aria-valuenow'));
    }
    expect(values).toEqual(['3', '1', '1', '2', '4', '1', '4', '4']);
    await press('ArrowLeft');
    expect(slider()?.getAttribute('aria-valuetext')).toMatch(/: no number, not attempted$/);
    expect(marked()).toMatch(/^Licences: no number .* not attempted$/);
    expect(root.querySelector('.chart-marked a')?.getAttribute('href')).toBe('#/runs/licence-report%40w3');
    await unmount();
  });

  it('are a table as well', async () => {
    const { button, root, unmount } = await ofTenant({ column: 'free' });
    expect(root.querySelector('table')).toBeNull();
    await act(() => button('Show as a table')?.click());
    const rows = [...root.querySelectorAll('tbody tr')].map((row) => [...row.children].map((cell) => cell.textContent));
    expect(rows).toEqual([
      [expect.stringContaining('24 Nov'), 'succeeded', '0', '0'],
      [expect.stringContaining('23 Nov'), expect.stringContaining('not attempted'), 'not known', 'not known'],
      [expect.stringContaining('22 Nov'), 'failed', 'not known', 'not known'],
      [expect.stringContaining('21 Nov'), 'succeeded', '3', '4'],
    ]);
    expect(root.querySelector('thead')?.textContent).toBe('RunOutcomeRowsFree');
    await act(() => button('Hide the table')?.click());
    expect(root.querySelector('table')).toBeNull();
    await unmount();
    const ofRows = await ofTenant({ column: 'rows' });
    await act(() => ofRows.button('Show as a table')?.click());
    expect(ofRows.root.querySelector('thead')?.textContent).toBe('RunOutcomeRows');
    await ofRows.unmount();
  });

  it('are chosen in the address, and another job begins anew', async () => {
    const { select, unmount } = await ofTenant({ column: 'free', value: 'E3', days: '30' });
    await choose(select('Number'), 'rows');
    expect(location.hash).toBe(`#/tenants/${tenantId}?job=licence-report&column=rows&value=E3&days=30`);
    await choose(select('Product'), '');
    expect(location.hash).toBe(`#/tenants/${tenantId}?job=licence-report&column=free&days=30`);
    await choose(select('Period'), '365');
    expect(location.hash).toBe(`#/tenants/${tenantId}?job=licence-report&column=free&value=E3&days=365`);
    await choose(select('Job'), 'access-check');
    expect(location.hash).toBe(`#/tenants/${tenantId}?job=access-check&days=30`);
    await unmount();
  });

  it('keep what the address names, also if the data lack it', async () => {
    const choice = { job: 'removed', column: 'gone', value: 'F1' };
    const { asked, select, root, unmount } = await ofTenant(choice);
    expect(asked).toEqual([[tenantId, 'removed', { since: expect.any(String), value: 'F1' }]]);
    expect([select('Job')?.value, select('Number')?.value, select('Product')?.value]).toEqual([
      'removed',
      'gone',
      'F1',
    ]);
    expect(root.querySelector('figcaption')?.textContent).toBe(
      'gone, F1: No run has this number. 4 runs have no number.',
    );
    await unmount();
  });

  it('leave the choices where they are while another period loads', async () => {
    const { rerender, select, root, unmount } = await ofTenant({ column: 'free' });
    const never: Partial<Api> = { jobs, tenantHistory: () => new Promise(() => undefined) };
    await rerender(signedIn(never, <TenantOverTime tenant={visited} choice={{ column: 'free', days: '30' }} />));
    expect(root.textContent).toContain('Loading');
    expect(options(select('Number'))).toEqual(['Licences', 'Free', 'Rows']);
    expect(root.querySelector('.history-chart')).toBeNull();
    await rerender(signedIn(never, <TenantOverTime tenant={visited} choice={{ job: 'access-check' }} />));
    expect(options(select('Number'))).toEqual(['Rows']);
    await unmount();
  });

  it('say that there are none, which runs are left out, and what failed', async () => {
    const none = await ofTenant({}, { tenantHistory: async () => ({ ...tenantHistory, runs: [], columns: [] }) });
    expect(none.root.querySelector('.empty')?.textContent).toBe('No run has ended in this period.');
    await none.unmount();
    const others = { ...tenantHistory, otherParameters: 2, parameters: { days: 30 }, truncated: true };
    const some = await ofTenant({}, { tenantHistory: async () => others });
    expect(some.root.textContent).toContain('2 runs with other parameters than days = 30 are left out');
    expect(some.root.textContent).toMatch(/more than 1,000 runs of this job\. Those before 2\d Aug\b.* are left out\./);
    await some.unmount();
    const noneLeft = await ofTenant({}, { tenantHistory: async () => ({ ...others, runs: [] }) });
    expect(noneLeft.root.querySelector('.empty')).not.toBeNull();
    expect(noneLeft.root.textContent).toContain('more than 1,000 runs of this job');
    await noneLeft.unmount();
    const failure = new ApiFailure({ title: 'Storage is away', detail: 'D.', advice: 'Wait.', code: 'x' } as never);
    const broken = await ofTenant({}, { tenantHistory: () => Promise.reject(failure) });
    expect(broken.root.querySelector('.note.bad')).not.toBeNull();
    await broken.unmount();
  });

  it('are nothing for those who may not read runs', async () => {
    const { root, asked, unmount } = await ofTenant({}, {}, ['Tenants.Read']);
    expect([root.textContent, asked]).toEqual(['', []]);
    await unmount();
  });
});

it('begin for a tenant with the people without a second factor, if they were counted, and say so in words', async () => {
  const lastResults = [{ job: 'mfa-report', runId: 'mfa-report@w', outcome: 'succeeded' as const, finishedAt: '' }];
  const columns = [{ name: 'registered=false', title: 'Registered: no' }];
  const runs = [{ ...tenantHistory.runs[0]!, numbers: { 'registered=false': 5 } }];
  const more = {
    jobs: async () => ({ jobs: [job('licence-report', 'number'), job('mfa-report', 'text')] }),
    tenantHistory: async () => ({ ...tenantHistory, job: 'mfa-report', columns, runs }),
  };
  const { root, select, marked, unmount } = await ofTenant({}, more, undefined, { ...visited, lastResults });
  expect(select('Job')?.value).toBe('mfa-report');
  expect(marked()).toMatch(/^5 not registered on /);
  // One run is no development.
  expect(root.querySelector('.chart-area')).toBeNull();
  await unmount();
  // What the address names is shown.
  const chosen = await ofTenant({ job: 'licence-report' }, more, undefined, { ...visited, lastResults });
  expect(chosen.select('Job')?.value).toBe('licence-report');
  await chosen.unmount();
});

describe('the page of a job', () => {
  it('shows what the job is, and its numbers a tenant that answered, with the sums', async () => {
    const { root, marked, asked, unmount } = await ofJob({ column: 'free' });
    expect(root.querySelector('h1')?.textContent).toBe('Title of licence-report');
    expect(asked).toEqual([['licence-report', { since: expect.any(String) }]]);
    expect(marked()).toMatch(/^1 free a tenant on 23 Nov\b.*: 50 in all, over 50 tenants$/);
    // Of the run in which some failed: as high as the drawing, because no run had more.
    const bars = [...root.querySelectorAll('.chart-bars rect')].map((bar) => [
      bar.getAttribute('class'),
      bar.getAttribute('height'),
    ]);
    expect(bars).toEqual([['failed', '1']]);
    expect(root.querySelector('.keys')?.textContent).toBe('tenants failed, 5 at most');
    expect(root.querySelector('a[href="#/runs?job=licence-report"]')).not.toBeNull();
    await unmount();
  });

  it('has a table with the tenants of each run', async () => {
    const { root, button, unmount } = await ofJob({ column: 'free' });
    await act(() => button('Show as a table')?.click());
    const rows = [...root.querySelectorAll('tbody tr')].map((row) => [...row.children].map((cell) => cell.textContent));
    expect(rows).toEqual([
      [expect.stringContaining('23 Nov'), '50 over 50 tenants', '150', '1'],
      [expect.stringContaining('21 Nov'), '40 over 45 of 50 tenants', '130', '0.889'],
    ]);
    await unmount();
  });

  it('limits the numbers to the tenants of a group or tag, or to those that the address names', async () => {
    const list = [tenant('Alpine', { tags: ['managed'] })];
    const tenants = async () => ({ tenants: list, groups: ['gold'], warnings: [], asOf: '' });
    const { select, unmount } = await ofJob({ column: 'free' }, { tenants });
    expect(options(select('Tenants'))).toEqual(['all', 'group:gold', 'tag:managed']);
    await choose(select('Tenants'), 'tag:managed');
    expect(location.hash).toBe('#/jobs/licence-report?column=free&tenants=tag%3Amanaged');
    await unmount();
    const limited = await ofJob({ tenants: 'contoso.com' }, { tenants });
    expect(limited.asked).toEqual([['licence-report', { since: expect.any(String), tenants: 'contoso.com' }]]);
    expect(limited.select('Tenants')?.value).toBe('contoso.com');
    await limited.unmount();
  });

  it('shows the history of a job that the broker does not have any more', async () => {
    const { root, unmount } = await ofJob({}, {}, 'removed');
    expect(root.querySelector('h1')?.textContent).toBe('removed');
    expect(root.textContent).toContain('The broker has no such job now.');
    expect(root.querySelector('.history-chart')).not.toBeNull();
    await unmount();
  });

  it('shows its last runs, and in which tenants it failed itself, or that have no access', async () => {
    const run = (n: number, more: object) => ({
      runId: `licence-report@${n}`,
      job: 'licence-report',
      window: String(n),
      status: 'completed',
      tenants: { total: 3, succeeded: 3 - n, failed: n, skipped: 0, notAttempted: 0 },
      startedAt: `2026-11-2${n}T05:00:00.000Z`,
      finishedAt: `2026-11-2${n}T05:00:09.000Z`,
      warnings: [],
      ...more,
    });
    const list = [
      tenant('Alpine', { lastResults: [failed('licence-report'), failed('access-check')] }),
      tenant('Beta', { lastResults: [failed('access-check')] }),
    ];
    const { root, unmount } = await ofJob(
      {},
      {
        tenants: async () => ({ tenants: list, groups: [], warnings: [], asOf: '' }),
        runs: async () => ({ runs: [run(1, { outcome: 'partly_failed' }), run(0, { outcome: 'cancelled' })] }) as never,
        failedRuns: async () => ({ runs: [] }),
      },
    );
    const panels = [...root.querySelectorAll('.panel')];
    const panelOf = (title: string) => panels.find((panel) => panel.querySelector('h2')?.textContent === title);
    const names = panelOf('1 tenant failed last time')?.querySelectorAll('.names li');
    expect([...(names ?? [])].map(({ textContent }) => textContent)).toEqual(['Alpine ']);
    const runs = panelOf('Last runs')?.querySelectorAll('li');
    expect([...(runs ?? [])].map((item) => item.lastElementChild?.textContent)).toEqual(['1 of 3 failed', 'cancelled']);
    await unmount();
  });

  it('needs the role Runs.Read', async () => {
    const page = await rendered(signedIn({}, <JobView name="x" choice={{}} />, ['Tenants.Read']));
    expect(page.root.textContent).toContain('Runs.Read');
    await page.unmount();
  });
});
