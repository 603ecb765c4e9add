import { describe, expect, it } from 'vitest';
import type { JobsAnswer } from '../../../../../src/lib/api/answers/jobs.ts';
import { readReport, type ReportSource, type TenantReport } from '../../../../../src/lib/api/report/read-report.ts';
import { reportDays } from '../../../../../src/lib/api/report/report-words.ts';
import { rowTable } from '../../../../../src/lib/api/report/row-table.ts';
import { checkedText } from '../../../../../src/lib/api/report/report-words.ts';
import type { JsonObject } from '../../../../../src/lib/core/objects.ts';

const tenantId = 'aaaaaaaa-0000-4000-8000-000000000001';
const nowMs = Date.parse('2026-12-01T12:00:00.000Z');

type Row = JsonObject;
type Rows = Readonly<Record<string, readonly Row[]>>;

const columnsOf = (rows: readonly Row[]) =>
  [...new Set(rows.flatMap(Object.keys))].map((name) => ({ name, title: name, type: 'text' as const }));

/** A broker whose jobs have these rows. */
function sourceOf(rows: Rows, more: object = {}): ReportSource {
  const jobs = Object.entries(rows).map(([name, some]) => ({ name, title: name, columns: columnsOf(some) }));
  return {
    tenant: async () =>
      ({ tenantId, name: 'Contoso', explanation: 'Active.', codes: [], warnings: [], ...more }) as never,
    jobs: async () => ({ jobs }) as unknown as JobsAnswer,
    tenantHistory: async (_tenant, job) =>
      ({
        columns: [
          { name: 'capable=true', title: 'Capable: yes' },
          { name: 'admin=true', title: 'Administrator: yes' },
        ],
        split: { column: 'strength', title: 'Strength' },
        runs: [
          {
            runId: `${job}@now`,
            startedAt: '2026-12-01T05:00:00.000Z',
            outcome: 'succeeded',
            numbers: { 'capable=true': 1, 'admin=true': 1 },
          },
          { runId: `${job}@then`, startedAt: '2026-11-01T05:00:00.000Z', outcome: 'succeeded' },
        ],
      }) as never,
    rowPages: async function* (runId) {
      // Page by page: a finding is about all rows, also those that are not shown.
      for (const row of rows[runId.split('@')[0] ?? ''] ?? []) yield [row];
    },
    changesSince: async () =>
      ({
        changes: [
          { change: 'changed', columns: ['updatedAt', 'capable'], before: {}, after: { user: 'ada' } },
          {
            change: 'changed',
            columns: ['strength', 'updatedAt'],
            before: { strength: 'none' },
            after: { user: 'bo' },
          },
        ],
        truncated: false,
      }) as never,
  };
}

const read = (rows: Rows, more: object = {}): Promise<TenantReport> =>
  readReport(sourceOf(rows, more), { tenant: tenantId, limit: 1, nowMs });
const textsOf = async (rows: Rows, more: object = {}): Promise<readonly string[]> =>
  (await read(rows, more)).findings.map(({ text }) => text);

const user = (strength: string | null, more: Row = {}): Row => ({ user: 'ada', strength, capable: true, ...more });
const secret = (days: number): Row => ({
  application: 'Backup',
  // Counted in the run, which may be old.
  daysLeft: 99,
  endsAt: new Date(nowMs + days * 86_400_000).toISOString(),
});
const sku = (product: string, assigned: number, more: Row = {}): Row => ({
  product,
  licences: 10,
  assigned,
  suspended: 0,
  warning: 0,
  ...more,
});

