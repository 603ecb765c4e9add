// @vitest-environment happy-dom
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Api } from '../../../dashboard/app/api.ts';
import { parseAuditFilter } from '../../../dashboard/app/view-filter.ts';
import { AuditFilters, AuditView } from '../../../dashboard/app/audit-view.tsx';
import { type AuditRecord, folded, oneARequest } from '../../../dashboard/app/audit-lines.ts';
import { readPeriod } from '../../../dashboard/app/audit-period.tsx';
import { type AuditPages, useAuditPages } from '../../../dashboard/app/audit-pages.ts';
import { isFailed } from '../../../src/lib/api/refusals.ts';
import { type Names, tenantOf, useNames } from '../../../dashboard/app/audit-names.ts';
import { policyTest } from '../../../dashboard/app/audit-record.tsx';
import { AuditTable } from '../../../dashboard/app/audit-table.tsx';
import { SignedInContext } from '../../../dashboard/app/context.ts';
import { apiWith, rendered, session } from './rendered.ts';
import { everyRole, signedIn } from './signed-in.tsx';
import { tenant } from './tenants.ts';

const Filters = ({ filter }: Pick<Parameters<typeof AuditFilters>[0], 'filter'>) => (
  <AuditFilters filter={filter} text="" onText={() => undefined} />
);

type Query = Readonly<Record<string, string | undefined>>;
type Answer = Awaited<ReturnType<Api['audit']>>;

const from = '2026-11-01T00:00:00.000Z';
const to = '2026-11-08T00:00:00.000Z';
const record = (tokenId: string): AuditRecord => ({ tokenId, at: to }) as unknown as AuditRecord;
const page = (ids: readonly string[], continuation?: string): Answer => ({
  from,
  to,
  entries: ids.map(record),
  ...(continuation === undefined ? {} : { continuation }),
});
/** As many lines as are wanted at once. */
const fullPage = (name: string, continuation?: string): Answer => ({
  ...page([], continuation),
  entries: Array.from({ length: 25 }, (_, at) => ({ ...record(`${name}${at}`), path: `/${at}` })),
});

/** Runs `work`, then everything that the answers of the API cause. */
const settled = (work: () => void = () => undefined): Promise<void> =>
  act(async () => {
    work();
    await new Promise((resolve) => setTimeout(resolve));
  });

async function pagesOf(
  answers: readonly Answer[],
  filter: ReturnType<typeof parseAuditFilter> = { outcome: 'denied' },
) {
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
    pages = useAuditPages(filter);
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
  const { queries, pages } = await pagesOf([fullPage('a', 'c1'), fullPage('b', 'c2'), page(['c'])]);
  expect(queries).toEqual([{ outcome: 'denied', limit: '60' }]);
  await settled(() => pages().loadMore?.());
  await settled(() => pages().loadMore?.());
  expect(queries.slice(1)).toEqual([
    { outcome: 'denied', from, to, continuation: 'c1', limit: '60' },
    { outcome: 'denied', from, to, continuation: 'c2', limit: '60' },
  ]);
  expect(pages().records.map(({ tokenId }) => tokenId)).toEqual([
    ...[...fullPage('a').entries, ...fullPage('b').entries].map(({ tokenId }) => tokenId),
    'c',
  ]);
  expect(pages().loadMore).toBeUndefined();
});

it('gives the same names and records until there are others: a table is made of them', async () => {
  const callerNames = { id: 'Portal' };
  const { pages, again } = await pagesOf([{ ...fullPage('a', 'c1'), callerNames }, page(['b'])]);
  const first = pages();
  await again();
  expect([pages().callerNames === first.callerNames, pages().records === first.records]).toEqual([true, true]);
  await settled(() => pages().loadMore?.());
  expect([pages().callerNames, pages().records.length]).toEqual([callerNames, 26]);
});

it('asks for what was denied, and keeps of it what the policy refused', async () => {
  const denied = (tokenId: string, code: string, more: object = {}) =>
    ({ ...record(tokenId), outcome: 'denied', code, ...more }) as AuditRecord;
  const [first, second] = [page([], 'c1'), page([])];
  const entries = [
    denied('a', 'consent_required'),
    denied('b', 'scope_not_allowed'),
    { ...record('c'), outcome: 'denied', kind: 'approval' } as AuditRecord,
  ];
  const answers = [first, { ...second, entries }];
  const { queries, pages } = await pagesOf(answers, parseAuditFilter('outcome=policy&caller=p'));
  expect(queries).toMatchObject([
    { outcome: 'denied', caller: 'p' },
    { outcome: 'denied', continuation: 'c1' },
  ]);
  expect(pages().records.map(({ tokenId }) => tokenId)).toEqual(['b']);
});

it('reads larger and larger pages until it has 25 lines, at most five per click', async () => {
  const empty = Array.from({ length: 5 }, (_, index) => page([], `c${index}`));
  // Equal records are one line.
  const equal = page(['a', 'b', 'c'], 'c6');
  const { queries, pages } = await pagesOf([...empty, equal, fullPage('b', 'c7')]);
  expect(queries.map(({ limit }) => limit)).toEqual(['60', '120', '240', '480', '960']);
  await settled(() => pages().loadMore?.());
  expect([queries.length, pages().records.length]).toEqual([7, 28]);
});

it('keeps the records of earlier pages when the next page fails, also one that was not asked for', async () => {
  const { queries, pages } = await pagesOf([page(['a'], 'c1')]);
  expect(queries).toHaveLength(2);
  expect(pages().records).toHaveLength(1);
  expect(pages().failure?.message).toBe('no further page');
});

it('keeps text that is typed before the first effects run, and shows the filter of a new address', async () => {
  const { root, rerender, unmount } = await rendered(<Filters filter={{ tenant: 'contoso.com' }} />);
  const tenant = (): HTMLInputElement => root.querySelector('details input')!;
  const type = (text: string): Promise<void> =>
    act(() => {
      tenant().value = text;
      tenant().dispatchEvent(new Event('input', { bubbles: true }));
    });
  expect(tenant().value).toBe('contoso.com');
  await type('fabrikam');
  await rerender(<Filters filter={{ tenant: 'contoso.com' }} />);
  expect(tenant().value).toBe('fabrikam');
  await rerender(<Filters filter={{ tenant: 'adatum.com' }} />);
  expect(tenant().value).toBe('adatum.com');
  // The browser's back button returns to the filter, not to the text that was typed there.
  await rerender(<Filters filter={{ tenant: 'contoso.com' }} />);
  expect(tenant().value).toBe('contoso.com');
  await unmount();
});

