import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Interrupter, type Interruption } from '../../../fakes/interruption.ts';
import { onSchedule } from '../../../fakes/on-schedule.ts';
import { type Bench, bench, dayMs, idsOf, isAlive, isSaved, renew, vaultFailure } from './certificate-bench.ts';

describe('a renewal that is interrupted', () => {
  const figures = { interruptions: 0, races: 0, losses: 0, manualRepairs: 0, healedByTheNextDay: 0 };
  let calls = 0;
  beforeAll(async () => {
    const counter = new Interrupter(0, undefined, vaultFailure);
    await renew(await bench(), false, counter);
    ({ calls } = counter);
  });
  afterAll(() => {
    process.stdout.write(
      `renewal of a certificate: ${figures.interruptions} interruptions (kills and failures × ${calls} steps), ${figures.races} races of two or three renewals, ${figures.losses} losses, ${figures.manualRepairs} manual repairs, ${figures.healedByTheNextDay} healed by the next day's run\n`,
    );
  });

  /** Looks at once, and again after the next day's run: one certificate of ours is then in use, and none besides. */
  const account = async (set: Bench): Promise<void> => {
    if (!(await isSaved(set))) figures.losses += 1;
    const alive = await isAlive(set);
    set.clock.advance(dayMs);
    const repaired = await renew(set).then(
      () => true,
      () => false,
    );
    const { client } = await set.store.load('default');
    const clean = JSON.stringify(idsOf(set)) === JSON.stringify(['theirs', client.keyId]);
    const farMs = (client.endsAtMs ?? 0) - set.clock.nowMs();
    if (!repaired || !clean || !(await isAlive(set)) || farMs < 300 * dayMs) figures.manualRepairs += 1;
    else if (!alive) figures.healedByTheNextDay += 1;
  };
  const ways: readonly Interruption[] = ['killed before', 'killed after', 'refused', 'reply lost'];

  it('leaves a credential that works, at whichever step and however', async () => {
    expect(calls).toBeGreaterThanOrEqual(12);
    for (const how of ways) {
      for (let at = 1; at <= calls; at += 1) {
        const set = await bench();
        const interrupter = new Interrupter(at, how, vaultFailure);
        await Promise.race([renew(set, false, interrupter).catch(() => undefined), interrupter.killed]);
        figures.interruptions += 1;
        await account(set);
      }
    }
    expect(figures).toMatchObject({ losses: 0, manualRepairs: 0, healedByTheNextDay: 0 });
  });

  it('leaves a credential that works when renewals race, one of them killed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.integer({ min: 2, max: 3 }),
        fc.integer({ min: 0, max: 24 }),
        fc.constantFrom(...ways),
        async (scheduler, renewals, at, how) => {
          const set = await bench();
          const scheduled = {
            ...set,
            store: onSchedule(scheduler, set.store),
            entra: onSchedule(scheduler, set.entra),
          };
          const running = Array.from({ length: renewals }, (_, which) => {
            const interrupter = new Interrupter(which === 0 ? at : 0, how, vaultFailure);
            return Promise.race([renew(scheduled, true, interrupter).catch(() => undefined), interrupter.killed]);
          });
          await scheduler.waitFor(Promise.all(running));
          figures.races += 1;
          await account(set);
        },
      ),
      { numRuns: 400, endOnFailure: true },
    );
    expect(figures).toMatchObject({ losses: 0, manualRepairs: 0 });
  });
});
