// @vitest-environment happy-dom
import { options, type VNode } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { ApiFailure } from '../../../dashboard/app/api-failure.ts';
import type { Api } from '../../../dashboard/app/api.ts';
import { Marks, marksLegend } from '../../../dashboard/app/charts.tsx';
import { Announcer } from '../../../dashboard/app/announcer.tsx';
import { GroupHead } from '../../../dashboard/app/causes.tsx';
import { CopyButton } from '../../../dashboard/app/copy.tsx';
import { useRoute } from '../../../dashboard/app/route.ts';
import { shortName } from '../../../dashboard/app/tenant-columns.tsx';
import {
  changesColumn,
  lastOf,
  parseTenantFilter,
  sortTenants,
  type TenantFilter,
} from '../../../dashboard/app/tenant-filter.ts';
import { TenantView } from '../../../dashboard/app/tenant-view.tsx';
import { Waiting } from '../../../dashboard/app/waiting.tsx';
import { TenantsView } from '../../../dashboard/app/tenants-view.tsx';
import type { Tenant } from '../../../src/lib/api/trouble.ts';
import type { ErrorCode } from '../../../src/lib/core/errors.ts';
import type { TenantDetailsAnswer } from '../../../src/lib/api/answers/tenants.ts';
import { jobHistory, tenantHistory } from './histories.ts';
import { rendered } from './rendered.ts';
import { signedIn } from './signed-in.tsx';
import { failed, tenant } from './tenants.ts';

const { happyDOM } = globalThis as unknown as { happyDOM: { setViewport(size: { width: number }): void } };
beforeEach(() => happyDOM.setViewport({ width: 1024 }));
afterEach(() => {
  vi.unstubAllGlobals();
  location.hash = '';
});

const settle = (): Promise<void> => act(() => new Promise((resolve) => setTimeout(resolve)));

const tenants = [
  tenant('Contoso', { lastResults: [{ ...failed('licence-report'), outcome: 'succeeded', code: undefined }] }),
  tenant('Alpine', { lastResults: [failed('access-check', 'consent_required')] }),
  tenant('Beta', {
    reachable: false,
    reason: 'gdap_expired',
    relationshipEndsAt: '2026-11-01T12:00:00.000Z',
    lastResults: [failed('access-check', 'tenant_not_delegated')],
  }),
];

const job = {
  name: 'access-check',
  title: 'access-check',
  resources: [],
  parameters: { type: 'object', properties: {}, additionalProperties: false },
  timeoutSeconds: 1,
} as const;
/** Jobs that nobody has started do not keep those that ran from having their nights. */
const idleJobs = Array.from({ length: 6 }, (_, at) => ({ ...job, name: `idle-${at}`, title: `idle-${at}` }));
/** Two nights before the last results. Alpine failed in the second. */
const runs = ['2026-11-23T05:00:00.000Z', '2026-11-22T05:00:00.000Z'].map((startedAt, index) => ({
  runId: `access-check@before${index}`,
  job: 'access-check',
  window: 'w',
  status: 'completed' as const,
  outcome: 'partly_failed' as const,
  tenants: { total: 3, succeeded: 2, failed: 1 - index, skipped: 0, notAttempted: 0 },
  startedBy: 'timer',
  startedAt,
  finishedAt: startedAt,
  durationMs: 1,
  warnings: [],
}));
const [first, ...others] = runs;
const failedRuns = async () => ({
  runs: [{ ...first!, failed: { consent_required: ['id-Alpine'] } }, ...others.map((run) => ({ ...run, failed: {} }))],
});

async function matrix(filter: TenantFilter = {}, list: readonly Tenant[] = tenants, methods: Partial<Api> = {}) {
  const answer = { tenants: list, groups: [], warnings: ['An old list.'], asOf: '2026-11-24T07:07:00.000Z' };
  const api = {
    tenants: async () => answer,
    jobs: async () => ({ jobs: [...idleJobs, job] }),
    runs: async () => ({ runs }),
    failedRuns,
    ...methods,
  };
  const page = await rendered(signedIn(api, <TenantsView filter={filter} />));
  await settle();
  await settle();
  const cells = () =>
    [...page.root.querySelectorAll('[role=row]')].map((row) =>
      // A drawing says in its label what it draws.
      [...row.children].map(
        (cell) => cell.querySelector('[role=img][aria-label]')?.getAttribute('aria-label') ?? cell.textContent,
      ),
    );
  return { ...page, cells };
}

