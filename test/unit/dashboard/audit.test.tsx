// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Api } from '../../../dashboard/app/api.ts';
import { parseAuditFilter } from '../../../dashboard/app/view-filter.ts';
import { AuditFilters, AuditView } from '../../../dashboard/app/audit-view.tsx';
import { type AuditPages, type AuditRecord, useAuditPages } from '../../../dashboard/app/audit-pages.ts';
import { AuditTable, type Names, useNames } from '../../../dashboard/app/audit-table.tsx';
import { SignedInContext } from '../../../dashboard/app/context.ts';
import { apiWith, rendered, session } from './rendered.ts';
import { everyRole } from './signed-in.tsx';

type Query = Readonly<Record<string, string | undefined>>;
type Answer = Awaited<ReturnType<Api['audit']>>;

const from = '2026-11-01T00:00:00.000Z';
const to = '2026-11-08T00:00:00.000Z';
const record = (tokenId: string): AuditRecord => ({ tokenId }) as unknown as AuditRecord;
const page = (ids: readonly string[], continuation?: string): Answer => ({
  from,
  to,
  entries: ids.map(record),
  ...(continuation === undefined ? {} : { continuation }),
});

/** Runs `work`, then everything that the answers of the API cause. */
const settled = (work: () => void = () => undefined): Promise<void> =>
  act(async () => {
    work();
    await new Promise((resolve) => setTimeout(resolve));
  });

async function pagesOf(answers: readonly Answer[]) {
  const queries: Query[] = [];
  const api = apiWith({
    audit: async (query) => {
      queries.push(query);
      const answer = answers[queries.length - 1];
      if (answer === undefined) throw new Error('no further page');
      return answer;
    },
  });
  let pages: AuditPages | undefined;
  function Page() {
    pages = useAuditPages({ outcome: 'denied' });
    return null;
  }
  const value = { api, session };
  const page = () => (
    <SignedInContext.Provider value={value}>
      <Page />
    </SignedInContext.Provider>
  );
  const { rerender } = await rendered(page());
  await settled();
  return { queries, pages: () => pages!, again: () => rerender(page()) };
}

it('requests every further page with the period of the first answer', async () => {
  const { queries, pages } = await pagesOf([page(['a'], 'c1'), page(['b'], 'c2'), page(['c'])]);
  expect(queries).toEqual([{ outcome: 'denied', limit: '100' }]);
  await settled(() => pages().loadMore?.());
  await settled(() => pages().loadMore?.());
  expect(queries.slice(1)).toEqual([
    { outcome: 'denied', from, to, continuation: 'c1', limit: '100' },
    { outcome: 'denied', from, to, continuation: 'c2', limit: '100' },
  ]);
  expect(pages().records.map(({ tokenId }) => tokenId)).toEqual(['a', 'b', 'c']);
  expect(pages().loadMore).toBeUndefined();
});

it('gives the same names and records until there are others: a table is made of them', async () => {
  const callerNames = { id: 'Portal' };
  const { pages, again } = await pagesOf([{ ...page(['a'], 'c1'), callerNames }, page(['b'])]);
  const first = pages();
  await again();
  expect([pages().callerNames === first.callerNames, pages().records === first.records]).toEqual([true, true]);
  await settled(() => pages().loadMore?.());
  expect([pages().callerNames, pages().records.length]).toEqual([callerNames, 2]);
});

it('skips empty pages, at most five per click', async () => {
  const empty = Array.from({ length: 5 }, (_, index) => page([], `c${index}`));
  const { queries, pages } = await pagesOf([...empty, page([], 'c5'), page(['a'], 'c6')]);
  expect(queries).toHaveLength(5);
  await settled(() => pages().loadMore?.());
  expect([queries.length, pages().records.length]).toEqual([7, 1]);
});

it('keeps the records of earlier pages when the next page fails', async () => {
  const { pages } = await pagesOf([page(['a'], 'c1')]);
  await settled(() => pages().loadMore?.());
  expect(pages().records).toHaveLength(1);
  expect(pages().failure?.message).toBe('no further page');
});

it('keeps text that is typed before the first effects run, and shows the filter of a new address', async () => {
  const { root, rerender } = await rendered(<AuditFilters filter={{ tenant: 'contoso.com' }} />);
  const tenant = (): HTMLInputElement => root.querySelector('input')!;
  const type = (text: string): Promise<void> =>
    act(() => {
      tenant().value = text;
      tenant().dispatchEvent(new Event('input', { bubbles: true }));
    });
  expect(tenant().value).toBe('contoso.com');
  await type('fabrikam');
  await rerender(<AuditFilters filter={{ tenant: 'contoso.com' }} />);
  expect(tenant().value).toBe('fabrikam');
  await rerender(<AuditFilters filter={{ tenant: 'adatum.com' }} />);
  expect(tenant().value).toBe('adatum.com');
  // The browser's back button returns to the filter, not to the text that was typed there.
  await rerender(<AuditFilters filter={{ tenant: 'contoso.com' }} />);
  expect(tenant().value).toBe('contoso.com');
});

