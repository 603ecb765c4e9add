import { TableClient } from '@azure/data-tables';
import { beforeAll, describe, expect, it } from 'vitest';
import { TableScheduleLog } from '../../src/lib/runs/store/schedule-log.ts';
import { MemoryScheduleLog } from '../fakes/memory-schedule-log.ts';
import { type Azurite, emptyAzurite } from '../support/azurite.ts';

let azurite: Azurite;
beforeAll(async () => {
  azurite = await emptyAzurite();
});

const options = { allowInsecureConnection: true, retryOptions: { maxRetries: 0 } };
const tableLog = () =>
  new TableScheduleLog(async (name) => TableClient.fromConnectionString(azurite.connectionString, name, options));
const at = (ms: number) => () => Promise.resolve(ms);

describe.each([
  ['in memory', () => new MemoryScheduleLog()],
  ['in a table', tableLog],
])('the schedule log %s', (_name, make) => {
  it('stores the first time only', async () => {
    const log = make();
    expect(await log.firstSeenMs('first', at(1_000))).toBe(1_000);
    expect(await log.firstSeenMs('first', () => Promise.reject(new Error('must not be called')))).toBe(1_000);
    expect(await log.firstSeenMs('other', at(2_000))).toBe(2_000);
  });

  it('returns one time to concurrent first calls', async () => {
    const log = make();
    const times = await Promise.all(
      Array.from({ length: 20 }, (_, index) => log.firstSeenMs('race', at(1_000 + index))),
    );
    expect(new Set(times).size).toBe(1);
  });

  it('stores nothing when the initial time cannot be determined', async () => {
    const log = make();
    await expect(log.firstSeenMs('failing', () => Promise.reject(new Error('unknown')))).rejects.toThrow('unknown');
    expect(await log.firstSeenMs('failing', at(3_000))).toBe(3_000);
  });
});

it('keeps the time across restarts and instances', async () => {
  const [first, second] = [tableLog(), tableLog()];
  const times = await Promise.all([first.firstSeenMs('kept', at(1_000)), second.firstSeenMs('kept', at(2_000))]);
  expect(new Set(times).size).toBe(1);
  expect(await tableLog().firstSeenMs('kept', at(9_000))).toBe(times[0]);
});

it('reports an unreachable storage account, and recovers', async () => {
  let port = ':9/';
  const log = new TableScheduleLog(async (name) =>
    TableClient.fromConnectionString(azurite.connectionString.replace(/:\d+\//g, port), name, options),
  );
  await expect(log.firstSeenMs('away', at(1_000))).rejects.toMatchObject({ code: 'storage_unavailable' });
  port = '$&';
  expect(await log.firstSeenMs('away', at(2_000))).toBe(2_000);
});
