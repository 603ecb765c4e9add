import type { TableClient } from '@azure/data-tables';
import { expect, it } from 'vitest';
import { RecentCountsRunLog } from '../../../../../src/lib/runs/store/create-runs.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';

/** A log whose table takes `readMs` for each reading of its rows, and the number of readings so far. */
function stage({ readMs, fails = () => false }: { readonly readMs: number; readonly fails?: () => boolean }) {
  const clock = new FakeClock();
  const rows = ['succeeded'];
  let readings = 0;
  const listEntities = async function* () {
    readings += 1;
    await clock.sleep(readMs);
    if (fails()) throw Object.assign(new Error('busy'), { statusCode: 503, code: 'ServerBusy' });
    yield* rows.map((outcome) => ({ outcome }));
  };
  const client = { createTable: async () => undefined, listEntities } as unknown as TableClient;
  const log = new RecentCountsRunLog(
    async () => client,
    () => 'id',
    clock,
  );
  const ended = async <T>(counting: Promise<T>): Promise<T> => {
    await clock.advance(readMs);
    return counting;
  };
  return { clock, rows, log, ended, readings: () => readings };
}

it('reads the counts of a run once for all who ask while they are read, and for four times as long as reading took', async () => {
  const { clock, rows, log, ended, readings } = stage({ readMs: 500 });
  const first = [log.countTenants('job@w'), log.countTenants('job@w')];
  const other = log.countTenants('other@w');
  const [one, two] = await ended(Promise.all(first));
  expect([one, two]).toMatchObject([{ succeeded: 1 }, { succeeded: 1 }]);
  await other;
  expect(readings()).toBe(2);
  rows.push('succeeded');
  await clock.advance(1_999);
  expect(await log.countTenants('job@w')).toMatchObject({ succeeded: 1 });
  await clock.advance(1);
  expect(await ended(log.countTenants('job@w'))).toMatchObject({ succeeded: 2 });
  expect(readings()).toBe(3);
});

it('reads again after ten seconds, however long reading took', async () => {
  const { clock, log, ended, readings } = stage({ readMs: 30_000 });
  await ended(log.countTenants('job@w'));
  await clock.advance(9_999);
  await log.countTenants('job@w');
  expect(readings()).toBe(1);
  await clock.advance(1);
  await ended(log.countTenants('job@w'));
  expect(readings()).toBe(2);
});

it('reads again after the clock was set back', async () => {
  const { clock, log, ended, readings } = stage({ readMs: 1_000 });
  await ended(log.countTenants('job@w'));
  await clock.advance(-3_600_000);
  await ended(log.countTenants('job@w'));
  expect(readings()).toBe(2);
});

it('does not use a failed reading again', async () => {
  let isBusy = true;
  const { log, ended } = stage({ readMs: 1_000, fails: () => isBusy });
  await expect(ended(log.countTenants('job@w'))).rejects.toMatchObject({ code: 'storage_unavailable' });
  isBusy = false;
  expect(await ended(log.countTenants('job@w'))).toMatchObject({ succeeded: 1 });
});
