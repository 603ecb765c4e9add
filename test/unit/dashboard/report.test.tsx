import { act } from 'preact/test-utils';
import { afterEach, expect, it, onTestFinished, vi } from 'vitest';
import { ApiFailure } from '../../../dashboard/app/api-failure.ts';
import { ReportView } from '../../../dashboard/app/report-view.tsx';
import { rendered } from './rendered.ts';
import { signedIn } from './signed-in.tsx';

afterEach(() => vi.restoreAllMocks());

const settle = (): Promise<void> => act(() => new Promise((resolve) => setTimeout(resolve)));

const tenantId = '5f3a0000-4c1d-4e5f-9a6b-010000000000';
const column = (name: string, title: string, type: 'text' | 'number' = 'text') => ({ name, title, type });
const report = (name: string) => ({
  name,
  title: `Title of ${name}`,
  topic: 'licences',
  description: 'What it answers.',
  columns: [column('product', 'Product'), column('free', 'Free', 'number'), column('skuId', 'SKU id')],
});
const run = (day: number) => ({
  runId: `licences@${day}`,
  startedAt: `2026-11-${day}T05:00:00.000Z`,
  outcome: 'succeeded',
  rows: 1_001,
  numbers: { free: day },
});
const methods = {
  health: async () => ({ status: 'ok', applications: [], partnerName: 'Northwind & Söhne' }),
  tenant: async () => ({
    tenantId,
    name: 'Contoso',
    defaultDomain: 'contoso.example',
    explanation: 'A GDAP relationship is active.',
    relationshipStartedAt: '2026-06-30T12:00:00.000Z',
    relationshipEndsAt: '2027-06-30T12:00:00.000Z',
    warnings: ['The list is old.'],
    codes: [{ code: 'resource_unavailable', title: 'The service is missing', advice: 'Buy it.' }],
    lastResults: [
      {
        job: 'mfa',
        runId: 'mfa@1',
        outcome: 'skipped',
        code: 'resource_unavailable',
        finishedAt: '2026-11-23T05:00:00Z',
      },
    ],
  }),
  jobs: async () => ({ jobs: [report('licences'), report('mfa'), { ...report('harden'), changes: true }] }),
  tenantHistory: async (_tenant: string, job: string) => ({
    columns: [{ name: 'free', title: 'Free' }],
    runs: job === 'licences' ? [run(24), run(20)] : [],
  }),
  rowsOfTenant: vi.fn<(run: string, tenant: string, continuation?: string) => Promise<unknown>>(
    async (_run: string, _tenant: string, continuation?: string) => ({
      rows: Array.from({ length: continuation === undefined ? 1_000 : 1 }, (_, at) => ({
        product: at === 0 ? '<b>E3</b>' : `Product ${at}`,
        free: at,
        skuId: '06ebc4ee-1bb5-47dd-8120-11324bc54e06',
      })),
      ...(continuation === undefined ? { continuation: 'more' } : {}),
    }),
  ),
  audit: vi.fn<(query: object) => Promise<unknown>>(async () => ({
    entries: [{ at: '2026-11-24T12:00:00.000Z', outcome: 'issued', rule: 'helpdesk', scopes: ['User.Read.All'] }],
  })),
  changes: vi.fn<(...given: readonly unknown[]) => Promise<unknown>>(async () => ({
    changes: [
      {
        tenantId,
        name: 'Contoso',
        change: 'changed',
        columns: ['free'],
        before: { product: 'E5', free: 1 },
        after: { product: 'E5', free: 2 },
      },
    ],
    truncated: false,
  })),
};
const shown = async (more: object = {}, roles?: string[]) => {
  const page = await rendered(signedIn({ ...methods, ...more } as never, <ReportView tenantId={tenantId} />, roles));
  for (let turn = 0; turn < 8; turn += 1) await settle();
  return page;
};