describe('the matrix of tenants', () => {
  it('has a column per job with its nights, and the tenants under their causes', async () => {
    const { root, cells, unmount } = await matrix();
    expect(cells()).toEqual([
      ['Tenant', 'Domain', 'Access ends', 'Access', 'Licence'],
      [
        expect.stringMatching(
          /^1No consent for the application since 23 Nov Give the consent, .*Copy command for No consent for the applicationTry again in this tenant… No consent for the application$/,
        ),
      ],
      [
        'Alpine',
        'alpine.example',
        'no end',
        'No consent for the application, failed in 1 of 2 nights before',
        'no result',
      ],
      [expect.stringMatching(/^1GDAP relationship expired Request a GDAP relationship /)],
      [
        'Beta',
        'beta.example',
        expect.stringMatching(/^ended 1 Nov/),
        'The tenant has not delegated administration to the partner, failed in 0 of 2 nights before',
        'no result',
      ],
      ['1No failures now'],
      ['Contoso', 'contoso.example', 'no end', 'no result', 'succeeded'],
    ]);
    expect(root.querySelector('h1')?.textContent).toBe('2 of 3 tenants need you');
    expect(root.querySelector('[role=status]')?.textContent).toBe('3 tenants');
    expect(root.textContent).toContain('An old list.');
    await unmount();
  });

  it('leads on from the heading of a cause: to its command, and to the jobs that failed in its tenants', async () => {
    const { root, unmount } = await matrix();
    const ways = [...root.querySelectorAll<HTMLElement>('.group button')];
    expect(ways.map(({ textContent }) => textContent.trim())).toEqual([
      'Copy command for No consent for the application',
      'Try again in this tenant… No consent for the application',
    ]);
    // One tab stop in the grid: the arrow keys lead from one to the next.
    const [command, again] = ways;
    const press = (key: string) =>
      act(() => void document.activeElement?.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true })));
    command?.focus();
    await settle();
    await press('ArrowRight');
    expect(document.activeElement).toBe(again);
    await settle();
    expect(ways.map(({ tabIndex }) => tabIndex)).toEqual([-1, 0]);
    await press('ArrowLeft');
    expect(document.activeElement).toBe(command);
    await act(() => again?.click());
    await settle();
    expect(root.querySelector('dialog')?.textContent).toContain('Start access-check');
    expect(root.querySelector('dialog .picker .tag')?.getAttribute('title')).toBe('id-Alpine');
    await unmount();
  });

  it('downloads what is listed, for a spreadsheet', async () => {
    const saved: Blob[] = [];
    vi.spyOn(URL, 'createObjectURL').mockImplementation((file) => {
      saved.push(file as Blob);
      return 'blob:x';
    });
    const { root, unmount } = await matrix({ cause: 'consent_required' });
    const button = [...root.querySelectorAll('button')].find(({ textContent }) => textContent.includes('Download'));
    expect(button?.textContent).toBe(' Download');
    await act(() => button?.click());
    expect((await saved[0]?.text())?.split('\r\n')).toEqual([
      '\uFEFFtenantName,tenantDomain,tenantId,access,trouble,failedJobs,accessEnds,groups,tags',
      'Alpine,alpine.example,id-Alpine,GDAP relationship active,No consent for the application,access-check,,,',
      '',
    ]);
    await unmount();
  });

  it('shows in the row of a tenant that a change was not made, in a column of all applies', async () => {
    const result = (name: string, at: string, code?: 'change_failed') => ({
      ...failed(name, code),
      runId: `${name}@apply-${at.repeat(32)}`,
      ...(code === undefined ? { outcome: 'succeeded' as const, code } : {}),
    });
    const list = [
      tenant('Alpine', { lastResults: [result('share', 'a'), result('harden', 'b', 'change_failed')] }),
      tenant('Contoso', { lastResults: [result('share', 'a')] }),
      tenant('Delta', { lastResults: [failed('access-check', 'consent_required')] }),
    ];
    const changing = ['share', 'harden'].map((name) => ({ ...job, name, title: name, changes: true as const }));
    const { cells, unmount } = await matrix({ sort: 'tenant' }, list, {
      jobs: async () => ({ jobs: [job, ...changing] }),
    });
    expect(cells().map((row) => row.at(-1))).toEqual(['Changes', 'A change was not made', 'succeeded', '']);
    await unmount();
    // A job may have any name of letters.
    const called = tenant('Beta', { lastResults: [{ ...failed('changes'), outcome: 'skipped' }] });
    const sorted = sortTenants([...list, called], { column: changesColumn, descending: true });
    expect(sorted.map(({ name }) => name)).toEqual(['Contoso', 'Alpine', 'Beta', 'Delta']);
    expect(lastOf(called.lastResults, 'changes')?.outcome).toBe('skipped');
  });

  it('has filters that make up all tenants, and those of a link beside them', async () => {
    const texts = async (filter: TenantFilter): Promise<unknown> => {
      const { root, unmount } = await matrix(filter);
      const found = [...root.querySelectorAll('.seg button')].map(({ textContent }) => textContent);
      await unmount();
      return found;
    };
    const always = ['All 3', 'Need you 2', 'End soon 0', 'No failures now 1'];
    expect(await texts({})).toEqual(always);
    expect(await texts({ show: 'unreachable' })).toEqual([...always, 'No access 1']);
  });

  it.each([
    ['licence-report', 'Licence'],
    ['mfa-report', 'MFA'],
    ['secret-expiry-report', 'Secrets'],
    ['report', 'Report'],
  ])('calls the column of %s %s', (name, short) => {
    expect(shortName(name)).toBe(short);
  });

  it.each([
    ['of all its tenants', {}, 2],
    ['of some of its tenants', { search: 'alpine' }, 1],
  ])('says over the rows %s since when there is a cause, by the nights of the main job', async (_, filter, shown) => {
    const names = ['check', 'report'];
    const list = ['Alpine', 'Beta'].map((name) =>
      tenant(name, { lastResults: names.map((job) => failed(job, 'consent_required')) }),
    );
    const nights = ['2026-11-23T05:00:00.000Z', '2026-11-22T05:00:00.000Z'].flatMap((startedAt, at) =>
      ['check', 'report'].map((name) => ({
        ...first!,
        runId: `${name}@${at}`,
        job: name,
        startedAt,
        finishedAt: startedAt,
      })),
    );
    const { cells, unmount } = await matrix(filter, list, {
      jobs: async () => ({ jobs: ['check', 'report', 'other'].map((name) => ({ ...job, name, title: name })) }),
      runs: async () => ({ runs: nights }),
      // The report fails in both nights, the check in the last one.
      failedRuns: async (_limit, name) => ({
        runs: nights
          .filter((run) => run.job === name)
          .map((run) => ({ ...run, failed: run.runId === 'check@1' ? {} : { consent_required: ['id-Alpine'] } })),
      }),
    });
    expect(cells()[1]).toEqual([
      `${shown}No consent for the application since 23 Nov Give the consent, wait about three minutes, then try again. Copy command for No consent for the applicationTry again in ${shown === 1 ? 'this tenant' : 'these 2 tenants'}… No consent for the application`,
    ]);
    await unmount();
  });

  it('adds a choice to the filter also before the browser reports the address of the choice before', async () => {
    const answer = { tenants, groups: [], warnings: [], asOf: '2026-11-24T07:07:00.000Z' };
    const Page = () => <TenantsView filter={parseTenantFilter(useRoute().query)} />;
    location.hash = '#/tenants?search=nobody';
    const runs = { jobs: async () => ({ jobs: [] }) };
    const { root, unmount } = await rendered(signedIn({ tenants: async () => answer, ...runs }, <Page />));
    await settle();
    const choose = (selector: string, value: string, event: string): void => {
      const field = root.querySelector<HTMLInputElement | HTMLSelectElement>(selector);
      if (field === null) throw new Error(`no ${selector}`);
      field.value = value;
      field.dispatchEvent(new Event(event, { bubbles: true }));
    };
    expect(root.textContent).toContain('No tenant matches the filter');
    await act(() => choose('input[type=search]', '', 'input'));
    await act(() =>
      [...root.querySelectorAll<HTMLElement>('.seg button')]
        .find(({ textContent }) => textContent?.startsWith('Need you'))
        ?.click(),
    );
    expect(location.hash).toBe('#/tenants?show=needs+action');
    expect(root.querySelector('[role=status]')?.textContent).toBe('2 of 3 tenants');
    await unmount();
  });

  it('keeps on a narrow screen the nights before a result that is newer than they are', async () => {
    happyDOM.setViewport({ width: 360 });
    const shown: (string | null | undefined)[] = [];
    for (const outcome of ['failed', 'succeeded']) {
      const list = tenants
        .filter(({ name }) => name === 'Alpine')
        .map((one) => ({ ...one, lastResults: one.lastResults?.map((result) => ({ ...result, outcome })) }));
      const page = await matrix({ sort: 'tenant' }, list as never);
      shown.push(page.root.querySelector('[role=row] .marks')?.getAttribute('aria-label'));
      await page.unmount();
    }
    expect(shown).toEqual(['failed in 2 of 3 nights', 'failed in 1 of 3 nights']);
  });

  it('has on a narrow screen one button for what filters the list, which says how much does, and one for other actions', async () => {
    happyDOM.setViewport({ width: 360 });
    const list = tenants.map((one) => ({ ...one, tags: ['gold'] }));
    const { root, unmount } = await matrix({ tag: 'gold' }, list);
    const press = (name: string) =>
      act(() =>
        [...root.querySelectorAll('button')]
          .find((one) => (one.ariaLabel ?? one.getAttribute('aria-label') ?? one.textContent).startsWith(name))
          ?.click(),
      );
    const shown = () => [
      root.querySelector('.filters [aria-expanded]')?.textContent,
      [...root.querySelectorAll('.chip')].map(({ textContent }) => textContent.split(' ')[0]),
      root.querySelector('.head')?.textContent.includes('Download'),
    ];
    expect(shown()).toEqual(['Filter 1', [], false]);
    await press('Filter');
    expect(shown()).toEqual(['Filter 1', ['Cause', 'Tag'], false]);
    await press('More actions');
    expect(shown()[2]).toBe(true);
    await unmount();
  });

  it('shows three columns on a narrow screen: what failed or the domain, the last nights, and the end', async () => {
    happyDOM.setViewport({ width: 360 });
    const [last] = details.history ?? [];
    const newest = { ...first!, runId: 'access-check@w1', startedAt: last!.startedAt, finishedAt: last!.finishedAt };
    const grouped = await matrix({}, tenants, {
      runs: async () => ({ runs: [newest, ...runs] }),
      failedRuns: async () => ({ runs: [{ ...newest, failed: {} }, ...(await failedRuns()).runs] }),
    });
    expect(grouped.cells().map(([name]) => name)).toEqual([
      'Tenant',
      expect.stringMatching(/^1No consent for the application/),
      'AlpineAccess failed',
      expect.stringMatching(/^1GDAP relationship expired/),
      'BetaAccess failed',
      '1No failures now',
      'Contosocontoso.example',
    ]);
    expect(grouped.cells()[4]?.[2]).toMatch(/^ended 1 Nov/);
    // Of the jobs that visited a tenant, the worst in each night.
    expect([2, 4, 6].map((row) => grouped.cells()[row]?.[1])).toEqual([
      'failed in 2 of 3 nights',
      'failed in 1 of 3 nights',
      'failed in 0 of 1 night',
    ]);
    expect(grouped.root.querySelector('.lede')?.textContent).toContain(
      'Marks: the last 7 nights, in each the worst of all jobs.',
    );
    await grouped.unmount();
    const byName = await matrix({ sort: 'tenant' });
    expect(byName.cells().map(([name]) => name)).toEqual([
      'Tenant',
      'AlpineNo consent for the application · Access failed',
      'BetaGDAP relationship expired · Access failed',
      'Contosoanswered last time · contoso.example',
    ]);
    await byName.unmount();
  });

  it('draws the nights of a job that skipped a tenant as lines, also beside those of another job', async () => {
    const visited = failed('access-check');
    const skipped = { ...visited, outcome: 'skipped', code: undefined } as const;
    const licences = { ...visited, job: 'licence-report', outcome: 'succeeded', code: undefined } as const;
    const list = [
      tenant('Alpine', { lastResults: [skipped] }),
      tenant('Beta', { lastResults: [{ ...skipped, outcome: 'succeeded' }] }),
      tenant('Contoso', { lastResults: [skipped, licences] }),
    ];
    const drawn = async (marks: number) => {
      const tones: string[] = [];
      // happy-dom keeps no gradients.
      options.vnode = (node: VNode<object>) => {
        const { type, props } = node;
        if (type === Marks && 'tones' in props) tones.push((props.tones as string[]).join(' ').trim());
        before.vnode?.(node);
      };
      const found = async () => ({ runs: runs.map((run) => ({ ...run, failed: {} })) });
      const { unmount } = await matrix({}, list, { failedRuns: found });
      await unmount();
      return tones.slice(-marks);
    };
    const before = { ...options };
    onTestFinished(() => {
      delete options.vnode;
      Object.assign(options, before);
    });
    const [lines, visits] = ['idle idle idle', 'good good good'];
    expect(await drawn(4)).toEqual([lines, visits, lines, 'good']);
    happyDOM.setViewport({ width: 360 });
    // The line of one job does not hide what another one did.
    expect(await drawn(3)).toEqual([lines, visits, 'idle idle good']);
  });

  it('says that results are not known, and calls no tenant well, if the broker could not read them', async () => {
    const unread = tenants.map((known) => ({ ...known, lastResults: undefined }));
    const wide = await matrix({}, unread);
    expect(wide.cells()).toEqual([
      ['Tenant', 'Domain', 'Access ends', 'Last results'],
      [expect.stringMatching(/^1GDAP relationship expired.+customer/)],
      ['Beta', 'beta.example', expect.stringMatching(/^ended 1 Nov/), 'not known'],
      ['2It is not known whether jobs failed'],
      ['Alpine', 'alpine.example', 'no end', 'not known'],
      ['Contoso', 'contoso.example', 'no end', 'not known'],
    ]);
    expect(wide.root.querySelector('.lede')?.textContent).toMatch(/^As of [^.]*\.$/);
    await wide.unmount();
    happyDOM.setViewport({ width: 360 });
    const narrow = await matrix({}, unread);
    expect(narrow.cells().map(([name]) => name)).toEqual([
      'Tenant',
      expect.stringMatching(/^1GDAP relationship expired/),
      'Betabeta.example',
      '2It is not known whether jobs failed',
      'Alpinealpine.example',
      'Contosocontoso.example',
    ]);
    await narrow.unmount();
  });

  it('shows what the filter in the address says, and offers a way out of an empty result', async () => {
    const some = await matrix({ cause: 'consent_required' });
    expect(
      some
        .cells()
        .slice(1)
        .map(([name]) => name),
    ).toEqual([
      '1No consent for the application since 23 Nov Give the consent, wait about three minutes, then try again. Copy command for No consent for the applicationTry again in this tenant… No consent for the application',
      'Alpine',
    ]);
    expect(some.root.querySelector('[role=status]')?.textContent).toBe('1 of 3 tenants');
    await some.unmount();
    const none = await matrix({ search: 'nobody' });
    expect(none.root.querySelector('.empty')?.textContent).toBe('No tenant matches the filter.Show all tenants');
    await none.unmount();
    const empty = await matrix({}, []);
    expect(empty.root.querySelector('.empty')?.textContent).toBe('There is no customer tenant that you may see.');
    await empty.unmount();
  });

  it('reads no more nights than it shows, unless it says since when causes are there', async () => {
    const many = Array.from({ length: 20 }, (_, at) => {
      const startedAt = new Date(Date.parse('2026-11-23T05:00:00.000Z') - at * 86_400_000).toISOString();
      return { ...first!, runId: `access-check@${at}`, startedAt, finishedAt: startedAt };
    });
    const asked: (number | string)[] = [];
    const methods: Partial<Api> = {
      runs: async () => ({ runs: many }),
      failedRuns: async (limit) => {
        asked.push(limit);
        return { runs: many.slice(0, limit).map((run) => ({ ...run, failed: {} })) };
      },
      jobHistory: async (name) => {
        asked.push(name);
        return { ...jobHistory, runs: [] };
      },
    };
    for (const [filter, list] of [
      [{ sort: 'tenant' }, tenants],
      [{}, tenants.slice(0, 1)],
      [{}, tenants],
    ] as const) {
      const { unmount } = await matrix(filter, list, methods);
      asked.push('then');
      await unmount();
    }
    // Seven nights, and one more in case a run has begun.
    expect(asked).toEqual([8, 'then', 8, 'then', 8, 21, 'access-check', 'access-check', 'then']);
  });

  it('gives the focus to the rows when the button for the first order goes', async () => {
    const { root, unmount } = await matrix({ sort: 'tenant' });
    await act(() =>
      [...root.querySelectorAll('button')].find(({ textContent }) => textContent === 'Sort by trouble')?.click(),
    );
    expect(document.activeElement?.closest('[role=grid]')).not.toBeNull();
    await unmount();
  });

  it('writes the filter and the order into the address', async () => {
    const { root, unmount } = await matrix({ show: 'unreachable' });
    const search = root.querySelector<HTMLInputElement>('input[type=search]')!;
    search.value = 'bet';
    search.dispatchEvent(new Event('input', { bubbles: true }));
    expect(location.hash).toBe('#/tenants?search=bet&show=unreachable');
    root.querySelector<HTMLButtonElement>('[role=columnheader] button')?.click();
    expect(location.hash).toBe('#/tenants?show=unreachable&sort=tenant');
    await unmount();
  });
});