const nobody = '00000000-0000-0000-0000-000000000000';
const names: Names = {
  tenants: new Map(),
  whoIn: ({ caller }) =>
    caller.kind === 'agent'
      ? { kind: 'agent', name: `agent ${caller.applicationId}` }
      : { kind: 'person', name: caller.applicationId },
};
const entry = (more: Partial<AuditRecord>): AuditRecord => ({
  at: from,
  correlationId: nobody,
  tokenId: nobody,
  outcome: 'issued',
  caller: { applicationId: nobody, objectId: nobody, kind: 'user' },
  scopes: ['User.Read.All'],
  resource: 'graph',
  ...more,
});

it('shows the steps of an approval with reason and link, also of two people who decided alike', async () => {
  const step = { kind: 'approval', outcome: 'approved', approvalId: 'a1', reason: 'Agreed.' } as const;
  const records = [entry({ ...step, at: to }), entry(step), entry({ ...step, outcome: 'asked' })];
  const { root, unmount } = await rendered(<AuditTable records={records} filter={{}} names={names} />);
  const rows = [...root.querySelectorAll('tbody tr:not(.group)')];
  expect(rows.map((row) => [row.children[3]?.textContent, row.children[5]?.textContent?.trim()])).toEqual([
    ['approval: graph', 'approved'],
    ['approval: graph', 'approved'],
    ['approval: graph', 'asked'],
  ]);
  expect(rows).toHaveLength(3);
  await act(() => root.querySelector<HTMLElement>('tbody button')?.click());
  expect(root.querySelector('dialog')?.textContent).toContain('ReasonAgreed.');
  expect(root.querySelector('dialog dl a')?.getAttribute('href')).toBe('#/approvals/a1');
  await unmount();
});

it('shows of an agent its blueprint and the person that it acts for', async () => {
  const [application, person, blueprint] = ['a-1', 'p-1', 'b-1'];
  const agent = { applicationId: application, objectId: person, kind: 'agent', blueprint, actsFor: person } as const;
  const records = [entry({ caller: agent }), entry({ caller: { ...agent, kind: 'user' }, at: to })];
  const { root, unmount } = await rendered(<AuditTable records={records} filter={{}} names={names} />);
  const rows = [...root.querySelectorAll('tbody tr:not(.group)')];
  expect(rows.map((row) => row.querySelector('.who-cell a')?.textContent)).toEqual(['agent a-1', 'a-1']);
  await act(() => root.querySelector<HTMLElement>('tbody button')?.click());
  const details = root.querySelector('dialog')?.textContent;
  expect(details).toContain('a-1 agent, object p-1');
  expect(details).toContain('Blueprint of the agentb-1');
  expect(details).toContain('The agent acts for the personp-1');
  await unmount();
});

it('names agents apart from the people that they act for', async () => {
  const [ada, bot, helper, portal] = ['ada-1', 'bot-1', 'helper-1', 'portal-1'];
  const acting = { applicationId: bot, objectId: ada, kind: 'agent', actsFor: ada } as const;
  const started = [{ startedBy: bot, starter: { objectId: ada, name: 'agent Bot (bot-1…) for ada@partner.example' } }];
  const askers = [
    { ...acting, name: 'agent Bot (bot-1…) for ada@partner.example' },
    { applicationId: helper, objectId: 'h-1', kind: 'agent', name: 'agent Helper (helper-1…)' },
    { applicationId: portal, objectId: 'o-1', kind: 'application', name: 'application Portal (portal-1…)' },
  ];
  const api = apiWith({
    jobs: async () => ({ jobs: [] }),
    tenants: async () => ({ tenants: [] }) as never,
    runs: async () => ({ runs: started as never }),
    approvals: async () => ({ approvals: askers.map((asker) => ({ asker })) as never }),
  });
  let found: Names | undefined;
  let given: Record<string, string> = {};
  function Page() {
    found = useNames(given);
    return null;
  }
  const nameOf = (caller: AuditRecord['caller']) => found?.whoIn({ caller }).name;
  const show = async (names: Record<string, string>) => {
    given = names;
    const { unmount } = await rendered(
      <SignedInContext.Provider value={{ api, session: { ...session, roles: [...everyRole, 'Approvals.Decide'] } }}>
        <Page />
      </SignedInContext.Provider>,
    );
    await settled();
    const shown = [
      nameOf({ applicationId: portal, objectId: ada, kind: 'user' }),
      nameOf(acting),
      nameOf({ applicationId: helper, objectId: 'h-1', kind: 'agent' }),
      nameOf({ applicationId: portal, objectId: 'o-1', kind: 'application' }),
    ];
    await unmount();
    return shown;
  };
  const [ownHelper, ownPortal] = ['agent Helper (helper-1…)', 'application Portal (portal-1…)'];
  expect(await show({})).toEqual(['person ada-1', 'agent bot-1 for person ada-1', ownHelper, ownPortal]);
  expect(await show({ [ada]: 'Ada' })).toEqual(['Ada', 'agent bot-1 for Ada', ownHelper, ownPortal]);
  expect(await show({ [ada]: 'Ada', [bot]: 'Bot' })).toEqual(['Ada', 'agent Bot for Ada', ownHelper, ownPortal]);
});