it('shows rows of all pages, what changed since the earlier run, and what could not be read', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('2026-12-01T12:00:00.000Z') });
  onTestFinished(() => void vi.useRealTimers());
  const { root, unmount } = await shown();
  const text = root.textContent ?? '';
  for (const part of [
    'Contoso',
    'A GDAP relationship is active.',
    'ends 30 Jun 2027, in 211 days',
    'The list is old.',
    'Northwind & SöhneTenants/Contoso: reportContosoReport of administration, 1 Nov to 1 Dec 2026',
    '24 Nov 2026, compared with 20 Nov 2026',
    'Products1,001 1 changedFree24 +4',
    'E5 changed Free: 1 → 2',
    'The first 25 of 1,001',
    '<b>E3</b>',
    'Product 99',
    'What could not be readTitle of mfaThe service is missing',
    'since 1 Nov 2026; what we do in the portals of Microsoft is not in it. Ask us for its extract',
    'Direct accessWhat was done with it is not on record.Access for people and applications: may read users124 Nov 2026',
    'What these accesses permitTogether they may read users.Microsoft calls these permissions: User.Read.All.',
    'None of our requests has changed your tenant since 1 Nov 2026. What people and applications did with direct access is not on record. What could not be read is listed at the end.',
    `Days are in the time zone ${new Intl.DateTimeFormat().resolvedOptions().timeZone}.`,
  ])
    expect(text).toContain(part);
  // That is for the partner.
  expect(text).not.toContain('Buy it.');
  // A plan is no report.
  expect(text).not.toContain('harden');
  // Ids say nothing to people.
  expect(text).not.toContain('06ebc4ee');
  expect(methods.rowsOfTenant.mock.calls).toEqual([
    ['licences@24', tenantId, undefined],
    ['licences@24', tenantId, 'more'],
  ]);
  expect(methods.changes.mock.calls).toEqual([['licences@24', { with: 'licences@20', tenants: tenantId }]]);
  await unmount();
});

it('says that there is nothing to show, and why, of a customer whose last visits failed', async () => {
  const { root, unmount } = await shown({ tenantHistory: async () => ({ columns: [], runs: [] }) });
  expect(root.querySelector('.empty')?.textContent).toBe('No rows of this customer are kept.');
  expect(root.textContent).toContain('What could not be readTitle of mfaThe service is missing');
  await unmount();
});

const mfa = ['user', 'displayName', 'admin', 'userType', 'strength', 'methods', 'updatedAt'];
const person = (at: number, more: object = {}) => ({
  user: `user${at}@contoso.example`,
  displayName: `Name ${at}`,
  admin: false,
  userType: 'member',
  strength: 'weak',
  methods: 'mobilePhone',
  updatedAt: '2023-05-29',
  ...more,
});
const people = [
  person(1, { strength: 'none', methods: '' }),
  person(2, { admin: true }),
  person(3, { userType: 'guest', user: 'ada_partner.example#EXT#@contoso.onmicrosoft.com' }),
  person(4, { displayName: null }),
];
const ofPeople = {
  jobs: async () => ({
    jobs: [{ ...report('mfa-report'), title: 'Users per tenant', columns: mfa.map((name) => column(name, name)) }],
  }),
  tenantHistory: async () => ({
    columns: [
      { name: 'admin=true', title: 'Administrator: yes' },
      { name: 'admin=false', title: 'Administrator: no' },
      { name: 'capable=true', title: 'Capable: yes' },
    ],
    split: { column: 'strength', title: 'Strength' },
    runs: [{ ...run(24), rows: 4, numbers: { 'admin=true': 1, 'admin=false': 3, 'capable=true': 2 } }],
  }),
  rowsOfTenant: async () => ({ rows: people }),
};

it('draws the licences that were bought and assigned from the first day to the last with both', async () => {
  const licences = { ...report('licence-report'), title: 'Licences per tenant' };
  const columns = ['licences', 'assigned'].map((name) => ({ name, title: name }));
  const of = (day: number, numbers?: object) => ({ ...run(day), numbers });
  const drawn = async (...runs: readonly object[]) => {
    const tenantHistory = async () => ({ columns, runs });
    const { root, unmount } = await shown({ jobs: async () => ({ jobs: [licences] }), tenantHistory });
    const chart = root.querySelector('.plot');
    const paths = [...(chart?.querySelectorAll('.c-line') ?? [])].map((path) => path.getAttribute('d'));
    const text = chart?.querySelector('.x')?.textContent;
    await unmount();
    return [text, ...paths];
  };
  const whole = { licences: 4, assigned: 2 };
  expect(await drawn(of(24, whole), of(23, { licences: 2, assigned: 1 }), of(20, whole), of(10))).toEqual([
    '20 Novboughtassigned24 Nov',
    'M0.0 0.0L750.0 36.0L1000.0 0.0',
    'M0.0 36.0L750.0 54.0L1000.0 36.0',
  ]);
  // A day alone is no line.
  expect(await drawn(of(24, whole), of(23))).toEqual([undefined]);
});