const details: TenantDetailsAnswer = {
  ...tenant('Alpine', { relationshipEndsAt: '2027-01-01T00:00:00.000Z', lastResults: [failed('access-check')] }),
  history: [
    { ...failed('access-check'), attempts: 1, rows: 0, startedAt: '2026-11-24T04:59:00.000Z' },
    {
      ...failed('access-check'),
      runId: 'access-check@w0',
      outcome: 'succeeded',
      code: undefined,
      attempts: 1,
      rows: 7,
      startedAt: '2026-11-23T04:59:00.000Z',
      finishedAt: '2026-11-23T05:00:00.000Z',
    },
  ],
  codes: [],
  warnings: [],
  asOf: '2026-11-24T07:07:00.000Z',
};

/** The history of the job in the tenant: whether it failed on some days of November. */
const nights = (days: readonly (readonly [day: string, failed: number])[]) => ({
  ...jobHistory,
  runs: days.map(([day, failed]) => ({
    ...jobHistory.runs[0]!,
    runId: `access-check@${day}`,
    startedAt: `2026-11-${day}T05:00:00.000Z`,
    tenants: { ...jobHistory.runs[0]!.tenants, total: 1, failed },
  })),
});

const buttonOf = (root: HTMLElement, text: string) =>
  [...root.querySelectorAll('button')].find(({ textContent }) => textContent === text);

async function tenantPage(
  answer: Partial<TenantDetailsAnswer> = {},
  roles?: readonly string[],
  known: Awaited<ReturnType<Api['jobs']>>['jobs'] = [],
  jobHistory: Api['jobHistory'] = async () => nights([]),
  more: Partial<Api> = {},
) {
  const tenant = async () => ({ ...details, ...answer });
  const view = <TenantView tenantId="id-Alpine" />;
  const jobs = async () => ({ jobs: known });
  const events = async () => ({ events: [] });
  const audit = async () => ({ from: '', to: '', entries: [] });
  const methods = { tenant, jobs, events, audit, tenantHistory: async () => tenantHistory, jobHistory, ...more };
  const page = await rendered(signedIn(methods, view, roles === undefined ? undefined : [...roles]));
  await settle();
  // One request leads to the next.
  await settle();
  return page;
}

