// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { ApiFailure } from '../../../dashboard/app/api-failure.ts';
import type { Api } from '../../../dashboard/app/api.ts';
import { OverviewView } from '../../../dashboard/app/overview-view.tsx';
import { CredentialDrawer } from '../../../dashboard/app/broker-health.tsx';
import { FailureBars } from '../../../dashboard/app/charts.tsx';
import { lastRunOf, mainJob, nightsOf, trendOf } from '../../../dashboard/app/nights.ts';
import { createWorld, type World } from '../../e2e/pages/fixture/world.ts';
import { causesOf, titleOf } from '../../../src/lib/api/trouble.ts';
import { failedIn } from '../../e2e/pages/fixture/run.ts';
import { rendered } from './rendered.ts';
import { Waiting } from '../../../dashboard/app/waiting.tsx';
import { everyRole, signedIn } from './signed-in.tsx';
import { failed, tenant } from './tenants.ts';

const nowMs = Date.parse('2026-11-24T07:10:00Z');
let world: World;

beforeEach(() => {
  vi.useFakeTimers({ now: nowMs });
  world = createWorld(25, nowMs);
});
afterEach(() => {
  vi.useRealTimers();
});

const apiOf = (): Partial<Api> => ({
  health: async () => world.health,
  jobs: async () => ({ jobs: world.jobs }),
  runs: async (limit, job) => ({ runs: world.runs.filter((run) => run.job === job).slice(0, limit) }),
  failedRuns: async (limit, job) => {
    const runs = world.runs.filter((run) => run.job === job).slice(0, limit);
    return { runs: runs.map((run) => ({ ...run, failed: failedIn(world, run) })) };
  },
  tenants: async () => ({ tenants: world.tenants, groups: [], warnings: [], asOf: '2026-11-24T07:07:00.000Z' }),
});

const pass = (ms: number): Promise<void> => act(() => vi.advanceTimersByTimeAsync(ms).then(() => undefined));

async function overview(methods: Partial<Api> = apiOf(), roles = everyRole) {
  const page = await rendered(
    signedIn(
      methods,
      <Waiting>
        <OverviewView />
      </Waiting>,
      roles,
    ),
  );
  await pass(0);
  return page;
}

const panelOf = (root: HTMLElement, title: string) =>
  [...root.querySelectorAll('.panel')].find((panel) => panel.textContent.startsWith(title));

const jobRows = (root: HTMLElement) => [...(panelOf(root, 'Jobs')?.querySelectorAll('tbody tr') ?? [])];