it('begins with what needs attention, and leads to its rows', async () => {
  const { root, unmount } = await shown(ofPeople);
  const finding = root.querySelector('.report .panel li');
  expect(finding?.textContent).toContain(
    '1 person has registered no second factor, not counting administrators and guests (by data of 24 Nov 2026)A stolen password can be enough',
  );
  const place = root.querySelector('#report-mfa-report');
  expect(place?.querySelector('h2')?.textContent).toBe('Users');
  finding?.querySelector('button')?.click();
  expect(document.activeElement).toBe(place);
  await unmount();
});

it('begins at the rows of the job that its address names', async () => {
  location.hash = `#/tenants/${tenantId}?show=report&job=mfa-report`;
  onTestFinished(() => {
    location.hash = '';
  });
  const { root, unmount } = await shown(ofPeople);
  expect(document.activeElement).toBe(root.querySelector('#report-mfa-report'));
  await unmount();
});

it('names people, guests and administrators, and has columns in plain words', async () => {
  const changes = async () => ({ changes: [{ change: 'added', after: people[2] }], truncated: false });
  const tenantHistory = async () => ({ ...(await ofPeople.tenantHistory()), runs: [run(24), run(20)] });
  const changed = await shown({ ...ofPeople, tenantHistory, changes });
  expect(changed.root.querySelector('.records')?.textContent).toContain('ada@partner.example');
  await changed.unmount();
  const { root, unmount } = await shown(ofPeople);
  expect([...root.querySelectorAll('.metrics > div')].map(({ textContent }) => textContent)).toEqual([
    'users4 ',
    'Administrator1 of 4',
  ]);
  const place = root.querySelector('#report-mfa-report');
  expect([...(place?.querySelectorAll('thead th') ?? [])].map(({ textContent }) => textContent)).toEqual([
    'displayName',
    'Second factor',
    'methods',
  ]);
  const listed = () => [...(place?.querySelectorAll('tbody tr') ?? [])].map(({ textContent }) => textContent);
  // Those who lack something. Whether guests do is not known.
  expect([place?.querySelector('h3')?.textContent, listed()]).toEqual([
    '1 of 4 needs attention',
    ['Name 1user1@contoso.examplenone–'],
  ]);
  await act(() => place?.querySelector<HTMLButtonElement>('.panel button')?.click());
  expect(listed()).toEqual([
    'Name 1user1@contoso.examplenone–',
    'Name 2user2@contoso.example, administratorweakmobile phone',
    'Name 3ada@partner.example, guestweakmobile phone',
    'user4@contoso.exampleweakmobile phone',
  ]);
  expect(place?.querySelector('tbody .problem')?.textContent).toBe('none');
  await unmount();
});

it('has a block for each person on a phone, and each value with its name', async () => {
  becomePhone();
  const { root, unmount } = await shown(ofPeople);
  const place = root.querySelector('#report-mfa-report');
  await act(() => place?.querySelector<HTMLButtonElement>('.panel button')?.click());
  expect(place?.querySelector('table')).toBeNull();
  expect(
    [...(place?.querySelectorAll('.records > li') ?? [])].slice(-4, -2).map(({ textContent }) => textContent),
  ).toEqual([
    'Name 1user1@contoso.exampleSecond factornone',
    'Name 2user2@contoso.example, administratorSecond factorweakmethodsmobile phone',
  ]);
  // What is known of the person is not set as the name is.
  expect(
    [...(place?.querySelectorAll('.records > li:last-child > :is(b, bdi)') ?? [])].map((name) => name.textContent),
  ).toEqual(['user4@contoso.example']);
  expect(place?.querySelector('.records > li > b')).toBeNull();
  await unmount();
});

