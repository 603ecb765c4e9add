import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Alarms } from '../../../src/runtime/alarms.ts';
import { StepClock } from '../step-clock.ts';

describe('alarms', () => {
  it('ring in order of time, each once, and not when cancelled', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(1000), fc.boolean()), { maxLength: 40 }), async (wanted) => {
        const clock = new StepClock(0);
        const alarms = new Alarms(clock);
        const rung: number[] = [];
        for (const [atMs, cancelled] of wanted) {
          const cancel = alarms.set(atMs, () => {
            expect(clock.nowMs()).toBeGreaterThanOrEqual(atMs);
            rung.push(atMs);
          });
          if (cancelled) cancel();
        }
        await clock.runUntilIdle();
        expect(rung).toEqual(
          wanted.flatMap(([atMs, cancelled]) => (cancelled ? [] : [atMs])).toSorted((a, b) => a - b),
        );
      }),
      { seed: 7, numRuns: 200 },
    );
  });

  it('ring at once what is past, and what is set while ringing', async () => {
    const clock = new StepClock(5000);
    const alarms = new Alarms(clock);
    const rung: string[] = [];
    alarms.set(10, () => {
      rung.push('past');
      alarms.set(5100, () => rung.push('later'));
    });
    await clock.runUntilIdle();
    expect(rung).toEqual(['past', 'later']);
  });

  it('never ask for a longer sleep than a timer of the platform can', async () => {
    const clock = new StepClock(0);
    const alarms = new Alarms(clock);
    let rung = false;
    alarms.set(90 * 86_400_000, () => {
      rung = true;
    });
    await clock.runUntilIdle();
    expect(rung).toBe(true);
    expect(clock.longestSleepMs).toBeLessThanOrEqual(2 ** 31 - 1);
  });

  it('are silent after stop', async () => {
    const clock = new StepClock(0);
    const alarms = new Alarms(clock);
    alarms.set(10, () => expect.unreachable());
    alarms.stop();
    await clock.runUntilIdle();
  });
});
