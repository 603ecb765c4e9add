import { expect, it } from 'vitest';
import type { AuditAnswer } from '../../../../../src/lib/api/answers/audit.ts';
import { mayChange, readWork } from '../../../../../src/lib/api/report/partner-work.ts';
import { permissionPhrase } from '../../../../../src/lib/api/report/permission-phrase.ts';
import {
  permitsText,
  summaryText,
  workCells,
  workGroups,
  workText,
} from '../../../../../src/lib/api/report/report-words.ts';

const since = '2026-11-01T12:00:00.000Z';
const record = (day: number, more: object) =>
  ({
    at: `2026-11-${day}T12:00:00.000Z`,
    scopes: ['User.Read.All'],
    ...more,
  }) as unknown as AuditAnswer['entries'][number];

const request = (day: number, tokenId: string, more: object) =>
  record(day, { kind: 'request', tokenId, rule: 'helpdesk', ...more });

const pages: readonly (readonly AuditAnswer['entries'][number][])[] = [
  [
    request(28, 'r1', { outcome: 'answered', method: 'PATCH', status: 204 }),
    request(28, 'r1', { outcome: 'sent', method: 'PATCH', scopes: ['User.ReadWrite.All'] }),
    request(28, 'r2', { outcome: 'answered', method: 'PATCH', status: 403 }),
    request(28, 'r2', { outcome: 'sent', method: 'PATCH' }),
    request(28, 'r4', { outcome: 'answered', method: 'PATCH', status: 500 }),
    request(28, 'r1', { outcome: 'answered', method: 'PATCH', status: 204 }),
    request(27, 'r3', { outcome: 'sent', method: 'GET' }),
    record(27, { kind: 'approval', outcome: 'approved' }),
    record(27, { kind: 'approval', outcome: 'denied' }),
    record(26, { outcome: 'issued', rule: 'job:licences', correlationId: 'a', scopes: ['Mail.Read'] }),
    // Of one visit, which needs a token for each resource.
    record(26, { outcome: 'issued', rule: 'job:licences', correlationId: 'a' }),
  ],
  [],
  [
    record(25, { outcome: 'issued', rule: 'job:licences', correlationId: 'b' }),
    record(25, { outcome: 'issued', rule: 'helpdesk', scopes: ['Directory.ReadWrite.All'], breakGlass: true }),
    record(24, { outcome: 'denied', code: 'caller_forbidden' }),
    record(24, { kind: 'request', outcome: 'denied', code: 'scope_not_allowed' }),
    record(23, { outcome: 'denied', code: 'consent_required' }),
    record(24, { kind: 'tool', outcome: 'denied' }),
    record(23, { kind: 'tags', outcome: 'changed' }),
  ],
];

const work = async (all = pages) => {
  const { found, asked } = await readOf(all);
  return { found: found ?? expect.fail('it found nothing'), asked };
};

const readOf = async (all: typeof pages, more: object = {}) => {
  const asked: unknown[] = [];
  const job = { name: 'licences', title: 'Title of licences', permissions: ['Organization.Read.All'], ...more };
  const read = async (query: object): Promise<AuditAnswer> => {
    asked.push(query);
    const at = asked.length;
    const more = at < all.length ? { continuation: `page ${at}` } : {};
    return { from: since, to: 'the end', entries: all[at - 1] ?? [], ...more };
  };
  const found = await readWork(read, { tenantId: 'id', since, jobs: [job] as never });
  return { found, asked };
};

