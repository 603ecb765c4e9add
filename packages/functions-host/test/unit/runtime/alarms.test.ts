import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Alarms } from '../../../src/runtime/alarms.ts';
import { StepClock } from '../step-clock.ts';

describe('Alarms', () => {
  it('calls each alarm once, in order of time, unless it was cancelled', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(1000), fc.boolean()), { maxLength: 40 }), async (entries) => {
        const clock = new StepClock(0);
        const alarms = new Alarms(clock);
        const called: number[] = [];
        for (const [atMs, cancelled] of entries) {
          const cancel = alarms.set(atMs, () => {
            expect(clock.nowMs()).toBeGreaterThanOrEqual(atMs);
            called.push(atMs);
          });
          if (cancelled) cancel();
        }
        await clock.runUntilIdle();
        expect(called).toEqual(
          entries.flatMap(([atMs, cancelled]) => (cancelled ? [] : [atMs])).toSorted((a, b) => a - b),
        );
      }),
      { seed: 7, numRuns: 200 },
    );
  });

  it('calls an alarm in the past immediately, and one that a callback sets', async () => {
    const clock = new StepClock(5000);
    const alarms = new Alarms(clock);
    const called: string[] = [];
    alarms.set(10, () => {
      called.push('past');
      alarms.set(5100, () => called.push('later'));
    });
    await clock.runUntilIdle();
    expect(called).toEqual(['past', 'later']);
  });

  it('never sleeps longer than setTimeout allows', async () => {
    const clock = new StepClock(0);
    const alarms = new Alarms(clock);
    let called = false;
    alarms.set(90 * 86_400_000, () => {
      called = true;
    });
    await clock.runUntilIdle();
    expect(called).toBe(true);
    expect(clock.longestSleepMs).toBeLessThanOrEqual(2 ** 31 - 1);
  });

  it('calls no alarm after stop', async () => {
    const clock = new StepClock(0);
    const alarms = new Alarms(clock);
    alarms.set(10, () => expect.unreachable());
    alarms.stop();
    await clock.runUntilIdle();
  });
});