describe('the overview', () => {
  it('answers in its heading how many customers need somebody, and below why and since when it looked', async () => {
    const { root, unmount } = await overview();
    expect(root.querySelector('h1')?.textContent).toBe('7 of 25 tenants need you');
    expect(root.querySelector('.lede')?.textContent).toMatch(/^7 failed\. As of .*, 3 minutes ago\.$/);
    await unmount();
  });

  it('says how many failed two weeks ago, if these are of the same job', async () => {
    const runs = [
      {
        scope: 'all',
        runId: 'old@1',
        startedAt: '2026-11-10T04:30:00.000Z',
        tenants: { total: 25, succeeded: 22, failed: 3 },
      },
    ];
    const jobHistory = async () => ({ columns: [], runs }) as never;
    const lede = async (now: number) => {
      const { root, unmount } = await overview({
        ...apiOf(),
        jobHistory,
        runs: async (limit, job) => ({
          runs: (await apiOf().runs!(limit, job)).runs.map((run) => ({
            ...run,
            tenants: { ...run.tenants, failed: now },
          })),
        }),
      });
      await pass(0);
      const text = root.querySelector('.lede')?.textContent;
      await unmount();
      return text;
    };
    expect(await lede(7)).toMatch(/^7 failed \(3 two weeks ago\)\. As of/);
    expect(await lede(6)).toMatch(/^7 failed\. As of/);
  });

  it('says what its number is the sum of, when a tenant without access last answered, and where relationships are renewed', async () => {
    const lastResults = [{ ...failed('access-check'), outcome: 'succeeded' as const }];
    const ended = { reachable: false, reason: 'gdap_expired', relationshipEndsAt: '2026-11-23T05:00:00.000Z' } as const;
    const change = { ...failed('harden', 'change_failed'), runId: `harden@apply-${'0'.repeat(32)}` };
    const tenants = [
      tenant('Adatum', { lastResults: [failed('access-check')] }),
      tenant('Contoso', { lastResults: [change] }),
      tenant('Fabrikam', { ...ended, lastResults }),
      tenant('Litware', { ...ended, lastResults: [failed('access-check', 'tenant_not_delegated')] }),
      tenant('Wingtip'),
    ];
    const answer = async () => ({ tenants, groups: [], warnings: [], asOf: '2026-11-24T07:07:00.000Z' });
    const { root, unmount } = await overview({ ...apiOf(), tenants: answer });
    expect(root.querySelector('h1')?.textContent).toBe('4 of 5 tenants need you');
    expect(root.querySelector('.lede')?.textContent).toMatch(
      /^2 failed, 1 lacks a change, 1 has no valid relationship\. As of/,
    );
    const names = [...root.querySelectorAll('.names li')].map(({ textContent }) => textContent);
    expect(names).toContainEqual(
      expect.stringMatching(/^Fabrikam last answered 24 Nov, \d\d:00; runs no longer visit it$/),
    );
    expect(names).toContain('Litware ');
    const ways = [...root.querySelectorAll<HTMLAnchorElement>('.cause a[target="_blank"]')];
    expect(ways.map(({ textContent, rel }) => [textContent, rel])).toEqual([
      ['Open Partner Center in a new tab: GDAP relationship expired', 'noreferrer'],
    ]);
    await unmount();
  });

  it('draws the failures of each night, and says them in its label', async () => {
    const { root, unmount } = await overview();
    const chart = root.querySelector('.nights svg');
    const failed = world.runs.filter(({ job }) => job === 'access-check').map(({ tenants }) => tenants.failed);
    expect(chart?.getAttribute('aria-label')).toBe(
      `Tenants that failed in each of 14 nights: ${failed[0]} in the last, ${Math.max(...failed)} at the worst`,
    );
    expect(chart?.querySelectorAll('g')).toHaveLength(14);
    expect(root.querySelector('.nights .small')?.textContent).toMatch(/^25 tenants visited in each of 14 nights$/);
    expect(root.querySelector('.nights .x')?.textContent).toMatch(/^11 Nov18 Novlast night$/);
    await unmount();
  });

  it('names the night in which failures rose most, the relationships that end, and applies under way', async () => {
    const api = apiOf();
    const end = (days: number): string => new Date(nowMs + days * 86_400_000).toISOString();
    const { root, unmount } = await overview(
      {
        ...api,
        runs: async (limit, job) => {
          const { runs } = await api.runs!(limit, job);
          return { runs: runs.map((run, at) => ({ ...run, tenants: { ...run.tenants, failed: at <= 4 ? 12 : 2 } })) };
        },
        tenants: async () => ({
          ...(await api.tenants!()),
          tenants: world.tenants.map((tenant, at) => ({
            ...tenant,
            reachable: true,
            reason: at === 0 ? ('gdap_expiring' as const) : ('gdap_active' as const),
            // The second renews by itself in three days: nothing ends.
            relationshipRenews: at === 1,
            relationshipEndsAt: end(at < 2 ? 3 : at < 5 ? 90 : 400),
          })),
        }),
        plans: async () =>
          ({
            plans: [
              {
                planId: 'p@1',
                title: 'Harden',
                status: 'completed',
                apply: { status: 'running', wave: 1, waves: [1, 2], waits: true },
              },
              {
                planId: 'p@3',
                title: 'Running',
                status: 'completed',
                apply: { status: 'running', wave: 1, waves: [1, 2], waits: false },
              },
              {
                planId: 'p@2',
                title: 'Others',
                status: 'completed',
                apply: { status: 'completed', tenants: {}, waves: [] },
              },
            ],
          }) as never,
      },
      [...everyRole, 'Changes.Apply'],
    );
    expect(root.querySelector('.nights .mark')?.textContent).toBe('20 Nov: 10 more failed');
    const ending = panelOf(root, 'Relationships');
    expect([...(ending?.querySelectorAll('li') ?? [])].map(({ textContent }) => textContent)).toEqual([
      `${world.tenants[0]?.name}27 Nov in 3 days`,
      ...[2, 3, 4].map((at) => `${world.tenants[at]?.name}22 Feb in 90 days`),
    ]);
    expect(ending?.querySelectorAll('.badge.warn')).toHaveLength(1);
    // One soon, and three in the last of 13 weeks.
    expect(ending?.querySelectorAll('g')).toHaveLength(13);
    expect(ending?.querySelector('svg')?.getAttribute('aria-label')).toMatch(
      /^In the week from 24 Nov: 1, .*: 0, In the week from 16 Feb: 3$/,
    );
    expect(
      [...(ending?.querySelectorAll('g') ?? [])].flatMap((bar, at) => (bar.querySelector('.warn') ? at : [])),
    ).toEqual([0]);
    // All weeks are to come: none is pale, as nights before the last are.
    expect(ending?.querySelectorAll('g .before')).toHaveLength(0);
    const waits = panelOf(root, 'Waits for you');
    expect(waits?.textContent).toBe('Waits for youHardenwaits after wave 1 of 2Decide Harden');
    await unmount();
  });

  it.each([
    ['a phone', true, 'Waits for you'],
    ['a wide screen', false, 'What is wrong'],
  ])('begins on %s (narrow: %s) with "%s"', async (_, matches, first) => {
    const query = matchMedia('(max-width: 720px)');
    Object.defineProperty(query, 'matches', { value: matches });
    const spy = vi.spyOn(window, 'matchMedia').mockReturnValue(query);
    onTestFinished(() => spy.mockRestore());
    const waits = { planId: 'p@1', status: 'completed', apply: { status: 'running', waves: [1, 2], waits: true } };
    const plans = async () => ({ plans: [waits] }) as never;
    const { root, unmount } = await overview({ ...apiOf(), plans }, [...everyRole, 'Changes.Apply']);
    expect(root.querySelector('.panel h2')?.textContent).toBe(first);
    await unmount();
  });

  it('has a row per job: when it ran and how that went, how many tenants answered and were skipped, and when it runs next', async () => {
    const runs: Api['runs'] = async (limit, job) => ({
      runs: (await apiOf().runs!(limit, job)).runs.map((run) => ({ ...run, tenants: { ...run.tenants, skipped: 2 } })),
    });
    const { root, unmount } = await overview({ ...apiOf(), runs });
    const rows = jobRows(root);
    const [last] = world.runs.filter(({ job }) => job === 'access-check');
    const { tenants, runId } = last!;
    const [, ran, visited] = rows[0]?.children ?? [];
    const link = `#/runs/${encodeURIComponent(runId)}`;
    expect(ran?.querySelector('a')?.getAttribute('href')).toBe(link);
    expect(visited?.querySelector('svg')?.getAttribute('aria-label')).toContain(`${tenants.failed} failed`);
    expect([ran?.textContent, visited?.textContent]).toEqual([
      `04:30 ${tenants.failed} failed`,
      `${tenants.succeeded} of ${tenants.total} answered, 2 skipped`,
    ]);
    expect([...(rows[0]?.querySelectorAll('time') ?? [])].at(-1)?.getAttribute('datetime')).toBe(
      '2026-11-25T04:30:00.000Z',
    );
    // Nobody knows yet who fails, nor how long it takes.
    const running = [...(rows.at(-1)?.children ?? [])].map(({ textContent }) => textContent);
    expect(running.slice(1, 3)).toEqual([expect.stringMatching(/running, 1 failed$/), '']);
    await unmount();
  });

  it('says what the nightly jobs found in all tenants, since when it changed, and leads to the rows', async () => {
    const asked: unknown[][] = [];
    const at = (days: number) => new Date(nowMs - days * 86_400_000).toISOString();
    const tenants = { total: 25, succeeded: 20, failed: 5, skipped: 0, notAttempted: 0 };
    const runOf = (job: string, days: number, rows: number, numbers = {}, scope = 'all') => ({
      runId: `${job}@${days}`,
      startedAt: at(days),
      scope,
      status: 'completed',
      tenants,
      counted: 20,
      rows,
      numbers,
    });
    const jobHistory: Api['jobHistory'] = async (job, { value, compare }) => {
      asked.push([job, value, compare]);
      const compared = (tenants: number, now: object, before: object) => ({
        comparison: { tenants, now: { startedAt: at(0), ...now }, before: { startedAt: at(29), ...before } },
      });
      if (job === 'mfa-report')
        return {
          runs: [runOf(job, 0, 1_092), runOf(job, 29, 1_149)],
          ...compared(20, { rows: 1_092 }, { rows: 1_149 }),
        } as never;
      const numbers = { suspended: 0, warning: 1, free: 99 };
      if (job === 'licence-report')
        return {
          runs: [
            runOf(job, 3, 9, { free: 1 }, 'selected'),
            { ...runOf(job, 3.5, 46, { free: 7 }), status: 'cancelled' },
            runOf(job, 4, 46, numbers),
            { ...runOf(job, 20, 50, { free: 120 }), counted: 24 },
          ],
          ...compared(18, { numbers: { ...numbers, free: 90 } }, { numbers: { free: 87 } }),
        } as never;
      if (job === 'access-check') return { runs: [] } as never;
      throw new ApiFailure({ title: 'Storage', detail: 'No answer.', advice: 'Wait.', transient: false });
    };
    const named = ['mfa-report', 'secret-expiry-report', 'licence-report', 'access-check', 'own-report'];
    const [job] = world.jobs;
    const run = world.runs.find(({ job: name }) => name === job?.name);
    const { root, unmount } = await overview({
      ...apiOf(),
      jobs: async () => ({ jobs: named.map((name) => ({ ...job!, name })) }),
      runs: async (_, name) => ({ runs: [{ ...run!, job: name! }] }),
      jobHistory,
    });
    for (let round = 0; round < 5; round += 1) await pass(0);
    const rows = [...(panelOf(root, 'What the jobs found')?.querySelectorAll('li') ?? [])];
    expect(rows.map(({ textContent }) => textContent)).toEqual([
      '1,092accounts have registered no second factor in the 20 tenants read−57 since 26 Oct',
      '1licence is in a grace period in the 20 tenants read on 20 Nov',
      '99more licences than are assigned in the 20 tenants read on 20 Nov+3 in 18 of them since 26 Oct',
    ]);
    expect(rows[0]?.querySelector('a')?.getAttribute('href')).toBe('#/runs/mfa-report%400?show=rows');
    expect(rows[2]?.querySelector('.since span')?.getAttribute('title')).toBe(
      '90, and 87 on 26 Oct, in the 18 tenants read both times',
    );
    // Several numbers are of one history.
    expect(asked.filter(([job]) => job === 'licence-report')).toHaveLength(1);
    expect(asked).toContainEqual(['mfa-report', 'none', 'true']);
    expect(asked.flat()).not.toContain('own-report');
    await unmount();
  });

  it('says how many tokens and requests there were within a day, for those who may read them', async () => {
    const from: unknown[] = [];
    const record = (n: number, more: object) =>
      ({ at: new Date(nowMs - n * 1000).toISOString(), tokenId: `t${n}`, scopes: [], caller: {}, ...more }) as never;
    const entries = [
      record(1, { outcome: 'issued' }),
      record(2, { outcome: 'issued' }),
      record(3, { outcome: 'answered', kind: 'request', status: 403 }),
      record(5, { outcome: 'answered', kind: 'request', status: 200 }),
      record(4, { outcome: 'denied', code: 'scope_not_allowed' }),
    ];
    const audit: Api['audit'] = async (query) => {
      from.push(query['from']);
      return { entries } as never;
    };
    const { root, unmount } = await overview({ ...apiOf(), audit });
    const rows = panelOf(root, 'Tokens and requests')?.querySelectorAll('li') ?? [];
    expect([...rows].map(({ textContent }) => textContent)).toEqual([
      'Tokens issued2',
      'Requests served1',
      'Refused by the policy1',
      'Refused by Microsoft1',
    ]);
    expect(rows[2]?.querySelector('a')?.getAttribute('href')).toBe('#/audit?outcome=policy');
    expect(from).toEqual([new Date(nowMs - 86_400_000).toISOString()]);
    await unmount();
    const other = await overview({ ...apiOf(), audit }, ['Runs.Read', 'Tenants.Read']);
    expect(panelOf(other.root, 'Tokens and requests')).toBeUndefined();
    await other.unmount();
  });

  it('says that jobs failed in the same tenants, and names the cause of the steepest rise', async () => {
    const runs: Api['runs'] = async (limit, job) => ({
      runs: (await apiOf().runs!(limit, job)).runs.map((run, at) => ({
        ...run,
        tenants: { ...run.tenants, failed: at < 4 ? 4 : 1 },
      })),
    });
    // The first run is the newest. Three more fail from the fourth on.
    const failed = (at: number) =>
      at > 3
        ? { throttled: ['a'] }
        : at > 0
          ? { throttled: ['a'], consent_required: ['b', 'c', 'd'] }
          : { throttled: ['a', 'b', 'x', 'y'] };
    const failedRuns: Api['failedRuns'] = async (limit, job) => ({
      runs: (await runs(limit, job)).runs.map((run, at) => ({ ...run, failed: failed(at) })),
    });
    const { root, unmount } = await overview({ ...apiOf(), runs, failedRuns });
    for (let round = 0; round < 8; round += 1) await pass(0);
    expect(panelOf(root, 'Jobs')?.querySelector('header .small')?.textContent).toMatch(
      /^The same 4 tenants failed in (?:all \d|\d of them)$/,
    );
    const mark = root.querySelector('.nights .mark a');
    expect(mark?.textContent).toBe('21 Nov: 3 more failed, “No consent for the application”');
    const then = world.runs.filter(({ job }) => job === 'access-check')[3];
    expect(mark?.getAttribute('href')).toBe(`#/runs/${encodeURIComponent(then!.runId)}`);
    await unmount();
  });

  it('says by how many thousands the failures rose, on a phone without the cause, which has no place there', async () => {
    const { happyDOM } = globalThis as unknown as { happyDOM: { setViewport(size: { width: number }): void } };
    onTestFinished(() => happyDOM.setViewport({ width: 1024 }));
    const runs: Api['runs'] = async (limit, job) => ({
      runs: (await apiOf().runs!(limit, job)).runs.map((run, at) => ({
        ...run,
        tenants: { ...run.tenants, failed: at < 4 ? 1_500 : 3 },
      })),
    });
    const failedRuns: Api['failedRuns'] = async (limit, job) => ({
      runs: (await runs(limit, job)).runs.map((run, at) => ({ ...run, failed: { throttled: at < 4 ? ['a'] : [] } })),
    });
    const said: unknown[] = [];
    for (const width of [1024, 360]) {
      happyDOM.setViewport({ width });
      const { root, unmount } = await overview({ ...apiOf(), runs, failedRuns });
      for (let round = 0; round < 8; round += 1) await pass(0);
      said.push(root.querySelector('.nights .mark')?.textContent);
      await unmount();
    }
    expect(said).toEqual([`21 Nov: 1,497 more failed, “${titleOf('throttled')}”`, '21 Nov: 1,497 more failed']);
  });

  it('draws in the trend of a cause what the chart says of it at a night, also of tenants that are well again', async () => {
    const [consent] = causesOf(world.tenants).filter(({ cause }) => cause === 'consent_required');
    const stays = consent?.tenants[0]?.tenant.tenantId ?? '';
    const [last] = world.runs.filter(({ job }) => job === 'access-check');
    // Two more had it from the seventeenth to the sixth night.
    const failedAt = (at: number): readonly string[] => (at > 16 ? [] : at > 4 ? [stays, 'x', 'y'] : [stays]);
    const runs: Api['runs'] = async (limit, job) => ({
      runs: Array.from({ length: job === 'access-check' ? 20 : 0 }, (_, at) => {
        const startedAt = new Date(Date.parse(last!.startedAt) - at * 86_400_000).toISOString();
        const tenants = { ...last!.tenants, failed: failedAt(at).length };
        return { ...last!, runId: `access-check@${at}`, startedAt, finishedAt: startedAt, tenants };
      }).slice(0, limit),
    });
    const failedRuns: Api['failedRuns'] = async (limit, job) => ({
      runs: (await runs(limit, job)).runs.map((run, at) => ({ ...run, failed: { consent_required: failedAt(at) } })),
    });
    const { root, unmount } = await overview({ ...apiOf(), runs, failedRuns });
    for (let round = 0; round < 8; round += 1) await pass(0);
    expect(root.querySelector('.nights .mark')?.textContent).toMatch(
      /: 3 more failed, “No consent for the application”$/,
    );
    const row = [...root.querySelectorAll('.cause')].find((one) => one.textContent.includes('No consent'));
    const values = Array.from({ length: 20 }, (_, at) => failedAt(19 - at).length);
    expect(row?.querySelector('.spark')?.getAttribute('aria-label')).toBe(
      `Tenants with this cause, night by night: ${values.join(', ')}`,
    );
    await unmount();
  });

  it.each([
    ['a cancelled run', { status: 'cancelled', outcome: 'cancelled' }, undefined],
    ['a run of days ago', { startedAt: '2026-11-20T04:30:00.000Z' }, undefined],
    ['a run of the evening before', { startedAt: '2026-11-23T20:00:00.000Z' }, 'The same 2 tenants failed in all 2'],
    ['a run of the same night', {}, 'The same 2 tenants failed in all 2'],
  ] as const)('says of %s whether its job failed in the same tenants as another one', async (_, more, words) => {
    const [one, two] = world.jobs.filter(({ schedule }) => schedule !== undefined);
    const runs: Api['runs'] = async (_limit, job) => {
      const [run] = world.runs.filter(({ outcome }) => outcome === 'partly_failed');
      const tenants = { ...run!.tenants, failed: 2 };
      return { runs: [{ ...run!, job: job!, runId: `${job}@w`, tenants, ...(job === one!.name ? more : {}) }] };
    };
    const failedRuns: Api['failedRuns'] = async (limit, job) => ({
      runs: (await runs(limit, job)).runs.map((run) => ({ ...run, failed: { throttled: ['a', 'b'] } })),
    });
    const jobs = async () => ({ jobs: [one!, two!] });
    const { root, unmount } = await overview({ ...apiOf(), jobs, runs, failedRuns });
    for (let round = 0; round < 8; round += 1) await pass(0);
    expect(jobRows(root)).toHaveLength(2);
    expect(panelOf(root, 'Jobs')?.querySelector('header .small')?.textContent).toBe(words);
    await unmount();
  });

  it('keeps the run of the night after a rerun over some tenants', async () => {
    const [last] = world.runs.filter(({ job }) => job === 'access-check');
    const again = {
      ...last!,
      runId: 'access-check@again',
      tenants: { ...last!.tenants, total: 2, failed: 2, succeeded: 0 },
    };
    const runs: Api['runs'] = async (limit, job) => {
      const { runs: known } = await apiOf().runs!(limit, job);
      return { runs: job === last!.job ? [again, ...known] : known };
    };
    const { root, unmount } = await overview({ ...apiOf(), runs });
    const link = jobRows(root)[0]?.querySelectorAll('a')[1];
    expect(link?.getAttribute('href')).toBe(`#/runs/${encodeURIComponent(last!.runId)}`);
    await unmount();
  });

  it('knows since when a cause lasts from the history of its tenants, where runs are deleted', async () => {
    const [, before] = world.runs.filter(({ job }) => job === 'access-check');
    const older = (daysBefore: number) => ({
      runId: `access-check@${daysBefore}`,
      startedAt: new Date(Date.parse(before!.startedAt) - daysBefore * 86_400_000).toISOString(),
      status: 'completed' as const,
      scope: 'all' as const,
      tenants: { ...before!.tenants, failed: 20 + daysBefore },
      counted: 1,
    });
    const asked: unknown[] = [];
    const jobHistory: Api['jobHistory'] = async (_job, { tenants }) => {
      asked.push(tenants);
      return { runs: [{ ...older(0), ...before! }, older(1), older(2)] } as never;
    };
    const runs: Api['runs'] = async (limit, job) => ({
      runs: (await apiOf().runs!(limit, job)).runs.slice(0, 1),
    });
    const { root, unmount } = await overview({ ...apiOf(), runs, jobHistory });
    await pass(0);
    const [consent] = causesOf(world.tenants).filter(({ cause }) => cause === 'consent_required');
    expect(asked).toContain(consent?.tenants.map(({ tenant }) => tenant.tenantId).join());
    expect([...root.querySelectorAll('.cause .since')].map(({ textContent }) => textContent)).toContain(
      'for 4 nights or more',
    );
    // For what causes others failed then is not known.
    expect(root.querySelector('.cause svg.spark')).toBeNull();
    await unmount();
  });

  it('says of one night that it is one', async () => {
    const runs: Api['runs'] = async (limit, job) => ({
      runs: (await apiOf().runs!(limit, job)).runs.slice(0, 1),
    });
    const { root, unmount } = await overview({ ...apiOf(), runs });
    expect(root.querySelector('.nights .small')?.textContent).toMatch(/^25 tenants visited in one night$/);
    expect(root.querySelector('.nights svg')?.getAttribute('aria-label')).toMatch(
      /^Tenants that failed in one night: /,
    );
    await unmount();
  });

  it('draws the nights of the main job', async () => {
    const [newest] = world.runs.filter(({ job }) => job === 'access-check');
    const nightOf = (daysBefore: number) =>
      ({ ...newest!, runId: `access-check@${daysBefore}`, scope: 'all', startedAt: before(daysBefore) }) as const;
    const before = (days: number): string => new Date(Date.parse(newest!.startedAt) - days * 86_400_000).toISOString();
    const asked: [job: string, days: number][] = [];
    const jobHistory: Api['jobHistory'] = async (job, { since = '' }) => {
      asked.push([job, Math.round((nowMs - Date.parse(since)) / 86_400_000)]);
      return { runs: Array.from({ length: 44 }, (_, days) => nightOf(days)) } as never;
    };
    const { root, unmount } = await overview({ ...apiOf(), jobHistory });
    await pass(0);
    expect(root.querySelectorAll('.nights svg g')).toHaveLength(44);
    const ofNights = asked.filter(([, days]) => days === 60);
    expect(new Set(ofNights.map(String))).toEqual(new Set(['access-check,60']));
    await unmount();
  });

  it('groups the tenants that need action, each cause with the command that helps', async () => {
    const { root, unmount } = await overview();
    for (let night = 0; night < 20; night += 1) await pass(0);
    const consent = [...root.querySelectorAll('.cause')].find((card) => card.textContent?.includes('No consent'));
    const [troubled] = world.tenants.filter(({ lastResults }) =>
      lastResults?.some(({ code }) => code === 'consent_required'),
    );
    expect(consent?.querySelector('a')?.getAttribute('href')).toBe(`#/tenants/${troubled?.tenantId}`);
    expect(consent?.querySelector('.cmd code')?.textContent).toBe(
      `ptb tenants consent --tenant ${troubled?.defaultDomain}`,
    );
    expect(consent?.querySelector('.since')?.textContent).toMatch(/^(since \d+ \w+|for \d+ nights? or more)$/);
    expect(root.querySelectorAll('.cause')).toHaveLength(7);
    expect(root.querySelectorAll('.cause[open]')).toHaveLength(1);
    await unmount();
  });

  it('says so if no customer needs anybody, and if there are none', async () => {
    const healthy = world.tenants.filter(
      ({ lastResults = [], reachable }) => reachable && !lastResults.some(({ outcome }) => outcome === 'failed'),
    );
    world = { ...world, tenants: healthy };
    const first = await overview();
    expect(first.root.querySelector('.empty')?.textContent).toBe(`✓ None of ${healthy.length} tenants needs you.`);
    expect(first.root.querySelector('h1')?.textContent).toBe('No tenant needs you');
    await first.unmount();
    world = { ...world, tenants: [], jobs: [] };
    const second = await overview();
    expect([...second.root.querySelectorAll('.empty')].map(({ textContent }) => textContent)).toEqual([
      'There is no customer tenant that you may see.',
      'There are no jobs.ptb jobs new NAME writes one.',
    ]);
    await second.unmount();
  });

  it('shows no check mark while it does not know the results, or the list may be incomplete', async () => {
    const healthy = world.tenants.filter(({ reason }) => reason === 'gdap_active');
    const unread = healthy.map((tenant) => ({ ...tenant, lastResults: undefined }));
    const answerWith = (tenants: World['tenants'], warnings: readonly string[]): Partial<Api> => ({
      ...apiOf(),
      tenants: async () => ({ tenants, groups: [], warnings, asOf: '2026-11-24T07:07:00.000Z' }),
    });
    const unknown = await overview(answerWith(unread, []));
    expect(unknown.root.querySelector('.empty')?.textContent).toBe(
      `It is not known whether jobs failed in ${unread.length} tenants.`,
    );
    expect(unknown.root.querySelector('h1')?.textContent).toBe('It is not known which tenants need you');
    await unknown.unmount();
    const some = await overview(answerWith([...unread, ...world.tenants.filter(({ reachable }) => !reachable)], []));
    expect(some.root.querySelector('h1')?.textContent).toMatch(/^At least \d+ of/);
    expect(some.root.textContent).toContain('It is not known whether jobs failed in the tenants');
    await some.unmount();
    const well = healthy.map((tenant) => ({ ...tenant, lastResults: [] }));
    const incomplete = await overview(answerWith(well, ['An old list.']));
    expect(incomplete.root.querySelector('.empty')?.textContent).toBe(`None of ${well.length} tenants needs you.`);
    await incomplete.unmount();
  });

  it('lists relationships that end soon', async () => {
    const { root, unmount } = await overview();
    const ending = world.tenants.filter(({ reason }) => reason === 'gdap_expiring');
    expect(root.querySelectorAll('.list .badge.warn')).toHaveLength(ending.length);
    expect(root.querySelector('.list')?.textContent).toContain(ending[0]?.name);
    await unmount();
  });

  it('asks only for what the roles allow', async () => {
    const { root, unmount } = await overview({ health: apiOf().health! }, ['Audit.Read']);
    expect([...root.querySelectorAll('h2')].map(({ textContent }) => textContent)).toEqual([]);
    await unmount();
  });

  it('says once that the broker does not answer, keeps what it had, and recovers', async () => {
    let isDown = false;
    const broken = async (): Promise<never> => {
      throw new ApiFailure({ title: 'The broker does not answer', detail: 'No.', advice: 'Wait.', transient: true });
    };
    const working = apiOf();
    const methods = Object.fromEntries(
      Object.entries(working).map(([name, method]) => [
        name,
        (...given: readonly unknown[]) =>
          isDown ? broken() : (method as (...a: readonly unknown[]) => unknown)(...given),
      ]),
    ) as Partial<Api>;
    const { root, unmount } = await overview(methods);
    isDown = true;
    await pass(60_000);
    expect(root.querySelectorAll('[role=alert]')).toHaveLength(1);
    expect(root.querySelector('[role=alert]')?.textContent).toMatch(
      /The page shows what it had at \d\d:\d\d:\d\d\. It tries again at/,
    );
    expect(root.querySelectorAll('.cause')).toHaveLength(7);
    isDown = false;
    await pass(60_000);
    expect(root.querySelectorAll('[role=alert]')).toHaveLength(0);
    await unmount();
  });

  it('says that the broker is slow while it waits', async () => {
    const { root, unmount } = await overview({ ...apiOf(), tenants: () => new Promise(() => undefined) });
    expect(root.textContent).not.toContain('slow');
    await pass(5_000);
    expect(root.querySelector('[role=status]')?.textContent).toBe('The broker is slow to answer.');
    await unmount();
  });
});

