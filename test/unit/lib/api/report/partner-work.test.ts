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
    record(24, { outcome: 'denied', code: 'caller_forbidden' }),
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
      {
        name: 'Title of licences',
        count: 2,
        // A token may carry more than the job may send requests with.
        permissions: ['Organization.Read.All'],
        lastAt: '2026-11-26T12:00:00.000Z',
      },
      { name: 'changes', count: 1, permissions: ['User.ReadWrite.All'], lastAt: '2026-11-28T12:00:00.000Z' },
    ],
    changes: 1,
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
    'Since 1 Nov 2026, the partner had access 3 times, with 1 request to change something and 1 approval by a second person. 1 more time it was refused, and nothing was sent.',
  );
});

it('says from when on it counts if the period has too many records', async () => {
  const { found, asked } = await work(Array.from({ length: 9 }, () => [record(20, { outcome: 'issued' })]));
  expect([asked.length, found.since]).toEqual([5, '2026-11-20T12:00:00.000Z']);
  // Nothing in what was looked through is not nothing in the period.
  expect((await readOf(Array.from({ length: 9 }, () => []))).found).toBeUndefined();
});

it('says that nobody asked for anything', async () => {
  expect(workText((await work([[]])).found)).toBe('Since 1 Nov 2026, the partner asked for no access.');
});

it('takes no cmdlet that reads for a change', () => {
  const cmdlet = (name: string) => mayChange({ method: 'POST', cmdlet: name });
  expect([cmdlet('Get-Mailbox'), cmdlet('Set-Mailbox'), mayChange({ method: 'HEAD' }), mayChange({})]).toEqual([
    false,
    true,
    false,
    false,
  ]);
  expect([permissionsText(['a', 'b', 'c', 'd', 'e']), permissionsText([])]).toEqual(['a, b, c, 2 others', 'none']);
});
