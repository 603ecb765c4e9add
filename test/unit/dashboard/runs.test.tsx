// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Api } from '../../../dashboard/app/api.ts';
import { ApiFailure } from '../../../dashboard/app/api-failure.ts';
import { SignedInContext } from '../../../dashboard/app/context.ts';
import { type Route, runLink, runPartIn, useRoute } from '../../../dashboard/app/route.ts';
import { byDay } from '../../../dashboard/app/format.ts';
import { parseRunsFilter, runsLink } from '../../../dashboard/app/view-filter.ts';
import { JobsView } from '../../../dashboard/app/jobs-view.tsx';
import { RunsView } from '../../../dashboard/app/runs-view.tsx';
import { ChooseJob, TryAgain } from '../../../dashboard/app/start-buttons.tsx';
import { isReplaced, RunTable, StartedBy } from '../../../dashboard/app/run-table.tsx';
import type { Topic } from '../../../src/lib/core/topics.ts';
import type { RunSummaryAnswer } from '../../../src/lib/api/answers/runs.ts';
import { runsWithFailures } from '../../../src/lib/runs/reading/run-view.ts';
import { HeldPlansContext } from '../../../dashboard/app/waiting.tsx';
import { signedIn } from './signed-in.tsx';
import { apiWith, rendered, session } from './rendered.ts';

const summary = (more: Partial<RunSummaryAnswer> = {}): RunSummaryAnswer => ({
  runId: `${more.job ?? 'probe'}@w`,
  job: 'probe',
  window: 'w',
  status: 'completed',
  outcome: 'succeeded',
  tenants: { total: 2, succeeded: 2, failed: 0, skipped: 0, notAttempted: 0 },
  startedBy: 'timer',
  startedAt: '2026-11-24T05:00:00.000Z',
  finishedAt: '2026-11-24T05:00:05.000Z',
  durationMs: 5_000,
  warnings: [],
  ...more,
});

const failedIn = (failed: number, more: Partial<RunSummaryAnswer> = {}) =>
  summary({
    outcome: 'partly_failed',
    tenants: { total: 20, succeeded: 20 - failed, failed, skipped: 0, notAttempted: 0 },
    startedAt: '2026-11-23T05:00:00.000Z',
    ...more,
  });

describe('the filter of the list of runs', () => {
  it('is the same after a link, and has no unknown outcome', () => {
    const filter = { job: 'probe & more', outcome: 'partly_failed' };
    expect(parseRunsFilter(runsLink(filter).split('?')[1] ?? '')).toEqual(filter);
    expect(parseRunsFilter('outcome=nonsense&job=&other=1')).toEqual({});
    expect(runsLink({})).toBe('#/runs');
  });

  it('and the part of a run are in the address', async () => {
    let route: Route | undefined;
    function Page() {
      route = useRoute();
      return null;
    }
    const at = async (hash: string) => {
      location.hash = hash;
      const { unmount } = await rendered(<Page />);
      await unmount();
      return route;
    };
    expect(await at('#/runs?job=probe')).toEqual({ view: 'runs', query: 'job=probe' });
    expect(await at(runLink('probe@w', 'rows'))).toEqual({ view: 'runs', id: 'probe@w', query: 'show=rows' });
    expect(['show=rows', 'show=nonsense', ''].map(runPartIn)).toEqual(['rows', undefined, undefined]);
  });
});

describe('byDay', () => {
  it('groups runs by the day of the reader, and calls the last two by their names', () => {
    const at = (day: number, hour: number): RunSummaryAnswer =>
      summary({ startedAt: new Date(2026, 10, day, hour).toISOString() });
    const older = summary({ startedAt: new Date(2025, 9, 31, 5).toISOString() });
    const runs = [at(24, 23), at(24, 0), at(23, 23), at(1, 5), older];
    const days = byDay(runs, ({ startedAt }) => startedAt, new Date(2026, 10, 24, 23, 30).getTime());
    expect(days.map(({ title, items }) => [title, items.length])).toEqual([
      ['Today', 2],
      ['Yesterday', 1],
      ['Sunday, 1 November', 1],
      ['Friday, 31 October 2025', 1],
    ]);
  });
});

it('calls an apply that waits for the reader by what it does', async () => {
  const open = summary({ job: 'harden', runId: 'harden@apply', outcome: 'running' });
  Reflect.deleteProperty(open, 'finishedAt');
  const tenants = { total: 14, succeeded: 6, failed: 1, skipped: 0, notAttempted: 0 };
  const plan = { planId: 'harden@w', apply: { runId: 'harden@apply', waits: true, tenants } } as never;
  const list = async (held: readonly never[]) => {
    const page = await rendered(
      <HeldPlansContext.Provider value={held}>
        <SignedInContext.Provider
          value={{
            session: { ...session, roles: ['Runs.Read'] },
            api: apiWith({ runs: async () => ({ runs: [open] }), jobs: async () => ({ jobs: [] }) }),
          }}
        >
          <RunsView filter={{}} />
        </SignedInContext.Provider>
      </HeldPlansContext.Provider>,
    );
    const said = ['h1', '.lede', '.badge', '.problem', '.pair', '.sub'].map(
      (part) => page.root.querySelector(part)?.textContent,
    );
    await page.unmount();
    return said;
  };
  expect(await list([plan])).toEqual([
    'The last run had failures',
    '1 run waits for you.',
    'waits to go on, 1 failed',
    ', 1 failed',
    '14',
    '14 tenants',
  ]);
  expect(await list([])).toEqual([
    'The last run of each job went well',
    '1 run under way.',
    'running',
    undefined,
    undefined,
    '2 tenants',
  ]);
});

