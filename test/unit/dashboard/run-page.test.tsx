// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Api } from '../../../dashboard/app/api.ts';
import { ApiFailure } from '../../../dashboard/app/api-failure.ts';
import { localTime } from '../../../dashboard/app/format.ts';
import { SignedInContext } from '../../../dashboard/app/context.ts';
import { Keys } from '../../../dashboard/app/run-timeline.tsx';
import { RunView } from '../../../dashboard/app/run-view.tsx';
import { ResultTable } from '../../../dashboard/app/result-table.tsx';
import type { JobHistoryAnswer } from '../../../src/lib/api/answers/history.ts';
import type { ResultRow, RunAnswer, RunChangesAnswer, RunTenant } from '../../../src/lib/api/answers/runs.ts';
import { jobHistory } from './histories.ts';
import { apiWith, rendered, session } from './rendered.ts';
import { failed, tenant } from './tenants.ts';

const { happyDOM } = globalThis as unknown as { happyDOM: { setViewport(size: { width: number }): void } };

const counts = { total: 3, succeeded: 1, failed: 1, skipped: 0, notAttempted: 0 };
const runWith = (more: Partial<RunAnswer> = {}): RunAnswer => ({
  runId: 'probe@w',
  job: 'probe',
  window: 'w',
  status: 'completed',
  outcome: 'partly_failed',
  tenants: { ...counts, skipped: 1 },
  startedBy: 'timer',
  startedAt: '2026-11-24T05:00:00.000Z',
  finishedAt: '2026-11-24T05:00:05.000Z',
  durationMs: 5_000,
  warnings: [],
  progress: { done: 3, retrying: 0, total: 3 },
  failures: [],
  ...more,
});
const running = (more: Partial<RunAnswer> = {}): RunAnswer => {
  const { finishedAt: _, ...run } = runWith({ status: 'running', outcome: 'running', ...more });
  return run;
};

const id = (n: number): string => `6f9c1f0e-3b8a-4d59-9a51-5c2f3f1a7b1${n}`;
const tenants: readonly RunTenant[] = [
  { tenantId: id(1), name: 'Adatum', outcome: 'succeeded', attempts: 1, rows: 2 },
  {
    tenantId: id(2),
    name: 'Fabrikam',
    outcome: 'failed',
    code: 'consent_required',
    detail: 'Nobody has consented (AADSTS65001).',
    attempts: 1,
    rows: 0,
    startedAt: '2026-11-24T05:00:01.000Z',
    finishedAt: '2026-11-24T05:00:02.500Z',
  },
  { tenantId: id(3), name: 'Contoso', outcome: 'skipped', attempts: 0, rows: 0 },
];
const codes = [{ code: 'consent_required', title: 'Consent is missing', advice: 'Ask for `<id>`.' }] as const;
const row = (n: number) => ({ tenantId: id(1), tenantName: 'Adatum', tenantDomain: 'adatum.com', licences: n });

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});
/** Lets time pass, and then the requests that the answers until then cause. */
async function pass(ms: number): Promise<void> {
  for (const step of [ms, 0, 0]) await act(() => vi.advanceTimersByTimeAsync(step).then(() => undefined));
}

type Part = Parameters<typeof RunView>[0]['part'];

async function open(methods: Partial<Api>, part?: Part) {
  const api = apiWith({
    run: async () => runWith(),
    runTenants: async () => ({ runId: 'probe@w', status: 'completed', tenants, codes: [...codes] }),
    jobs: async () => ({
      jobs: [
        {
          name: 'probe',
          title: 'Probe of each tenant',
          resources: [],
          parameters: { type: 'object', properties: {}, additionalProperties: false },
          timeoutSeconds: 1,
          columns: [{ name: 'licences', title: 'Licences', type: 'number' }],
        },
      ],
    }),
    rows: async () => ({ rows: [row(1_500), row(20)] }),
    runs: async () => ({ runs: [] }),
    ...methods,
  });
  const value = { session: { ...session, roles: ['Runs.Read', 'Runs.Write', 'Tenants.Read'] }, api };
  const show = (shown: Part) => (
    <SignedInContext.Provider value={value}>
      <RunView runId="probe@w" part={shown} />
    </SignedInContext.Provider>
  );
  const page = await rendered(show(part));
  await pass(0);
  const text = (): string => page.root.textContent;
  const grid = (): string[][] =>
    [...page.root.querySelectorAll('[role=grid] [role=row]')].map((line) =>
      [...line.children].map(({ textContent }) => textContent),
    );
  return { ...page, text, grid, part: (next: Part) => page.rerender(show(next)).then(() => pass(0)) };
}