it('the drawer of the broker says until when each credential is valid, how it is renewed, and what its parts are', async () => {
  const polled = { failure: undefined, reload: vi.fn<() => void>() };
  const { root, rerender, unmount } = await rendered(
    <CredentialDrawer report={world.health} polled={polled} onClose={() => undefined} />,
  );
  const title = () => root.querySelector('dialog h2')?.textContent;
  const texts = [...root.querySelectorAll('dl')].map(({ textContent }) => textContent);
  expect(root.textContent).toContain('Credential: default');
  expect(texts[0]).toMatch(/Refresh tokenuntil .*, in \d+ days.*Rene.*Refresh token: every day/);
  expect(texts[1]).toContain('Last failure');
  expect(root.querySelectorAll('dl .badge.warn').length).toBeGreaterThan(0);
  expect(texts[2]).toContain('Audit checkpoints');
  // The policy page has the rules that nobody used.
  expect(root.textContent).not.toContain('not used');
  await act(() => root.querySelector<HTMLElement>('footer button')?.click());
  expect(polled.reload).toHaveBeenCalledOnce();
  expect(title()).toBe('The broker works, but needs attention');
  const well = { ...world.health, status: 'ok' } as const;
  await rerender(<CredentialDrawer report={well} polled={polled} onClose={() => undefined} />);
  expect(title()).toMatch(/^The client secret is valid for \d+ days$/);
  await unmount();
});