it('tells what was served by its purpose, and what was approved, refused and failed, over all pages', async () => {
  const { found, asked } = await work();
  // The one that Microsoft refused changed nothing.
  expect([found.since, found.changes, found.unclear]).toEqual([since, 1, 0]);
  const told = workGroups(found).map(({ title, note, deeds }) => [title, note, ...deeds.map(workCells)]);
  expect(told).toEqual([
    // Rules of the policy have names that a customer does not know.
    ['Changed', undefined, ['Requests that can change something', '1', '28 Nov 2026']],
    [
      'Checked or read',
      undefined,
      ['Title of licences', '2', '26 Nov 2026'],
      ['Requests to read something', '1', '27 Nov 2026'],
    ],
    [
      'Direct access',
      'What was done with it is not on record.',
      ['Access for people and applications: may read and change the directory', '1', '25 Nov 2026'],
    ],
    [
      'Approvals and emergencies',
      undefined,
      ['Approved by a second person', '1', '27 Nov 2026'],
      ['In an emergency, without an approval: counted above or below, too', '1', '25 Nov 2026'],
    ],
    [
      'Not done',
      'None of these read or changed anything.',
      ['Refused by our policy', '2', '24 Nov 2026'],
      ['Refused by Microsoft', '1', '28 Nov 2026'],
      ['No consent for the application', '1', '23 Nov 2026'],
    ],
  ]);
  const first = { tenant: 'id', from: since, limit: '1000', to: undefined, continuation: undefined };
  expect(asked).toEqual([
    first,
    { ...first, to: 'the end', continuation: 'page 1' },
    { ...first, to: 'the end', continuation: 'page 2' },
  ]);
  expect(workText(found)).toBe(
    'From our audit log since 1 Nov 2026; what we do in the portals of Microsoft is not in it. Ask us for its extract, and you can check that no record in it is missing or changed.',
  );
  // A token may carry more than the job may send requests with.
  expect(permitsText(found)).toEqual([
    'Together they may read the organisation and its licences, and read and change the directory, users.',
    'Microsoft calls these permissions: Directory.ReadWrite.All, Organization.Read.All, User.Read.All, User.ReadWrite.All.',
  ]);
  expect(permitsText(undefined)).toEqual([]);
  expect(workText(undefined)).toBe('This report does not say it: the audit log could not be read.');
});

it('says of the tokens of a change job whether it sent a change, and lists what it changed apart', async () => {
  const token = record(26, { outcome: 'issued', rule: 'job:licences' });
  // An apply sends by the rule that allows it, not by one of the job.
  const change = { method: 'PATCH', rule: 'changes', plan: 'a digest', run: 'licences@apply-1', scopes: [] };
  const sent = request(27, 'a', { outcome: 'sent', ...change });
  const answered = request(27, 'a', { outcome: 'answered', status: 204, ...change });
  const told = async (records: readonly AuditAnswer['entries'][number][]) => {
    const { found } = await readOf([records], { changes: true });
    for (const { name, permissions } of found?.deeds.filter(({ kind }) => kind !== 'none') ?? [])
      expect([name, permissions]).toEqual(['Title of licences', ['Organization.Read.All']]);
    return found?.deeds.map(({ kind, about }) => [kind, about]);
  };
  expect(await told([token])).toEqual([['read', 'no change was sent']]);
  const refused = request(27, 'a', { outcome: 'denied', code: 'target_protected', ...change });
  expect((await told([refused, token]))?.[0]).toEqual(['read', 'no change was sent']);
  const apart = 'the changes that were sent are counted apart';
  expect(await told([answered, sent, token])).toEqual([
    ['changed', undefined],
    ['read', apart],
  ]);
  expect(await told([sent, token])).toEqual([
    ['unclear', undefined],
    ['read', apart],
  ]);
});

it('counts a request to change something as unclear without an answer, and if Microsoft failed, but not if it refused', async () => {
  const sent = (id: string) => request(20, id, { outcome: 'sent', method: 'PATCH' });
  const answered = (id: string, status: number) => request(20, id, { outcome: 'answered', method: 'PATCH', status });
  const records = [
    sent('a'),
    sent('b'),
    answered('b', 503),
    sent('c'),
    answered('c', 404),
    sent('d'),
    answered('d', 204),
    sent('e'),
    answered('e', 408),
  ];
  const { changes, unclear, deeds } = (await work([records])).found;
  expect([changes, unclear]).toEqual([1, 3]);
  expect(deeds.map(({ kind, name, count }) => [kind, name, count])).toEqual([
    ['changed', 'Requests that can change something', 1],
    ['unclear', 'Requests that can change something', 3],
    ['none', 'Failed at Microsoft', 1],
  ]);
});