describe('the page of a run', () => {
  it('shows the tenants first, the failed ones on top, and the job by its title', async () => {
    const { grid, root, unmount } = await open({});
    expect(root.querySelector('h1')?.textContent).toBe(
      'Probe of each tenant: 1 of 3 tenants answered, 1 failed, 1 skipped',
    );
    expect(root.querySelector('.crumbs')?.textContent).toBe('Runs/Probe of each tenant');
    expect(grid().map(([name, outcome]) => [name, outcome])).toEqual([
      ['Tenant', 'Result'],
      [
        '1Consent is missing Give the consent, wait about three minutes, then try again. Copy command for Consent is missingTry again in this tenant… No consent for the application',
        undefined,
      ],
      ['Fabrikam', 'failed: No consent for the application Nobody has consented. AADSTS65001'],
      ['1Skipped', undefined],
      ['Contoso', 'skipped'],
      ['1Succeeded', undefined],
      ['Adatum', 'succeeded'],
    ]);
    const again = [...root.querySelectorAll('button')].find(({ textContent }) =>
      textContent.includes('Run again for 1'),
    );
    expect(again?.className).toBe('primary');
    expect(grid()[2]?.[3]).toBe('1.5 s');
    // One round of a few seconds needs no clock.
    expect(root.querySelector('.lanes')).toBeNull();
    await unmount();
  });

  it('has one line for many that succeeded below those that did not, which opens, and says when it ended', async () => {
    const well = Array.from({ length: 11 }, (_, n) => ({
      ...tenants[0]!,
      tenantId: `well-${n}`,
      name: `Well ${n}`,
    }));
    const { grid, root, unmount } = await open({
      runTenants: async () => ({ runId: 'probe@w', status: 'completed', tenants: [...well, tenants[1]!], codes: [] }),
    });
    const heads = ['Tenant', expect.stringMatching(/^1No consent/), 'Fabrikam', '11Succeeded 22 rows Show them'];
    const names = () => grid().map(([name]) => name);
    expect(names()).toEqual(heads);
    const press = (text: string) =>
      act(() => [...root.querySelectorAll('button')].find(({ textContent }) => textContent.trim() === text)?.click());
    await press('Show them');
    expect(names()).toEqual([...heads, ...well.map(({ name }) => name)]);
    await press('Show them');
    expect(names()).toEqual(heads);
    // Who filters wants to see what is found.
    await press('11 succeeded');
    expect(names()).toHaveLength(1 + 1 + well.length);
    expect(root.querySelector('.about')?.textContent).toMatch(/ended \d\d:\d\d, took /);
    await unmount();
  });

  it('offers another try first where it may help, and says how many were needed', async () => {
    const busy = { ...tenants[1]!, code: 'throttled', attempts: 3 } as const;
    const { root, grid, unmount } = await open({
      runTenants: async () => ({ runId: 'probe@w', status: 'completed', tenants: [busy], codes: [] }),
    });
    const again = [...root.querySelectorAll('button')].find(({ textContent }) =>
      textContent.includes('Run again for 1'),
    );
    expect(again?.className).toBe('primary');
    expect(grid()[2]?.slice(3)).toEqual(['3', '1.5 s']);
    await unmount();
  });

  it('shows two columns on a phone, with what came of a tenant below its name, and leads back to the causes', async () => {
    happyDOM.setViewport({ width: 360 });
    const { grid, root, unmount } = await open({});
    const causes = [
      ['Tenant', 'Rows'],
      [
        '1Consent is missing Give the consent, wait about three minutes, then try again. Copy command for Consent is missingTry again in this tenant… No consent for the application',
      ],
      ['Fabrikamfailed: No consent for the application Nobody has consented. AADSTS65001', '–1.5 s'],
      ['1Skipped'],
      ['Contososkipped', '–'],
      ['1Succeeded'],
      ['Adatumsucceeded', '2'],
    ];
    expect(grid()).toEqual(causes);
    const press = (text: string) =>
      act(() => [...root.querySelectorAll('button')].find(({ textContent }) => textContent === text)?.click());
    await press('Rows');
    expect(grid().map(([name]) => name?.slice(0, 6))).toEqual(['Tenant', 'Contos', 'Fabrik', 'Adatum']);
    await press('Sort by trouble');
    expect(grid()).toEqual(causes);
    expect(root.textContent).not.toContain('Sort by trouble');
    // The button that had the focus is gone.
    expect(document.activeElement?.closest('[role=grid]')).not.toBeNull();
    await unmount();
    happyDOM.setViewport({ width: 1024 });
  });

  it('shows the rows of a run that succeeded first, in typed columns', async () => {
    const { grid, root, unmount } = await open({ run: async () => runWith({ outcome: 'succeeded' }) });
    expect(grid()).toEqual([
      ['Tenant', 'Licences'],
      ['Adatum', '1,500'],
      ['Adatum', '20'],
    ]);
    expect(root.querySelector('[role=gridcell]')?.classList.contains('end')).toBe(true);
    await unmount();
  });

  it('keeps showing the tenants when the run ends well', async () => {
    let run = running();
    const { root, unmount } = await open({
      run: async () => run,
      runTenants: async () => ({ runId: 'probe@w', status: run.status, tenants, codes: [] }),
    });
    run = runWith({ outcome: 'succeeded' });
    await pass(4_000);
    expect(root.querySelector('.about .badge')?.textContent).toBe('succeeded');
    expect(root.querySelector('[role=grid]')?.getAttribute('aria-label')).toBe('Tenants of the run');
    await unmount();
  });

  it.each([
    ['starting', 0],
    ['running', 3],
  ] as const)(
    'never shows a red bar or an estimate for a run that is %s and has done nothing',
    async (outcome, total) => {
      const none = { total, succeeded: 0, failed: 0, skipped: 0, notAttempted: 0 };
      const { root, text, unmount } = await open({
        run: async () => running({ outcome, tenants: none, progress: { done: 0, retrying: 0, total } }),
        runTenants: async () => ({ runId: 'probe@w', status: 'running', tenants: [], codes: [] }),
      });
      const red = [...root.querySelectorAll('.bar .failed')].filter((part) => Number(part.getAttribute('width')) > 0);
      expect([red.length, text().includes(' left')]).toEqual([0, false]);
      expect(root.querySelector('h1')?.textContent).toBe(
        `Probe of each tenant: ${outcome === 'starting' ? 'The tenants are being listed' : '0 of 3 tenants done'}`,
      );
      await unmount();
    },
  );

  it('says how long a run will take once its pace is known', async () => {
    const progress = { done: 50, retrying: 0, total: 200 };
    const { text, unmount } = await open({ run: async () => running({ durationMs: 120_000, progress }) });
    expect(text()).toContain('about 6 min left');
    await unmount();
  });

  it('shows a tenant with its error, what to do with its id in it, and what the job logged', async () => {
    const asked: string[] = [];
    const { root, text, unmount } = await open({
      runTenant: async (_runId, tenantId) => {
        asked.push(tenantId);
        return { ...tenants[1]!, runId: 'probe@w', error: 'Error: x', log: [], droppedLines: 0 };
      },
      tenant: async () => ({
        ...tenant('Fabrikam', { tenantId: id(2), lastResults: [failed('probe'), failed('other')] }),
        history: [{ ...failed('probe'), attempts: 1, rows: 0, startedAt: '2026-11-24T05:00:01.000Z' }],
        codes: [],
        warnings: [],
        asOf: '2026-11-24T07:07:00.000Z',
      }),
      jobHistory: async () => jobHistory,
    });
    const press = (element: Element | null | undefined): Promise<void> => act(() => (element as HTMLElement).click());
    await press(root.querySelector('[aria-rowindex="3"] > [aria-colindex="2"]'));
    await pass(0);
    const dialog = root.querySelector('dialog');
    expect(dialog?.querySelector('h2')?.textContent).toBe('Fabrikam');
    expect(dialog?.textContent).toContain('Nobody has consented. AADSTS65001');
    expect(dialog?.textContent).toContain(id(2));
    expect(dialog?.querySelector('.cmd code')?.textContent).toBe(`ptb tenants consent --tenant ${id(2)}`);
    expect(dialog?.querySelector('footer a')?.getAttribute('href')).toBe(`#/tenants/${id(2)}`);
    // What decides whether to try again, and the button for it first.
    expect(dialog?.querySelector('dl')?.textContent).toMatch(/^Has failed(?:for|since) .*Also failsother/);
    const again = dialog?.querySelector('footer')?.firstElementChild;
    expect(again?.textContent.trim()).toBe('Try again…');
    // Its cause is known, so the stack is for those who look for it.
    expect(dialog?.querySelector('details')?.open).toBe(false);
    expect(dialog?.querySelector('pre')?.textContent).toBe('Error: x');
    expect(asked).toEqual([id(2)]);
    await press(again);
    const start = root.querySelector('dialog');
    expect(start?.querySelector('h2')?.textContent).toBe('Start Probe of each tenant');
    expect(start?.querySelector('button.primary')?.textContent).toBe('Start for 1 tenant');
    await press(start?.querySelector('button'));
    await press(root.querySelector('dialog button'));
    expect([root.querySelector('dialog'), text().includes('Nobody has consented. AADSTS65001')]).toEqual([null, true]);
    await unmount();
  });

  it.each([
    ['a later success', [{ ...failed('probe'), outcome: 'succeeded', runId: 'probe@later' }], /^Since thensucceeded/],
    [
      'an apply, which is not the plan that failed',
      [{ ...failed('probe'), outcome: 'succeeded', runId: `probe@apply-${'0'.repeat(32)}` }],
      /^(?!Since then).*Also failsno other job/,
    ],
    ['nothing, if the results cannot be read', undefined, /^(?!Since then|Has failed|Also fails)/],
  ] as const)('says of a tenant that failed: %s', async (_, lastResults, words) => {
    const { root, unmount } = await open({
      runTenant: async () => ({ ...tenants[1]!, runId: 'probe@w', log: [], droppedLines: 0 }),
      tenant: async () => ({
        ...tenant('Fabrikam', { tenantId: id(2) }),
        lastResults,
        history: [],
        codes: [],
        warnings: [],
        asOf: '2026-11-24T07:07:00.000Z',
      }),
      jobHistory: async () => jobHistory,
    });
    await act(() => root.querySelector<HTMLElement>('[aria-rowindex="3"] > [aria-colindex="2"]')?.click());
    await pass(0);
    expect(root.querySelector('dialog dl')?.textContent).toMatch(words);
    await unmount();
  });

  it('says that a run without earlier runs has nothing to compare with, and asks once', async () => {
    let asked = 0;
    const { text, unmount } = await open(
      {
        changes: async () => {
          asked += 1;
          const detail = 'The job has no earlier completed run.';
          throw new ApiFailure({ code: 'run_not_found', title: 'T', detail, advice: '', transient: false });
        },
      },
      'changes',
    );
    await pass(120_000);
    expect([text().includes('The job has no earlier completed run.'), asked]).toEqual([true, 1]);
    await unmount();
  });

  it('compares only a run that has visited all its tenants', async () => {
    const { text, unmount } = await open({ run: async () => running() }, 'changes');
    expect(text()).toContain('when it has visited all its tenants');
    await unmount();
  });
});