it('marks what a rule for emergencies served, and only that', async () => {
  const records = [entry({ breakGlass: true, reason: 'An attack.' }), entry({ at: to })];
  const { root, unmount } = await rendered(<AuditTable records={records} filter={{}} names={names} />);
  const rows = [...root.querySelectorAll('tbody tr:not(.group)')];
  expect(rows.map((row) => [row.className, row.querySelector('.badge.bad')?.textContent])).toEqual([
    ['break-glass', 'break-glass'],
    ['', undefined],
  ]);
  await unmount();
});

it('filters by approval and emergencies, and keeps both in the address', async () => {
  const { root, unmount } = await rendered(<AuditFilters filter={{ approval: 'a1', kind: 'approval' }} />);
  await act(() => root.querySelector<HTMLInputElement>('input[type=checkbox]')!.click());
  await act(() => {
    root.querySelector('form')!.dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }));
  });
  expect(location.hash).toBe('#/audit?kind=approval&approval=a1&breakGlass=true');
  expect(parseAuditFilter('kind=approval&approval=a1&breakGlass=no&outcome=asked')).toEqual({
    kind: 'approval',
    approval: 'a1',
    outcome: 'asked',
  });
  location.hash = '';
  await unmount();
});

describe('what stands above the records', () => {
  const nowMs = Date.parse('2026-11-24T12:00:00Z');
  const at = (day: number, outcome: string) => ({
    ...record(`${day} ${outcome}`),
    at: `2026-11-${day}T09:00:00.000Z`,
    outcome,
  });
  const health = (auditCheckpoints: object) => ({ applications: [], auditCheckpoints }) as never;

  /** The page over answers for the days, each with the entries of one request. */
  async function view(days: readonly object[][], checkpoints: object = { state: 'current' }) {
    vi.setSystemTime(nowMs);
    const queries: Query[] = [];
    const audit: Api['audit'] = async (query) => {
      if (query['limit'] !== '1000') return page([]);
      queries.push(query);
      const entries = days[queries.length - 1] ?? [];
      return { ...page([], queries.length < days.length ? 'more' : undefined), entries } as Answer;
    };
    const api = apiWith({ audit, health: async () => health(checkpoints) });
    const shown = await rendered(
      <SignedInContext.Provider value={{ api, session }}>
        <AuditView filter={{ caller: 'c', from: '2026-11-23T00:00:00.000Z' }} />
      </SignedInContext.Provider>,
    );
    // The days come after the first answer.
    await settled();
    await settled();
    return { ...shown, queries };
  }
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
  afterEach(() => void vi.useRealTimers());

  it('is a bar for each day, with what was denied, and leads to the day', async () => {
    const { root, queries, unmount } = await view([[at(24, 'issued'), at(24, 'denied'), at(22, 'denied')]]);
    expect([...root.querySelectorAll('.chart title')].map(({ textContent }) => textContent)).toEqual([
      '22 Nov: 1 record, 1 denied',
      '23 Nov: 0 records, 0 denied',
      '24 Nov: 2 records, 1 denied',
    ]);
    expect(queries).toMatchObject([{ caller: 'c', limit: '1000' }]);
    await act(() => void root.querySelector<SVGElement>('.goes')?.dispatchEvent(new Event('click', { bubbles: true })));
    expect(new URLSearchParams(location.hash.split('?')[1]).get('caller')).toBe('c');
    expect(Date.parse(new URLSearchParams(location.hash.split('?')[1]).get('to') ?? '')).toBe(
      new Date(2026, 10, 23).getTime(),
    );
    await unmount();
  });

  it('leaves out days of which it has not read every record', async () => {
    const { root, queries, unmount } = await view([
      [at(24, 'issued')],
      [at(23, 'issued')],
      [at(22, 'issued')],
      [at(21, 'issued')],
      [],
    ]);
    expect(queries).toHaveLength(4);
    expect(root.querySelectorAll('.chart title')).toHaveLength(3);
    await unmount();
  });

  it.each([
    [{ state: 'current', lastAt: '2026-11-24T11:55:00.000Z' }, 'signed', '5 minutes ago'],
    [
      { state: 'late', lastAt: '2026-11-24T09:00:00.000Z', problem: 'Key Vault is away.' },
      'not signed lately',
      'Key Vault is away.',
    ],
    [{ state: 'off' }, 'not signed: the timer is disabled', 'ptb audit verify'],
  ])('says up to when the order of the records is signed: %o', async (checkpoints, word, text) => {
    const { root, unmount } = await view([], checkpoints);
    const proof = [...root.querySelectorAll('.panel')].find((panel) => panel.textContent.includes('Proof'));
    expect(proof?.querySelector('.badge')?.textContent).toBe(word);
    expect(proof?.textContent).toContain(text);
    await unmount();
  });
});
