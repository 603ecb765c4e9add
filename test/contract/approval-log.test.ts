import { TableClient } from '@azure/data-tables';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Approval, newApprovalId } from '../../src/lib/approvals/approval.ts';
import type { ApprovalLog } from '../../src/lib/approvals/approval-log.ts';
import { closed } from '../../src/lib/approvals/judge-decision.ts';
import { TableApprovalLog } from '../../src/lib/approvals/table-approval-log.ts';
import { silentLogger } from '../../src/lib/core/log.ts';
import { MemoryApprovalLog } from '../fakes/memory-approval-log.ts';
import { approval, askedAtMs, decision, minuteMs, person } from '../support/approval-records.ts';
import { tenant } from '../support/audit-entries.ts';
import { type Azurite, emptyAzurite } from '../support/azurite.ts';

let azurite: Azurite;
beforeAll(async () => {
  azurite = await emptyAzurite();
});

let tables = 0;
let isAway: boolean;
/** Writes whose reply is lost: the SDK repeats them. */
let lost: number;
/** Runs once, right before the next deletion of one row. */
let beforeDelete: (() => Promise<unknown>) | undefined;
beforeEach(() => {
  tables += 1;
  isAway = false;
  lost = 0;
  beforeDelete = undefined;
});

async function open(): Promise<TableClient> {
  const table = TableClient.fromConnectionString(azurite.connectionString, `Approvals${tables}`, {
    allowInsecureConnection: true,
    retryOptions: { maxRetries: 0 },
  });
  table.pipeline.addPolicy({
    name: 'watched',
    sendRequest: async (request, next) => {
      if (isAway) throw new Error('the account is away');
      if (request.method === 'DELETE' && beforeDelete !== undefined) {
        const run = beforeDelete;
        beforeDelete = undefined;
        await run();
      }
      const response = await next(request);
      if (lost === 0 || request.method === 'GET') return response;
      lost -= 1;
      return next(request);
    },
  });
  return table;
}

const inTable = (): ApprovalLog => new TableApprovalLog(open, silentLogger);

const digest = (letter: string): string => letter.repeat(64);
let made = 0;

/** A new request: each is a second younger than the last. */
function asked(more: Partial<Approval> & { readonly digest?: string } = {}): Approval {
  made += 1;
  const atMs = more.askedAtMs ?? askedAtMs + made * 1_000;
  const random = made.toString(16).padStart(8, '0');
  const subject = { ...approval().subject, ...more.subject, digest: more.digest ?? random.padStart(64, '0') };
  return approval({
    askedAtMs: atMs,
    expiresAtMs: atMs + 60 * minuteMs,
    ...more,
    id: newApprovalId(atMs, random),
    subject,
  });
}

const idsOf = (stored: readonly { readonly approval: Approval }[]): string[] =>
  stored.map(({ approval: { id } }) => id);

async function allUnsettled(log: ApprovalLog, sinceMs: number): Promise<string[]> {
  const found: string[] = [];
  for await (const each of log.unsettled(sinceMs)) found.push(each.approval.id);
  return found.toSorted();
}

