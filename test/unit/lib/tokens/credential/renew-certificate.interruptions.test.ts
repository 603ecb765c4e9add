import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Interrupter, type Interruption } from '../../../../fakes/interruption.ts';
import { onSchedule } from '../../../../fakes/on-schedule.ts';
import {
  createFixture,
  dayMs,
  type Fixture,
  hasWorkingVersion,
  idsOf,
  isWorking,
  renew,
  vaultFailure,
} from './certificate-fixture.ts';

describe('renewClientCredential for a certificate, when interrupted', () => {
  const figures = { interruptions: 0, races: 0, losses: 0, manualRepairs: 0, healedByTheNextDay: 0 };
  let calls = 0;
  beforeAll(async () => {
    const counter = new Interrupter(0, undefined, vaultFailure);
    await renew(await createFixture(), false, counter);
    ({ calls } = counter);
  });
  afterAll(() => {
    process.stdout.write(
      `renewal of a certificate: ${figures.interruptions} interruptions (kills and failures × ${calls} steps), ${figures.races} races of two or three renewals, ${figures.losses} losses, ${figures.manualRepairs} manual repairs, ${figures.healedByTheNextDay} healed by the next day's run\n`,
    );
  });

  /** Checks the credential now and after the next two days' runs, which must leave only the certificate in use. */
  const check = async (fixture: Fixture): Promise<void> => {
    if (!(await hasWorkingVersion(fixture))) figures.losses += 1;
    const working = await isWorking(fixture);
    fixture.clock.advance(dayMs);
    const repaired = await renew(fixture).then(
      () => true,
      () => false,
    );
    // The run after the renewal removes the predecessor.
    fixture.clock.advance(dayMs);
    await renew(fixture).catch(() => undefined);
    const { client } = await fixture.store.load('default');
    const isClean = JSON.stringify(idsOf(fixture)) === JSON.stringify(['theirs', client.keyId]);
    const remainingMs = (client.endsAtMs ?? 0) - fixture.clock.nowMs();
    if (!repaired || !isClean || !(await isWorking(fixture)) || remainingMs < 300 * dayMs) figures.manualRepairs += 1;
    else if (!working) figures.healedByTheNextDay += 1;
  };
  const kinds: readonly Interruption[] = ['killed before', 'killed after', 'refused', 'reply lost'];

  it('leaves a working credential after every kind of interruption at every step', async () => {
    expect(calls).toBeGreaterThanOrEqual(12);
    for (const kind of kinds) {
      for (let at = 1; at <= calls; at += 1) {
        const fixture = await createFixture();
        const interrupter = new Interrupter(at, kind, vaultFailure);
        await Promise.race([renew(fixture, false, interrupter).catch(() => undefined), interrupter.killed]);
        figures.interruptions += 1;
        await check(fixture);
      }
    }
    expect(figures).toMatchObject({ losses: 0, manualRepairs: 0, healedByTheNextDay: 0 });
  });

  it('leaves a working credential when renewals race and one of them is interrupted', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.integer({ min: 2, max: 3 }),
        fc.integer({ min: 0, max: 24 }),
        fc.constantFrom(...kinds),
        async (scheduler, renewals, at, kind) => {
          const fixture = await createFixture();
          const scheduled = {
            ...fixture,
            store: onSchedule(scheduler, fixture.store),
            entra: onSchedule(scheduler, fixture.entra),
          };
          const running = Array.from({ length: renewals }, (_, index) => {
            const interrupter = new Interrupter(index === 0 ? at : 0, kind, vaultFailure);
            return Promise.race([renew(scheduled, true, interrupter).catch(() => undefined), interrupter.killed]);
          });
          await scheduler.waitFor(Promise.all(running));
          figures.races += 1;
          await check(fixture);
        },
      ),
      { numRuns: 400, endOnFailure: true },
    );
    expect(figures).toMatchObject({ losses: 0, manualRepairs: 0 });
  });
});