describe('the rows of licences', () => {
  const declared = [
    { name: 'product', title: 'Product', type: 'text' },
    { name: 'skuPartNumber', title: 'Part number', type: 'text' },
    { name: 'status', title: 'Status', type: 'text' },
  ] as const;
  const of = (n: number, product: string, skuPartNumber: string, status: string) =>
    ({ tenantId: id(n), tenantName: `T${n}`, tenantDomain: 't.example', product, skuPartNumber, status }) as ResultRow;
  const rows = [
    of(1, 'VISIO', 'SPE_E5', 'Enabled'),
    of(1, id(9), 'Teams_Premium', 'Warning'),
    of(2, 'Warning', 'FLOW', 'Enabled'),
  ];
  const table = async (columns: Parameters<typeof ResultTable>[0]['declared'] = declared) => {
    const page = await rendered(<ResultTable rows={rows} declared={columns} summed={[]} areAll />);
    return { ...page, textsOf: (name: string) => [...page.root.querySelectorAll(name)].map((one) => one.textContent) };
  };

  it('show a grace period as a warning, and ids, codes and the name of the row before pale', async () => {
    const { textsOf, unmount } = await table();
    expect([textsOf('.warning'), textsOf('.pale')]).toEqual([
      ['in grace period'],
      ['SPE_E5', 'T1', id(9), 'Teams_Premium', 'FLOW'],
    ]);
    await unmount();
  });

  it('show the name of a tenant in ink where it is the first of a group', async () => {
    const { root, textsOf, unmount } = await table();
    expect(textsOf('[role=rowheader] .pale')).toEqual(['T1']);
    const group = [...root.querySelectorAll('select')].find(({ textContent }) => textContent.startsWith('nothing'))!;
    group.value = 'status';
    await act(() => void group.dispatchEvent(new Event('change', { bubbles: true })));
    expect(textsOf('[role=rowheader] .pale')).toEqual([]);
    await unmount();
  });

  it('have the columns that fit, and those that are chosen', async () => {
    vi.spyOn(HTMLElement.prototype, 'clientWidth', 'get').mockReturnValue(480);
    onTestFinished(() => void vi.restoreAllMocks());
    const { root, textsOf, unmount } = await table();
    expect(textsOf('[role=columnheader]')).toEqual(['Tenant', 'Product']);
    expect(textsOf('.columns summary')).toEqual(['Columns 2 of 6']);
    const choice = [...root.querySelectorAll('.columns label')].find(({ textContent }) =>
      textContent.includes('Status'),
    );
    await act(() => choice?.querySelector('input')?.click());
    expect(textsOf('[role=columnheader]')).toEqual(['Tenant', 'Product', 'Status']);
    await unmount();
  });

  it('say the state once on a narrow screen', async () => {
    happyDOM.setViewport({ width: 360 });
    onTestFinished(() => happyDOM.setViewport({ width: 1024 }));
    const [, , status] = declared;
    const { textsOf, unmount } = await table([status]);
    expect(textsOf('.two-lines .small')).toEqual(['active', 'in grace period', 'active']);
    await unmount();
  });

  it('have the first number and the last of the next two on a narrow screen', async () => {
    happyDOM.setViewport({ width: 360 });
    onTestFinished(() => happyDOM.setViewport({ width: 1024 }));
    const numbers = ['licences', 'assigned', 'free', 'other'].map((name) => ({ name, title: name, type: 'number' }));
    const { textsOf, unmount } = await table(numbers as never);
    expect(textsOf('[role=columnheader]')).toEqual(['Tenant', 'licences', 'free']);
    await unmount();
  });
});

