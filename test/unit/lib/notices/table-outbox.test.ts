import type { TableClient } from '@azure/data-tables';
import { describe, expect, test } from 'vitest';
import { type Delivery, noticeId } from '../../../../src/lib/notices/outbox.ts';
import { TableOutbox } from '../../../../src/lib/notices/table-outbox.ts';
import type { Target } from '../../../../src/lib/notices/target.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { TransactionTable } from '../../../fakes/transaction-table.ts';
import { noticesInstance } from '../../../support/notices.ts';
import { atMs, notice, only, testOutbox, waitingOf } from '../../../support/outbox-contract.ts';

const dayMs = 86_400_000;
const over = (table: TransactionTable): TableOutbox => new TableOutbox(async () => table.client);

// test/contract/outbox.test.ts runs the same against Azurite.
describe('the outbox in a table', () => {
  testOutbox(() => over(new TransactionTable()));
});

test('rows are as docs/storage-schema.md says', async () => {
  const table = new TransactionTable();
  const outbox = over(table);
  await outbox.add(notice('a', { tenantName: 'Contoso', link: 'https://d' }), ['chat'], atMs);
  await outbox.setState('chat', { addressDigest: 'x', stoppedAtMs: atMs, pausedUntilMs: atMs + 1 });
  await outbox.giveUp(await only(outbox), atMs + 5);
  const id = noticeId(notice('a'));
  const time = '2026-11-24T00:00:00.000Z';
  const delivery = { target: 'chat', noticeId: id, kind: 'run.failed', severity: 'critical', attempts: 0, reason: '' };
  expect([...table.rows.values()].map((row) => ({ ...row, etag: undefined }))).toEqual([
    {
      partitionKey: 'notices',
      rowKey: `n-${id}`,
      kind: 'run.failed',
      key: 'a',
      severity: 'critical',
      tenantName: 'Contoso',
      title: 'It failed.',
      text: 'Look at it.',
      link: 'https://d',
      at: time,
      facts: '[{"name":"Run","value":"a"}]',
      addedAt: time,
    },
    {
      partitionKey: 'notices',
      rowKey: 't-chat',
      addressDigest: 'x',
      stoppedAt: time,
      pausedUntil: '2026-11-24T00:00:00.001Z',
    },
    {
      partitionKey: 'notices',
      rowKey: `g-chat-${atMs + 5}-${id}`,
      ...delivery,
      addedAt: time,
      nextAt: time,
      claimedUntil: '1970-01-01T00:00:00.000Z',
    },
  ]);
});

test.each<[string, Record<string, unknown>]>([
  ['attempts', { attempts: 1.5 }],
  ['target', { target: 'pager' }],
  ['addedAt', { addedAt: 'soon' }],
  ['reason', { reason: 7 }],
])('a delivery with a wrong %s is passed over, and the others are not', async (_, wrong) => {
  const table = new TransactionTable();
  const outbox = over(table);
  await outbox.add(notice('a'), ['chat'], atMs);
  await outbox.add(notice('b'), ['chat'], atMs + 1);
  const [row] = [...table.rows.values()].filter(({ rowKey }) => rowKey.startsWith('w-chat-'));
  await table.upsertEntity({ ...row!, ...wrong });
  expect((await waitingOf(outbox, 'chat')).map(({ noticeId: id }) => id)).toEqual([noticeId(notice('b'))]);
});

test('a delivery that another instance has claimed meanwhile is not given up', async () => {
  const table = new TransactionTable();
  const clock = new FakeClock(atMs);
  const outbox = over(table);
  await outbox.add(notice('a'), ['chat'], atMs);
  await clock.advance(dayMs);
  await outbox.setState('chat', { addressDigest: 'here', stoppedAtMs: clock.nowMs() });
  const stale = new TableOutbox(async () => table.client);
  stale.waiting = async function* (target): AsyncGenerator<Delivery, void, undefined> {
    const listed = await waitingOf(outbox, target);
    for (const delivery of listed) await outbox.change({ ...delivery, claimedUntilMs: clock.nowMs() + 60_000 });
    yield* listed;
  };
  const recorder = recordingLogger();
  const target: Target = {
    name: 'chat',
    title: 'The chat',
    setting: 'SETTING',
    addressDigest: 'here',
    bundles: true,
    send: async () => ({ is: 'delivered' }),
  };
  await noticesInstance({ outbox: stale, targets: [target], clock, log: recorder.log }).deliveries.deliverDue();
  expect([(await waitingOf(outbox, 'chat')).length, recorder.events()]).toEqual([1, []]);
});