describe('the licences of a tenant', () => {
  const report = {
    ...failed('licence-report'),
    outcome: 'succeeded',
    code: undefined,
    runId: 'licence-report@w1',
  } as const;
  const rows = [
    { tenantId: 'id-Alpine', skuId: 'a', product: 'Microsoft 365 E3', assigned: 1_200, licences: 1_500 },
    { tenantId: 'id-Alpine', skuId: 'b', product: 'Visio', assigned: 3, licences: 2 },
    { tenantId: 'id-Alpine', skuId: 'c', product: 'Power Automate Free', assignedAtNoCost: 20, licences: null },
    { tenantId: 'id-Alpine', skuId: 'd', product: 'Exchange', assigned: 5, licences: 9, warning: 9 },
  ];

  it.each([
    ['last', { lastResults: [report] }],
    [
      'last good',
      {
        lastResults: [failed('licence-report')],
        history: [{ ...report, startedAt: report.finishedAt, attempts: 1, rows: 2 }],
      },
    ],
  ])('are those of the %s report by product, and more than bought is a problem', async (_which, results) => {
    const asked: unknown[] = [];
    const methods = {
      tenant: async () => ({ ...details, ...results }),
      jobs: async () => ({ jobs: [] }),
      events: async () => ({ events: [] }),
      rowsOfTenant: async (...given: unknown[]) => {
        asked.push(given);
        return { rows } as never;
      },
    };
    const { root, unmount } = await rendered(signedIn(methods, <TenantView tenantId="id-Alpine" />));
    // First the tenant, then its rows.
    await settle();
    await settle();
    expect(asked).toEqual([['licence-report@w1', 'id-Alpine']]);
    expect([...root.querySelectorAll('.licences li')].map(({ textContent }) => textContent)).toEqual([
      'Microsoft 365 E31,200 of 1,500',
      'Visio3 of 2',
      'Power Automate Free20 assigned',
      'Exchange5 of 9all 9 in grace period',
    ]);
    const problems = [...root.querySelectorAll('.licences .problem')].map(({ textContent }) => textContent);
    expect(problems).toEqual(['3 of 2']);
    expect(root.querySelectorAll('.licences .bar')).toHaveLength(3);
    // Somebody is to renew it, and it works.
    expect(root.querySelectorAll('.licences .badge.warn, .licences rect.warn')).toHaveLength(2);
    await unmount();
  });

  it('are not asked for without a report that succeeded', async () => {
    const { root, unmount } = await tenantPage({ lastResults: [failed('licence-report')] });
    expect(root.querySelector('.licences')).toBeNull();
    await unmount();
  });
});

describe('tags and groups in the matrix', () => {
  const tagged = tenants.map((known, index) => ({
    ...known,
    tags: index === 0 ? ['managed', 'tier=gold'] : [],
    groups: index === 1 ? ['served'] : [],
  }));
  const names = async (filter: TenantFilter): Promise<unknown> => {
    const { cells, unmount } = await matrix(filter, tagged);
    const rows = cells();
    await unmount();
    return rows.slice(1).flatMap((row) => (row.length === 1 ? [] : row[0]));
  };

  it('has a column of groups and tags if a tenant has any', async () => {
    const { cells, unmount } = await matrix({ search: 'contoso' }, tagged);
    expect(cells().map((row) => row[3])).toEqual(['Groups and tags', undefined, 'managed tier=gold ']);
    await unmount();
  });

  it('filters by group, and by tag with and without its value', async () => {
    expect(await names({ tag: 'tier' })).toEqual(['Contoso']);
    expect(await names({ tag: 'tier=gold' })).toEqual(['Contoso']);
    expect(await names({ tag: 'tier=silver' })).toEqual([]);
    expect(await names({ group: 'served' })).toEqual(['Alpine']);
  });

  it('offers the tags that tenants have, and puts the chosen one into the address', async () => {
    const { root, unmount } = await matrix({ group: 'gone' }, tagged);
    const choices = [...root.querySelectorAll('select')].map((select) => [...select.options].map(({ text }) => text));
    expect(choices.slice(1)).toEqual([
      ['all', 'gone'],
      ['all', 'managed', 'tier', 'tier=gold'],
    ]);
    const tag = root.querySelectorAll('select')[2]!;
    tag.value = 'tier';
    tag.dispatchEvent(new Event('change', { bubbles: true }));
    expect(location.hash).toBe('#/tenants?group=gone&tag=tier');
    await unmount();
  });
});