it('says that nothing changed, and of each tenant once why it could not be compared', async () => {
  const named = (...names: string[]) => names.map((name) => ({ tenantId: name, name }));
  const said = async (failed: readonly string[], answer: Partial<RunChangesAnswer>, total = 3) => {
    const counts = { total, succeeded: total - failed.length, failed: failed.length, skipped: 0, notAttempted: 0 };
    const { root, unmount } = await open(
      {
        run: async () => runWith({ failures: named(...failed) as never, tenants: counts }),
        changes: async () => ({
          runId: 'probe@w',
          comparedWith: 'probe@v',
          changes: [],
          truncated: false,
          comparedTenants: 1,
          onlyBefore: [],
          onlyAfter: [],
          ...answer,
        }),
      },
      'changes',
    );
    const texts = [...root.querySelectorAll('[aria-label=Changes] [role=status] :is(b, p)')].map(({ textContent }) =>
      textContent.trim(),
    );
    await unmount();
    return texts;
  };
  expect(await said([], { comparedTenants: 3 })).toEqual(['✓ Nothing changed in 3 tenants since the run before.']);
  // Nothing was compared.
  expect((await said([], { comparedTenants: 0 }))[0]).toBe('No tenant can be compared with the run before.');
  // What succeeded before and fails now has been counted among what fails.
  const onlyBefore = named('Adatum', 'B', 'C', 'D', 'E', 'F', 'G');
  expect(await said(['Adatum', 'New'], { onlyBefore, onlyAfter: named('Fabrikam') }, 12)).toEqual([
    '✓ Nothing changed in 1 tenant since the run before.',
    '2 tenants failed and are not compared. 6 tenants succeeded only in the run before: B, C, D, E, F and 1 other. 1 tenant succeeded only in this run: Fabrikam. 2 other tenants succeeded in neither run.',
  ]);
  // The list of tenants was longer the night before.
  expect((await said([], { onlyBefore: named('A', 'B', 'C') }))[1]).toBe(
    '3 tenants succeeded only in the run before: A, B, C.',
  );
  const change = { tenantId: 'Adatum', name: 'Adatum', change: 'added', after: {} } as const;
  expect(await said(['New'], { changes: [change] })).toEqual([
    '1 change in 1 tenant since the run before.',
    '1 tenant failed and is not compared. 1 other tenant succeeded in neither run.',
  ]);
});

