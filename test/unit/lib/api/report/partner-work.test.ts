import { expect, it } from 'vitest';
import type { AuditAnswer } from '../../../../../src/lib/api/answers/audit.ts';
import { mayChange, readWork } from '../../../../../src/lib/api/report/partner-work.ts';
import { permissionsText, workText } from '../../../../../src/lib/api/report/report-words.ts';

const since = '2026-11-01T12:00:00.000Z';
const record = (day: number, more: object) =>
  ({
    at: `2026-11-${day}T12:00:00.000Z`,
    scopes: ['User.Read.All'],
    ...more,
  }) as unknown as AuditAnswer['entries'][number];

const pages: readonly (readonly AuditAnswer['entries'][number][])[] = [
  [
    record(28, { kind: 'request', outcome: 'answered', method: 'PATCH', rule: 'changes' }),
    record(28, { kind: 'request', outcome: 'sent', method: 'PATCH', rule: 'changes', scopes: ['User.ReadWrite.All'] }),
    record(27, { kind: 'approval', outcome: 'approved' }),
    record(27, { kind: 'approval', outcome: 'denied' }),
    record(26, { outcome: 'issued', rule: 'job:licences', scopes: ['Mail.Read'] }),
  ],
  [],
  [
    record(25, { outcome: 'issued', rule: 'job:licences' }),
    record(25, { outcome: 'issued', rule: 'helpdesk', scopes: ['Directory.ReadWrite.All'], breakGlass: true }),
    record(24, { outcome: 'denied', code: 'caller_forbidden' }),
    record(24, { kind: 'tool', outcome: 'denied' }),
    record(23, { kind: 'tags', outcome: 'changed' }),
  ],
];

const work = async (all = pages) => {
  const { found, asked } = await readOf(all);
  return { found: found ?? expect.fail('it found nothing'), asked };
};

const readOf = async (all: typeof pages) => {
  const asked: unknown[] = [];
  const job = { name: 'licences', title: 'Title of licences', permissions: ['Organization.Read.All'] };
  const read = async (query: object): Promise<AuditAnswer> => {
    asked.push(query);
    const at = asked.length;
    const more = at < all.length ? { continuation: `page ${at}` } : {};
    return { from: since, to: 'the end', entries: all[at - 1] ?? [], ...more };
  };
  const found = await readWork(read, { tenantId: 'id', since, jobs: [job] as never });
  return { found, asked };
};

it('counts what was served by its purpose, and what was changed, approved and refused, over all pages', async () => {
  const { found, asked } = await work();
  expect(found).toEqual({
    since,
    purposes: [
      // Rules of the policy have names that a customer does not know.
      {
        name: 'Asked by people or applications',
        count: 2,
        permissions: ['Directory.ReadWrite.All', 'User.ReadWrite.All'],
        lastAt: '2026-11-28T12:00:00.000Z',
      },
      {
        name: 'Title of licences',
        count: 2,
        // A token may carry more than the job may send requests with.
        permissions: ['Organization.Read.All'],
        lastAt: '2026-11-26T12:00:00.000Z',
      },
    ],
    ofJobs: 2,
    tokens: 1,
    requests: 1,
    changes: 1,
    emergencies: 1,
    approvals: 1,
    refused: 1,
  });
  const first = { tenant: 'id', from: since, limit: '1000', to: undefined, continuation: undefined };
  expect(asked).toEqual([
    first,
    { ...first, to: 'the end', continuation: 'page 1' },
    { ...first, to: 'the end', continuation: 'page 2' },
  ]);
  expect(workText(found)).toBe(
    'By the audit log of the partner since 1 Nov 2026: 2 tokens were handed out to jobs of the partner. 1 request was sent, of which 1 could change something. 1 token was handed out to people or applications: this log does not show what was done with them. An emergency was declared for 1 of these. 1 approval was given by a second person. 1 request was refused, and nothing was sent. Ask for the extract of the log: for the period that it names, you can check yourself that no record is missing or changed.',
  );
});

it('says no more than there are records of', async () => {
  const textOf = async (...records: readonly object[]) =>
    workText((await work([records.map((more) => record(20, more))])).found).replace(/^.*?since 1 Nov 2026:? ?/, '');
  expect(await textOf({ outcome: 'denied' })).toBe('1 request was refused, and nothing was sent.');
  expect(await textOf({ kind: 'approval', outcome: 'approved' })).toBe('1 approval was given by a second person.');
  expect(await textOf({ kind: 'request', outcome: 'sent', method: 'GET' })).toContain(
    '1 request was sent, only to read.',
  );
  expect(workText(undefined)).toBe('This report does not say it: the audit log could not be read.');
});

it('knows neither purpose nor permissions of a record without them', async () => {
  const { purposes } = (await work([[record(20, { outcome: 'issued', scopes: [] })]])).found;
  expect(purposes).toMatchObject([{ name: 'Asked by people or applications', permissions: [] }]);
});

it('says from when on it counts if the period has too many records', async () => {
  const { found, asked } = await work(Array.from({ length: 9 }, () => [record(20, { outcome: 'issued' })]));
  expect([asked.length, found.since]).toEqual([5, '2026-11-20T12:00:00.000Z']);
  // Nothing in what was looked through is not nothing in the period.
  expect((await readOf(Array.from({ length: 9 }, () => []))).found).toBeUndefined();
});

it('says that nobody asked for anything', async () => {
  expect(workText((await work([[]])).found)).toBe('The audit log of the partner has no access since 1 Nov 2026.');
});

it('takes no cmdlet that reads for a change', () => {
  const cmdlet = (name: string) => mayChange({ method: 'POST', cmdlet: name });
  expect([cmdlet('Get-Mailbox'), cmdlet('Set-Mailbox'), mayChange({ method: 'HEAD' }), mayChange({})]).toEqual([
    false,
    true,
    false,
    false,
  ]);
  expect([['a', 'b', 'c', 'd', 'e'], ['a', 'b', 'c', 'd'], []].map(permissionsText)).toEqual([
    'a, b, c, 2 others',
    'a, b, c, d',
    '–',
  ]);
});