describe('the findings of a report', () => {
  it('are the three worst, each with what follows and the job that says it', async () => {
    const rows = {
      'licence-report': [sku('Exchange Online (Plan 2)', 10, { warning: 9 }), sku('E3', 10)],
      'secret-expiry-report': [secret(-12), secret(-12), secret(3)],
      'mfa-report': [user('none'), user('none'), user('strong')],
    };
    const { findings } = await read(rows);
    expect(findings).toEqual([
      {
        job: 'mfa-report',
        text: '2 people have registered no second factor, not counting administrators and guests',
        consequence: 'A stolen password can be enough to sign in as one of them.',
      },
      {
        job: 'secret-expiry-report',
        text: '2 credentials of applications have expired',
        consequence: 'An application that still uses one cannot sign in.',
      },
      {
        job: 'licence-report',
        text: '9 licences of Exchange Online (Plan 2) are in a grace period, 9 in use',
        consequence: 'Unless the subscription is renewed, those who have one may lose the product.',
      },
    ]);
    // The end of the relationship is before them, and nothing is the fourth.
    const ends = { reason: 'gdap_expiring', relationshipEndsAt: '2026-12-14T12:00:00.000Z' };
    expect(await textsOf(rows, ends)).toEqual([
      `The partner's access ends on 14 Dec 2026`,
      ...findings.slice(0, 2).map(({ text }) => text),
    ]);
  });

  it.each<[string, Rows, readonly string[]]>([
    ['nobody', { 'mfa-report': [user('weak'), user(null)] }, []],
    [
      'an administrator first',
      { 'mfa-report': [user('none'), user('none', { admin: true }), user('weak')] },
      [
        '1 administrator has registered no second factor',
        '1 person has registered no second factor, not counting administrators and guests',
      ],
    ],
    [
      'no guests, whose second factor can be elsewhere, nor methods that are not known',
      { 'mfa-report': [user('none', { userType: 'guest', admin: true }), user(null, { capable: false })] },
      [],
    ],
    ['no credential without an end', { 'secret-expiry-report': [{ kind: 'secret', endsAt: null, daysLeft: -3 }] }, []],
    ['one', { 'secret-expiry-report': [secret(-1)] }, ['1 credential of applications has expired']],
    [
      'what ends soon, not later',
      { 'secret-expiry-report': [secret(0), secret(13), secret(14)] },
      ['2 credentials of applications end within 14 days'],
    ],
    [
      'several products',
      {
        'licence-report': [sku('A', 11, { suspended: 5, warning: 2 }), sku('B', 10, { warning: 3 })],
      },
      ['5 licences of A are suspended, 1 in use', '5 licences of 2 products are in a grace period, 5 in use'],
    ],
    [
      'no licences that nobody loses',
      {
        'licence-report': [
          sku('Ended trial', 0, { licences: 0, suspended: 25 }),
          sku('Free of charge', 0, { licences: null, assigned: null, warning: 10_000 }),
          sku('Others are left', 50, { licences: 109, warning: 9 }),
        ],
      },
      [],
    ],
    ['users at risk', { 'risky-users': [{ user: 'ada' }] }, ['1 person may be taken over, as Microsoft sees it']],
    ['jobs that nobody knows', { mine: [{ daysLeft: -3, warning: 9, strength: 'none' }] }, []],
  ])('name %s', async (_, rows, texts) => {
    expect(await textsOf(rows)).toEqual(texts);
  });
});

it('says the day of old rows, and counts what they say from now', async () => {
  const ran = { startedAt: '2026-11-20T05:00:00.000Z' };
  const source = sourceOf(
    { 'secret-expiry-report': [secret(-12)], 'mfa-report': [user('weak')] },
    {
      lastResults: [{ job: 'mfa-report', outcome: 'failed', code: 'consent_missing', finishedAt: ran.startedAt }],
      codes: [{ code: 'consent_missing', title: 'No consent', advice: '' }],
    },
  );
  const report = await readReport(
    {
      ...source,
      tenantHistory: async (tenant, job) => {
        const {
          runs: [run],
          ...more
        } = await source.tenantHistory(tenant, job);
        return { ...more, runs: [{ ...run!, ...ran }] };
      },
    },
    { tenant: tenantId, limit: 1, nowMs },
  );
  expect(report.findings.map(({ text }) => text)).toEqual([
    '1 credential of applications has expired (by data of 20 Nov 2026)',
  ]);
  expect(checkedText(report)).toBe('Could not be read: mfa-report since 20 Nov 2026 (No consent).');
});