it('counts no query as a job, and says that one runs', async () => {
  const query = summary({ job: 'query', runId: 'query@a', query: '/users', outcome: 'partly_failed' });
  const open = { ...query, runId: 'query@b', outcome: 'running' as const, startedAt: '2026-11-24T06:00:00.000Z' };
  Reflect.deleteProperty(open, 'finishedAt');
  const title = async (runs: RunSummaryAnswer[]) => {
    const api = { runs: async () => ({ runs }), jobs: async () => ({ jobs: [] }) };
    const { root, unmount } = await rendered(signedIn(api, <RunsView filter={{}} />, ['Runs.Read']));
    const text = [...root.querySelectorAll('h1, .lede')].map(({ textContent }) => textContent).join('. ');
    await unmount();
    return text;
  };
  expect(await title([query, failedIn(1)])).toBe('The last run had failures');
  expect(await title([query, summary()])).toBe('The last run of each job went well');
  expect(await title([open, query])).toBe('Runs. 1 run under way.');
});

/** The heads of groups and rows in the list of jobs. */
async function headsOfJobs(api: ReturnType<typeof apiWith>): Promise<string[]> {
  const { root, unmount } = await rendered(
    <SignedInContext.Provider value={{ session: { ...session, roles: ['Runs.Read'] }, api }}>
      <JobsView />
    </SignedInContext.Provider>,
  );
  await act(() => new Promise((resolve) => setTimeout(resolve)));
  const heads = [...root.querySelectorAll('tbody th b, tbody th a')].map(({ textContent }) => textContent);
  await unmount();
  return heads;
}

describe('JobsView', () => {
  it('puts the jobs under their topics, in the order of all surfaces', async () => {
    const of = (name: string, topic?: Topic) => ({
      name,
      title: `Title of ${name}`,
      topic,
      resources: [],
      parameters: { type: 'object' as const, properties: {}, additionalProperties: false as const },
      timeoutSeconds: 1,
    });
    const answer = { jobs: [of('access', 'service'), of('mfa', 'identity'), of('own'), of('roles', 'identity')] };
    const api = apiWith({ jobs: async () => answer, runs: async () => ({ runs: [] }) });
    expect(await headsOfJobs(api)).toEqual([
      'Identity',
      'Title of mfa',
      'Title of roles',
      // Nobody reads a heading for one job.
      'Service, other',
      'Title of access',
      'Title of own',
    ]);
  });

  const night = failedIn(4, { runId: 'probe@2026-11-24T05:00Z', startedAt: '2026-11-24T05:00:00.000Z' });
  const none = { total: 0, succeeded: 0, failed: 0, skipped: 0, notAttempted: 0 };
  const few = { ...none, total: 4, succeeded: 4 };
  const rerun = summary({ runId: 'probe@again', startedAt: '2026-11-25T09:00:00.000Z', tenants: few });
  const over = { tenants: none, startedAt: '2026-11-24T06:00:00.000Z' };
  const broken = summary({ ...over, runId: 'probe@2026-11-24T06:00Z', status: 'failed', outcome: 'stopped' });
  const { finishedAt: _, ...active } = summary({ ...over, runId: 'probe@next', status: 'running', outcome: 'running' });
  const well = summary({ runId: 'probe@2026-11-24T05:00Z' });

  it.each<[string, RunSummaryAnswer[], string, string]>([
    ['that of the night, and no rerun over few tenants', [rerun, night], '4 failed', 'The last run had failures'],
    ['one that failed as a whole', [broken, well], 'stopped', 'The last run had failures'],
    ['one that goes on', [active, night], 'running', 'The last run had failures'],
    ['one that went well', [well, night], 'succeeded', 'went well'],
  ])('shows as the last run %s, as the list of runs does', async (_, runs, last, ofRuns) => {
    const job = { name: 'probe', title: 'Probe', resources: [], schedule: '0 0 5 * * *' };
    const api = apiWith({ jobs: async () => ({ jobs: [job] }) as never, runs: async () => ({ runs }) });
    const pages = await rendered(
      signedIn(
        api,
        <>
          <JobsView />
          <RunsView filter={{}} />
        </>,
        ['Runs.Read'],
      ),
    );
    await act(() => new Promise((resolve) => setTimeout(resolve)));
    expect(pages.root.querySelector('.jobs tbody td a')?.textContent).toBe(last);
    const [jobsTitle, runsTitle] = [...pages.root.querySelectorAll('h1')].map(({ textContent }) => textContent);
    expect(jobsTitle).toBe('1 job, 1 on a schedule');
    expect(runsTitle).toContain(ofRuns);
    await pages.unmount();
  });

  it('puts those on a schedule first as they run next, then those that ran lately, one that failed alone before the others', async () => {
    const of = (name: string, more: object = {}) => ({ name, title: name, topic: 'identity', resources: [], ...more });
    const at = (hour: number) => ({ schedule: `0 0 ${hour} * * *`, nextAt: `2026-11-25T0${hour}:00:00.000Z` });
    const jobs = [of('idle'), of('started'), of('broken'), of('later', at(6)), of('first', at(5))];
    const lately = [
      summary({ job: 'started', outcome: 'succeeded' }),
      summary({ job: 'broken', outcome: 'partly_failed' }),
    ];
    const runs = async (_: number, job?: string) => ({ runs: job === undefined ? lately : [] });
    const api = apiWith({ jobs: async () => ({ jobs }) as never, runs });
    expect(await headsOfJobs(api)).toEqual([
      'On a schedule',
      'first',
      'later',
      'Run lately',
      'broken',
      'started',
      'Identity',
      'idle',
    ]);
  });

  it('says when each job last ran, and once of several jobs that they failed in the same tenants', async () => {
    const jobs = ['two', 'one'].map((name, at) => ({
      name,
      title: name,
      resources: [],
      schedule: '0 0 5 * * *',
      // The second one runs first, so what they have in common is said there.
      nextAt: `2026-11-25T0${7 - at}:00:00.000Z`,
    }));
    const runOf = (job = '') => failedIn(1, { job, runId: `${job}@w` });
    const page = await rendered(
      signedIn(
        {
          jobs: async () => ({ jobs }) as never,
          runs: async (_limit, job) => ({ runs: job === undefined ? [] : [runOf(job)] }),
          failedRuns: async (_limit, job) => ({ runs: [{ ...runOf(job), failed: { throttled: ['id'] } }] }),
        },
        <JobsView />,
      ),
    );
    for (let n = 0; n < 3; n += 1) await act(() => new Promise((resolve) => setTimeout(resolve)));
    const last = [...page.root.querySelectorAll('.jobs td.w-l')].map(({ textContent }) => textContent);
    const time = page.root.querySelector('.jobs td.w-l time')?.textContent;
    expect([...page.root.querySelectorAll('.jobs tbody th a')].map(({ textContent }) => textContent)).toEqual([
      'one',
      'two',
    ]);
    expect(last).toEqual([`1 failed${time}`, `the same tenant failed${time}`]);
    await page.unmount();
  });

  it('finds jobs by name and by what is known of them', async () => {
    const of = (name: string, more: object = {}) => ({ name, title: `Title of ${name}`, resources: [], ...more });
    const jobs = [of('one', { schedule: '0 0 5 * * *' }), of('two', { schedule: '0 0 6 * * *' }), of('idle')];
    const runs: Api['runs'] = async (_limit, job) => ({
      runs: job === undefined || job === 'idle' ? [] : [failedIn(3, { job, runId: `${job}@w` })],
    });
    const page = await rendered(signedIn({ jobs: async () => ({ jobs }) as never, runs }, <JobsView />));
    await act(() => new Promise((resolve) => setTimeout(resolve)));
    const { root } = page;
    expect([...root.querySelectorAll('.jobs td a')].map(({ textContent }) => textContent)).toEqual([
      '3 failed',
      '3 failed',
    ]);
    const shown = () => [...root.querySelectorAll('tbody th a')].map(({ textContent }) => textContent);
    const choose = (text: string) =>
      act(() =>
        [...root.querySelectorAll<HTMLElement>('.seg button')].find((one) => one.textContent.startsWith(text))?.click(),
      );
    await choose('With failed tenants');
    expect(shown()).toEqual(['Title of one', 'Title of two']);
    await choose('All');
    await act(() => {
      const field = root.querySelector('input')!;
      field.value = ' TWO';
      field.dispatchEvent(new Event('input', { bubbles: true }));
    });
    expect(shown()).toEqual(['Title of two']);
    expect(root.querySelector('[role=status]')?.textContent).toBe('1 of 3 jobs');
    await page.unmount();
  });
});

