import { describe, expect, it } from 'vitest';
import { createCloudClock } from '../../src/clock.ts';

describe('createCloudClock', () => {
  it('follows its base clock and can be set forward', () => {
    let baseMs = 1000;
    const clock = createCloudClock({ nowMs: () => baseMs });
    clock.advance(500);
    baseMs = 2000;
    expect([clock.nowMs(), clock.aheadMs]).toEqual([2500, 500]);
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('rejects an advance by %s', (ms) => {
    expect(() => createCloudClock().advance(ms)).toThrow(RangeError);
  });
});
