import { describe, expect, it } from 'vitest';
import { Recovery } from '../../../src/durable/recovery.ts';
import { StepClock } from '../step-clock.ts';

const noon = Date.parse('2026-01-01T12:00:00.000Z');

function recovery(clock: StepClock, lost?: ConstructorParameters<typeof Recovery>[1]) {
  const logged: string[] = [];
  const log = (_level: string, _category: string, message: string): void => void logged.push(message);
  return { logged, recovery: new Recovery({ clock, log, maxActivities: 2 }, lost) };
}

describe('Recovery', () => {
  it('starts everything at once after a clean stop, and after the timeouts have passed', () => {
    for (const lost of [undefined, { controlUntilMs: noon, activitiesUntilMs: noon - 1 }]) {
      const clock = new StepClock(noon);
      const { recovery: tested, logged } = recovery(clock, lost);
      const started: string[] = [];
      tested.whenVisible({}, () => started.push('instance'));
      tested.whenActivityVisible(() => started.push('activity'));
      tested.report();
      expect([started, logged]).toEqual([['instance', 'activity'], []]);
    }
  });

  it('holds instances and as many activities as the killed host could run, each until its timeout', async () => {
    const clock = new StepClock(noon);
    const { recovery: tested, logged } = recovery(clock, {
      controlUntilMs: noon + 60_000,
      activitiesUntilMs: noon + 300_000,
    });
    const started: string[] = [];
    const instance = {};
    tested.whenVisible(instance, () => started.push('instance'));
    for (const name of ['first', 'second', 'third'])
      tested.whenActivityVisible((held) => started.push(`${name} ${held ? 'held' : 'free'}`));
    tested.report();
    expect(started).toEqual(['third free']);
    expect(tested.isHeld(instance)).toBe(true);
    expect(logged).toEqual([
      expect.stringMatching(
        /2 activities .*until 2026-01-01T12:05:00.000Z, messages to 1 .*until 2026-01-01T12:01:00.000Z/,
      ),
    ]);
    await clock.advance(60_000);
    expect(tested.isHeld(instance)).toBe(false);
    expect(started).toEqual(['third free', 'instance']);
    await clock.advance(240_000);
    expect(started.slice(2).toSorted()).toEqual(['first held', 'second held']);
  });
});