describe('the drawer of the broker', () => {
  type Application = (typeof world.health.applications)[number];
  const at = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString();
  const application: Application = {
    application: 'default',
    state: { status: 'ok' },
    mfa: true,
    obtainedAt: at(-1),
    expiresAt: at(89),
    daysLeft: 89,
    clientCredential: { kind: 'federated' },
    findings: [],
  };
  async function drawer(of: Partial<Application>, more: Partial<typeof world.health> = {}) {
    const parts = Object.entries(world.health).map(([name, part]) => [
      name,
      typeof part === 'object' && 'problem' in part ? { ...part, problem: undefined } : part,
    ]);
    const report = {
      ...(Object.fromEntries(parts) as typeof world.health),
      status: 'ok',
      applications: [{ ...application, ...of }],
      ...more,
    } as const;
    const shown = await rendered(
      <CredentialDrawer
        report={report}
        polled={{ failure: undefined, reload: () => undefined }}
        onClose={() => undefined}
      />,
    );
    const facts = [...shown.root.querySelectorAll('dl:first-of-type > div, dl > *')];
    const said = {
      head: [...shown.root.querySelectorAll('header h2, header .quiet')].map(({ textContent }) => textContent),
      text: shown.root.textContent ?? '',
      facts,
    };
    await shown.unmount();
    return said;
  }
  const notice = { severity: 'notice', code: 'rotation_overdue', message: 'Overdue.', advice: 'Find out.' } as const;
  const secret = { kind: 'secret', endsAt: at(40), daysLeft: 40 };

  it.each<[string, Partial<Application>, Partial<typeof world.health>, readonly string[]]>([
    [
      'the broker renews what ends first',
      {},
      {},
      ['The refresh token is valid for 89 days', 'The broker renews it every day. There is nothing to do.'],
    ],
    [
      'something is found that leaves the status ok',
      { findings: [notice] },
      {},
      ['The refresh token is valid for 89 days'],
    ],
    [
      'a part has a problem that leaves the status ok',
      {},
      { tenants: { status: 'ok', problem: 'No tenant.' } },
      ['The refresh token is valid for 89 days'],
    ],
    [
      'a secret ends first, which a person may have made',
      { clientCredential: secret },
      {},
      ['The client secret is valid for 40 days', 'There is nothing to do now.'],
    ],
    ['it is degraded', {}, { status: 'degraded' }, ['The broker works, but needs attention']],
    ['it is down', {}, { status: 'down' }, ['The broker is down']],
    [
      'nothing ends',
      { expiresAt: undefined, daysLeft: undefined },
      {},
      ['The broker works', 'There is nothing to do now.'],
    ],
  ])('says that there is nothing to do only if that is so: %s', async (_, of, more, head) => {
    expect((await drawer(of, more)).head).toEqual(head);
  });

  it('is busy while it checks again, says when that was, and shows that the broker does not answer', async () => {
    const reload = vi.fn<() => void>();
    const show = (loadedAtMs: number, failure?: ApiFailure) =>
      signedIn(
        {},
        <CredentialDrawer report={world.health} polled={{ failure, loadedAtMs, reload }} onClose={() => undefined} />,
      );
    const { root, rerender, unmount } = await rendered(show(1));
    const button = () => root.querySelector<HTMLElement>('footer button');
    await act(() => button()?.click());
    await act(() => button()?.click());
    expect([reload.mock.calls.length, button()?.textContent?.trim()]).toEqual([1, 'Checking…']);
    await rerender(show(2));
    expect(button()?.textContent?.trim()).toBe('Check again');
    expect(root.querySelector('[aria-live]')?.textContent).toMatch(/needs attention\. Checked at \d\d:\d\d:\d\d\.$/);
    await act(() => button()?.click());
    await rerender(show(2, new ApiFailure({ title: 'No answer', detail: 'No.', advice: 'Wait.', transient: true })));
    expect(root.querySelector('dialog [role=alert]')?.textContent).toContain('No answer');
    expect(button()?.textContent?.trim()).toBe('Check again');
    await unmount();
  });

  it('says nothing of a renewal without a refresh token, and shows no fault in that if none is needed', async () => {
    const none = { expiresAt: undefined, daysLeft: undefined, obtainedAt: undefined, mfa: undefined };
    expect((await drawer(none)).text).not.toMatch(/Renewal|every day/);
    const badge = ({ facts }: Awaited<ReturnType<typeof drawer>>) =>
      facts.map((fact) => fact.querySelector('.badge')?.className).find((name) => name !== undefined);
    expect(badge(await drawer(none))).toBe('badge idle');
    expect(badge(await drawer({ ...none, state: { status: 'down' } }))).toBe('badge bad');
  });

  it.each([
    ['refused', at(-0.5), false],
    ['confirmed', at(-0.5), true],
    // That was another token.
    ['confirmed', at(-2), false],
  ])('shows of MFA %s, if it was checked at %s with %s', async (word, checkedAt, compliant) => {
    expect((await drawer({ mfaProbe: { at: checkedAt, compliant } })).text).toMatch(new RegExp(`MFA${word}`));
  });

  it('does not know the end of a secret that was stored without one', async () => {
    expect((await drawer({ clientCredential: { kind: 'secret' } })).text).toContain('Client secretend not known');
    expect((await drawer({})).text).toContain('Client federateddoes not expire');
  });
});

