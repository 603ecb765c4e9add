import { expect, it } from 'vitest';
import { createCallerRateLimit, type RateLimitSettings } from '../../../../src/lib/callers/rate-limit.ts';
import { BrokerError } from '../../../../src/lib/model/errors.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';

function start(settings: RateLimitSettings) {
  const clock = new FakeClock();
  const limit = createCallerRateLimit({ clock }, settings);
  /** Sends `times` requests and returns how many of them passed. */
  const passed = (caller: string, times: number): number => {
    let count = 0;
    for (let time = 0; time < times; time += 1) {
      try {
        limit.take(caller);
        count += 1;
      } catch (error) {
        expect(error).toMatchObject({ code: 'caller_throttled' });
      }
    }
    return count;
  };
  return { clock, limit, passed };
}

it('accepts a burst, then the sustained rate', async () => {
  const { clock, passed } = start({ requestsPerMinute: 60, burst: 10 });
  expect(passed('a', 50)).toBe(10);
  await clock.advance(5_000);
  expect(passed('a', 50)).toBe(5);
  await clock.advance(3_600_000);
  expect(passed('a', 50)).toBe(10);
});

it('throws the seconds until the next request is accepted', async () => {
  const { clock, limit } = start({ requestsPerMinute: 6, burst: 1 });
  limit.take('a');
  await clock.advance(2_500);
  let error: unknown;
  try {
    limit.take('a');
  } catch (thrown) {
    error = thrown;
  }
  expect(error instanceof BrokerError && error.retryAfterSeconds).toBe(8);
  await clock.advance(8_000);
  expect(() => limit.take('a')).not.toThrow();
});

it('counts each caller separately', () => {
  const { passed } = start({ requestsPerMinute: 60, burst: 3 });
  expect([passed('a', 9), passed('b', 9), passed('a', 9)]).toEqual([3, 3, 0]);
});

it('defaults the burst to a tenth of the rate per minute, at least one', () => {
  expect(start({ requestsPerMinute: 600 }).passed('a', 100)).toBe(60);
  expect(start({ requestsPerMinute: 1 }).passed('a', 100)).toBe(1);
});

it('accepts no additional requests when the clock is set back', async () => {
  const { clock, passed } = start({ requestsPerMinute: 60, burst: 2 });
  expect(passed('a', 9)).toBe(2);
  await clock.advance(-3_600_000);
  expect(passed('a', 9)).toBe(0);
  await clock.advance(1_000);
  expect(passed('a', 9)).toBe(1);
});

it('forgets the least recent caller beyond maxCallers', () => {
  const { passed } = start({ requestsPerMinute: 60, burst: 1, maxCallers: 100 });
  for (let number = 0; number < 10_000; number += 1) expect(passed(`caller-${number}`, 1)).toBe(1);
  expect([passed('caller-9999', 1), passed('caller-0', 1)]).toEqual([0, 1]);
});