describe('rows that somebody has damaged', () => {
  test.each(['{', '7', '[{"name":"Run"}]'])('a notice with the facts %s is not found', async (facts) => {
    const table = new TransactionTable();
    const outbox = over(table);
    await outbox.add(notice('a'), ['chat'], atMs);
    const [row] = table.rows.values();
    await table.upsertEntity({ ...row!, facts });
    expect(await outbox.find(noticeId(notice('a')))).toBeUndefined();
  });

  test('a state with a wrong time is not known', async () => {
    const table = new TransactionTable();
    const outbox = over(table);
    await outbox.setState('chat', { addressDigest: 'x' });
    const [row] = table.rows.values();
    await table.upsertEntity({ ...row!, stoppedAt: 'soon' });
    expect(await outbox.state('chat')).toBeUndefined();
  });

  test('a notice about a tenant that is none is read without it', async () => {
    const table = new TransactionTable();
    const outbox = over(table);
    await outbox.add(notice('a'), ['chat'], atMs);
    const [row] = table.rows.values();
    await table.upsertEntity({ ...row!, tenantId: 'contoso' });
    expect(await outbox.find(noticeId(notice('a')))).toEqual(notice('a'));
  });
});

test('health counts a thousand notices that were given up, and no more', async () => {
  const table = new TransactionTable();
  const outbox = over(table);
  for (let number = 0; number < 1_005; number += 1) await outbox.add(notice(`n${number}`), ['chat'], atMs);
  for (const delivery of await waitingOf(outbox, 'chat')) await outbox.giveUp(delivery, atMs);
  expect((await outbox.backlog('chat', 0)).givenUp).toBe(1_000);
});

describe('storage that fails', () => {
  const failing = async () => {
    let table = new TransactionTable();
    const client = new Proxy({} as TableClient, {
      get: (_, name) => (name === 'then' ? undefined : (Reflect.get(table, name, table) as unknown)),
    });
    const outbox = new TableOutbox(async () => client);
    await outbox.add(notice('a'), ['chat'], atMs);
    const read = await only(outbox);
    return { outbox, read, replace: (other: TransactionTable) => void (table = other) };
  };
  const calls = (outbox: TableOutbox, read: Delivery): Readonly<Record<string, () => Promise<unknown>>> => ({
    add: () => outbox.add(notice('b'), ['chat'], atMs),
    find: () => outbox.find(noticeId(notice('a'))),
    waiting: () => waitingOf(outbox, 'chat'),
    change: () => outbox.change(read),
    remove: () => outbox.remove(read),
    giveUp: () => outbox.giveUp(read, atMs),
    state: () => outbox.state('chat'),
    setState: () => outbox.setState('chat', { addressDigest: 'x' }),
    backlog: () => outbox.backlog('chat', 0),
    purge: () => outbox.purge(atMs + dayMs),
  });
  const names = ['add', 'find', 'waiting', 'change', 'remove', 'giveUp', 'state', 'setState', 'backlog', 'purge'];

  test.each(names)('%s says so if the table was deleted: that is not an empty outbox', async (name) => {
    const { outbox, read, replace } = await failing();
    replace(new TransactionTable());
    await expect(calls(outbox, read)[name]?.()).rejects.toMatchObject({ code: 'storage_unavailable' });
  });

  test.each(names)('%s says so if storage answers 500', async (name) => {
    const { outbox, read, replace } = await failing();
    const away = (): never => {
      throw Object.assign(new Error('InternalError'), { statusCode: 500 });
    };
    // A list fails when it is read.
    const items = { [Symbol.asyncIterator]: () => ({ next: async () => away() }) };
    const list = () => ({ ...items, byPage: () => items });
    replace(new Proxy(new TransactionTable(), { get: (_, method) => (method === 'listEntities' ? list : away) }));
    await expect(calls(outbox, read)[name]?.()).rejects.toMatchObject({ code: 'storage_unavailable' });
  });

  test('a conflict without the notice is not taken for one that was added before', async () => {
    const { outbox, replace } = await failing();
    const deleting = new TransactionTable();
    await deleting.createTable();
    deleting.submitTransaction = () => {
      throw Object.assign(new Error('Conflict'), { statusCode: 409, code: 'TableBeingDeleted' });
    };
    replace(deleting);
    await expect(outbox.add(notice('b'), ['chat'], atMs)).rejects.toMatchObject({ code: 'storage_unavailable' });
  });
});