describe('the page of a tenant', () => {
  it('says what to do, with the command for this tenant', async () => {
    const { root, unmount } = await tenantPage();
    expect(root.querySelector('.note .cmd code')?.textContent).toBe('ptb tenants consent --tenant id-Alpine');
    expect(root.querySelector('.note')?.textContent).toContain('access-check has failed since 24 Nov.');
    expect(root.querySelector('h1')?.textContent).toBe('Alpine');
    // The notice says it.
    expect(root.querySelector('.about .badge')).toBeNull();
    await unmount();
  });

  const night = (day: string, code?: ErrorCode, more: object = {}) => ({
    ...(code === undefined
      ? { ...failed('access-check'), outcome: 'succeeded' as const, code }
      : failed('access-check', code)),
    runId: `access-check@w${day}`,
    attempts: 1,
    rows: 0,
    startedAt: `2026-11-${day}T05:00:00.000Z`,
    ...more,
  });
  const [lacking, slow] = ['consent_required', 'throttled'] as const;

  it.each<[string, Partial<TenantDetailsAnswer>, Parameters<typeof nights>[0], string]>([
    ['after a success in its results', { history: [night('24', lacking), night('23')] }, [['22', 1]], 'since 24 Nov'],
    [
      'after another cause',
      { history: [night('24', lacking), night('23', lacking), night('22', slow)] },
      [['21', 1]],
      'since 23 Nov',
    ],
    [
      'after a night in the history in which it did not fail',
      { history: [night('24', lacking)] },
      [
        ['23', 1],
        ['22', 1],
        ['21', 0],
        ['20', 0],
      ],
      'since 22 Nov',
    ],
    ['if no success is known', { history: [night('24', lacking)] }, [['23', 1]], 'for 2 nights or more'],
    ['of one night', { history: [night('24', lacking)] }, [], 'for 1 night or more'],
    [
      'if the results are not known',
      { history: undefined },
      [
        ['23', 1],
        ['22', 0],
      ],
      'since 23 Nov',
    ],
  ])('says since when a job has failed %s', async (_, answer, past, since) => {
    const { root, unmount } = await tenantPage(answer, undefined, [], async () => nights(past));
    expect(root.querySelector('.note')?.textContent).toContain(`access-check has failed ${since}.`);
    await unmount();
  });

  it('says since when there is no access, as lists of tenants do', async () => {
    const { root, unmount } = await tenantPage(
      { reachable: false, reason: 'gdap_expired', history: [night('24', 'tenant_not_delegated'), night('23', slow)] },
      undefined,
      [],
      async () =>
        nights([
          ['22', 1],
          ['21', 0],
        ]),
    );
    expect(root.querySelector('.note')?.textContent).toContain(
      'GDAP relationship expiredJobs have failed since 22 Nov.',
    );
    await unmount();
  });

  it('reads no history that the reader may not read, and says that a job fails', async () => {
    const asked = vi.fn<Api['jobHistory']>(async () => nights([['23', 1]]));
    const known = await tenantPage({}, ['Tenants.Read'], [], asked);
    expect(known.root.querySelector('.note')?.textContent).toContain('access-check has failed since 24 Nov.');
    await known.unmount();
    const unknown = await tenantPage({ history: undefined }, ['Tenants.Read'], [], asked);
    expect(unknown.root.querySelector('.note')?.textContent).toContain('access-check fails.');
    await unknown.unmount();
    expect(asked).not.toHaveBeenCalled();
  });

  it('says when a change was refused, and that another apply failed', async () => {
    const apply = (code: ErrorCode) => ({ ...failed('harden', code), runId: `harden@apply-${'a'.repeat(32)}` });
    for (const [code, words] of [
      ['change_failed', 'harden was refused on 24 Nov.'],
      ['change_drifted', 'harden failed on 24 Nov.'],
    ] as const) {
      const { root, unmount } = await tenantPage({ lastResults: [apply(code)], history: [] });
      expect(root.querySelector('.note')?.textContent).toContain(words);
      await unmount();
    }
  });

  it('says why Microsoft refused a change, and leads to its plan', async () => {
    const runId = `harden@apply-${'a'.repeat(32)}`;
    const lastResults = [{ ...failed('harden', 'change_failed'), runId }];
    const reason = 'Microsoft Graph answered 403: Insufficient privileges.';
    const rows = [
      { outcome: 'drifted', detail: 'The tenant is not as it was.' },
      { outcome: 'not attempted', detail: 'An earlier change was refused.' },
      { outcome: 'refused', detail: null },
      { outcome: 'refused', detail: reason },
    ];
    const rowsOfTenant = vi.fn<(...given: readonly unknown[]) => Promise<unknown>>(async () => ({ rows }));
    const plans = async () => ({ plans: [{ planId: 'harden@p0' }, { planId: 'harden@p1', apply: { runId } }] });
    const more = { rowsOfTenant, plans } as never;
    const { root, unmount } = await tenantPage({ lastResults, history: [] }, undefined, [], undefined, more);
    await settle();
    expect(rowsOfTenant.mock.calls).toEqual([[runId, 'id-Alpine']]);
    const paragraphs = [...root.querySelectorAll('.note p')].map(({ textContent }) => textContent);
    expect(paragraphs).toEqual([
      'harden was refused on 24 Nov.',
      reason,
      'Find the reason in the rows of the apply, and fix it. Then make a new plan for this tenant.',
    ]);
    const link = root.querySelector('.note > a');
    expect([link?.textContent, link?.getAttribute('href')]).toEqual(['Show the change', '#/plans/harden%40p1']);
    await unmount();
    // Without the role, nothing that cannot be opened.
    const unread = await tenantPage({ lastResults, history: [] }, ['Tenants.Read'], [], undefined, more);
    expect(rowsOfTenant).toHaveBeenCalledTimes(1);
    expect(unread.root.querySelector('.note > a')).toBeNull();
    expect(unread.root.querySelector('.note')?.textContent).toContain('Find the reason in the rows of the apply');
    await unread.unmount();
    // One of them that cannot be read does not take the other.
    for (const gone of ['rowsOfTenant', 'plans']) {
      const failing = { ...(more as object), [gone]: async () => Promise.reject(new Error('gone')) } as never;
      const half = await tenantPage({ lastResults, history: [] }, undefined, [], undefined, failing);
      await settle();
      const note = half.root.querySelector('.note');
      expect(note?.textContent.includes(reason)).toBe(gone === 'plans');
      expect(note?.querySelector('.note > a')?.getAttribute('href')?.startsWith('#/plans/')).toBe(gone !== 'plans');
      await half.unmount();
    }
  });

  it('says what to do about too few rights, and keeps the words of Microsoft for those who ask', async () => {
    const runId = `harden@apply-${'a'.repeat(32)}`;
    const lastResults = [{ ...failed('harden', 'change_failed'), runId }];
    const detail = 'Microsoft refused it with 403. Authorization_RequestDenied Insufficient privileges.';
    const rowsOfTenant = async () => ({ rows: [{ outcome: 'refused', detail }] });
    const more = { rowsOfTenant, plans: async () => ({ plans: [] }) } as never;
    const harden = { ...job, name: 'harden', title: 'Harden', permissions: ['Policy.ReadWrite.Authorization'] };
    const { root, unmount } = await tenantPage({ lastResults, history: [] }, undefined, [harden], undefined, more);
    await settle();
    expect([...root.querySelectorAll('.note > div > p')].map(({ textContent }) => textContent)).toEqual([
      'Harden was refused on 24 Nov: the broker has too few rights.',
      'Find and add the missing role or consent, then plan again.',
    ]);
    expect(root.querySelector('.note .cmd code')?.textContent).toBe('ptb doctor --customer alpine.example');
    expect(root.querySelector('.note details')?.textContent).toBe(
      `What Microsoft said${detail}The job asks for Policy.ReadWrite.Authorization.`,
    );
    await unmount();
  });

  it.each([
    ['consent_required', 'ptb tenants consent --tenant id-Alpine'],
    ['throttled', undefined],
  ] as const)(
    'shows the command that helps with %s of an apply beside the change, but none to run it again',
    async (code, command) => {
      const runId = `harden@apply-${'a'.repeat(32)}`;
      const lastResults = [{ ...failed('harden', code), runId }];
      const rowsOfTenant = async () => ({ rows: [{ outcome: 'refused', detail: 'Of another cause.' }] });
      const more = { rowsOfTenant, plans: async () => ({ plans: [] }) } as never;
      const { root, unmount } = await tenantPage({ lastResults, history: [] }, undefined, [], undefined, more);
      await settle();
      expect(root.querySelector('.note .cmd code')?.textContent).toBe(command);
      expect(root.querySelector('.note > a')?.textContent).toBe('Show the change');
      expect(root.querySelector('.note')?.textContent).not.toContain('Of another cause.');
      await unmount();
    },
  );

  it('names a cause that lasts before one that may pass', async () => {
    const lastResults = [failed('x', slow), failed('y', lacking)];
    const { root, unmount } = await tenantPage({ lastResults });
    expect(root.querySelector('.note h2')?.textContent).toBe('No consent for the application');
    await unmount();
  });

  it('leads to the tenants of its groups and tags, said apart, and says that they are not known', async () => {
    const marks = async (answer: Partial<TenantDetailsAnswer>) => {
      const { root, unmount } = await tenantPage(answer);
      const panel = [...root.querySelectorAll('.panel')].find(({ textContent }) => textContent.startsWith('Groups'));
      const links = [...(panel?.querySelectorAll('dl a') ?? [])].map((link) => link.getAttribute('href'));
      const text = panel?.querySelector('dl')?.textContent;
      await unmount();
      return [text, links];
    };
    expect(await marks({ groups: ['gold'], tags: ['gold'] })).toEqual([
      'Policy groupsgoldTagsgold',
      ['#/tenants?group=gold', '#/tenants?tag=gold'],
    ]);
    expect(await marks({ groups: undefined, tags: [] })).toEqual(['Policy groupsnot knownTagsnone', []]);
  });

  it('says of a tenant without failures since when, and when it last answered', async () => {
    const good = (day: string, more: object = {}) =>
      night(day, undefined, { finishedAt: `2026-11-${day}T05:00:09.000Z`, ...more });
    const lede = async (answer: Partial<TenantDetailsAnswer>) => {
      const { root, unmount } = await tenantPage(answer);
      const found = root.querySelector('.lede')?.textContent;
      await unmount();
      return found;
    };
    const lastResults = [{ ...failed('access-check'), outcome: 'succeeded' as const, code: undefined }];
    const history = [good('24'), good('23'), night('22', slow), good('21')];
    expect(await lede({ lastResults, history })).toMatch(/^No failures since 23 Nov, last answered 24 Nov/);
    // A night is good if each job was.
    const other = { job: 'mfa-report', runId: 'mfa-report@w23' };
    const ofOther = [night('23', slow, other), night('22', slow, other)];
    expect(await lede({ lastResults, history: [good('24'), good('23'), good('22'), ...ofOther] })).toMatch(
      /^No failures since 24 Nov/,
    );
    // What a job did before the oldest of its results that are kept is not known.
    const hourly = Array.from({ length: 14 }, () => good('24', other));
    expect(await lede({ lastResults, history: [...history, ...hourly] })).toMatch(/^No failures for 1 night or more/);
    expect(await lede({ lastResults, history: [...history, good('24', other)] })).toMatch(/^No failures since 23 Nov/);
    expect(await lede({ lastResults, history: history.slice(0, 2) })).toMatch(/^No failures for 2 nights or more/);
    expect(await lede({ lastResults: [], history: [] })).toBeUndefined();
    expect(await lede({ lastResults, history, reason: 'gdap_expiring' })).toBeUndefined();
    expect(await lede({ history })).toBeUndefined();
  });

  it('shows the relationship, the id to copy, and links to the audit records and the run', async () => {
    const { root, unmount } = await tenantPage();
    expect(root.querySelector('.panel > header .badge')?.textContent).toBe('GDAP relationship active');
    const copy = root.querySelector('.about .copy');
    expect([copy?.textContent.trim(), copy?.getAttribute('title')]).toEqual(['Copy tenant id', 'id-Alpine']);
    const links = [...root.querySelectorAll('a')].map((link) => link.getAttribute('href'));
    expect(links).toContain('#/audit?tenant=id-Alpine');
    expect(links).toContain('#/runs/access-check%40w1');
    await unmount();
  });

  it.each([
    ['gdap_active', true, 200, 'succeeded', /^renews by itself on .*, in \d+ days$/],
    ['gdap_expiring', false, 12, 'warn', /^ends .*, in \d+ days$/],
    ['gdap_expired', undefined, -12, 'failed', /^ended .*, \d+ days ago$/],
    // Its end was agreed: it was terminated before.
    ['gdap_terminated', undefined, 164, 'failed', /^ended before \d+ \w+(?: 20\d\d)?$/],
  ] as const)('tells the life of a relationship that is %s', async (reason, renews, endsInDays, tone, words) => {
    const day = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString();
    const { root, unmount } = await tenantPage({
      reason,
      reachable: renews !== undefined,
      relationshipStartedAt: day(-100),
      relationshipEndsAt: day(endsInDays),
      relationshipRenews: renews,
      roles: ['Directory Readers', 'Global Reader', 'License Administrator', 'User Administrator'],
    });
    const panel = [...root.querySelectorAll('.panel')].find(({ textContent }) =>
      textContent.startsWith('Relationship'),
    );
    expect(panel?.querySelector('figcaption span:last-child')?.textContent).toMatch(words);
    expect(panel?.querySelector(`rect.${tone}`)).not.toBeNull();
    const facts = panel?.querySelector('dl')?.textContent;
    // Its end says so if it renews.
    expect(facts?.includes('Renewsnot by itself')).toBe(renews === false);
    expect(facts?.match(/Renews/g)?.length).toBe(renews === false ? 1 : undefined);
    expect(facts).toContain('RolesDirectory Readers, Global Reader, License Administrator +1');
    await unmount();
  });

  it('draws one mark per night, the oldest first, and lists the results the newest first', async () => {
    const { root, unmount } = await tenantPage();
    const marks = root.querySelector<HTMLElement>('table .marks');
    expect(marks?.getAttribute('aria-label')).toBe('1 succeeded, 1 failed');
    expect(root.querySelectorAll('table th')[1]?.textContent).toBe('2 nights');
    expect(marks?.parentElement?.title).toMatch(
      /^23 Nov.*: succeeded\n24 Nov.*: failed, No consent for the application$/,
    );
    expect(root.querySelectorAll('table')).toHaveLength(1);
    await act(() => buttonOf(root, 'Show all 2 results of these jobs')?.click());
    const rows = [...root.querySelectorAll('table')].at(-1)?.querySelectorAll('tbody tr') ?? [];
    expect([...rows].map((row) => row.children[2]?.textContent)).toEqual([
      'No consent for the application',
      'succeeded',
    ]);
    await unmount();
  });

  it('draws nothing before the oldest result that is known', () => {
    const drawn = (tones: readonly string[]) => String(Object.values(Marks({ tones, label: '' }).props.style ?? {}));
    expect(drawn(['', '', 'good']).match(/var/g)).toHaveLength(1);
    expect(drawn(['idle', '', 'good']).match(/var/g)).toHaveLength(2);
  });

  it('counts no plan as the last good result of a change', async () => {
    const harden = { ...job, name: 'harden', title: 'Users consent', changes: true as const };
    const planned = { ...failed('harden'), runId: 'harden@manual-1', outcome: 'succeeded' as const, code: undefined };
    const last = async (runId: string): Promise<unknown> => {
      const lastResults = [{ ...planned, runId }];
      const { root, unmount } = await tenantPage({ lastResults, history: [] }, undefined, [harden]);
      const found = root.querySelector('tbody td:last-child')?.textContent;
      await unmount();
      return found;
    };
    expect([await last(planned.runId), await last(`harden@apply-${'a'.repeat(32)}`)]).toEqual([
      '–',
      expect.stringMatching(/^24 Nov/),
    ]);
  });

  it('says in words that a job has no result in these nights', async () => {
    const { root, unmount } = await tenantPage({ history: [] });
    expect(root.querySelector('table .marks')?.getAttribute('aria-label')).toBe('no result in 14 nights');
    await unmount();
  });

  it('does not show a change that was planned as done, and tells what an apply came to', async () => {
    const apply = `harden@apply-${'a'.repeat(32)}`;
    const planned = { ...failed('harden'), runId: 'harden@manual-1', outcome: 'succeeded' as const, code: undefined };
    const applied = {
      ...failed('harden', 'change_failed'),
      runId: apply,
      attempts: 1,
      rows: 1,
      startedAt: '2026-11-24T04:59:00.000Z',
    };
    const harden = { ...job, name: 'harden', title: 'Users consent', changes: true as const };
    const later = {
      ...applied,
      runId: `harden@apply-${'b'.repeat(32)}`,
      outcome: 'succeeded' as const,
      code: undefined,
      finishedAt: '2026-11-25T05:00:00.000Z',
    };
    const history = [applied, later];
    const { root, unmount } = await tenantPage({ lastResults: [planned], history }, undefined, [harden]);
    expect(root.querySelector('table .badge')?.textContent).toBe('plan made');
    const events = [...root.querySelectorAll('.timeline .event')];
    expect(events.map((each) => each.querySelector('b')?.textContent)).toEqual([
      'An apply succeeded',
      'A change was not made',
    ]);
    const event = events[1];
    expect(event?.textContent).toContain('A change was not madeUsers consent');
    expect(event?.querySelector('a')?.getAttribute('href')).toContain(encodeURIComponent(apply));
    expect(root.textContent).not.toContain('Nothing has happened');
    await unmount();
  });

  it('shows the job that failed first, and calls a plan so in its marks as well', async () => {
    const harden = { ...job, name: 'harden', title: 'harden', changes: true as const };
    const good = { ...failed('licence-report'), outcome: 'succeeded' as const, code: undefined };
    const made = { ...good, job: 'harden', runId: 'harden@manual-1', attempts: 1, rows: 1, startedAt: good.finishedAt };
    const { root, unmount } = await tenantPage(
      { lastResults: [good, { ...good, job: 'harden' }, failed('access-check')], history: [made] },
      undefined,
      [harden],
    );
    expect([...root.querySelectorAll('tbody th')].map(({ textContent }) => textContent)).toEqual([
      'access-check',
      'licence-report',
      'harden',
    ]);
    const marks = [...root.querySelectorAll<HTMLElement>('.marks')].map((mark) => mark.getAttribute('aria-label'));
    expect(marks).toEqual(['no result in 1 night', 'no result in 1 night', '1 plan made']);
    expect(root.querySelector('.panel')?.textContent).toContain(marksLegend);
    await unmount();
  });

  it('tells what happened from events, the audit log, applies and failed nights, the newest first', async () => {
    const history = [night('24'), night('23', slow), night('22', slow), night('21', slow)];
    const record = (day: string, more: object) => ({
      at: `2026-11-${day}T12:00:00.000Z`,
      tokenId: `token ${day}`,
      scopes: [],
      caller: { applicationId: 'app', objectId: 'olivia' },
      ...more,
    });
    const patch = { method: 'PATCH', path: '/v1.0/users/ada', rule: 'helpdesk' };
    const user = '/v1.0/users/5f3a0000-4c1d-4e5f-9a6b-010000000000';
    const ended = { method: 'POST', path: `${user}/revokeSignInSessions`, resource: 'graph' };
    const ofGuest = '/v1.0/users/ada_x.com%23EXT%23@y.com';
    const licensed = { method: 'POST', path: `${ofGuest}/assignLicense`, resource: 'graph' };
    const patched = { method: 'PATCH', path: '/v1.0/users/ada@x.com', resource: 'graph' };
    const entries = [
      record('20', { kind: 'tags', outcome: 'changed', tagsAdded: ['gold'], tagsRemoved: ['new'] }),
      record('19', { kind: 'approval', outcome: 'approved', approvalId: 'a1', reason: 'Ticket 4', ...patch }),
      record('18', { kind: 'approval', outcome: 'asked', approvalId: 'a1', ...patch }),
      record('17', { kind: 'request', outcome: 'answered', status: 403 }),
      record('17', { kind: 'request', outcome: 'sent', ...patch }),
      // What an apply sent is told by the apply, and what only reads is no news.
      record('16', { kind: 'request', outcome: 'answered', status: 204, plan: 'digest', ...patch }),
      record('15', { kind: 'request', outcome: 'answered', status: 200, method: 'GET' }),
      record('14', { kind: 'request', outcome: 'answered', status: 200, ...ended }),
      record('13', { kind: 'request', outcome: 'answered', status: 204, ...patched }),
      record('12', { kind: 'request', outcome: 'answered', status: 200, ...licensed }),
    ];
    const audit = vi.fn<(query: { readonly kind: string }) => Promise<unknown>>(async (query) => ({
      entries: entries.filter((entry) => (entry as { readonly kind?: string }).kind === query.kind),
      callerNames: { olivia: 'Olivia' },
    }));
    const run = (day: string, outcome: string) => ({
      runId: `access-check@w${day}`,
      startedAt: `2026-11-${day}T05:00:00.000Z`,
      outcome,
    });
    const runs = [
      run('24', 'succeeded'),
      run('23', 'failed'),
      run('22', 'not_attempted'),
      run('21', 'failed'),
      run('20', 'failed'),
    ];
    const tags = {
      id: 'e',
      at: '2026-11-20T12:05:00.000Z',
      kind: 'tags_changed',
      tenantId: 'id-Alpine',
      explanation: 'x',
    };
    const more = { audit, tenantHistory: async () => ({ runs }), events: async () => ({ events: [tags] }) } as never;
    let titles: (string | null)[] = [];
    const told = async (methods: object, roles?: readonly string[]) => {
      const { root, unmount } = await tenantPage({ history }, roles, [], undefined, methods);
      await settle();
      const found = [...root.querySelectorAll('.timeline .event')].map((each) =>
        each.textContent.replace(/^[^:]*:\d\d/, ''),
      );
      titles = [...root.querySelectorAll('.timeline p [title]')].map((each) => each.getAttribute('title'));
      const below = root.querySelector('.timeline')?.nextElementSibling?.textContent ?? [];
      await unmount();
      return [found, below].flat();
    };
    expect(await told(more)).toEqual([
      // As notices count: a night without a visit ends a series.
      'access-check failed in 1 run: Microsoft throttles the requestsLast failed run',
      'access-check failed in 2 runs: Microsoft throttles the requestsLast failed run',
      'Tags were changed by Olivia+gold -new  ',
      'A request was approved by OliviaPATCH /v1.0/users/ada Ticket 4 Approval',
      'A request was sent by OliviaPATCH /v1.0/users/ada failed with 403 ',
      'A request was sent by OliviaEnds all sessions of one user (id 5f3a0000…): succeeded ',
      'A request was sent by OliviaChanges one user (ada@x.com): succeeded ',
      'A request was sent by OliviaChanges the licences of one user (ada_x.com#EXT#@y.com): succeeded ',
    ]);
    // Nothing that the log has is lost.
    expect(titles).toEqual(
      [ended, patched, licensed].map(({ method, path, resource }) => `${method} ${path} at ${resource}`),
    );
    const open = {
      tenantHistory: async () => ({ runs: runs.slice(1) }),
      audit: () => Promise.reject(new Error('gone')),
    };
    expect(await told({ ...(more as object), ...open })).toEqual([
      'access-check failed in 1 run: Microsoft throttles the requestsLast failed run',
      'access-check failed in 2 runs: Microsoft throttles the requestsLast failed run',
      expect.stringMatching(/tags/i),
      'There may be more: events of this tenant, audit records',
    ]);
    audit.mockClear();
    expect(await told(more, ['Tenants.Read'])).toEqual([expect.stringMatching(/tags/i)]);
    expect(audit).not.toHaveBeenCalled();
  });

  it('shows advice of the API for a code that the page does not know', async () => {
    const code = 'half_done' as 'internal';
    const { root, unmount } = await tenantPage({
      lastResults: [{ ...failed('access-check'), code }],
      codes: [{ code, title: 'Half done', advice: 'Do the rest.' }],
    });
    expect(root.querySelector('.note')?.textContent).toContain('Do the rest.');
    await unmount();
  });

  it('offers logs only to readers of runs, and audit records only to readers of the audit log', async () => {
    const logs = async (roles?: readonly string[]): Promise<unknown> => {
      const { root, unmount } = await tenantPage({}, roles);
      await act(() => buttonOf(root, 'Show all 2 results of these jobs')?.click());
      const found = [...root.querySelectorAll('button')].filter(({ textContent }) => textContent?.startsWith('Log'));
      await unmount();
      return found.length;
    };
    expect([await logs(), await logs(['Tenants.Read'])]).toEqual([2, 0]);
    const { root, unmount } = await tenantPage({}, ['Tenants.Read']);
    expect(root.textContent).not.toContain('Audit records');
    await unmount();
  });

  describe('what its rows say', () => {
    const mfa = { ...job, name: 'mfa-report', title: 'MFA', columns: [] };
    const run = { runId: 'mfa-report@w2', startedAt: new Date().toISOString(), outcome: 'succeeded' as const };
    const history = async () => ({ ...tenantHistory, runs: [{ ...run, outcome: 'failed' as const }, run] });
    const rows = [
      { strength: 'none', userType: 'member', admin: false },
      { strength: 'none', userType: 'guest', admin: false },
      { strength: 'strong', userType: 'member', admin: true },
    ];
    const panelOf = (root: HTMLElement) =>
      [...root.querySelectorAll('.panel')].find(({ textContent }) => textContent.startsWith('What the jobs found'));

    it('stands on the page in the words of the report, with the way to the rows of this tenant', async () => {
      const asked: unknown[] = [];
      const methods = {
        tenantHistory: history,
        rowsOfTenant: async (...given: unknown[]) => {
          asked.push(given);
          // Page by page.
          return given[2] === undefined ? { rows: rows.slice(0, 1), continuation: 'c' } : { rows: rows.slice(1) };
        },
      } as never;
      // Of other jobs nobody knows what their rows mean.
      const { root, unmount } = await tenantPage({ lastResults: [] }, undefined, [job, mfa], undefined, methods);
      for (let turn = 0; turn < 4; turn += 1) await settle();
      expect(asked).toEqual([
        ['mfa-report@w2', 'id-Alpine', undefined],
        ['mfa-report@w2', 'id-Alpine', 'c'],
      ]);
      expect(panelOf(root)?.querySelectorAll('li')).toHaveLength(1);
      expect(panelOf(root)?.querySelector('b')?.textContent).toBe(
        '1 person has registered no second factor, not counting administrators and guests',
      );
      const link = '#/tenants/id-Alpine?show=report&job=mfa-report';
      expect(panelOf(root)?.querySelector('a')?.getAttribute('href')).toBe(link);
      await unmount();
    });

    it('is not read again at once, nor when another job has run, whose rows say nothing here', async () => {
      let [reads, runs] = [0, 0];
      const methods = {
        tenant: async () => ({ ...details, lastResults: [{ ...failed('access-check'), runId: `a@${(runs += 1)}` }] }),
        jobs: async () => ({ jobs: [mfa] }),
        events: async () => ({ events: [] }),
        tenantHistory: history,
        rowsOfTenant: async () => ((reads += 1), { rows }),
      } as never;
      const page = signedIn(methods, <TenantView tenantId="id-Alpine" />, ['Tenants.Read', 'Runs.Read']);
      const counts: number[] = [];
      for (const _ of ['first', 'again']) {
        const { root, unmount } = await rendered(page);
        for (let turn = 0; turn < 6; turn += 1) await settle();
        counts.push(reads, panelOf(root)?.querySelectorAll('li').length ?? 0);
        await unmount();
      }
      expect([runs, ...counts]).toEqual([2, 1, 1, 1, 1]);
    });

    it('is what could be read, with the names of the jobs whose rows could not', async () => {
      const secrets = { ...mfa, name: 'secret-expiry-report', title: 'Secrets per tenant' };
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldAdvanceTime: true });
      onTestFinished(() => void vi.useRealTimers());
      let tries = 0;
      const tenantRows = async (runId: string) => {
        if (runId === 'secret@w1' && (tries += 1) < 3)
          throw new ApiFailure({ title: 'No', detail: 'No.', advice: 'Wait.' } as never);
        return { rows };
      };
      const methods = {
        tenantHistory: async (_: string, name: string) =>
          name === 'mfa-report' ? history() : { ...tenantHistory, runs: [{ ...run, runId: 'secret@w1' }] },
        rowsOfTenant: tenantRows,
      } as never;
      const { root, unmount } = await tenantPage({ lastResults: [] }, undefined, [mfa, secrets], undefined, methods);
      for (let turn = 0; turn < 4; turn += 1) await settle();
      expect(panelOf(root)?.querySelectorAll('li')).toHaveLength(1);
      expect(panelOf(root)?.querySelector('footer')?.textContent).toBe('The last rows of Secrets could not be read.');
      await vi.advanceTimersByTimeAsync(60_000);
      for (let turn = 0; turn < 4; turn += 1) await settle();
      expect([tries, panelOf(root)?.querySelector('footer')]).toEqual([3, null]);
      await unmount();
    });

    it('is no panel without a finding, and not good news if it cannot be read', async () => {
      const page = (methods: object, roles?: readonly string[]) =>
        tenantPage({ lastResults: [] }, roles, [mfa], undefined, { tenantHistory: history, ...methods });
      const well = await page({ rowsOfTenant: async () => ({ rows: rows.slice(1) }) });
      expect([panelOf(well.root), well.root.querySelector('.note')]).toEqual([undefined, null]);
      await well.unmount();
      const gone = () =>
        Promise.reject(new ApiFailure({ title: 'No', detail: 'No.', advice: 'Wait.', transient: true }));
      const unread = await page({ rowsOfTenant: gone });
      expect(unread.root.querySelector('.note')?.textContent).toBe('The last rows of MFA could not be read.');
      await unread.unmount();
      const unasked = await page({ rowsOfTenant: gone }, ['Tenants.Read']);
      expect(unasked.root.querySelector('.note')).toBeNull();
      await unasked.unmount();
    });
  });

  it('shows those requests for it that lapse first and that the reader may decide on, and how many others there are', async () => {
    const asked = (id: string, tenantId: string, possibleDecisions = ['approve', 'deny'], ms = 7_500_000) => ({
      id,
      tenantId,
      title: 'GET /v1.0/users at graph in Alpine',
      possibleDecisions,
      asker: { kind: 'application', name: 'Portal' },
      expiresAt: new Date(Date.now() + ms).toISOString(),
    });
    // The second one is of the reader.
    const all = [asked('a1', 'id-Alpine'), asked('a2', 'id-Alpine', ['revoke']), asked('a3', 'id-Beta')];
    let continuation: string | undefined;
    const approvals = async () => ({ approvals: all, continuation });
    const methods = {
      tenant: async () => ({ ...details, lastResults: [] }),
      jobs: async () => ({ jobs: [] }),
      approvals,
      events: async () => ({ events: [] }),
    } as never;
    const view = (
      <Waiting>
        <TenantView tenantId="id-Alpine" />
      </Waiting>
    );
    const page = async () => {
      const shown = await rendered(signedIn(methods, view, ['Tenants.Read', 'Approvals.Decide']));
      for (let turn = 0; turn < 4; turn += 1) await settle();
      return { ...shown, notes: [...shown.root.querySelectorAll('.note')] };
    };
    const { root, notes, unmount } = await page();
    expect(notes.map(({ textContent }) => textContent)).toEqual([
      'Waits for a decision: Reads users in AlpineAsked by Portal application, expires in 2 hours.Show the request',
    ]);
    expect(root.querySelector('.note a')?.getAttribute('href')).toBe('#/approvals/a1');
    await unmount();
    all.push(...['a4', 'a5', 'a6', 'a7'].map((id) => asked(id, 'id-Alpine')));
    all.push(asked('a8', 'id-Alpine', ['approve', 'deny'], 60_000));
    const many = await page();
    expect(many.notes.map((note) => note.querySelector('a.btn')?.getAttribute('href'))).toEqual([
      '#/approvals/a8',
      '#/approvals/a1',
      '#/approvals/a4',
    ]);
    expect(many.notes.map((note) => note.querySelector('a[href="#/approvals"]')?.textContent.trim())).toEqual([
      undefined,
      undefined,
      'And 3 others',
    ]);
    await many.unmount();
    // As many as are read.
    all.push(...Array.from({ length: 100 }, (_, at) => asked(`b${at}`, 'id-Beta')));
    continuation = 'next';
    const cut = await page();
    expect(cut.notes[2]?.textContent).toContain('And 3 or more others');
    await cut.unmount();
  });

  it('has no notice if nothing is to be done', async () => {
    const well = await tenantPage({ lastResults: [] });
    expect(well.root.querySelector('.note')).toBeNull();
    await well.unmount();
  });

  it('shows the end of a relationship as something to do, alone and beside another cause', async () => {
    const ending = await tenantPage({ lastResults: [], reason: 'gdap_expiring' });
    expect(ending.root.querySelector('.note.warn')?.textContent).toContain(
      'Extend the GDAP relationship in Partner Center',
    );
    await ending.unmount();
    const both = await tenantPage({ reason: 'gdap_expiring' });
    expect([...both.root.querySelectorAll('.note')].map(({ className }) => className)).toEqual([
      'note bad',
      'note warn',
    ]);
    await both.unmount();
  });

  it('says what is not known, if the broker could not read results', async () => {
    const unread = await tenantPage({ lastResults: undefined, history: undefined });
    const text = unread.root.textContent ?? '';
    expect(text).toContain('It is not known whether jobs failed in this tenant.');
    expect(text).toContain('The last results are not known.');
    expect(text).toContain('The results in earlier runs are not known.');
    expect(text).not.toMatch(/✓|No job has visited/);
    await unread.unmount();
    const noHistory = await tenantPage({ history: undefined });
    expect(noHistory.root.querySelector('table tbody')?.textContent).toContain('not known');
    await noHistory.unmount();
  });

  it('shows the problem of an unknown tenant', async () => {
    const failure = new ApiFailure({
      title: 'The tenant does not exist',
      detail: 'No.',
      advice: 'Check the id.',
      transient: false,
    });
    const page = await rendered(signedIn({ tenant: () => Promise.reject(failure) }, <TenantView tenantId="x" />));
    await settle();
    expect(page.root.querySelector('[role=alert]')?.textContent).toContain('The tenant does not exist. No.');
    await page.unmount();
  });
});