const nobody = '00000000-0000-0000-0000-000000000000';
const asker = { kind: 'user', name: 'Ada', objectId: 'o', applicationId: 'a' };
const planFacts = [
  { name: 'Plan', value: 'block-consent@manual-1' },
  { name: 'Tenants', value: '15' },
];
const names: Names = {
  tenants: new Map(),
  approvals: new Map([
    ['a1', { title: 'Block consent: 15 changes in 15 tenants', facts: planFacts, asker, askedAt: from } as never],
  ]),
  jobOf: (id) => id.replace(/@.*/, ''),
  nameOf: (id) => id,
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

/** What was done in a line. */
const whatIn = (row: Element): string | undefined => row.querySelector('.what .cut')?.textContent;

it('shows the steps of an approval with reason and link, also of two people who decided alike', async () => {
  const step = { kind: 'approval', outcome: 'approved', approvalId: 'a1', reason: 'Agreed.' } as const;
  const records = [entry({ ...step, at: to }), entry(step), entry({ ...step, outcome: 'asked' })];
  const { root, unmount } = await rendered(<AuditTable records={records} filter={{}} names={names} />);
  const rows = [...root.querySelectorAll('tbody tr:not(.group)')];
  expect(rows.map((row) => [whatIn(row), row.children[4]?.textContent?.trim()])).toEqual([
    ['Approval graph', 'approved'],
    ['Approval graph', 'approved'],
    ['Approval graph', 'asked'],
  ]);
  expect(rows).toHaveLength(3);
  await act(() => root.querySelector<HTMLElement>('tbody button')?.click());
  expect(root.querySelector('dialog')?.textContent).toContain('ReasonAgreed.');
  expect(root.querySelector('dialog dl a[href="#/approvals/a1"]')).not.toBeNull();
  await unmount();
});

it('says that an approval is of a plan, and over how many tenants if it knows, and of an answer that Microsoft refused', async () => {
  const records = [
    entry({ kind: 'approval', outcome: 'asked', tenantId: nobody, resource: '', approvalId: 'a1' }),
    entry({ kind: 'approval', outcome: 'approved', tenantId: nobody, resource: '', approvalId: 'a2' }),
    entry({ kind: 'request', outcome: 'answered', status: 403, method: 'PATCH', path: '/v1.0/users/1' }),
  ];
  const { root, unmount } = await rendered(<AuditTable records={records} filter={{}} names={names} />);
  const rows = [...root.querySelectorAll('tbody tr:not(.group)')];
  expect(rows.map((row) => [whatIn(row)?.trim(), row.children[4]?.textContent?.trim()])).toEqual([
    ['Approval of a plan', 'asked'],
    ['Approval of a plan', 'approved'],
    ['PATCH /v1.0/users/1', 'refused by Microsoft 403'],
  ]);
  expect(rows.slice(0, 2).map((row) => row.children[2]?.textContent)).toEqual(['15 tenants', 'several tenants']);
  await unmount();
});

const oneTenant = '11111111-0000-4000-8000-000000000000';

it.each<[string, Partial<AuditRecord>]>([
  ['P got a token for Contoso', {}],
  ['P got no token for Contoso', { outcome: 'denied', code: 'consent_required' }],
  ['P got no token for Contoso', { outcome: 'denied', code: 'tenant_excluded' }],
  ['The policy refused P a token for Contoso', { outcome: 'denied', code: 'scope_not_allowed' }],
  ['P was refused a request to Contoso', { kind: 'request', outcome: 'denied', code: 'throttled' }],
  ['The policy refused P a request to Contoso', { kind: 'request', outcome: 'denied', code: 'scope_not_allowed' }],
  ['Microsoft refused a request of P to Contoso', { kind: 'request', outcome: 'answered', status: 403 }],
  ['Microsoft refused a change of P to Contoso', { kind: 'request', outcome: 'answered', status: 403, plan: 'p' }],
  ['Microsoft failed to serve a request of P to Contoso', { kind: 'request', outcome: 'answered', status: 503 }],
  ['No answer came to a request of P to Contoso', { kind: 'request', outcome: 'failed' }],
  ['P sent a request to Contoso', { kind: 'request', outcome: 'answered', status: 404 }],
  ['P denied graph', { kind: 'approval', outcome: 'denied' }],
  ['The approval of a plan was used', { kind: 'approval', outcome: 'used', tenantId: nobody }],
  [
    'P asked for the approval of “Block consent: 15 changes in 15 tenants”',
    { kind: 'approval', outcome: 'asked', tenantId: nobody, approvalId: 'a1' },
  ],
  ['P changed the tags of Contoso', { kind: 'tags', outcome: 'changed', tagsAdded: ['gold'] }],
  ['P called the tool tenants', { kind: 'tool', outcome: 'called', tool: 'tenants' }],
])('heads the details of a record by what happened: %s', async (words, more) => {
  const known: Names = {
    ...names,
    tenants: new Map([[oneTenant, 'Contoso']]),
    whoIn: () => ({ kind: 'person', name: 'P' }),
  };
  const records = [entry({ tenantId: oneTenant, ...more })];
  const { root, unmount } = await rendered(<AuditTable records={records} filter={{}} names={known} />);
  await act(() => root.querySelector<HTMLElement>('tbody tr:not(.group) td')?.click());
  expect(root.querySelector('dialog h2')?.textContent).toBe(words);
  await unmount();
});

it('leads from a record to its plan by name, and to the records beside it', async () => {
  const records = [
    entry({ kind: 'approval', outcome: 'used', approvalId: 'a1', tenantId: nobody, at: to }),
    entry({ tokenId: 't2' }),
  ];
  const { root, unmount } = await rendered(
    signedIn(
      { tenants: async () => ({ tenants: [] }) as never, health: async () => ({}) as never },
      <AuditTable records={records} filter={{}} names={names} />,
    ),
  );
  await act(() => root.querySelector<HTMLElement>('tbody button')?.click());
  const links = [...root.querySelectorAll('dialog dl a')].map((link) => [link.textContent, link.getAttribute('href')]);
  expect(links).toEqual([
    ['block-consent', '#/plans/block-consent%40manual-1'],
    ['Show the approval', '#/approvals/a1'],
  ]);
  const [newer, older] = root.querySelectorAll<HTMLElement>('dialog footer button');
  expect(newer?.ariaDisabled ?? newer?.getAttribute('aria-disabled')).toBe('true');
  await act(() => older?.click());
  const title = `${nobody} got a token`;
  expect(root.querySelector('dialog h2')?.textContent).toBe(title);
  // The focus stays on the button, so the record is announced.
  expect(root.querySelector('[aria-live]')?.textContent).toBe(title);
  await unmount();
});

it('counts no denial by a person as a request that failed, but an answer that says the resource did', () => {
  const some = [
    entry({ kind: 'approval', outcome: 'denied' }),
    entry({ outcome: 'denied' }),
    entry({ outcome: 'denied', code: 'scope_not_allowed' }),
    ...[204, 404, 403, 503].map((status) => entry({ kind: 'request', outcome: 'answered', status })),
  ];
  expect(some.map(isFailed)).toEqual([false, true, false, false, false, false, true]);
});

it.each<[string, Partial<AuditRecord>, string | undefined]>([
  [
    'a token',
    { grant: 'delegated', roles: ['Tokens.Request'] },
    `ptb policy test --caller ${nobody} --tenant ${oneTenant} contoso.com --resource graph --kind user --object ${nobody} --tag gold --grant delegated --scope User.Read.All`,
  ],
  [
    'a request of a caller without the role for it',
    {
      caller: { applicationId: nobody, objectId: nobody, kind: 'application' },
      kind: 'request',
      method: 'GET',
      path: '/v1.0/users',
      roles: ['Runs.Read'],
    },
    `ptb policy test --caller ${nobody} --tenant ${oneTenant} contoso.com --resource graph --tag gold --request 'GET /v1.0/users' --role Runs.Read`,
  ],
  ['a path that a shell would read', { kind: 'request', method: 'GET', path: "/v1.0/users/'$(id)'" }, undefined],
  ['a scope that a shell would read', { scopes: ['a;b'] }, undefined],
  ['no tenant', { tenantId: undefined }, undefined],
  // The values of what it asked for are in no record.
  ...[
    { query: '$expand=memberOf' },
    { bodyNames: ['displayName'] },
    { bodySha256: 'a' },
    { cmdlet: 'Get-Mailbox' },
  ].map((more): [string, Partial<AuditRecord>, undefined] => [
    `a request with more than its path: ${Object.keys(more).join('')}`,
    { kind: 'request', method: 'POST', path: '/v1.0/users', ...more },
    undefined,
  ]),
])('has the command that explains why the policy refused %s', (_, more, command) => {
  const refused = entry({ outcome: 'denied', code: 'scope_not_allowed', tenantId: oneTenant, ...more });
  expect(policyTest(refused, { defaultDomain: 'contoso.com', tags: ['gold'] })).toBe(command);
  // Rules may name its domain and its tags.
  expect(policyTest(refused, undefined)).toBeUndefined();
});

/** The names and values of the drawer of a record. */
async function factsOf(more: Partial<AuditRecord>, known: Names = names) {
  const customer = { ...tenant('Contoso'), tenantId: oneTenant, tags: ['gold'] };
  const methods = { tenants: async () => ({ tenants: [customer] }) as never, health: async () => ({}) as never };
  const table = <AuditTable records={[entry(more)]} filter={{}} names={known} />;
  const { root, unmount } = await rendered(signedIn(methods, table));
  await settled(() => root.querySelector<HTMLElement>('tbody button')?.click());
  await settled();
  const facts = [...root.querySelectorAll('dialog dl:not(.long) dt')].map((name) => [
    name.textContent,
    name.nextElementSibling?.textContent,
  ]);
  const all = (selector: string) => [...root.querySelectorAll(selector)].map(({ textContent }) => textContent);
  const links = [...root.querySelectorAll('dialog dl a')].map((link) => link.getAttribute('href'));
  const [commands, copies] = [all('dialog .cmd code'), all('dialog .copy').map((text) => text?.trim())];
  await unmount();
  return { facts: Object.fromEntries(facts) as Record<string, string>, links, commands, copies };
}

it('has the command that explains a refusal beside the one for the proof, each with a name of its own', async () => {
  const refused = { tenantId: oneTenant, outcome: 'denied', code: 'scope_not_allowed' } as const;
  const { commands, copies } = await factsOf(refused);
  expect(commands).toEqual([
    expect.stringMatching(/^ptb policy test .* --tenant \S+ contoso.example .* --tag gold /),
    expect.stringMatching(/^ptb audit verify /),
  ]);
  expect(copies).toEqual(['Copy the command for the decision', 'Copy the command for the proof']);
  expect((await factsOf({ ...refused, outcome: 'issued' })).commands).toHaveLength(1);
});

it('leads from a record to its job and its run, and from an application to what it did, but from no person', async () => {
  const application = { applicationId: 'portal', objectId: 'o', kind: 'application' } as const;
  const known: Names = {
    ...names,
    whoIn: ({ caller }) => ({ kind: caller.kind === 'user' ? 'person' : 'application', name: 'P' }),
  };
  const caller = { ...application, kind: 'user' } as const;
  const one = await factsOf({ rule: 'job:mfa-report', run: 'mfa-report@w1', caller }, known);
  expect(one.facts).toMatchObject({ Caller: 'P', Job: 'mfa-report', Run: 'mfa-report' });
  expect(one.links).toEqual(['#/jobs/mfa-report', '#/runs/mfa-report%40w1']);
  expect((await factsOf({ caller: application }, known)).links).toEqual(['#/audit?caller=portal']);
});

const [ada, bob] = ['Ada', 'Bob'].map((name) => ({ kind: 'user', name, objectId: name, applicationId: 'a' }));

it.each<[string, object, RegExp]>([
  ['of one person', { status: 'approved', deciders: [ada], approvedAt: to }, /^Ada, \d/],
  ['of one person who denied', { status: 'denied', deciders: [ada], closedAt: to }, /^Ada, \d/],
  [
    'of two people, the last of whom has the time',
    { status: 'approved', deciders: [ada, bob], approvedAt: to },
    /^AdaBob$/,
  ],
  ['and a revocation', { status: 'revoked', deciders: [ada, bob], approvedAt: from, closedAt: to }, /^AdaBob$/],
  ['and a revocation by the same person', { status: 'revoked', deciders: [ada, ada], approvedAt: from }, /^Ada$/],
  ['of one of two before it expired', { status: 'expired', deciders: [ada], closedAt: to }, /^Ada$/],
])('gives a decision a time only if it is that of the decision: %s', async (_, approval, said) => {
  const asked = { title: 'Block', facts: [], asker: ada, askedAt: from, ...approval } as never;
  const { facts } = await factsOf({ approvalId: 'a1' }, { ...names, approvals: new Map([['a1', asked]]) });
  expect(facts['Decided by']).toMatch(said);
});

it.each<[string, object | undefined, string | undefined]>([
  ['a record before the last checkpoint, which may not cover it', { state: 'current', lastAt: to }, undefined],
  ['a record after it', { state: 'current', lastAt: '2026-10-31T23:00:00.000Z' }, 'not signed yet'],
  ['a broker that has just started', { state: 'none' }, 'not signed yet'],
  ['a broker without checkpoints', { state: 'off' }, 'not signed: the timer is disabled'],
  ['checkpoints that cannot be read', { status: 'degraded' }, undefined],
  ['health that cannot be read', undefined, undefined],
])('says only that a record is not signed, and has the command that proves it: %s', async (_, checkpoints, said) => {
  const health = async () => {
    if (checkpoints === undefined) throw new Error('no health');
    return { applications: [], auditCheckpoints: checkpoints } as never;
  };
  const tenants = async () => ({ tenants: [] }) as never;
  const table = <AuditTable records={[entry({})]} filter={{}} names={names} />;
  const { root, unmount } = await rendered(signedIn({ health, tenants }, table));
  await settled(() => root.querySelector<HTMLElement>('tbody button')?.click());
  await settled();
  const proof = [...root.querySelectorAll('dialog dt')].find(({ textContent }) => textContent === 'Proof');
  expect(proof?.nextElementSibling?.textContent?.split(': a')[0]).toBe(said);
  expect(root.querySelector('dialog .cmd code')?.textContent).toBe(
    'ptb audit verify --from 2026-10-31T23:45:00.000Z --to 2026-11-01T00:15:00.000Z',
  );
  await unmount();
});

it('says beside a day how many of its records below were not served, with those of each line', async () => {
  const denied = (tokenId: string, more: object) => entry({ tokenId, outcome: 'denied', ...more });
  const records = [
    denied('t1', { code: 'scope_not_allowed' }),
    denied('t2', { code: 'consent_required' }),
    denied('t3', { code: 'consent_required' }),
    entry({ tokenId: 't4', rule: 'job:licence-report' }),
  ];
  const { root, rerender, unmount } = await rendered(<AuditTable records={records} filter={{}} names={names} />);
  const head = root.querySelector('.group');
  expect(head?.textContent).toMatch(/1 refused by the policy 2 failed$/);
  // The job is who, so it is no rule. What no rule allowed says what was asked for.
  const below = [...root.querySelectorAll('.rule')].map(({ textContent }) => textContent);
  expect(new Set(below)).toEqual(new Set([`Asked for ${records[0]?.scopes.join(', ')}`]));
  await rerender(<AuditTable records={records} filter={{ outcome: 'denied' }} names={names} />);
  expect(root.querySelector('.group')?.textContent).not.toContain('failed');
  await unmount();
});

it('counts only days of which it has all records', async () => {
  const denied = (at: string) => entry({ tokenId: at, at, outcome: 'denied', code: 'scope_not_allowed' });
  const records = ['2026-11-03', '2026-11-02', '2026-11-01'].map((day) => denied(`${day}T12:00:00.000Z`));
  const counted = async (more: object = {}) => {
    const table = <AuditTable records={records} filter={{}} names={names} {...more} />;
    const { root, unmount } = await rendered(table);
    const heads = [...root.querySelectorAll('.group')].map(({ textContent }) => textContent.includes('1 refused'));
    await unmount();
    return heads;
  };
  expect(await counted()).toEqual([true, true, true]);
  expect(await counted({ hasMore: true })).toEqual([true, true, false]);
  expect(await counted({ isSearching: true })).toEqual([false, false, false]);
});

it('tells a reader who does not know the tenant which command helps', async () => {
  const records = [entry({ outcome: 'denied', code: 'consent_required' })];
  const { root, unmount } = await rendered(<AuditTable records={records} filter={{}} names={names} />);
  await act(() => root.querySelector<HTMLElement>('tbody button')?.click());
  expect(root.querySelector('dialog')?.textContent).toContain('Run ptb tenants consent --tenant <id>, wait');
  await unmount();
});

it('shows a request and its answer as one line, with what only the first record says', async () => {
  const sent = entry({ tokenId: 'r1', outcome: 'sent', kind: 'request', bodySha256: 'abc' });
  const { bodySha256: _, ...answer } = { ...sent, at: to, outcome: 'answered', status: 204 } as const;
  const records = [answer, sent, entry({ tokenId: 'r2', outcome: 'sent', kind: 'request' })];
  const { root, unmount } = await rendered(<AuditTable records={oneARequest(records)} filter={{}} names={names} />);
  const rows = [...root.querySelectorAll('tbody tr:not(.group)')];
  expect(rows.map((row) => row.children[4]?.textContent?.trim())).toEqual(['answered 204', 'sent']);
  await act(() => root.querySelector<HTMLElement>('tbody button')?.click());
  const drawer = root.querySelector('dialog');
  expect(drawer?.textContent).toContain('SHA-256 of the bodyabc');
  expect([...(drawer?.querySelectorAll('time') ?? [])].map(({ dateTime }) => dateTime)).toEqual([to, from]);
  await unmount();
});

describe('equal records that follow each other', () => {
  const [one, two] = ['11111111-0000-4000-8000-000000000000', '22222222-0000-4000-8000-000000000000'];
  const at = (hour: number, more: Partial<AuditRecord>): AuditRecord =>
    entry({ at: new Date(2026, 10, 24, hour).toISOString(), tokenId: `t${hour}`, ...more });
  const told = (records: readonly AuditRecord[]) => folded(records).map(({ equal }) => equal?.length ?? 1);

  it.each<[string, number[], Partial<AuditRecord>]>([
    ['tenants', [3], { tenantId: two }],
    ['outcomes', [1, 1, 1], { outcome: 'denied' }],
    ['codes', [1, 1, 1], { code: 'throttled' }],
    ['callers', [1, 1, 1], { caller: { applicationId: one, objectId: nobody, kind: 'user' } }],
    ['requests', [1, 1, 1], { path: '/v1.0/users' }],
    ['approvals', [1, 1, 1], { approvalId: 'a1' }],
    ['rules', [1, 1, 1], { rule: 'other' }],
    ['rules for emergencies', [1, 1, 1], { breakGlass: true }],
    ['kinds', [1, 1, 1], { kind: 'tool' }],
    ['statuses', [1, 1, 1], { status: 500 }],
    ['reasons', [1, 1, 1], { reason: 'other' }],
    ['scopes', [1, 1, 1], { scopes: ['other'] }],
    ['bodies', [1, 1, 1], { bodySha256: 'abc' }],
    ['changes', [1, 1, 1], { changeSha256: 'abc' }],
    ['runs', [1, 1, 1], { run: 'other' }],
    ['ids, hashes of the token and sizes', [3], { uti: 'u', requestId: 'r', tokenFingerprint: 'f', bytes: 7 }],
  ])('with different %s are in %j lines', (_, lines, more) => {
    expect(told([at(9, {}), at(8, more), at(7, {})])).toEqual(lines);
  });

  it('of one apply are in one line, with how many were answered and how many refused', async () => {
    const of = (second: number, tenantId: string, status: number, path: string) =>
      entry({
        kind: 'request',
        outcome: 'answered',
        method: 'PATCH',
        template: '/v1.0/users/*',
        plan: 'p',
        at: new Date(2026, 10, 24, 9, 0, second).toISOString(),
        tokenId: `t${second}`,
        tenantId,
        status,
        path,
        changeSha256: `c${second}`,
      });
    const records = [
      of(3, one, 204, '/v1.0/users/1'),
      of(2, two, 403, '/v1.0/users/2'),
      of(1, two, 503, '/v1.0/users/3'),
    ];
    const { root, unmount } = await rendered(<AuditTable records={records} filter={{}} names={names} />);
    const row = root.querySelector('tbody tr:not(.group)');
    expect([whatIn(row!)?.trim(), row?.children[2]?.textContent, row?.children[4]?.textContent?.trim()]).toEqual([
      'PATCH /v1.0/users/{id}',
      '2 tenants',
      '1 answered, 1 refused by Microsoft, 1 failed',
    ]);
    expect(row?.querySelector('button.times')?.textContent).toBe(
      '× 3 records of PATCH /v1.0/users/{id} at graph for 2 tenants ',
    );
    await act(() => row?.querySelector<HTMLElement>('button')?.click());
    expect([...root.querySelectorAll('tr.part')].map((part) => part.children[4]?.textContent?.trim())).toEqual([
      'answered 204',
      'refused by Microsoft 403',
      'failed 503',
    ]);
    expect(folded([records[0]!, { ...records[1]!, plan: 'other' }])).toHaveLength(2);
    await unmount();
  });

  describe('of a run of a job', () => {
    const ofJob = (second: number, more: Partial<AuditRecord> = {}) =>
      at(9, {
        rule: 'job:licence-report',
        at: new Date(2026, 10, 24, 9, 0, second).toISOString(),
        tokenId: `t${second}`,
        tenantId: one,
        ...more,
      });
    const run = [
      ofJob(9, { tenantId: two }),
      ofJob(8, { resource: 'exchange' }),
      ofJob(7, { tenantId: two, outcome: 'denied', code: 'consent_required' }),
      ofJob(6),
    ];
    const person = at(8, {});

    it('are one line with how many were issued and how many failed, which opens to its lines and these to their records', async () => {
      const { root, unmount } = await rendered(<AuditTable records={[...run, person]} filter={{}} names={names} />);
      const rows = () =>
        [...root.querySelectorAll('tbody tr:not(.group)')].map((row) => [
          whatIn(row)?.trim(),
          row.children[2]?.textContent,
          row.children[4]?.textContent?.trim(),
        ]);
      const press = (line: number) =>
        act(() => root.querySelectorAll<HTMLElement>('tbody button.times')[line]?.click());
      const whole = [
        ['Token exchange, graph', '2 tenants', '3 issued, 1 failed'],
        ['Token graph', '', 'issued'],
      ];
      expect(rows()).toEqual(whole);
      expect(root.querySelector('button.times')?.textContent).toBe('× 4 records of exchange, graph for 2 tenants ');
      await press(0);
      const lines = [
        ['Token graph', '2 tenants', 'issued'],
        ['Token exchange', one, 'issued'],
        ['Token graph', two, 'No consent for the application'],
      ];
      expect(rows()).toEqual([whole[0], ...lines, whole[1]]);
      await press(1);
      expect(rows()).toHaveLength(7);
      await press(0);
      expect(rows()).toEqual(whole);
      await unmount();
    });

    it('are as many as are loaded at least, until older ones of others are', async () => {
      const shown = async (records: readonly AuditRecord[]) => {
        const table = <AuditTable records={records} filter={{}} names={names} hasMore />;
        const { root, unmount } = await rendered(table);
        const [row] = root.querySelectorAll('tbody tr:not(.group)');
        const text = row?.textContent;
        await unmount();
        return text;
      };
      expect(await shown(run)).toMatch(/2\+ tenants.*× 4\+ .*3\+ issued, 1\+ failed/);
      expect(await shown([...run, person])).toMatch(/2 tenants.*× 4 .*3 issued, 1 failed/);
    });

    it('are in another line than those of its next run', () => {
      const next = run.map((record) => ({ ...record, at: new Date(Date.parse(record.at) - 6 * 60_000).toISOString() }));
      expect(told([...run, ...next])).toEqual([4, 4]);
    });
  });

  it('of one minute are in one line, also between a few others', () => {
    const second = (seconds: number, resource: string) =>
      at(9, { resource, at: new Date(2026, 10, 24, 9, 0, 200 - seconds).toISOString() });
    const two = [0, 1, 40, 41, 80, 81].map((seconds, n) => second(seconds, n % 2 === 0 ? 'graph' : 'exchange'));
    expect(told(two)).toEqual([3, 3]);
    expect(told([second(0, 'graph'), second(1, 'exchange'), second(60, 'graph')])).toEqual([1, 1, 1]);
    const many = Array.from({ length: 8 }, (_, n) => second(1, `resource ${n}`));
    expect(told([second(0, 'graph'), ...many, second(2, 'graph')])).toHaveLength(10);
  });

  it('count their tenants by id, and none where there is none', () => {
    const tenant = (...ids: readonly (string | undefined)[]) =>
      tenantOf(folded(ids.map((tenantId, n) => at(9 - n, tenantId === undefined ? {} : { tenantId })))[0]!, {
        ...names,
        approvals: new Map(),
        tenants: new Map([one, two].map((id) => [id, 'Contoso'])),
      });
    expect([tenant(one, two, one), tenant(undefined, one), tenant(one, one)]).toEqual([
      '2 tenants',
      'Contoso',
      'Contoso',
    ]);
  });

  it('of an emergency are marked as such, also below their line', async () => {
    const records = [at(9, { breakGlass: true }), at(8, { breakGlass: true })];
    const { root, unmount } = await rendered(<AuditTable records={records} filter={{}} names={names} />);
    await act(() => root.querySelector<HTMLElement>('tbody button')?.click());
    const rows = [...root.querySelectorAll('tbody tr:not(.group)')];
    expect(rows.map(({ className }) => className)).toEqual(['break-glass', 'break-glass part', 'break-glass part']);
    await unmount();
  });

  it('of two days are in two lines', () => {
    expect(told([at(1, {}), at(-1, {})])).toEqual([1, 1]);
  });

  it('are one line with their number, which is what opens it, and tenants', async () => {
    const records = [
      at(9, { tenantId: one }),
      at(8, { tenantId: two }),
      at(7, { tenantId: one }),
      at(6, { code: 'x' as never }),
    ];
    const { root, rerender, unmount } = await rendered(<AuditTable records={records} filter={{}} names={names} />);
    const rows = () => [...root.querySelectorAll<HTMLElement>('tbody tr:not(.group)')];
    const button = () => root.querySelector<HTMLElement>('tbody button.times');
    expect(rows().map((row) => row.children[2]?.textContent)).toEqual(['2 tenants', '']);
    expect(rows()[0]?.children[4]?.textContent.trim()).toBe('issued');
    expect(button()?.textContent).toMatch(/^× 3 /);
    expect(button()?.getAttribute('aria-expanded')).toBe('false');
    await act(() => button()?.click());
    expect(button()?.getAttribute('aria-expanded')).toBe('true');
    expect(rows().map(({ className }) => className)).toEqual(['', 'part', 'part', 'part', '']);
    // A newer record does not close it.
    await rerender(<AuditTable records={[at(10, {}), ...records]} filter={{}} names={names} />);
    expect(rows().map(({ className }) => className)).toEqual(['', 'part', 'part', 'part', 'part', '']);
    await rerender(<AuditTable records={records} filter={{}} names={names} />);
    await act(() => rows()[2]?.querySelector<HTMLElement>('td')?.click());
    expect(root.querySelector('dialog')?.textContent).toContain(two);
    await act(() => rows()[0]?.querySelector<HTMLElement>('td')?.click());
    expect(rows()).toHaveLength(2);
    await unmount();
  });
});

it('shows whether a period is set that is none of the usual ones, which are no filter to clear', async () => {
  const isSet = async (filter: Parameters<typeof Filters>[0]['filter']) => {
    const { root, unmount } = await rendered(<Filters filter={filter} />);
    const set = [root.querySelector('.chip')?.className, root.querySelector('a')?.textContent.trim()];
    await unmount();
    return set;
  };
  expect(await isSet({})).toEqual(['chip', undefined]);
  const from = new Date(Date.now() - 7 * 86_400_000).toISOString();
  expect(await isSet({ from })).toEqual(['chip', undefined]);
  expect(await isSet({ from, kind: 'tags' })).toEqual(['chip', 'Clear filter']);
  expect(await isSet({ from, to: from })).toEqual(['chip on', 'Clear filter']);
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
  const decider = { applicationId: portal, objectId: 'eve-1', kind: 'user', name: 'eve@partner.example' };
  const api = apiWith({
    jobs: async () => ({ jobs: [] }),
    tenants: async () => ({ tenants: [] }) as never,
    runs: async () => ({ runs: started as never }),
    approvals: async () => ({ approvals: askers.map((asker) => ({ asker, deciders: [decider], facts: [] })) as never }),
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
    expect(nameOf({ applicationId: portal, objectId: 'eve-1', kind: 'user' })).toBe('eve@partner.example');
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

it('shows the period of the filter, and takes a choice at once without losing the others', async () => {
  const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString();
  const period = async (filter: Parameters<typeof Filters>[0]['filter'], choose?: string) => {
    const { root, unmount } = await rendered(<Filters filter={filter} />);
    const select = root.querySelector('select')!;
    const shown = select.value;
    if (choose !== undefined)
      await act(() => {
        select.value = choose;
        select.dispatchEvent(new Event('change', { bubbles: true }));
      });
    await unmount();
    return shown;
  };
  expect(await period({})).toBe('1');
  expect(await period({ from: daysAgo(30.1) })).toBe('30');
  expect(await period({ from: daysAgo(12) })).toBe('other');
  expect(await period({ from: daysAgo(30), to: daysAgo(23), tenant: 't.example' }, '1')).toBe('other');
  const query = new URLSearchParams(location.hash.split('?')[1]);
  expect([query.get('tenant'), query.get('to')]).toEqual(['t.example', null]);
  expect((Date.now() - Date.parse(query.get('from') ?? '')) / 86_400_000).toBeCloseTo(1, 2);
  location.hash = '';
});

it('filters by approval and emergencies, and keeps both in the address', async () => {
  const { root, unmount } = await rendered(<Filters filter={{ approval: 'a1', kind: 'approval' }} />);
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
  const nowMs = new Date(2026, 10, 24, 12).getTime();
  /** Midnight in the reader's zone. */
  const endMs = new Date(2026, 10, 25).getTime();
  const caller = { applicationId: 'a-1', objectId: 'p-1', kind: 'user' };
  const at = (day: number, outcome: string, more: object = {}) => ({
    ...record(`${day} ${outcome}`),
    at: new Date(2026, 10, day, 9).toISOString(),
    outcome,
    caller,
    scopes: [],
    resource: 'graph',
    ...more,
  });
  const health = (auditCheckpoints: object) => ({ applications: [], auditCheckpoints }) as never;

  /** The page over answers for the period, each with the entries of one request. */
  async function view(
    answers: readonly object[][],
    checkpoints: object = { state: 'current' },
    days = 100,
    listed: Partial<Answer> = {},
  ) {
    vi.setSystemTime(nowMs);
    const queries: Query[] = [];
    const range = { from: new Date(endMs - days * 86_400_000).toISOString(), to: new Date(endMs).toISOString() };
    const audit: Api['audit'] = async (query) => {
      if (query['limit'] !== '1000') return { ...page([]), ...range, ...listed };
      queries.push(query);
      const entries = answers[queries.length - 1] ?? answers.at(-1) ?? [];
      return { ...page([], queries.length < answers.length ? 'more' : undefined), entries } as Answer;
    };
    const api = apiWith({ audit, health: async () => health(checkpoints) });
    const shown = await rendered(
      <SignedInContext.Provider value={{ api, session }}>
        <AuditView filter={{ caller: 'c', from: listed.from, ...(listed.to === undefined ? {} : { to: listed.to }) }} />
      </SignedInContext.Provider>,
    );
    // The period comes after the first answer.
    await settled();
    await settled();
    const bars = () => [...shown.root.querySelectorAll('.chart title')].map(({ textContent }) => textContent);
    return { ...shown, queries, bars, h1: () => shown.root.querySelector('h1')?.textContent.replaceAll('\u00A0', ' ') };
  }
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
  afterEach(() => void vi.useRealTimers());

  it('is how much was recorded and refused, with a bar for each day that leads to it', async () => {
    const days = [
      at(24, 'issued'),
      at(24, 'denied', { code: 'consent_required' }),
      at(22, 'denied', { code: 'caller_forbidden' }),
    ];
    const { root, queries, bars, h1, unmount } = await view([days]);
    expect(h1()).toBe('1 of 3 entries refused by the policy');
    expect(root.querySelector('.lede')?.textContent).toMatch(
      /^It came from person p-1, asking for a token for graph, on 22 Nov, 09:00\. Also 1 failed\.$/,
    );
    expect(bars()).toEqual([
      '22 Nov: 1 entry, 1 refused by the policy',
      '23 Nov: 0 entries',
      '24 Nov: 2 entries, 1 failed',
    ]);
    // The last day is not over.
    expect(root.querySelector('.plot .x')?.firstElementChild?.textContent).toBe('22 Nov');
    expect(root.querySelector('.plot .x')?.lastElementChild?.textContent).toBe('now');
    const link = parseAuditFilter(root.querySelector('.lede a')?.getAttribute('href')?.split('?')[1] ?? '');
    expect(link).toEqual({ caller: 'c', outcome: 'policy' });
    expect(queries).toMatchObject([{ caller: 'c', limit: '1000', to: new Date(endMs).toISOString() }]);
    const goes = root.querySelector<SVGElement>('.goes');
    await act(() => void goes?.dispatchEvent(new Event('click', { bubbles: true })));
    const query = new URLSearchParams(location.hash.split('?')[1]);
    expect(query.get('caller')).toBe('c');
    expect([query.get('from'), query.get('to')].map((iso) => Date.parse(iso ?? ''))).toEqual([
      new Date(2026, 10, 22).getTime(),
      new Date(2026, 10, 23).getTime(),
    ]);
    await unmount();
  });

  it('shows what Microsoft refused in the chart as what failed, as the table does, and not as success in the title', async () => {
    const answered = (day: number, status: number) => at(day, 'answered', { kind: 'request', status });
    const { root, bars, h1, unmount } = await view([[answered(24, 403), answered(24, 503), answered(23, 401)]]);
    expect(h1()).toBe('3 entries, 2 refused by Microsoft');
    expect(bars()).toEqual([
      '23 Nov: 1 entry, 1 refused by Microsoft',
      '24 Nov: 2 entries, 1 refused by Microsoft, 1 failed',
    ]);
    expect(root.querySelectorAll('.chart .bad:not([height="0"])')).toHaveLength(0);
    expect(root.querySelector('.plot .x')?.textContent).toContain('failed or refused by Microsoft');
    expect(root.querySelector('.lede')?.textContent).toMatch(/ Also 1 failed\.$/);
    await unmount();
  });

  it('says who was refused what most often, and who last', async () => {
    const denied = (day: number, more: object) => at(day, 'denied', { code: 'scope_not_allowed', ...more });
    const [mail, users] = [{ scopes: ['Mail.Read'] }, { kind: 'request', method: 'GET', path: '/v1.0/users' }];
    const lede = async (...entries: object[]) => {
      const { root, unmount } = await view([entries]);
      const text = root.querySelector('.lede')?.textContent;
      const links = [...root.querySelectorAll('.lede a')].map((link) => link.getAttribute('href'));
      await unmount();
      return [text, ...links];
    };
    // The list can be limited to an application, not to a person.
    const script = { caller: { applicationId: 'a-2', objectId: 'o-2', kind: 'application' } };
    expect(await lede(denied(24, users), denied(23, mail), denied(22, mail))).toEqual([
      '2 of the 3 came from person p-1, asking for Mail.Read.',
      '#/audit?caller=c&outcome=policy',
    ]);
    expect(await lede(denied(24, mail), denied(23, mail), denied(22, users))).toEqual([
      '2 of the 3 came from person p-1, asking for Mail.Read, the last on 24 Nov, 09:00.',
      '#/audit?caller=c&outcome=policy',
    ]);
    // The scopes are those that the rule needs for the request.
    const reset = (user: string) => ({
      ...script,
      kind: 'request',
      method: 'PATCH',
      scopes: ['User.ReadWrite.All'],
      path: `/v1.0/users/${user}`,
      template: '/v1.0/users/*',
    });
    expect(await lede(denied(24, reset('u1')), denied(23, reset('u2')))).toEqual([
      'Both came from application a-2, asking for PATCH /v1.0/users/{id} at graph, the last on 24 Nov, 09:00.',
      '#/audit?caller=c&outcome=policy',
      '#/audit?caller=a-2&outcome=policy',
    ]);
  });

  it('counts a request and its answer once, as the lines do', async () => {
    const request = { kind: 'request', tokenId: 'r1', correlationId: 'r1' };
    const entries = [at(24, 'answered', request), at(24, 'sent', request)];
    const { h1, root, unmount } = await view([entries], undefined, undefined, { entries: entries as never });
    expect(h1()).toBe('1 entry, none failed');
    expect(root.querySelector('.filters [role=status]')?.textContent).toBe('1 entry');
    await unmount();
  });

  it.each([
    [1, 9, '24 Nov, 09:20'],
    [3, 3, '24 Nov, 10:00'],
    [7, 1, undefined],
  ])('has parts of a period of %i days that are short, until now', async (days, length, second) => {
    const { bars, unmount } = await view([[at(24, 'issued')]], undefined, days);
    // A part alone is no chart.
    expect(bars()).toHaveLength(length === 1 ? 0 : length);
    if (second !== undefined) expect(bars()).toMatchObject({ 0: '24 Nov, 09:00: 1 entry' });
    if (second !== undefined) expect(bars()[1]).toBe(`${second}: 0 entries`);
    await unmount();
  });

  it('names the days of a week below their first bars', async () => {
    const { root, unmount } = await view([[at(24, 'issued'), at(22, 'issued')]], undefined, 7);
    expect([...root.querySelectorAll('.days span')].map(({ textContent }) => textContent)).toEqual([
      '23 Nov',
      '24 Nov',
    ]);
    await unmount();
  });

  it('finds who, tenant, rule and what in the whole period, and says of how many', async () => {
    const entries = [
      { ...at(24, 'issued'), rule: 'the portal reads users', path: '/v1.0/users', scopes: [], correlationId: 'c' },
      { ...at(23, 'denied'), code: 'consent_required', scopes: [], correlationId: 'd' },
    ];
    const listed = { entries: [entries[0]] as never };
    const { root, queries, unmount } = await view([entries], undefined, undefined, listed);
    // Of the chart.
    expect(queries).toHaveLength(1);
    const found = async (text: string): Promise<number> => {
      const search = root.querySelector<HTMLInputElement>('input[type=search]')!;
      await act(() => {
        search.value = text;
        search.dispatchEvent(new Event('input', { bubbles: true }));
      });
      await settled();
      // What a search has found of a day is not the day.
      expect(root.querySelector('.group .quiet:not(:empty)')).toBeNull();
      return root.querySelectorAll('table.audit tbody tr:has(time)').length;
    };
    for (const [text, length] of [
      ['', 1],
      ['PORTAL', 1],
      ['v1.0/users', 1],
      ['no consent', 1],
      ['p-1', 2],
      ['x', 0],
    ] as const)
      expect([text, await found(text)]).toEqual([text, length]);
    expect(root.querySelector('.empty')?.textContent).toBe('No record of this period has this text.');
    expect(root.querySelector('.filters [role=status]')?.textContent).toBe('0 of 2 entries');
    const clear = [...root.querySelectorAll('a')].find(({ textContent }) => textContent.trim() === 'Clear filter');
    await act(() => clear?.click());
    expect(root.querySelector<HTMLInputElement>('input[type=search]')?.value).toBe('');
    // The text is searched for in what was read once.
    expect(queries).toHaveLength(2);
    await unmount();
  });

  it.each([
    ['1 failed', undefined],
    [undefined, 'more'],
  ])('says of the last day that %s if %s follows', async (said, continuation) => {
    const entries = [{ ...at(24, 'denied'), code: 'consent_required', scopes: [] }] as never;
    const { root, unmount } = await view([[]], undefined, undefined, {
      entries,
      ...(continuation && { continuation }),
    });
    expect(root.querySelector('.group .quiet')?.textContent).toBe(said);
    await unmount();
  });

  it('counts of the steps of approvals, which share an id, those that were found', async () => {
    const of = (path: string) =>
      ({ ...at(24, 'approved'), kind: 'approval', tokenId: nobody, path, scopes: [], correlationId: path }) as const;
    const entries = [of('/users'), of('/groups')] as never;
    const { root, unmount } = await view([entries], undefined, undefined, { entries });
    const search = root.querySelector<HTMLInputElement>('input[type=search]')!;
    await act(() => {
      search.value = '/users';
      search.dispatchEvent(new Event('input', { bubbles: true }));
    });
    await settled();
    expect(root.querySelector('.filters [role=status]')?.textContent).toBe('1 of 2 entries');
    await unmount();
  });

  it('says that it is of the last records alone, and leaves out days of which it has not read every record', async () => {
    const { queries, bars, h1, unmount } = await view([
      [at(24, 'issued')],
      [at(23, 'issued')],
      [at(22, 'issued')],
      [at(21, 'issued')],
      [],
    ]);
    expect(queries).toHaveLength(4);
    expect(h1()).toBe('The last 4 entries, none failed');
    expect(bars()).toHaveLength(3);
    await unmount();
  });

  /** As many lines as are wanted at once. */
  const linesOf = (day: Date) => Array.from({ length: 25 }, (_, n) => entry({ at: day.toISOString(), path: `/${n}` }));

  it('stays, and is not read again, while more records are read', async () => {
    const listed = { entries: linesOf(new Date(2026, 10, 24, 9)), continuation: 'c1' };
    const days = [at(24, 'issued'), at(24, 'denied'), at(22, 'denied')];
    const { root, queries, bars, h1, unmount } = await view([days], undefined, undefined, listed);
    const more = [...root.querySelectorAll('button')].find(({ textContent }) => textContent === 'Show more');
    await act(() => more?.click());
    expect([h1(), bars().length]).toEqual(['3 entries, 2 failed', 3]);
    await settled();
    await settled();
    expect(root.querySelector('.filters [role=status]')?.textContent).toBe('The newest 50 entries');
    expect([h1(), bars().length, queries.length]).toEqual(['3 entries, 2 failed', 3, 1]);
    await act(() => root.querySelector<HTMLElement>('[aria-label=Reload]')?.click());
    await settled();
    await settled();
    expect(queries).toHaveLength(2);
    await unmount();
  });

  it('says from when to when it is, unless the field of the period says it', async () => {
    const from = (days: number) => ({ from: new Date(nowMs - days * 86_400_000).toISOString() });
    for (const [listed, words] of [
      [from(12), /^From .* to .*\. $/],
      [from(7), /^$/],
    ] as const) {
      const { root, unmount } = await view([[at(23, 'issued')]], undefined, undefined, listed);
      expect(root.querySelector('.lede')?.textContent ?? '').toMatch(words);
      await unmount();
    }
  });

  it('leads from its first and its last bar to no more records than they show', async () => {
    const [from, to] = [new Date(2026, 6, 21, 6, 30), new Date(2026, 10, 23, 18)].map((time) => time.toISOString());
    const days = [at(23, 'issued'), { ...at(21, 'issued'), at: new Date(2026, 6, 21, 9).toISOString() }];
    const { root, bars, unmount } = await view([days], undefined, undefined, { from: from!, to: to! });
    expect(root.querySelector('.lede')?.textContent).toMatch(/^From .* to .*\. $/);
    const goes = [...root.querySelectorAll('.goes')];
    const periodOf = async (bar: Element | undefined) => {
      await act(() => void bar?.dispatchEvent(new Event('click', { bubbles: true })));
      const query = new URLSearchParams(location.hash.split('?')[1]);
      return [query.get('from'), query.get('to')];
    };
    expect(bars()[0]).toBe('21 Jul, 06:30: 1 entry');
    expect((await periodOf(goes[0]))[0]).toBe(from);
    expect((await periodOf(goes.at(-1)))[1]).toBe(to);
    expect(root.querySelector('.plot .x')?.lastElementChild?.textContent).toBe('23 Nov, 18:00');
    await unmount();
  });

  it('is of the records shown if the period is read in part and these are older', async () => {
    const listed = { entries: linesOf(new Date(2026, 10, 22, 9)), continuation: 'c1' };
    const { h1, unmount } = await view([[], [], [], [], []], undefined, undefined, listed);
    expect(h1()).toBe('25 entries so far, none failed');
    await unmount();
  });

  it('keeps of thousands of records what it shows: the session keeps what it has loaded', async () => {
    vi.setSystemTime(nowMs);
    const entries = Array.from({ length: 1_000 }, (_, n) => at(20 + (n % 5), n % 10 === 0 ? 'denied' : 'issued'));
    const answer = { ...page([], 'more'), entries: entries.toReversed() } as unknown as Answer;
    const period = await readPeriod(
      apiWith({ audit: async () => answer }),
      {},
      { from, to: new Date(endMs).toISOString() },
    );
    expect(JSON.stringify(period).length).toBeLessThan(10_000);
  });

  it.each([
    [
      { state: 'current', lastAt: new Date(2026, 10, 24, 11, 55).toISOString() },
      undefined,
      'Last checkpoint signed 24 Nov, 11:55',
    ],
    [
      { state: 'late', lastAt: new Date(2026, 10, 24, 9).toISOString(), problem: 'Key Vault is away.' },
      'not signed lately',
      'Key Vault is away.',
    ],
    [{ state: 'off' }, 'not signed: the timer is disabled', ''],
  ])('says when the order of the records was last signed, and how to check it: %o', async (checkpoints, word, text) => {
    const { root, unmount } = await view([], checkpoints);
    expect(root.querySelector('.head .badge')?.textContent).toBe(word);
    expect(root.querySelector('.about')?.textContent).toContain(text);
    await act(() => root.querySelector<HTMLElement>('.head .actions button')?.click());
    expect(root.querySelector('dialog code')?.textContent).toMatch(/^ptb audit verify --from 2026-/);
    await unmount();
  });
});