it('says once what all rows have in common, and beside the name what has no column of its own', async () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'same'];
  const columns = names.map((name) => column(name, name.toUpperCase()));
  const rowOf = (at: number) => Object.fromEntries(names.map((name) => [name, name === 'same' ? 'x' : `${name}${at}`]));
  const { root, unmount } = await shown({
    jobs: async () => ({ jobs: [{ ...report('licences'), columns }] }),
    rowsOfTenant: async () => ({ rows: [1, 2].map(rowOf) }),
  });
  const place = root.querySelector('#report-licences');
  expect(place?.textContent).toContain('In every row: SAME x.');
  expect([...(place?.querySelectorAll('tbody tr') ?? [])].map(({ textContent }) => textContent)).toEqual([
    'a1H h1b1c1d1e1f1g1',
    'a2H h2b2c2d2e2f2g2',
  ]);
  await unmount();
});

it.each([1, 2, 3])('loses no value of %d equal rows', async (many) => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'spf', 'dmarc'];
  const isFlag = (name: string) => name.length > 1;
  const columns = names.map((name) => ({
    ...column(name, name.toUpperCase()),
    type: isFlag(name) ? 'boolean' : 'text',
  }));
  const row = Object.fromEntries(names.map((name) => [name, isFlag(name) ? name === 'spf' : `value-${name}`]));
  const { root, unmount } = await shown({
    jobs: async () => ({ jobs: [{ ...report('licences'), columns }] }),
    rowsOfTenant: async () => ({ rows: Array.from({ length: many }, () => row) }),
  });
  const text = root.textContent;
  for (const name of names) expect(text).toContain(isFlag(name) ? name.toUpperCase() : `value-${name}`);
  expect(text).toMatch(/SPF yes, DMARC no/);
  await unmount();
});

it('does not list new rows that are in the table', async () => {
  const [kept, gone] = ['E3', 'E5'].map((product) => ({ product, free: 1 }));
  const { root, unmount } = await shown({
    rowsOfTenant: async () => ({ rows: [kept] }),
    changes: async () => ({
      changes: [
        { change: 'added', after: kept },
        { change: 'removed', before: gone },
      ],
      truncated: false,
    }),
  });
  expect([...root.querySelectorAll('.records li')].map(({ textContent }) => textContent)).toEqual(['E5 removed ']);
  await unmount();
});

it('tells rows apart that differ by their ids only, and says what has expired', async () => {
  const columns = [column('app', 'Application'), column('keyId', 'Key id'), column('daysLeft', 'Days left', 'number')];
  const ids = ['06ebc4ee-1bb5-47dd-8120-11324bc54e06', '16ebc4ee-1bb5-47dd-8120-11324bc54e06'];
  const { root, unmount } = await shown({
    jobs: async () => ({ jobs: [{ ...report('licences'), columns }] }),
    rowsOfTenant: async () => ({ rows: ids.map((keyId) => ({ app: 'Backup', keyId, daysLeft: -12 })) }),
  });
  expect([...root.querySelectorAll('#report-licences tbody tr')].map(({ textContent }) => textContent)).toEqual([
    'Backup06ebc4ee…expired 12 days ago',
    'Backup16ebc4ee…expired 12 days ago',
  ]);
  expect(root.querySelector('.metrics')?.textContent).toContain('Entries');
  await unmount();
});

it('has words for the states of products in place of the codes of Microsoft, amber where somebody is to act', async () => {
  const columns = [column('product', 'Product'), column('skuPartNumber', 'Part number'), column('status', 'Status')];
  const rows = ['Enabled', 'Warning', 'Suspended'].map((status) => ({
    product: 'E3',
    skuPartNumber: 'SPE_E3',
    status,
  }));
  const [before, after] = rows;
  const { root, unmount } = await shown({
    jobs: async () => ({ jobs: [{ ...report('licences'), columns }] }),
    rowsOfTenant: async () => ({ rows }),
    changes: async () => ({ changes: [{ change: 'changed', columns: ['status'], before, after }], truncated: false }),
  });
  expect([...root.querySelectorAll('#report-licences tbody tr')].map(({ textContent }) => textContent)).toEqual([
    'E3active',
    'E3in grace period',
    'E3suspended',
  ]);
  expect(root.querySelector('tbody .warn')?.textContent).toBe('in grace period');
  expect(root.querySelector('.records')?.textContent).toBe('E3 changed Status: active → in grace period');
  await unmount();
});