it('counts a request that failed not as read', async () => {
  const read = (id: string, status?: number) => [
    request(20, id, { outcome: 'sent', method: 'GET' }),
    ...(status === undefined ? [] : [request(20, id, { outcome: 'answered', method: 'GET', status })]),
  ];
  // Whether one without an answer was read is not known; it was sent.
  const { deeds } = (await work([[...read('a', 200), ...read('b', 404), ...read('c', 503), ...read('d')]])).found;
  expect(deeds.map(({ kind, name, count }) => [kind, name, count])).toEqual([
    ['read', 'Requests to read something', 2],
    ['none', 'Failed at Microsoft', 2],
  ]);
});

it('knows no permissions of a record without them', async () => {
  const { deeds } = (await work([[record(20, { outcome: 'issued', scopes: [] })]])).found;
  expect(deeds).toMatchObject([{ name: 'Access for people and applications', permissions: [] }]);
});

it('says from when on it counts if the period has too many records', async () => {
  const { found, asked } = await work(Array.from({ length: 9 }, () => [record(20, { outcome: 'issued' })]));
  expect([asked.length, found.since]).toEqual([5, '2026-11-20T12:00:00.000Z']);
  // Nothing in what was looked through is not nothing in the period.
  expect((await readOf(Array.from({ length: 9 }, () => []))).found).toBeUndefined();
});

it('sums up how much needs the customer, and whether the partner changed something', async () => {
  const of = (findings: number, changes?: number, unclear = 0, tokens = false) =>
    summaryText({
      findings: Array.from({ length: findings }),
      ...(changes === undefined ? {} : { work: { changes, unclear, tokens, since: '2026-11-02T12:00:00.000Z' } }),
    } as never);
  expect([of(0, 0), of(0, 0, 2), of(0, 0, 0, true), of(1, 1), of(2, 1_234, 0, true), of(3)]).toEqual([
    'By our audit log, we have changed nothing in your tenant since 2 Nov 2026.',
    'Since 2 Nov 2026, no request of ours is known to have changed your tenant. It is not known whether 2 of our requests did.',
    'None of our requests has changed your tenant since 2 Nov 2026. What people and applications did with direct access is not on record.',
    '1 thing needs your attention. Since 2 Nov 2026, 1 of our requests that can change your tenant succeeded.',
    '2 things need your attention. Since 2 Nov 2026, 1,234 of our requests that can change your tenant succeeded. What people and applications did with direct access is not on record.',
    // There may be more.
    '3 things need your attention first.',
  ]);
});

it('says that nobody asked for anything', async () => {
  expect(workText((await work([[]])).found)).toBe('Our audit log has no access to your tenant since 1 Nov 2026.');
});

it('takes no cmdlet that reads for a change', () => {
  const cmdlet = (name: string) => mayChange({ method: 'POST', cmdlet: name });
  expect([cmdlet('Get-Mailbox'), cmdlet('Set-Mailbox'), mayChange({ method: 'HEAD' }), mayChange({})]).toEqual([
    false,
    true,
    false,
    false,
  ]);
});

it('says in plain words what permissions allow', () => {
  const phrases = [
    ['User.Read.All', 'AuditLog.Read.All'],
    ['Policy.Read.ConditionalAccess', 'Policy.ReadWrite.ConditionalAccess', 'Exchange.Manage'],
    ['TeamSettings.ReadWrite.All', 'full_access'],
    [],
  ].map(permissionPhrase);
  expect(phrases).toEqual([
    'may read users, sign-ins and the audit log',
    'may read and change Conditional Access, and manage Exchange',
    'may read and change team settings, and use full_access',
    '',
  ]);
});