describe.each<readonly [string, () => ApprovalLog]>([
  ['in memory', () => new MemoryApprovalLog()],
  ['in a table', inTable],
])('approvals %s', (_, make) => {
  test('keep everything, and what may hold data of the customer only while they are open', async () => {
    const log = make();
    const use = { id: 'a request', atMs: askedAtMs + 2 * minuteMs, answered: true };
    const times = { approvedAtMs: askedAtMs + minuteMs, validUntilMs: askedAtMs + 31 * minuteMs };
    const full = asked({ reason: 'Ticket 4711.', decisions: [decision(person(2))], ...times, status: 'approved' });
    expect(await log.find(full.id)).toBeUndefined();
    expect(await log.create(full, undefined, 20, 100)).toBe('created');
    const found = await log.find(full.id);
    expect(found?.approval).toEqual(full);
    const end = closed({ ...full, use }, 'used', use.atMs, true);
    expect(await log.change(end, found?.version ?? '')).toBe(true);
    expect((await log.find(full.id))?.approval).toEqual(end);
    expect((await log.find(full.id))?.approval.subject.details).toEqual([]);
    expect(await log.find('no id')).toBeUndefined();
  });

  test('are one for several repeats of a request at the same time', async () => {
    const log = make();
    const repeats = Array.from({ length: 8 }, () => asked({ digest: digest('a') }));
    const outcomes = await Promise.all(repeats.map((each) => log.create(each, undefined, 20, 100)));
    expect(outcomes.toSorted()).toEqual(['created', ...Array.from({ length: 7 }, () => 'outrun')]);
    const first = repeats[outcomes.indexOf('created')];
    expect((await log.current(digest('a')))?.approval.id).toBe(first?.id);
    expect((await log.list({ limit: 50 })).approvals).toHaveLength(1);
  });

  test('are replaced only by a request that knows the latest', async () => {
    const log = make();
    const [first, second, late] = [1, 2, 3].map(() => asked({ digest: digest('b') })) as [Approval, Approval, Approval];
    await log.create(first, undefined, 20, 100);
    expect(await log.create(second, first.id, 20, 100)).toBe('created');
    expect(await log.create(late, first.id, 20, 100)).toBe('outrun');
    expect((await log.current(digest('b')))?.approval.id).toBe(second.id);
    expect((await log.find(first.id))?.approval.id).toBe(first.id);
  });

  test('may wait in a limited number for each asker, also if many are asked for at the same time', async () => {
    const log = make();
    const outcomes = await Promise.all(
      Array.from({ length: 9 }, () =>
        log.create(asked(), undefined, 3, 100).catch(({ code }: { code: string }) => code),
      ),
    );
    expect(outcomes.filter((outcome) => outcome === 'created').length).toBeLessThanOrEqual(3);
    while ((await log.create(asked(), undefined, 3, 100)) !== 'full');
    const waiting = (await log.list({ limit: 50 })).approvals;
    expect(waiting).toHaveLength(3);
    expect(await log.create(asked({ asker: person(5) }), undefined, 3, 100)).toBe('created');
    // A decided or expired one leaves its place.
    const [one] = waiting;
    await log.change({ ...approval(one?.approval), status: 'denied' }, one?.version ?? '');
    expect(await log.create(asked(), undefined, 3, 100)).toBe('created');
    expect(await log.create(asked(), undefined, 3, 100)).toBe('full');
    expect(await log.create(asked({ askedAtMs: askedAtMs + 120 * minuteMs }), undefined, 3, 100)).toBe('created');
  });

  test('are counted for each asker and hour, whatever becomes of them', async () => {
    const log = make();
    const at = Math.ceil(askedAtMs / (60 * minuteMs)) * 60 * minuteMs;
    const ask = (ms: number, more: Partial<Approval> = {}) =>
      log.create(asked({ ...more, askedAtMs: at + ms, expiresAtMs: at + ms + minuteMs }), undefined, 20, 3);
    expect([await ask(0), await ask(1_000), await ask(2_000)]).toEqual(['created', 'created', 'created']);
    for (const { approval: record, version } of (await log.list({ limit: 50 })).approvals)
      await log.change({ ...record, status: 'revoked' }, version);
    expect(await ask(30 * minuteMs)).toBe('often');
    expect(await ask(30 * minuteMs, { asker: person(5) })).toBe('created');
    expect(await ask(60 * minuteMs - 1)).toBe('often');
    expect(await ask(60 * minuteMs)).toBe('created');
  });

  test('change only from the version that was read, so that one of several claims wins', async () => {
    const log = make();
    const record = asked();
    await log.create(record, undefined, 20, 100);
    const version = (await log.find(record.id))?.version ?? '';
    const claim = (id: string) =>
      log.change({ ...record, status: 'used', use: { id, atMs: askedAtMs, answered: false } }, version);
    const won = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map(claim));
    expect(won.filter(Boolean)).toHaveLength(1);
    expect((await log.find(record.id))?.approval.use?.id).toBe('abcdef'[won.indexOf(true)]);
    expect(await log.change(asked(), version)).toBe(false);
  });

  test('are listed newest first, with filters, page by page', async () => {
    const log = make();
    const records = [
      asked(),
      asked({ status: 'approved' }),
      asked({ asker: person(5) }),
      asked({ subject: { ...approval().subject, tenantId: tenant(0x12) } }),
      asked({ status: 'used' }),
    ];
    for (const record of records) await log.create(record, undefined, 20, 100);
    const [pending, approved, others, elsewhere, used] = records.map(({ id }) => id);
    const list = async (query: object) => idsOf((await log.list({ limit: 50, ...query })).approvals);
    expect(await list({})).toEqual([used, elsewhere, others, approved, pending]);
    expect(await list({ statuses: ['approved', 'used'] })).toEqual([used, approved]);
    const askerKey = `${person(5).tenantId}.${person(5).applicationId}.${person(5).objectId}`;
    expect(await list({ askerKey })).toEqual([others]);
    expect(await list({ tenantIds: new Set([tenant(0x12)]) })).toEqual([elsewhere]);
    expect(await list({ sinceMs: records[3]?.askedAtMs })).toEqual([used, elsewhere]);
    const pages: string[] = [];
    let after: string | undefined;
    do {
      const page = await log.list({ limit: 2, ...(after === undefined ? {} : { after }) });
      expect(page.approvals.length).toBeLessThanOrEqual(2);
      pages.push(...idsOf(page.approvals));
      after = page.continuation;
    } while (after !== undefined);
    expect(pages).toEqual([used, elsewhere, others, approved, pending]);
    await expect(log.list({ limit: 2, after: 'no id' })).rejects.toMatchObject({ code: 'request_invalid' });
  });

  test('are unsettled until their end is recorded', async () => {
    const log = make();
    const old = asked({ askedAtMs: askedAtMs - 60 * minuteMs });
    const [open_, done] = [asked(), asked({ status: 'denied', endRecorded: true })];
    for (const record of [old, open_, done]) await log.create(record, undefined, 20, 100);
    expect(await allUnsettled(log, askedAtMs)).toEqual([open_.id]);
    expect(await allUnsettled(log, 0)).toEqual([old.id, open_.id].toSorted());
  });

  test('are purged by the time of their request, with what refers to them', async () => {
    const log = make();
    const old = asked({ askedAtMs: askedAtMs - 60 * minuteMs, digest: digest('c') });
    const young = asked({ digest: digest('d') });
    for (const record of [old, young]) await log.create(record, undefined, 20, 100);
    expect(await log.purge(askedAtMs)).toBe(1);
    expect(idsOf((await log.list({ limit: 50 })).approvals)).toEqual([young.id]);
    expect(await log.current(digest('c'))).toBeUndefined();
    expect((await log.current(digest('d')))?.approval.id).toBe(young.id);
    expect(await log.purge(askedAtMs)).toBe(0);
    // The caller still knows the id of the purged record.
    expect(await log.create(asked({ digest: digest('c') }), old.id, 20, 100)).toBe('created');
  });
});