function becomePhone(): void {
  const { happyDOM } = globalThis as unknown as { happyDOM: { setViewport(size: { width: number }): void } };
  onTestFinished(() => happyDOM.setViewport({ width: 1024 }));
  happyDOM.setViewport({ width: 360 });
}

it('leaves amber what every row needs somebody for', async () => {
  becomePhone();
  const columns = [column('product', 'Product'), column('status', 'Status')];
  const { root, unmount } = await shown({
    jobs: async () => ({ jobs: [{ ...report('licences'), columns }] }),
    rowsOfTenant: async () => ({ rows: [1, 2, 3].map((at) => ({ product: `E${at}`, status: 'Warning' })) }),
  });
  expect([...root.querySelectorAll('.records .badge.warn')].map(({ textContent }) => textContent)).toEqual(
    Array.from({ length: 3 }, () => 'in grace period'),
  );
  await unmount();
});

it('does not compare assigned licences with runs that counted free products among them', async () => {
  const { root, unmount } = await shown({
    tenantHistory: async () => ({
      columns: [
        { name: 'assigned', title: 'Assigned' },
        { name: 'free', title: 'Free' },
      ],
      runs: [
        { ...run(24), numbers: { assigned: 5, assignedAtNoCost: 20, free: 4 } },
        { ...run(20), numbers: { assigned: 25, free: 3 } },
      ],
    }),
  });
  expect(root.querySelector('.metrics')?.textContent).toBe('Products1,001 1 changedAssigned5 Free4 +1');
  await unmount();
});

it('leaves out that everything can be reached, unless nothing else is known', async () => {
  const access = { ...report('access-check'), columns: [column('resource', 'Resource')] };
  const rows = (reachable: boolean) => ({ rowsOfTenant: async () => ({ rows: [{ resource: 'arm', reachable }] }) });
  const tenantHistory = async () => ({ columns: [], runs: [{ ...run(24), rows: 1 }] });
  const titlesOf = async (reachable: boolean, ...jobs: object[]) => {
    const { root, unmount } = await shown({ ...rows(reachable), tenantHistory, jobs: async () => ({ jobs }) });
    const titles = [...root.querySelectorAll('[tabindex="-1"] h2')].map(({ textContent }) => textContent);
    await unmount();
    return titles;
  };
  expect(await titlesOf(true, access, report('licences'))).toEqual(['Title of licences']);
  expect(await titlesOf(false, access, report('licences'))).toEqual(['Title of access-check', 'Title of licences']);
  expect(await titlesOf(true, access)).toEqual(['Title of access-check']);
});

it('goes on without the changes of a run whose rows are not kept any more', async () => {
  const gone = new ApiFailure({
    code: 'run_not_found',
    title: 'No such run',
    detail: 'It was deleted.',
    advice: '',
    transient: false,
  });
  const { root, unmount } = await shown({ changes: () => Promise.reject(gone) });
  expect(root.textContent).toContain('the earlier rows are not kept any more');
  await unmount();
});

it('prints by its button, and names the role that it needs', async () => {
  const print = vi.fn<() => void>();
  vi.stubGlobal('print', print);
  const { root, unmount } = await shown();
  root.querySelector<HTMLButtonElement>('.head button')?.click();
  expect(print).toHaveBeenCalledOnce();
  await unmount();
  vi.unstubAllGlobals();
  // Without the role for the audit log, that is said.
  const unread = await shown({ audit: () => Promise.reject(new Error('asked')) }, ['Runs.Read']);
  expect(unread.root.textContent).toContain('the audit log could not be read');
  await unread.unmount();
  const refused = await shown({}, ['Tenants.Read']);
  expect(refused.root.textContent).toContain('Runs.Read');
  await refused.unmount();
});
