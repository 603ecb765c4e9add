import { expect, it } from 'vitest';
import { QuerySlots } from '../../../../../src/lib/runs/store/query-slots.ts';
import { EntityTable } from '../../../../fakes/entity-table.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { MemoryRunLog } from '../../../../fakes/memory-run-log.ts';
import { testQuerySlots } from '../../../../support/query-slots-contract.ts';

testQuerySlots(() => {
  const { client } = new EntityTable();
  return async () => client;
});

const holder = { applicationId: 'application', objectId: 'object' };

function stage() {
  const table = new EntityTable();
  const clock = new FakeClock();
  return {
    table,
    clock,
    slots: new QuerySlots({ table: async () => table.client, runLog: new MemoryRunLog(), clock }),
  };
}

it('a place is a row with its run and the time at which it was taken, in a table that is created once', async () => {
  const { table, clock, slots } = stage();
  await slots.take(holder, 'query@a');
  await slots.take(holder, 'query@b');
  expect(table.created).toBe(1);
  expect([...table.rows]).toMatchObject([
    ['application@object/0', { runId: 'query@a', takenAt: new Date(clock.nowMs()) }],
    ['application@object/1', { runId: 'query@b' }],
  ]);
});

it('a place that was taken in the future is free: the clock was set back', async () => {
  const { clock, slots } = stage();
  for (const runId of ['query@a', 'query@b', 'query@c', 'query@d']) await slots.take(holder, runId);
  await clock.advance(-60_000);
  await slots.take(holder, 'query@e');
  await clock.advance(1);
  await expect(slots.take(holder, 'query@f')).rejects.toMatchObject({
    code: 'busy',
    detail: expect.stringContaining('query@e, query@b, query@c, query@d') as string,
  });
});

it('a row that holds no run is free', async () => {
  const { table, slots } = stage();
  await table.client.createEntity({ partitionKey: 'application@object', rowKey: '0' });
  await slots.take(holder, 'query@a');
  expect([...table.rows.values()]).toMatchObject([{ runId: 'query@a' }]);
});

it('nothing is taken while storage fails', async () => {
  const { table, slots } = stage();
  table.failure = Object.assign(new Error('the account is away'), { statusCode: 503 });
  await expect(slots.take(holder, 'query@a')).rejects.toMatchObject({ code: 'storage_unavailable' });
  table.failure = undefined;
  await slots.take(holder, 'query@a');
  table.failure = Object.assign(new Error('gone'), {
    statusCode: 404,
    details: { odataError: { code: 'TableNotFound' } },
  });
  await expect(slots.take(holder, 'query@b')).rejects.toMatchObject({ code: 'storage_unavailable' });
});