it.each([
  ['where both runs are over as many tenants', 50],
  ['not where they are over others', 49],
])('says with which run a run was compared, and in which one the totals last changed: %s', async (_, counted) => {
  const at = (day: number) => `2026-11-${day}T05:00:00.000Z`;
  const past = (day: number, free: number, more: object = {}) => ({
    ...jobHistory.runs[0]!,
    runId: `probe@${day}`,
    startedAt: at(day),
    numbers: { free },
    ...more,
  });
  const asked: unknown[] = [];
  const { root, unmount } = await open(
    {
      changes: async () => ({
        runId: 'probe@w',
        comparedWith: 'probe@23',
        changes: [],
        truncated: false,
        comparedTenants: 3,
        onlyBefore: [],
        onlyAfter: [],
      }),
      jobHistory: async (...args) => {
        asked.push(args);
        const runs = [past(23, 5), past(22, 5), past(21, 1, { scope: 'selected' }), past(20, 5)];
        runs.push(past(19, 6, { counted }), past(18, 7));
        return { ...jobHistory, runs };
      },
    },
    'changes',
  );
  await pass(0);
  expect(asked).toContainEqual(['probe', { since: '2026-10-25T05:00:00.000Z', until: at(24) }]);
  const said = root.querySelector('[aria-label=Changes] [role=status]');
  expect(said?.textContent).toContain(`Nothing changed in 3 tenants since the run of ${localTime(at(23))}.`);
  const links = [...(said?.querySelectorAll('a') ?? [])].map((link) => link.getAttribute('href'));
  if (counted === 49) expect(links).toEqual(['#/runs/probe%4023']);
  else {
    expect(said?.textContent).toContain(`The totals last changed in the run of ${localTime(at(20))}.`);
    expect(links).toEqual(['#/runs/probe%4023', '#/runs/probe%4020?show=changes']);
  }
  await unmount();
});

it('the page of an apply has no rounds, counts the rows of refused changes, and shows first what became of each', async () => {
  const run = async () => runWith({ window: `apply-${'a'.repeat(32)}`, durationMs: 90_000 });
  const visited = tenants.map((tenant) => ({ ...tenant, attempts: 8, rows: 1 }));
  const { root, grid, unmount } = await open(
    { run, runTenants: async () => ({ runId: 'probe@w', status: 'completed', tenants: visited, codes: [] }) },
    'rows',
  );
  expect(root.querySelector('.lanes')).toBeNull();
  expect(root.querySelector('.tabs')?.textContent).toBe('Tenants 3Rows 3');
  expect(grid()[0]).toEqual(['Tenant', 'Outcome', 'Detail', 'Licences']);
  await unmount();
});

