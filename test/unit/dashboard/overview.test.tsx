// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiFailure } from '../../../dashboard/app/api-failure.ts';
import type { Api } from '../../../dashboard/app/api.ts';
import { briefCounts } from '../../../dashboard/app/job-strips.tsx';
import { OverviewView } from '../../../dashboard/app/overview-view.tsx';
import { RunStrip, stripText } from '../../../dashboard/app/run-strip.tsx';
import { lifeSpent, momentsOf } from '../../../dashboard/app/timeline.ts';
import { outcomeStyle, outcomeWord, runOutcomes } from '../../../src/lib/core/outcomes.ts';
import { createWorld, type World } from '../../e2e/pages/fixture/world.ts';
import { rendered } from './rendered.ts';
import { everyRole, signedIn } from './signed-in.tsx';

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
  tenants: async () => ({ tenants: world.tenants, groups: [], warnings: [], asOf: '2026-11-24T07:07:00.000Z' }),
});

const pass = (ms: number): Promise<void> => act(() => vi.advanceTimersByTimeAsync(ms).then(() => undefined));

async function overview(methods: Partial<Api> = apiOf(), roles = everyRole) {
  const page = await rendered(signedIn(methods, <OverviewView />, roles));
  await pass(0);
  return page;
}

describe('the overview', () => {
  it('answers the three questions', async () => {
    const { root, unmount } = await overview();
    const answers = [...root.querySelectorAll('.answers li')].map(({ textContent }) => textContent);
    expect(answers).toEqual([
      'Is the credential healthy?degraded8 days left on a client secret',
      'Which customers need me?7 of 25 tenants',
      'What did the last runs bring?3 ! partly failed1 ▶ running',
    ]);
    await unmount();
  });

  it('groups the tenants that need action, each cause with the command that helps', async () => {
    const { root, unmount } = await overview();
    const consent = [...root.querySelectorAll('.cause')].find((card) => card.textContent?.includes('no consent'));
    const [troubled] = world.tenants.filter(({ lastResults }) =>
      lastResults?.some(({ code }) => code === 'consent_required'),
    );
    expect(consent?.querySelector('a')?.getAttribute('href')).toBe(`#/tenants/${troubled?.tenantId}`);
    expect(consent?.querySelector('.command code')?.textContent).toBe(
      `ptb tenants consent --tenant ${troubled?.tenantId}`,
    );
    // The others are one click away.
    expect(root.querySelectorAll('.cause')).toHaveLength(4);
    const more = [...root.querySelectorAll('button')].find(({ textContent }) => textContent === 'Show 3 more causes');
    await act(() => more?.click());
    expect(root.querySelectorAll('.cause')).toHaveLength(7);
    await unmount();
  });

  it('says so if no customer needs anybody, and if there are none', async () => {
    const healthy = world.tenants.filter(
      ({ lastResults = [], reachable }) => reachable && !lastResults.some(({ outcome }) => outcome === 'failed'),
    );
    world = { ...world, tenants: healthy };
    const first = await overview();
    expect(first.root.querySelector('.empty')?.textContent).toBe(`✓ None of ${healthy.length} tenants needs you.`);
    await first.unmount();
    world = { ...world, tenants: [], jobs: [] };
    const second = await overview();
    expect([...second.root.querySelectorAll('.empty')].map(({ textContent }) => textContent)).toEqual([
      'There is no customer tenant that you may see.',
      'There are no jobs. ptb jobs new NAME writes one.',
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
    expect(unknown.root.querySelectorAll('.answers li')[1]?.textContent).toBe('Which customers need me?not known');
    await unknown.unmount();
    const some = await overview(answerWith([...unread, ...world.tenants.filter(({ reachable }) => !reachable)], []));
    expect(some.root.querySelectorAll('.answers li')[1]?.textContent).toMatch(/at least \d+ of/);
    expect(some.root.textContent).toContain('It is not known whether jobs failed in the tenants');
    await some.unmount();
    const well = healthy.map((tenant) => ({ ...tenant, lastResults: [] }));
    const incomplete = await overview(answerWith(well, ['An old list.']));
    expect(incomplete.root.querySelector('.empty')?.textContent).toBe(`None of ${well.length} tenants needs you.`);
    await incomplete.unmount();
  });

  it('shows when each job runs next, in words and in local time', async () => {
    const { root, unmount } = await overview();
    const next = root.querySelector('.job-next');
    expect(next?.textContent).toContain('At 04:30 UTC');
    expect(next?.querySelector('time')?.getAttribute('datetime')).toBe('2026-11-25T04:30:00.000Z');
    await unmount();
  });

  it('lists relationships that end soon', async () => {
    const { root, unmount } = await overview();
    const ending = world.tenants.filter(({ reason }) => reason === 'gdap_expiring');
    expect(root.querySelectorAll('.ending li')).toHaveLength(ending.length);
    expect(root.querySelector('.ending')?.textContent).toContain(ending[0]?.name);
    await unmount();
  });

  it('asks only for what the roles allow', async () => {
    const { root, unmount } = await overview({ health: apiOf().health! }, ['Audit.Read']);
    expect(root.querySelector('.answers')?.children).toHaveLength(1);
    expect(root.textContent).not.toContain('Customers that need you');
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
    expect(root.querySelectorAll('.cause')).toHaveLength(4);
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

describe('the timeline of a credential', () => {
  it('has the moments in their order, and warns of an end within the threshold', () => {
    const [first, second] = world.health.applications;
    expect(momentsOf(second!, nowMs).map(({ title, tone }) => [title, tone])).toEqual([
      ['Token obtained', 'good'],
      ['Last failure', 'warn'],
      ['Last rotation', 'good'],
      ['Now', 'active'],
      ['Secret ends', 'warn'],
      ['Token expires', 'idle'],
    ]);
    const late = nowMs + 400 * 86_400_000;
    expect(momentsOf(first!, late).filter(({ tone }) => tone === 'bad')).toHaveLength(2);
    expect(lifeSpent(first!, nowMs)).toBeCloseTo(12.2 / 90, 3);
    expect([lifeSpent(first!, late), lifeSpent({ ...first!, expiresAt: undefined }, nowMs)]).toEqual([1, undefined]);
  });
});

describe('the strip of runs', () => {
  it('says in words what it draws', () => {
    const runs = world.runs.filter(({ job }) => job === 'mfa-report');
    expect(stripText(runs)).toBe('Last 14 runs: 13 partly failed, 1 stopped.');
    expect(stripText(runs.slice(0, 1))).toBe('Last run: 1 partly failed.');
    expect(stripText([])).toBe('No runs yet.');
  });

  it.each(runOutcomes)('shows the outcome %s with the word and tone of the table', async (outcome) => {
    const [run] = world.runs;
    const { root, unmount } = await rendered(<RunStrip runs={[{ ...run!, outcome }]} />);
    const column = root.querySelector('.strip a');
    expect(column?.getAttribute('title')).toContain(`: ${outcomeWord(outcome)}, `);
    expect(column?.className).toBe(outcomeStyle(outcome).tone);
    await unmount();
  });

  it('draws one failure among thousands', async () => {
    const [run] = world.runs;
    const tenants = { total: 5_000, succeeded: 4_999, failed: 1, skipped: 0, notAttempted: 0 };
    const { root, unmount } = await rendered(<RunStrip runs={[{ ...run!, tenants }]} />);
    expect(Number(root.querySelector('rect.failed')?.getAttribute('height'))).toBeGreaterThanOrEqual(2);
    await unmount();
  });

  it.each([
    [{ total: 0, succeeded: 0, failed: 0, skipped: 0, notAttempted: 0 }, 'starting', 'listing tenants'],
    [
      { total: 5_000, succeeded: 4_000, failed: 1_000, skipped: 0, notAttempted: 0 },
      'partly_failed',
      '1,000 failed of 5,000',
    ],
    [{ total: 9, succeeded: 3, failed: 0, skipped: 0, notAttempted: 6 }, 'stopped', '6 not attempted of 9'],
    [{ total: 9, succeeded: 9, failed: 0, skipped: 0, notAttempted: 0 }, 'succeeded', '9 succeeded of 9'],
  ] as const)('shortens the counts %j of a run that is %s', (tenants, outcome, text) => {
    expect(briefCounts({ tenants, outcome })).toBe(text);
  });
});