it('offers jobs by their topics, those that change tenants last, and finds them by name', async () => {
  const of = (name: string, more: object = {}) => ({ name, title: `Title of ${name}`, topic: 'identity', ...more });
  const jobs = [of('harden', { changes: true }), of('mfa'), of('mail', { topic: 'exchange' })] as never;
  const { root, unmount } = await rendered(<ChooseJob jobs={jobs} onClose={() => undefined} />);
  const shown = () => [...root.querySelectorAll('h3, .choose button')].map(({ textContent }) => textContent);
  expect(shown()).toEqual([
    'Identity',
    'Title of mfa',
    'Exchange',
    'Title of mail',
    'Plan a change',
    'Title of harden',
  ]);
  await act(() => {
    const field = root.querySelector<HTMLInputElement>('input');
    if (field === null) throw new Error('there is no field');
    field.value = ' HARD';
    field.dispatchEvent(new Event('input', { bubbles: true }));
  });
  expect(shown()).toEqual(['Plan a change', 'Title of harden']);
  expect(root.querySelector('[role=group]')?.getAttribute('aria-labelledby')).toBe(root.querySelector('h3')?.id);
  expect(root.querySelector('[role=status]')?.textContent).toBe('1 job');
  await unmount();
});

/** The text of a cell, without what only narrow screens show. */
const textOf = (cell: Element): string => {
  const shown = cell.cloneNode(true) as Element;
  for (const hidden of shown.querySelectorAll('.sub')) hidden.remove();
  return shown.textContent;
};