it('the page of a run shows its rounds if there were several', async () => {
  const again = tenants.map((tenant) => ({ ...tenant, attempts: 2 }));
  const { root, unmount } = await open({
    runTenants: async () => ({ runId: 'probe@w', status: 'completed', tenants: again, codes: [] }),
  });
  expect(root.querySelectorAll('.lanes li')).toHaveLength(2);
  await unmount();
});

it('the page of a run shows what came of its tenants as one strip, whose keys filter the table', async () => {
  const { root, unmount } = await open({});
  const parts = [...root.querySelectorAll<HTMLButtonElement>('.filters > .keys button')];
  expect(parts.map(({ textContent }) => textContent)).toEqual([
    '1 succeeded',
    '1 No consent for the application',
    '1 skipped',
  ]);
  const names = () => [...root.querySelectorAll('.rows-body [role="row"]:not(.group)')].map((row) => row.textContent);
  expect(names()).toHaveLength(3);
  // The table has no second filter of the same.
  expect(root.querySelector('.filters :is(.seg, select)')).toBeNull();
  await act(() => parts[1]?.click());
  expect(names()).toEqual([expect.stringContaining('Fabrikam')]);
  expect(parts[1]?.getAttribute('aria-pressed')).toBe('true');
  await act(() => parts[1]?.click());
  expect(names()).toHaveLength(3);
  await unmount();
});

it('a filter of tenants that have all become something else can be taken back', async () => {
  const filters: unknown[] = [];
  const parts = [{ outcome: 'succeeded', cause: '', tenants: 25 }] as const;
  const filter = { search: 'a', outcome: 'waiting', code: '' };
  const { root, unmount } = await rendered(
    <Keys parts={parts} filter={filter} onFilter={(next) => filters.push(next)} />,
  );
  const all = [...root.querySelectorAll('button')].find(({ textContent }) => textContent === 'Show all');
  await act(() => all?.click());
  expect(filters).toEqual([{ search: 'a', outcome: '', code: '' }]);
  await unmount();
});

it('the page of a run has a strip only of several parts, and tells causes apart by shade', async () => {
  const of = async (some: readonly object[]) => {
    const { root, unmount } = await open({
      runTenants: async () => ({ runId: 'probe@w', status: 'completed', tenants: some as never, codes: [] }),
    });
    const shades = [...root.querySelectorAll<HTMLElement>('.strip .key')].map(({ style }) => style.opacity);
    await unmount();
    return shades;
  };
  const [good, bad] = tenants;
  expect(await of([good!])).toEqual([]);
  const other = { ...bad, tenantId: id(9), code: 'throttled' };
  expect(await of([good!, bad!, other])).toEqual(['', '1', '0.75']);
});

it('the page of a run says which tenants began to fail and which work again since the run before', async () => {
  const before = runWith({ runId: 'probe@v', startedAt: '2026-11-23T05:00:00.000Z' });
  const rerun = runWith({ runId: 'probe@r', startedAt: '2026-11-23T06:00:00.000Z', tenants: { ...counts, total: 1 } });
  const limits: number[] = [];
  const { root, unmount } = await open({
    run: async () => runWith(),
    failedRuns: async (limit) => {
      limits.push(limit);
      return { runs: [{ ...before, failed: { throttled: [id(1)] } }] };
    },
    runs: async () => ({ runs: [runWith(), rerun, before] }),
  });
  await pass(0);
  const news = [...root.querySelectorAll('.since-run li')].map(({ textContent }) => textContent);
  expect(news).toEqual(['1 began to fail: Fabrikam', '1 works again: Adatum']);
  // The run before is the third of the list, and another may have begun since. The causes ask for their nights, too.
  expect(limits).toEqual([4, 4]);
  await unmount();
});

it.each<[string, number[], string[]]>([
  ['failed as another does now', [1, 2], ['1 tenant that failed then gave no result now.']],
  ['failed and left', [3], ['1 began to fail: Fabrikam', '1 tenant that failed then gave no result now.']],
])('the page of a run counts a tenant that gave no result now and %s', async (_, failed, lines) => {
  const before = runWith({ runId: 'probe@v', startedAt: '2026-11-23T05:00:00.000Z' });
  const skipped = tenants.map((tenant) =>
    tenant.tenantId === id(1) ? { ...tenant, outcome: 'skipped' as const } : tenant,
  );
  const { root, unmount } = await open({
    run: async () => runWith(),
    runTenants: async () => ({ runId: 'probe@w', status: 'completed', tenants: skipped, codes: [] }),
    failedRuns: async () => ({ runs: [{ ...before, failed: { throttled: failed.map(id) } }] }),
    runs: async () => ({ runs: [runWith(), before] }),
  });
  await pass(0);
  expect([...root.querySelectorAll('.since-run li')].map(({ textContent }) => textContent)).toEqual(lines);
  await unmount();
});