describe('approvals in a table', () => {
  test('are there although the reply to their creation is lost', async () => {
    const log = inTable();
    await log.create(asked(), undefined, 20, 100);
    lost = 1;
    const record = asked();
    expect(await log.create(record, undefined, 20, 100)).toBe('created');
    expect((await log.list({ limit: 50 })).approvals).toHaveLength(2);
  });

  test('cannot be read or written while storage is away', async () => {
    const log = inTable();
    const record = asked();
    await log.create(record, undefined, 20, 100);
    isAway = true;
    const calls = [
      log.find(record.id),
      log.current(record.subject.digest),
      log.create(asked(), undefined, 20, 100),
      log.change(record, 'a version'),
      log.list({ limit: 50 }),
      allUnsettled(log, 0),
      log.purge(0),
    ];
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'storage_unavailable' });
  });

  test('keep the reference to a request that is made while the old one is purged', async () => {
    const log = inTable();
    const old = asked({ askedAtMs: askedAtMs - 60 * minuteMs, digest: digest('e') });
    await log.create(old, undefined, 20, 100);
    const again = asked({ digest: digest('e') });
    // The records go in a transaction before, the references one by one.
    beforeDelete = () => log.create(again, old.id, 20, 100);
    expect(await log.purge(askedAtMs)).toBe(1);
    expect((await log.current(digest('e')))?.approval.id).toBe(again.id);
  });
});