describe('RunsView', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const jobs = (): ReturnType<Api['jobs']> =>
    Promise.resolve({
      jobs: [
        {
          name: 'probe',
          title: 'Probe of each tenant',
          resources: [],
          parameters: { type: 'object', properties: {}, additionalProperties: false },
          timeoutSeconds: 1,
        },
      ],
    });

  async function list(runs: Api['runs'], filter: Parameters<typeof RunsView>[0]['filter'] = {}) {
    const value = { session: { ...session, roles: ['Runs.Read'] }, api: apiWith({ runs, jobs }) };
    const show = (shown: typeof filter) => (
      <SignedInContext.Provider value={value}>
        <RunsView filter={shown} />
      </SignedInContext.Provider>
    );
    const page = await rendered(show(filter));
    const pass = (ms: number): Promise<void> => act(() => vi.advanceTimersByTimeAsync(ms).then(() => undefined));
    await pass(0);
    const cells = (): string[][] =>
      [...page.root.querySelectorAll('tbody tr:not(.group)')].map((row) => [...row.children].map(textOf));
    return { ...page, pass, cells, filterBy: (next: typeof filter) => page.rerender(show(next)).then(() => pass(0)) };
  }

  it('names jobs by their titles, and says who started a run', async () => {
    const startedBy = '6f9c1f0e-3b8a-4d59-9a51-5c2f3f1a7b10';
    const { root, cells, unmount } = await list(async () => ({
      runs: [summary(), summary({ job: 'gone', startedBy })],
    }));
    expect(cells()[0]?.[0]).toContain('Probe of each tenant');
    expect(root.querySelector('tbody th[title=probe]')).not.toBeNull();
    expect(cells()[1]?.[0]).toContain('gone');
    expect([cells()[0]?.[3], cells()[1]?.[3]]).toEqual(['schedule', 'application 6f9c1f0e…']);
    expect(root.querySelector(`[title="Application id ${startedBy}"]`)).not.toBeNull();
    await unmount();
  });

  it('tells applies and plans of a job apart, and how many tenants failed', async () => {
    const failed = {
      outcome: 'partly_failed' as const,
      tenants: { total: 2, succeeded: 1, failed: 1, skipped: 0, notAttempted: 0 },
    };
    const runs = [
      summary({ runId: 'probe@b', ...failed }),
      summary({ runId: 'probe@a', ...failed }),
      summary({ runId: 'harden@apply', job: 'harden', window: `apply-${'a'.repeat(32)}` }),
      summary({ runId: 'harden@plan', job: 'harden' }),
    ];
    const jobs = [{ name: 'harden', title: 'Harden', changes: true as const }] as never;
    const { root, unmount } = await rendered(signedIn({}, <RunTable runs={runs} jobs={jobs} />, ['Runs.Read']));
    const rows = [...root.querySelectorAll('tbody tr:not(.group)')];
    expect(rows.map((row) => row.querySelector('.tag')?.textContent)).toEqual([undefined, undefined, 'apply', 'plan']);
    expect(rows.map((row) => row.querySelector('.badge')?.textContent)).toEqual([
      '1 failed',
      '1 failed',
      'succeeded',
      'plan made',
    ]);
    await unmount();
  });

  const later = failedIn(2, { runId: 'probe@later', startedAt: '2026-11-24T05:00:00.000Z' });

  it.each([
    ['with a later run over most tenants', later, failedIn(1), true],
    ['with a rerun over some', { ...later, tenants: { ...later.tenants, total: 5 } }, failedIn(1), false],
    ['with a run that goes on', { ...later, status: 'running' as const }, failedIn(1), false],
    ['with a later run of another job', { ...later, job: 'other' }, failedIn(1), false],
    ['with a later apply', { ...later, window: `apply-${'a'.repeat(32)}` }, failedIn(1), false],
    ['that is a query, with a later one', { ...later, query: '/users' }, failedIn(1, { query: '/groups' }), false],
    ['that was stopped', later, failedIn(1, { outcome: 'stopped' }), false],
  ])('shows a run %s as one of the past or not', async (_, newer, run, isPast) => {
    expect([isReplaced(run, [newer, run]), isReplaced(newer, [newer, run])]).toEqual([isPast, false]);
  });

  it('shows a failed run that a later one has replaced as such also when the later one is not shown', async () => {
    const runs = [{ ...later, outcome: 'succeeded' as const }, failedIn(1, { runId: 'probe@earlier' })];
    const { root, unmount } = await list(async () => ({ runs }), { outcome: 'partly_failed' });
    expect([...root.querySelectorAll('tbody tr:not(.group)')].map(({ className }) => className)).toEqual(['before']);
    await unmount();
  });

  it('says how many tenants failed of a run that was cancelled, and how many a run has not attempted', async () => {
    const tenants = { total: 40, succeeded: 5, failed: 5, skipped: 0, notAttempted: 30 };
    const runs = [
      summary({ outcome: 'cancelled', status: 'cancelled', tenants }),
      summary({ outcome: 'partly_failed', tenants }),
    ];
    const { cells, unmount } = await list(async () => ({ runs }));
    expect(cells().map((row) => row.slice(1, 3).map((text) => text.trim()))).toEqual([
      ['cancelled, 5 failed', '40'],
      ['5 failed, 30 not attempted', '40'],
    ]);
    await unmount();
  });

  const names = new Map([1, 2, 3].map((n) => [`tenant-${n}`, `Customer ${n}`]));
  /** The run of the schedule on a day, with the tenants that failed. */
  const nightly = (job: string, day: number, failed: readonly number[], more: Partial<RunSummaryAnswer> = {}) => {
    const window = `2026-11-${day}T0${job.length}:00Z`;
    const outcome = failed.length === 0 ? 'succeeded' : 'partly_failed';
    const run = failedIn(failed.length, { job, window, runId: `${job}@${window}`, outcome, ...more });
    const startedAt = new Date(2026, 10, day, job.length).toISOString();
    return { ...run, startedAt, failed: { throttled: failed.map((n) => `tenant-${n}`) } };
  };

  const untold = (run: ReturnType<typeof nightly>) => ({ ...run, failed: undefined as never });

  async function nightsOf(runs: readonly ReturnType<typeof nightly>[], roles = ['Runs.Read', 'Tenants.Read']) {
    const asked: number[] = [];
    const nights: (string | undefined)[] = [];
    let now = runs;
    const api: Partial<Api> = {
      failedRuns: async (limit, job) => {
        asked.push(limit);
        const some = now.filter((run) => run.job === job).slice(0, limit);
        return { runs: some.map((run, at) => (at < runsWithFailures ? run : untold(run))) };
      },
      tenants: async () => ({ tenants: [...names].map(([tenantId, name]) => ({ tenantId, name })) }) as never,
    };
    const value = { session: { ...session, roles }, api: apiWith(api) };
    const table = () => (
      <SignedInContext.Provider value={value}>
        <RunTable runs={now} onNight={(text) => nights.push(text)} />
      </SignedInContext.Provider>
    );
    const page = await rendered(table());
    const settle = async (): Promise<void> => {
      for (let round = 0; round < 4; round += 1) await act(() => vi.advanceTimersByTimeAsync(0).then(() => undefined));
    };
    await settle();
    const show = async (next: typeof runs): Promise<void> => {
      now = next;
      await page.rerender(table());
      await settle();
    };
    const rows = (): string[][] =>
      [...page.root.querySelectorAll('tbody tr')].map((row) =>
        [...row.children].slice(0, 3).map((cell) => textOf(cell).replaceAll(/\s+/g, ' ').trim()),
      );
    return {
      ...page,
      asked,
      nights,
      show,
      rows,
      click: () => act(() => page.root.querySelector<HTMLElement>('.link')?.click()),
    };
  }

  it('makes one row of the runs of the schedule of a day, which says what is new since those before, and opens', async () => {
    const [longer, short] = ['licences', 'mfa'];
    const { rows, click, root, unmount } = await nightsOf([
      summary({ job: 'asked', runId: 'asked@w', startedAt: new Date(2026, 10, 24, 23).toISOString() }) as never,
      nightly(longer, 24, [1, 2]),
      nightly(short, 24, [3]),
      nightly(longer, 23, [1]),
      nightly(short, 23, [1]),
      nightly(longer, 22, [1]),
      nightly(short, 22, [1]),
      nightly(longer, 21, [2]),
      nightly(short, 21, []),
    ]);
    expect(rows().map(([name, outcome]) => [name, outcome])).toEqual([
      [expect.stringMatching(/^Tuesday, 24 November/), undefined],
      ['asked', 'succeeded'],
      // All that failed in one of its runs.
      ['On schedule 2 jobsCustomer 2 and Customer 3 began to fail', '3 failed'],
      ['On schedule, day by day', undefined],
      ['22 to 23 Nov 2 jobsCustomer 1 began to fail, Customer 2 stopped failing on 22 Nov', '1 failed'],
      [expect.stringMatching(/^Sat, 21 Nov.* 2 jobsno earlier run in this list$/), '1 failed'],
    ]);
    await click();
    expect(
      rows()
        .slice(3, 5)
        .map(([name]) => name),
    ).toEqual([expect.stringContaining('licences'), expect.stringContaining('mfa')]);
    expect(root.querySelectorAll('tr.part')).toHaveLength(2);
    await click();
    expect(root.querySelectorAll('tr.part')).toHaveLength(0);
    await unmount();
  });

  it.each([
    ['the same tenants failed', [1, 2], 'the same tenants each day', '2 failed'],
    ['none failed', [], 'no tenant failed', 'succeeded'],
  ])('has one row for successive days in which %s, which opens day by day', async (_, failed, said, outcome) => {
    const days = [24, 23, 22, 21].flatMap((day) => [nightly('licences', day, failed), nightly('mfa', day, failed)]);
    const { rows, click, root, unmount } = await nightsOf(days);
    expect(rows().map(([name, how]) => [name, how])).toEqual([
      ['On schedule, day by day', undefined],
      [`21 to 24 Nov 2 jobs${said}`, outcome],
    ]);
    await click();
    expect(rows().map(([name]) => name?.slice(0, 3))).toEqual(['On ', '21 ', 'Tue', 'Mon', 'Sun', 'Sat']);
    await act(() => root.querySelector<HTMLElement>('.part .link')?.click());
    expect(rows().map(([name]) => name?.slice(0, 3))).toEqual(['On ', '21 ', 'Tue', 'lic', 'mfa', 'Mon', 'Sun', 'Sat']);
    await click();
    expect(rows()).toHaveLength(2);
    await unmount();
  });

  it('says how the last night went, and what was new in it once it is known who failed', async () => {
    const asked = summary({ job: 'asked', runId: 'asked@w', startedAt: new Date(2026, 10, 25, 9).toISOString() });
    const before = [nightly('mfa', 23, [1, 3]), nightly('licences', 23, [3])];
    const runs = [asked as never, nightly('mfa', 24, [1]), nightly('licences', 24, [2]), ...before];
    const { nights, show, unmount } = await nightsOf(runs);
    expect([...new Set(nights)]).toEqual([
      'Tue, 24 Nov: 1 of 20 failed',
      'Tue, 24 Nov: 2 of 20 failed, Customer 2 began to fail, Customer 3 stopped failing',
    ]);
    await show([nightly('mfa', 24, [])]);
    expect(nights.at(-1)).toBe('Tue, 24 Nov: none of 20 failed');
    await show([asked as never]);
    expect(nights.at(-1)).toBeUndefined();
    await unmount();
  });

  it('does not say that a tenant works which may not have been visited', async () => {
    const now = nightly('mfa', 24, []);
    const skipped = { ...now, tenants: { ...now.tenants, succeeded: 19, skipped: 1 } };
    const { nights, unmount } = await nightsOf([skipped, nightly('mfa', 23, [3])]);
    expect(nights.at(-1)).toBe('Tue, 24 Nov: none of 20 failed, Customer 3 stopped failing');
    await unmount();
  });

  it('has in a day of the schedule what is new, in place of what is the same every day', async () => {
    const both = (day: number, failed: number[]) => [nightly('licences', day, failed), nightly('mfa', day, failed)];
    const { root, unmount } = await nightsOf([...both(24, [1]), ...both(23, [2])]);
    const [, first] = root.querySelectorAll('tbody tr');
    expect(root.querySelector('thead th:nth-child(4)')?.textContent).toBe('What changed, or who started it');
    // It has the width of the times, which a day does not have.
    expect([...(first?.querySelectorAll('.wide') ?? [])].map(({ textContent }) => textContent)).toEqual([
      'Customer 1 began to fail, Customer 2 stopped failing',
    ]);
    await unmount();
  });

  /** Its lines with how they went, and what they say of themselves, without headings. */
  const linesIn = async (runs: readonly ReturnType<typeof nightly>[]) => {
    const { rows, unmount } = await nightsOf(runs.toSorted((a, b) => b.startedAt.localeCompare(a.startedAt)));
    const lines = rows().flatMap(([name, outcome]) => (outcome === undefined ? [] : [`${name}: ${outcome}`]));
    await unmount();
    return lines;
  };
  const daily = (job: string, days: readonly number[], failed: readonly number[]) =>
    days.map((day) => nightly(job, day, failed));

  it('keeps days apart on which other jobs ran, such as a weekly one that fails', async () => {
    const days = [25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15];
    // 23 and 16 November are Mondays.
    expect(await linesIn([...daily('licences', days, []), ...daily('weekly', [23, 16], [3])])).toEqual([
      '24 to 25 Nov licencesno tenant failed: succeeded',
      'Mon, 23 Nov 2 jobsthe same tenants as before: 1 failed',
      '17 to 22 Nov licencesno tenant failed: succeeded',
      'Mon, 16 Nov 2 jobsno earlier run of 1 job in this list: 1 failed',
      'Sun, 15 Nov licencesno tenant failed: succeeded',
    ]);
  });

  it.each([
    [
      'whose tenants are others',
      [...daily('even', [24, 22, 20], [1]), ...daily('odd', [23, 21, 19], [2])],
      [
        'Tue, 24 Nov eventhe same tenants as before: 1 failed',
        'Mon, 23 Nov oddthe same tenants as before: 1 failed',
        'Sun, 22 Nov eventhe same tenants as before: 1 failed',
        'Sat, 21 Nov oddthe same tenants as before: 1 failed',
        'Fri, 20 Nov evenno earlier run in this list: 1 failed',
        'Thu, 19 Nov oddno earlier run in this list: 1 failed',
      ],
    ],
    [
      'with other jobs, of which none failed',
      [...daily('mfa', [24, 23, 22, 21, 20, 19, 18, 17, 16, 15], []), ...daily('weekly', [23, 16], [])],
      [
        'Tue, 24 Nov mfano tenant failed: succeeded',
        'Mon, 23 Nov 2 jobsno tenant failed: succeeded',
        '17 to 22 Nov mfano tenant failed: succeeded',
        'Mon, 16 Nov 2 jobsno tenant failed: succeeded',
        'Sun, 15 Nov mfano tenant failed: succeeded',
      ],
    ],
    [
      'with a day without a run between them',
      daily('mfa', [24, 23, 21, 20, 19], [1]),
      ['23 to 24 Nov the same tenants as before: 1 failed', '19 to 21 Nov the same tenants each day: 1 failed'],
    ],
  ])('has one line for each series of equal days, and not for days %s', async (_, runs, lines) => {
    expect(await linesIn(runs)).toEqual(lines);
  });

  /** Nights of a job, the newest first. @param last the day in November of the newest one. */
  const nightsUntil = (last: number, length: number, failed: readonly number[]) =>
    Array.from({ length }, (_, at) => ({
      ...nightly('mfa', 24, failed, { runId: `mfa@${last - at}` }),
      startedAt: new Date(2026, 10, last - at, 5).toISOString(),
    }));

  it('has one line for the days of a single job, and leads from a day to its run', async () => {
    const { rows, click, root, asked, unmount } = await nightsOf(nightsUntil(24, 70, []));
    // All are folded, so there is nothing more to show.
    expect(rows().map(([name]) => name)).toEqual([
      'On schedule, day by day',
      expect.stringMatching(/^16 Sept? to 24 Nov no tenant failed$/),
    ]);
    // The counts in the list of runs say that none failed, so nothing is asked.
    expect(asked).toEqual([]);
    expect(root.querySelector('.panel + button')).toBeNull();
    await click();
    expect(rows()).toHaveLength(72);
    expect(root.querySelector('.part a')?.getAttribute('href')).toBe('#/runs/mfa%4024');
    await unmount();
  });

  it('ends a series of days where the broker tells no failures, and asks for those of older runs no more', async () => {
    const { rows, asked, show, unmount } = await nightsOf(nightsUntil(24, 60, [1]));
    const lines = () => rows().map(([name, outcome]) => `${name}: ${outcome}`);
    expect(lines().slice(1, 3)).toEqual([
      '6 Oct to 24 Nov the same tenants each day: 1 failed',
      'Mon, 5 Oct too old to tell who failed: 1 failed',
    ]);
    expect(lines()).toHaveLength(12);
    await show(nightsUntil(25, 60, [1]));
    expect(lines()[1]).toBe('6 Oct to 25 Nov the same tenants each day: 1 failed');
    expect(asked).toEqual([51, 2]);
    await unmount();
  });

  it('keeps the focus in a day while runs of another day come', async () => {
    const runs: RunSummaryAnswer[] = [...daily('mfa', [23], []), ...daily('licences', [23], [])];
    const { root, pass, unmount } = await list(async () => ({ runs: [...runs] }));
    const button = root.querySelector<HTMLElement>('[aria-expanded]')!;
    button.focus();
    runs.unshift(summary({ runId: 'probe@asked', startedAt: new Date(2026, 10, 24, 9).toISOString() }));
    await pass(5_000);
    expect([root.querySelectorAll('tbody').length, document.activeElement === button]).toEqual([2, true]);
    await unmount();
  });

  it('keeps the focus in the last day while one before it leaves the list', async () => {
    const days: RunSummaryAnswer[] = [...daily('mfa', [23], []), ...daily('licences', [23], [])];
    const asked = (day: number): RunSummaryAnswer =>
      summary({ runId: `asked@${day}`, startedAt: new Date(2026, 10, day, 9).toISOString() });
    let runs = [...days, asked(22)];
    const { root, pass, unmount } = await list(async () => ({ runs }));
    const button = root.querySelector<HTMLElement>('[aria-expanded]')!;
    button.focus();
    runs = [asked(24), ...days];
    await pass(5_000);
    expect([root.querySelectorAll('tbody').length, document.activeElement === button]).toEqual([2, true]);
    await unmount();
  });

  it('says on a narrow screen over how many tenants a run was, once that is known', async () => {
    const none = { total: 0, succeeded: 0, failed: 0, skipped: 0, notAttempted: 0 };
    const { root, unmount } = await list(async () => ({ runs: [summary(), summary({ runId: 'x@w', tenants: none })] }));
    expect([...root.querySelectorAll('td .sub')].map(({ textContent }) => textContent)).toEqual(['2 tenants']);
    await unmount();
  });

  const twice = (run: ReturnType<typeof nightly>, hour: number) => ({
    ...run,
    runId: `${run.runId} ${hour}`,
    startedAt: new Date(2026, 10, 24, hour).toISOString(),
  });
  const over = (total: number) => (run: ReturnType<typeof nightly>) => ({ ...run, tenants: { ...run.tenants, total } });
  it.each<[string, ReturnType<typeof nightly>[], string, string]>([
    [
      'no names where jobs fail in tenants of each other',
      [nightly('mfa', 24, [1]), nightly('licences', 24, [2]), nightly('mfa', 23, [2]), nightly('licences', 23, [1])],
      'the same tenants as before, in other jobs 20',
      '2 failed',
    ],
    [
      'what is new since the day before where a job ran twice',
      [
        twice(nightly('mfa', 24, [1]), 6),
        twice(nightly('mfa', 24, [1]), 5),
        nightly('mfa', 23, [], { window: '2026-11-23T03:00Z' }),
      ],
      'Customer 1 began to fail 20',
      '1 failed',
    ],
    [
      'all that failed, of the most tenants that a job visited',
      [over(5_000)(nightly('mfa', 24, [1])), over(2)(nightly('licences', 24, [2, 3]))],
      'no earlier run in this list 5,000',
      '3 failed',
    ],
    [
      'all that failed also without runs before',
      [nightly('mfa', 24, [1]), nightly('licences', 24, [2])],
      'no earlier run in this list 20',
      '2 failed',
    ],
    [
      'nothing of runs whose failures the broker does not tell',
      [
        untold(nightly('mfa', 24, [1])),
        untold(nightly('licences', 24, [2])),
        nightly('mfa', 23, [3]),
        nightly('licences', 23, []),
      ],
      '20',
      'partly failed',
    ],
  ])('says of several runs %s', async (_, runs, said, outcome) => {
    const { rows, unmount } = await nightsOf(runs);
    const [, first] = rows();
    expect(`${first?.[0]?.replace(/^Tue, 24 Nov( 2026)? (\d jobs)?/, '')} ${first?.[2]}`.trim()).toBe(said);
    expect(first?.[1]).toBe(outcome);
    await unmount();
  });

  it('counts who is new for readers who may not see tenants, and folds no run that did not visit all', async () => {
    const stopped = nightly('mfa', 24, [], { status: 'failed', outcome: 'stopped' });
    const { rows, root, unmount } = await nightsOf(
      [nightly('licences', 24, [1, 2]), stopped, nightly('licences', 23, [])],
      ['Runs.Read'],
    );
    expect(root.textContent).toContain('2 tenants began to fail');
    expect(rows().map(([, outcome]) => outcome)).toContain('stopped');
    expect(root.querySelector('[aria-expanded]')).toBeNull();
    await unmount();
  });

  it('has the ids of a person as the title of the name', async () => {
    const starter = { objectId: 'object', name: 'ada@partner.example' };
    const { root, unmount } = await rendered(<StartedBy run={{ startedBy: 'portal', starter }} />);
    expect(root.querySelector('span')?.title).toBe('Application id portal, object id object');
    expect(root.querySelectorAll('[title]')).toHaveLength(1);
    await unmount();
  });

  it('tells people apart who share the application that they sign in with', async () => {
    const startedBy = '6f9c1f0e-3b8a-4d59-9a51-5c2f3f1a7b10';
    const by = (name: string) => summary({ startedBy, starter: { objectId: `id of ${name}`, name } });
    const { root, cells, unmount } = await list(async () => ({ runs: [by('ann@x.example'), by('bob@x.example')] }));
    expect(cells().map((row) => row[3])).toEqual(['ann@x.example', 'bob@x.example']);
    expect(root.querySelector(`[title="Application id ${startedBy}, object id id of ann@x.example"]`)).not.toBeNull();
    await unmount();
  });

  it.each([
    ['starting', { total: 0, succeeded: 0, failed: 0, skipped: 0, notAttempted: 0 }, 'listing tenants'],
    ['running', { total: 25, succeeded: 0, failed: 0, skipped: 0, notAttempted: 0 }, '25 tenants'],
  ] as const)('shows no bar for a run that is %s', async (outcome, tenants, text) => {
    const { finishedAt: _, ...running } = summary({ status: 'running', outcome, tenants });
    const { root, cells, unmount } = await list(async () => ({ runs: [running] }));
    expect(cells()[0]?.[2]).toBe(text);
    expect(root.querySelector('.bar')).toBeNull();
    await unmount();
  });

  it('asks the API for the runs of a job, and filters their outcomes itself', async () => {
    const asked: (string | undefined)[] = [];
    const load: Api['runs'] = async (_limit, job) => {
      asked.push(job);
      return { runs: [summary({ outcome: 'stopped', status: 'failed' }), summary({ runId: 'probe@v' })] };
    };
    const { cells, filterBy, root, unmount } = await list(load, { job: 'probe' });
    expect([asked, cells().length]).toEqual([['probe'], 2]);
    await filterBy({ job: 'probe', outcome: 'stopped' });
    expect([asked.length, cells().length]).toEqual([1, 1]);
    await filterBy({ job: 'probe', outcome: 'cancelled' });
    expect(root.textContent).toContain('No run matches the filter.');
    expect(root.querySelector('a[href="#/runs"]')?.textContent).toBe('Clear filter');
    await filterBy({});
    expect(root.querySelector('a[href="#/runs"]')).toBeNull();
    await unmount();
  });

  it('changes the address for another filter', async () => {
    const { root, unmount } = await list(async () => ({ runs: [summary()] }), { job: 'probe' });
    const [job, outcome] = [...root.querySelectorAll('select')];
    expect(job?.value).toBe('probe');
    outcome!.value = 'stopped';
    await act(() => void outcome?.dispatchEvent(new Event('change', { bubbles: true })));
    expect(location.hash).toBe('#/runs?job=probe&outcome=stopped');
    await unmount();
  });

  it('says that there are no runs only if nothing is filtered', async () => {
    const { root, filterBy, unmount } = await list(async () => ({ runs: [] }));
    expect(root.textContent).toContain('There are no runs.');
    await filterBy({ job: 'probe' });
    expect(root.textContent).toContain('No run matches the filter.');
    await unmount();
  });

  it('shows 40 rows, 40 more per click, and leaves out no few', async () => {
    const runs = Array.from({ length: 130 }, (_, index) => summary({ runId: `probe@${index}` }));
    const { root, cells, unmount } = await list(async () => ({ runs }));
    const more = (): HTMLButtonElement | undefined =>
      [...root.querySelectorAll('button')].find(({ textContent }) => textContent === 'Show more runs');
    expect([cells().length, root.querySelector('[role=status]')?.textContent]).toEqual([40, '130 runs']);
    await act(() => more()?.click());
    expect(cells()).toHaveLength(80);
    await act(() => more()?.click());
    expect([cells().length, more()]).toEqual([130, undefined]);
    await unmount();
  });

  it('keeps its runs while the broker does not answer, and recovers by itself', async () => {
    let isAway = false;
    const load: Api['runs'] = async () => {
      if (isAway) throw new ApiFailure({ title: 'Away', detail: 'Storage is away.', advice: 'Wait.', transient: true });
      return { runs: [summary()] };
    };
    const { root, cells, pass, unmount } = await list(load);
    isAway = true;
    await pass(5_000);
    expect([root.textContent.includes('Storage is away.'), cells().length]).toEqual([true, 1]);
    isAway = false;
    await pass(60_000);
    expect([root.textContent.includes('Storage is away.'), cells().length]).toEqual([false, 1]);
    await unmount();
  });
});