describe('the nights of a job', () => {
  const ofJob = (name: string) => world.runs.filter(({ job }) => job === name);

  it('are the days up to the last run that ended, each with the run over most tenants', () => {
    const [last, before, ...older] = ofJob('mfa-report');
    const rerun = { ...last!, runId: 'rerun', tenants: { ...last!.tenants, total: 3, failed: 3 } };
    const nights = nightsOf([rerun, last!, ...older], 60);
    expect(nights).toHaveLength(14);
    expect(nights.at(-1)?.run?.runId).toBe(last?.runId);
    // A day without a run is no day without a failure.
    expect([nights.at(-2)?.run, before === undefined]).toEqual([undefined, false]);
    expect(nightsOf([last!], 60, 14).filter(({ run }) => run === undefined)).toHaveLength(13);
    expect([nightsOf([], 60), nightsOf(ofJob('mfa-report'), 5).length]).toEqual([[], 5]);
  });

  it('have no rerun over few tenants, also on a day without another run, but each run of the schedule', () => {
    const [last, ...older] = ofJob('mfa-report').map((run) => ({ ...run, runId: `mfa-report@${run.window}` }));
    const next = { startedAt: new Date(Date.parse(last!.startedAt) + 86_400_000).toISOString() };
    const few = { ...last!, ...next, tenants: { ...last!.tenants, total: 3, failed: 3 } };
    const lastOf = (newest: typeof few) => nightsOf([newest, last!, ...older], 60).at(-1)?.run?.runId;
    expect(lastOf({ ...few, runId: 'mfa-report@manual-1' })).toBe(last!.runId);
    expect(lastOf({ ...few, runId: 'mfa-report@2026-11-25T05:00Z' })).toBe('mfa-report@2026-11-25T05:00Z');
    const most = { ...few, runId: 'mfa-report@manual-2', tenants: { ...last!.tenants, total: 13 } };
    expect(lastOf(most)).toBe('mfa-report@manual-2');
    expect(lastRunOf([{ ...few, runId: 'mfa-report@manual-1' }, last!])?.runId).toBe(last!.runId);
    expect(lastRunOf([{ ...few, window: `apply-${'a'.repeat(32)}`, runId: 'x@y' }, last!])?.runId).toBe('x@y');
    // A rerun repeats a run of the schedule within days, and one that failed as a whole has repeated nothing.
    const started = { ...last!, runId: 'mfa-report@manual-0' };
    const much = { ...few, startedAt: new Date(Date.parse(last!.startedAt) + 8 * 86_400_000).toISOString() };
    const manual = { runId: 'mfa-report@manual-1' };
    expect(lastRunOf([{ ...few, ...manual }, started])?.runId).toBe(manual.runId);
    expect(lastRunOf([{ ...much, ...manual }, last!])?.runId).toBe(manual.runId);
    expect(lastRunOf([{ ...few, ...manual, status: 'failed' }, last!])?.runId).toBe(manual.runId);
    expect(lastRunOf([])).toBeUndefined();
  });

  it('have no run that goes on, no query and no apply', () => {
    const [last, before] = ofJob('mfa-report').map((run) => ({ ...run, runId: `mfa-report@${run.window}` }));
    const { finishedAt: _, ...active } = last!;
    const others = [active, { ...last!, query: '/users' }, { ...last!, window: `apply-${'a'.repeat(32)}` }];
    for (const other of others) expect(nightsOf([other, before!], 60).map(({ run }) => run)).toEqual([before]);
  });

  it('are those of the job that ran on most days', () => {
    const jobs = world.jobs.map((job) => ({ job, runs: ofJob(job.name).slice(0, job.name === 'mfa-report' ? 14 : 9) }));
    expect(mainJob(jobs)?.job.name).toBe('mfa-report');
    expect(mainJob([])).toBeUndefined();
  });

  it('show how many tenants a cause had, and since when', () => {
    const at = (day: number, codes: Readonly<Record<string, string>>) => ({
      run: { ...world.runs[0]!, startedAt: `2026-11-${day}T05:00:00.000Z` },
      codes: new Map(Object.entries(codes)),
    });
    const nights = [
      at(20, { a: 'consent_required', b: 'throttled' }),
      at(21, { b: 'throttled' }),
      at(22, { a: 'consent_required' }),
      at(23, { a: 'consent_required', c: 'consent_required', d: 'tenant_not_delegated' }),
    ];
    const trend = (cause: string, ids: readonly string[]) =>
      trendOf({ cause, tenants: ids.map((tenantId) => ({ tenant: { tenantId } as never, results: [] })) }, nights);
    expect(trend('consent_required', ['a', 'c'])).toEqual({
      values: [1, 0, 1, 2],
      since: 'since 22 Nov',
      later: new Map([['c', 'since 23 Nov']]),
    });
    // Another tenant had it before and is well: the trend shows that, and what is wrong now began later.
    expect(trend('consent_required', ['c'])).toMatchObject({ values: [1, 0, 1, 2], since: 'since 23 Nov' });
    // Runs do not know why there is no access: there the tenants of now are counted.
    expect(trend('gdap_expired', ['d'])).toMatchObject({ values: [0, 0, 0, 1], since: 'since 23 Nov' });
    expect(trend('gdap_expired', ['a', 'b'])?.since).toBe('for 4 nights or more');
    expect(trend('throttled', ['b'])).toBeUndefined();
    // A change is made once, and no night shows it.
    const change = (runId: string) => {
      const result = { runId, finishedAt: '2026-11-21T05:00:00.000Z' } as never;
      return trendOf({ cause: 'change_failed', tenants: [{ tenant: world.tenants[0]!, results: [result] }] }, nights);
    };
    expect(change(`harden@apply-${'a'.repeat(32)}`)).toMatchObject({ values: [], since: 'since 21 Nov' });
    expect(change('harden@plan')).toBeUndefined();
    // The nights before are in the history of these tenants, which has no codes.
    const past = [18, 19, 20, 21, 22].map((day, failed) => {
      const { run } = at(day, {});
      return { ...run, runId: run.startedAt, finishedAt: run.startedAt, tenants: { ...run.tenants, failed } };
    });
    const cause = (cause: string) => ({ cause, tenants: [{ tenant: { tenantId: 'a' } as never, results: [] }] });
    const [, , ...last] = nights;
    // Nobody came later than those of the nights before.
    expect(trendOf(cause('consent_required'), last, past)).toEqual({
      values: [1, 2],
      since: 'since 19 Nov',
      later: new Map(),
    });
    expect(trendOf(cause('consent_required'), nights, past)?.since).toBe('since 22 Nov');
    expect(trendOf(cause('consent_required'), [], past)?.since).toBe('since 19 Nov');
  });

  it('are bars of which one failure among thousands still shows, and a night without a number is a line', async () => {
    const bars = [
      { key: 'a', title: 'a', value: 5_000 },
      { key: 'b', title: 'b', value: undefined },
      { key: 'c', title: 'c', value: 1 },
    ];
    const { root, unmount } = await rendered(<FailureBars bars={bars} label="l" ends={['f', 'm', 't']} />);
    expect([...root.querySelectorAll('g rect[class]')].map((bar) => bar.getAttribute('class'))).toEqual([
      'bad before',
      'rest',
      'bad',
    ]);
    expect(Number(root.querySelector('g:last-of-type rect[class]')?.getAttribute('height'))).toBeGreaterThanOrEqual(2);
    expect(root.querySelector('.y')?.textContent).toBe('6,0004,0002,0000');
    expect(root.querySelector('.x')?.textContent).toBe('fmt');
    await unmount();
  });
});