it('says over rows of many tenants what the command to copy does', async () => {
  const tenants = Array.from({ length: 7 }, (_, n) => ({ tenant: { tenantId: `t${n}`, name: `T${n}` }, results: [] }));
  const { root, unmount } = await rendered(
    <GroupHead count={7} title="No consent" advice="Give it." cause={{ cause: 'consent_required', tenants }} />,
  );
  expect(root.textContent).toContain(
    'Give it. This lists all customers that would get the consent: Copy command for No consent',
  );
  await unmount();
});

describe('the copy button', () => {
  it.each([
    ['copies the text', () => Promise.resolve(), ' Copied the command for Contoso', 'The command was copied.'],
    [
      'says so if the browser refuses',
      () => Promise.reject(new Error('no')),
      ' Not copied the command for Contoso',
      'The command could not be copied. Select it instead.',
    ],
  ])('%s', async (_, write, label, said) => {
    const writeText = vi.fn<(text: string) => Promise<void>>(write);
    vi.stubGlobal('navigator', { clipboard: { writeText } });
    const { root, unmount } = await rendered(
      <Announcer>
        <CopyButton text="ptb doctor" what="command" whatFor="Contoso" />
      </Announcer>,
    );
    await act(() => root.querySelector('button')?.click());
    await settle();
    expect(writeText).toHaveBeenCalledWith('ptb doctor');
    expect(root.querySelector('button')?.textContent).toBe(label);
    expect(root.querySelector('[aria-live]')?.textContent).toBe(said);
    await unmount();
  });
});
