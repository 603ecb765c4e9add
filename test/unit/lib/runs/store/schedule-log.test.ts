import { expect, it } from 'vitest';
import { TableScheduleLog } from '../../../../../src/lib/runs/store/schedule-log.ts';
import { EntityTable } from '../../../../fakes/entity-table.ts';

/* The schedule log over a table in memory. test/contract/schedule-log.test.ts has the same on Azurite. */

const at = (ms: number) => () => Promise.resolve(ms);
const notCalled = () => Promise.reject(new Error('must not be called'));

function stage() {
  const table = new EntityTable();
  const names: string[] = [];
  const open = () =>
    new TableScheduleLog(async (name) => {
      names.push(name);
      return table.client;
    });
  return { table, names, open, log: open() };
}

it('stores when a schedule was first seen, once, and reads it once', async () => {
  const { table, names, log, open } = stage();
  expect(await log.firstSeenMs('job', at(1_000))).toBe(1_000);
  expect([...table.rows]).toMatchObject([['schedule/job', { firstSeenAt: '1970-01-01T00:00:01.000Z' }]]);
  expect(await open().firstSeenMs('job', notCalled)).toBe(1_000);
  expect([names, table.created]).toEqual([['Schedules', 'Schedules'], 2]);
  table.failure = new Error('storage is away');
  expect(await log.firstSeenMs('job', notCalled)).toBe(1_000);
});

it('returns the time of another instance that was first', async () => {
  const { log, open } = stage();
  const whileOtherStores = async () => {
    await open().firstSeenMs('job', at(2_000));
    return 9_000;
  };
  expect(await log.firstSeenMs('job', whileOtherStores)).toBe(2_000);
});

it('uses its own time over a row that has none', async () => {
  const { table, log } = stage();
  await table.client.createEntity({ partitionKey: 'schedule', rowKey: 'job', firstSeenAt: 'never' });
  expect(await log.firstSeenMs('job', at(3_000))).toBe(3_000);
});

it('stores nothing when the time cannot be determined, and nothing while storage fails', async () => {
  const { table, log } = stage();
  await expect(log.firstSeenMs('job', () => Promise.reject(new Error('unknown')))).rejects.toThrow('unknown');
  expect(table.rows.size).toBe(0);
  table.failure = Object.assign(new Error('away'), { statusCode: 503 });
  await expect(log.firstSeenMs('job', at(1_000))).rejects.toMatchObject({ code: 'storage_unavailable' });
  table.failure = undefined;
  expect(await log.firstSeenMs('job', at(1_000))).toBe(1_000);
});