describe('the total of the first column of a run', () => {
  const before = runWith({ runId: 'probe@v', startedAt: '2026-11-23T05:00:00.000Z' });
  const compared = (now: object, then: object, more: object = {}) => ({
    tenants: 45,
    now: { runId: 'probe@w', startedAt: runWith().startedAt, ...now },
    before: { runId: 'probe@v', startedAt: before.startedAt, ...then, ...more },
  });
  /** @param failed tenants of the run before. In the run that is shown, the second one fails. */
  async function totals(comparison: JobHistoryAnswer['comparison'], failed: readonly string[]) {
    const asked: unknown[] = [];
    const { root, unmount } = await open({
      runs: async () => ({ runs: [runWith(), before] }),
      failedRuns: async () => ({ runs: [{ ...before, failed: { consent_required: failed } }] }),
      jobHistory: async (...args) => {
        // Those of the nights before are not compared.
        if (args[1]?.compare === 'true') asked.push(args);
        return { ...jobHistory, comparison };
      },
    });
    await pass(0);
    const until = new Date(Date.parse(runWith().startedAt) + 1).toISOString();
    expect(asked).toEqual([['probe', { since: before.startedAt, until, compare: 'true' }]]);
    const lines = [...root.querySelectorAll('.since-run li, p.since-run')].map(({ textContent }) => textContent);
    await unmount();
    return lines;
  }
  const same = `The same tenants failed as in the run of ${localTime(before.startedAt)}.`;
  const [fewer, more] = [{ numbers: { licences: 450 } }, { numbers: { licences: 500 } }];

  it('has its difference to the run before, over the tenants that were read both times', async () => {
    const read = 'in the 45 tenants read both times.';
    expect(await totals(compared(more, fewer), [id(2)])).toEqual([`${same} Licences 500 (+50) ${read}`]);
    expect(await totals(compared(fewer, more), [id(1)])).toEqual([
      '1 began to fail: Fabrikam',
      '1 works again: Adatum',
      `Licences 450 (−50) ${read}`,
    ]);
    expect(await totals(compared(more, more), [id(2)])).toEqual([`${same} Licences 500, as before, ${read}`]);
  });

  it('is not shown if other runs were compared', async () => {
    expect(await totals(undefined, [id(2)])).toEqual([`${same} `]);
    expect(await totals(compared(more, fewer, { runId: 'probe@u' }), [id(2)])).toEqual([`${same} `]);
  });
});

describe('the page of a run, when the broker fails,', () => {
  const away = (): never => {
    throw new ApiFailure({ title: 'Away', detail: 'Storage is away.', advice: 'Wait.', transient: true });
  };

  it('keeps what it has, says so, and recovers by itself', async () => {
    let isAway = false;
    const { text, grid, unmount } = await open({ run: async () => (isAway ? away() : running()) });
    isAway = true;
    await pass(2_000);
    expect([text().includes('Storage is away.'), grid().length]).toEqual([true, 7]);
    isAway = false;
    await pass(60_000);
    expect([text().includes('Storage is away.'), grid().length]).toEqual([false, 7]);
    await unmount();
  });

  it('shows the run although its tenants cannot be read', async () => {
    const { root, text, unmount } = await open({ runTenants: async () => away() });
    expect(root.querySelector('h1')?.textContent).toContain('failed');
    expect(root.querySelector('.about .badge')).toBeNull();
    expect(text()).toContain('Storage is away.');
    await unmount();
  });

  it('keeps the rows that it has while a page cannot be read', async () => {
    let pages = 0;
    const rows: Api['rows'] = async () => {
      pages += 1;
      return pages === 2 ? away() : { rows: [row(pages)], ...(pages < 3 ? { continuation: 'a' } : {}) };
    };
    const { text, grid, unmount } = await open({ rows }, 'rows');
    expect([text().includes('Storage is away.'), grid().length]).toEqual([true, 2]);
    await pass(1_000);
    expect([text().includes('Storage is away.'), grid().length]).toEqual([false, 3]);
    await unmount();
  });

  it('asks no more for a run that does not exist', async () => {
    let asked = 0;
    const { text, unmount } = await open({
      run: async () => {
        asked += 1;
        const detail = 'No run has this id.';
        throw new ApiFailure({ code: 'run_not_found', title: 'T', detail, advice: '', transient: false });
      },
    });
    await pass(120_000);
    expect(text()).toContain('No run has this id.');
    expect(asked).toBeLessThanOrEqual(2);
    await unmount();
  });
});