it('says where it found nothing, and which of its jobs have no rows', async () => {
  const failed = { job: 'mfa-report', outcome: 'failed', code: 'consent_missing', finishedAt: '' };
  const source = sourceOf(
    { 'mfa-report': [], 'risky-users': [], 'licence-report': [] },
    {
      lastResults: [failed],
      codes: [{ code: 'consent_missing', title: 'No consent', advice: '' }],
    },
  );
  const tenantHistory: ReportSource['tenantHistory'] = async (tenant, job) => ({
    ...(await source.tenantHistory(tenant, job)),
    ...(job === 'licence-report' || job === 'mine' ? {} : { runs: [] }),
  });
  const of = (more: Partial<ReportSource>) =>
    readReport({ ...source, tenantHistory, ...more }, { tenant: tenantId, limit: 1, nowMs });
  expect(checkedText(await of({}))).toBe(
    'Nothing that needs attention was found in: licence-report. Could not be read: mfa-report (No consent); risky-users (Not read yet).',
  );
  // Of jobs without rules, nobody knows whether something needs attention.
  const jobs = async () => ({ jobs: [{ name: 'mine', title: 'Mine', columns: [] }] }) as never;
  expect(checkedText(await of({ jobs }))).toBe('');
});

it('leaves out columns that say nothing to a customer, and changes of these alone', async () => {
  const row = { user: 'ada', admin: true, registered: true, capable: true, strength: 'weak', updatedAt: '2023-05-29' };
  const { sections } = await read({ 'mfa-report': [row] });
  const [section] = sections;
  expect(section?.columns.map(({ title }) => title)).toEqual(['user', 'admin', 'Second factor']);
  expect(section?.counts?.title).toBe('Second factor');
  expect(section?.figures.map(({ title }) => title)).toEqual(['Administrator: yes']);
  expect(section?.changes).toEqual({ added: 0, removed: 0, changed: 1 });
  expect(section?.changed).toMatchObject([{ columns: ['strength'] }]);
});

it('has no column of numbers that are zero in every row, but of days left', () => {
  const number = (name: string) => ({ name, title: name, type: 'number' });
  const columns = [
    { name: 'product', title: 'Product', type: 'text' },
    ...['free', 'suspended', 'daysLeft'].map(number),
  ];
  const rows = [1, 0].map((free) => ({ product: `E${free}`, free, suspended: 0, daysLeft: 0 }));
  const table = rowTable({ columns, rows, rowCount: 2 } as never);
  expect(table.columns.map(({ title }) => title)).toEqual(['Product', 'free', 'daysLeft']);
});

it('names its days, with the year once', () => {
  const of = (createdAt: string) => reportDays({ createdAt } as never);
  expect(of('2026-12-02T12:00:00.000Z')).toBe('2 Nov to 2 Dec 2026');
  expect(of('2027-01-05T12:00:00.000Z')).toBe('6 Dec 2026 to 5 Jan 2027');
});

describe('the rows of people', () => {
  const person = (at: number, strength: string) => ({
    user: `${at}@contoso.example`,
    displayName: `Name ${at}`,
    userType: 'member',
    strength,
  });
  const shown = async (job: string, rows: readonly Row[], isAll = false) => {
    const of = { tenant: tenantId, limit: 25, nowMs };
    const [section] = (await readReport(sourceOf({ [job]: rows }), of)).sections;
    if (section === undefined) throw new Error('there is no section');
    const { title, rows: listed, leavesOut } = rowTable(section, isAll);
    return [title, listed.length, leavesOut];
  };
  const many = Array.from({ length: 60 }, (_, at) => person(at, at % 2 === 0 ? 'none' : 'strong'));

  it('are those who lack something, counted among all', async () => {
    expect(await shown('mfa-report', many)).toEqual(['30 of 60 need attention, the first 25', 25, true]);
    expect(await shown('mfa-report', many.slice(0, 2))).toEqual(['1 of 2 needs attention', 1, true]);
    expect(await shown('mfa-report', [person(0, 'none')])).toEqual(['', 1, false]);
    expect(await shown('mfa-report', many, true)).toEqual(['The first 25 of 60', 25, false]);
  });

  it('say that nobody lacks anything', async () => {
    expect(await shown('mfa-report', [person(0, 'strong'), person(1, 'strong')])).toEqual([
      'None of 2 needs attention',
      0,
      true,
    ]);
  });

  it('are all of them in a job of whose rows nobody knows what they mean', async () => {
    expect(await shown('guest-list', many.slice(0, 3))).toEqual(['', 3, false]);
  });
});
