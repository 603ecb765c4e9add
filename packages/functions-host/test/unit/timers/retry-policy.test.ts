import { expect, it } from 'vitest';
import { retryExpired } from '../../../src/durable/retry.ts';
import { retryDelay } from '../../../src/timers/retry-policy.ts';

type Policy = NonNullable<Parameters<typeof retryDelay>[0]>;
const fixed: Policy = { maxRetryCount: 2, retryStrategy: 'fixedDelay', delayInterval: { seconds: 5 } };
const growing = {
  maxRetryCount: 9,
  retryStrategy: 'exponentialBackoff',
  minimumInterval: { seconds: 2 },
  maximumInterval: { seconds: 10 },
} as Policy;

it('repeats a timer as often as its policy says, and for ever with -1', () => {
  expect([1, 2, 3].map((failures) => retryDelay(fixed, failures))).toEqual([5_000, 5_000, undefined]);
  expect(retryDelay({ ...fixed, maxRetryCount: -1 }, 1_000)).toBe(5_000);
  expect(retryDelay(undefined, 1)).toBeUndefined();
});

it('doubles the delay from the minimum to the maximum', () => {
  expect([1, 2, 3, 4].map((failures) => retryDelay(growing, failures))).toEqual([2_000, 4_000, 8_000, 10_000]);
});

it('starts no attempt of an activity from the end of retryTimeout on', () => {
  const options = { retryTimeoutInMilliseconds: 100 } as Parameters<typeof retryExpired>[0]['options'];
  const retry = { options, attempt: 1, firstAttemptMs: 1_000 };
  expect([1_099, 1_100].map((nowMs) => retryExpired(retry, nowMs))).toEqual([false, true]);
});