describe('the rows of a run', () => {
  it('are loaded again when the run ends, and stay on the page meanwhile', async () => {
    let run = running();
    let loads = 0;
    const { grid, part, unmount } = await open({
      run: async () => run,
      runTenants: async () => ({ runId: 'probe@w', status: run.status, tenants, codes: [] }),
      rows: async () => {
        loads += 1;
        return loads === 1 ? { rows: [row(1)] } : { rows: [row(1), row(2), row(3)] };
      },
    });
    await part('rows');
    expect([loads, grid().length]).toEqual([1, 2]);
    run = runWith();
    await pass(4_000);
    expect([loads, grid().length]).toEqual([2, 4]);
    await unmount();
  });

  it('of a query arrive while it runs, without loading them again at its end', async () => {
    const query = '/v1.0/users?$select=id';
    let run = running({ job: 'query', query, parameters: { path: query, allPages: true } });
    const orders: (string | undefined)[] = [];
    const pages = [{ rows: [row(1)], continuation: 'a' }, { rows: [], continuation: 'b' }, { rows: [row(2)] }];
    const { text, grid, root, unmount } = await open({
      run: async () => run,
      runTenants: async () => ({ runId: 'probe@w', status: run.status, tenants: [], codes: [] }),
      rows: async (_run, _continuation, _signal, order) => {
        orders.push(order);
        return pages[orders.length - 1] ?? { rows: [] };
      },
    });
    expect(root.querySelector('.crumbs')?.textContent).toBe('Runs/Query');
    expect(text()).toContain(`GET ${query}, all pages`);
    expect(text()).not.toContain('Changes');
    expect(text()).toContain('1 row so far. More rows appear as they arrive.');
    await pass(1_000);
    run = runWith({ job: 'query', query, outcome: 'succeeded' });
    await pass(4_000);
    expect([grid().length, orders]).toEqual([3, ['arrival', 'arrival', 'arrival']]);
    await unmount();
  });

  it('are loaded again on request if a run in progress has more', async () => {
    let stored = 1;
    const { text, root, grid, unmount } = await open(
      {
        run: async () => running(),
        runTenants: async () => ({
          runId: 'probe@w',
          status: 'running',
          tenants: [{ ...tenants[0]!, rows: stored }],
          codes: [],
        }),
        rows: async () => ({ rows: Array.from({ length: stored }, (_, index) => row(index)) }),
      },
      'rows',
    );
    expect([grid().length, text().includes('more since then')]).toEqual([2, false]);
    stored = 3;
    await pass(4_000);
    expect(text()).toContain('2 rows more since then.');
    await act(() =>
      [...root.querySelectorAll('button')].find((button) => button.textContent === 'Load again')?.click(),
    );
    await pass(0);
    expect([grid().length, text().includes('more since then')]).toEqual([4, false]);
    await unmount();
  });

  it.each([
    [runWith({ outcome: 'failed_everywhere', tenants: { ...counts, succeeded: 0 } }), 'No tenant succeeded'],
    [runWith(), 'The job returned no rows.'],
    [running(), 'No tenant has returned rows yet.'],
  ])('say why there are none', async (run, text) => {
    const page = await open({ run: async () => run, rows: async () => ({ rows: [] }) }, 'rows');
    expect(page.text()).toContain(text);
    await page.unmount();
  });

  it('have totals of what is shown and of each group, but not of numbers that no sum says anything of', async () => {
    const { root, grid, unmount } = await open(
      {
        jobHistory: async () => jobHistory,
        rows: async () => ({
          rows: [row(1_500), { ...row(20), tenantName: 'Contoso' }, { ...row(0.5), tenantName: 'Contoso', days: 3 }],
        }),
      },
      'rows',
    );
    await pass(0);
    expect(grid().at(-1)).toEqual(['Total', '1,520.5', '']);
    await act(() => {
      const select = [...root.querySelectorAll('select')].find((one) =>
        one.closest('label')?.textContent.startsWith('Group'),
      );
      select!.value = 'tenantName';
      select?.dispatchEvent(new Event('change', { bubbles: true }));
    });
    expect(grid().map(([first]) => first)).toEqual([
      'Tenant',
      '1Adatum Licences 1,500',
      'Adatum',
      '2Contoso Licences 20.5',
      'Contoso',
      'Contoso',
      'Total',
    ]);
    await unmount();
  });

  it('are searched, and sorted by a heading', async () => {
    const { root, grid, unmount } = await open({}, 'rows');
    await act(() =>
      [...root.querySelectorAll('[role=columnheader] button')].forEach((button) => (button as HTMLElement).click()),
    );
    expect(grid().map(([, n]) => n)).toEqual(['Licences', '20', '1,500']);
    const search = root.querySelector<HTMLInputElement>('input[type=search]')!;
    const type = (text: string): Promise<void> =>
      act(() => {
        search.value = text;
        search.dispatchEvent(new Event('input', { bubbles: true }));
      });
    await type('1,500');
    expect(grid()).toHaveLength(2);
    expect(root.querySelector('.filters [role=status]')?.textContent).toBe('1 of 2 rows');
    await type('nothing');
    expect(root.textContent).toContain('No row matches the filters.');
    await unmount();
  });
});