describe('the button that tries a job again', () => {
  const job = (name: string, more: object = {}) => ({ name, title: `Title of ${name}`, topic: 'identity', ...more });
  const jobs = [job('mfa'), job('mail'), job('harden', { changes: true })] as never;
  const tenant = (tenantId: string, ...failed: readonly string[]) => ({
    tenant: { tenantId },
    results: failed.map((name) => ({ job: name })),
  });
  const shown = async (tenants: readonly object[], roles: string[] = ['Runs.Write', 'Changes.Plan']) => {
    const cause = { cause: 'consent_required', tenants } as never;
    return await rendered(signedIn({}, <TryAgain jobs={jobs} cause={cause} />, roles));
  };

  it('names the tenants in which a job failed that the person may start, and the cause', async () => {
    const { root, unmount } = await shown([tenant('a', 'mfa', 'mail'), tenant('b', 'mail'), tenant('c', 'harden')]);
    expect(root.textContent).toBe('Try again in these 2 tenants… No consent for the application');
    await act(() => root.querySelector('button')?.click());
    const offered = [...root.querySelectorAll('.choose button')].map(({ textContent }) => textContent);
    expect(offered).toEqual(['Title of mfa', 'Title of mail']);
    await unmount();
  });

  it.each([
    ['only changes failed', [tenant('c', 'harden')], undefined],
    ['no job failed', [tenant('a')], undefined],
    ['the role is missing', [tenant('a', 'mfa')], ['Runs.Read']],
  ])('is not there if %s', async (_, tenants, roles) => {
    const { root, unmount } = await shown(tenants, roles);
    expect(root.textContent).toBe('');
    await unmount();
  });
});
