import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { QuerySlots, type QuerySlotsDeps } from '../../src/lib/runs/store/query-slots.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { MemoryRunLog } from '../fakes/memory-run-log.ts';

/** The tests of query slots. @param make returns how to open a table, which may have the rows of earlier tests. */
export function testQuerySlots(make: () => QuerySlotsDeps['table']): void {
  function stage() {
    const open = make();
    const log = new MemoryRunLog();
    const clock = new FakeClock();
    const holder = { applicationId: randomUUID(), objectId: randomUUID() };
    // Two instances of the app.
    const [one, other] = [0, 1].map(() => new QuerySlots({ table: open, runLog: log, clock }));
    let runs = 0;
    /** Starts a query as `startQuery` does, on one of the instances. */
    const start = async (who = holder): Promise<string> => {
      const runId = `query@w${(runs += 1)}`;
      await (runs % 2 === 0 ? one : other)?.take(who, runId);
      const [job = '', window = ''] = runId.split('@');
      await log.create({ runId, job, window, startedBy: 'a', createdAtMs: 1 }, { parameters: {} });
      return runId;
    };
    return { start, log, clock, holder, slots: one! };
  }

  it('query slots let exactly four of twenty queries start at the same moment, on two instances', async () => {
    const { start, log } = stage();
    const ends = await Promise.allSettled(Array.from({ length: 20 }, () => start()));
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(4);
    for (const end of ends) if (end.status === 'rejected') expect(end.reason).toMatchObject({ code: 'busy' });
    expect(await log.list({ limit: 99 })).toHaveLength(4);
  });

  it('query slots are freed by the end of their runs, each once', async () => {
    const { start, log } = stage();
    const runIds = [await start(), await start(), await start(), await start()];
    await expect(start()).rejects.toMatchObject({ detail: expect.stringContaining(runIds.join(', ')) as unknown });
    await log.change(runIds[1] ?? '', { status: 'cancelled' });
    await log.change(runIds[3] ?? '', { status: 'completed' });
    const ends = await Promise.allSettled(Array.from({ length: 10 }, () => start()));
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
  });

  it('query slots are of one caller: others have their own', async () => {
    const { start, holder } = stage();
    for (let count = 0; count < 4; count += 1) await start();
    await start({ ...holder, objectId: randomUUID() });
    await start({ ...holder, applicationId: randomUUID() });
    await expect(start()).rejects.toMatchObject({ code: 'busy' });
  });

  it('query slots are freed a minute later if their run never got its record', async () => {
    const { start, slots, holder, clock } = stage();
    for (const runId of ['query@a', 'query@b', 'query@c', 'query@d']) await slots.take(holder, runId);
    await clock.advance(59_000);
    await expect(start()).rejects.toMatchObject({ code: 'busy' });
    await clock.advance(2_000);
    await start();
  });

  it('query slots give a run one place, also if it asks again', async () => {
    const { start, slots, holder } = stage();
    for (let count = 0; count < 6; count += 1) await slots.take(holder, 'query@a');
    for (let count = 0; count < 3; count += 1) await start();
    await expect(start()).rejects.toMatchObject({ code: 'busy' });
  });
}
