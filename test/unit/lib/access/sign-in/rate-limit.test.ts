import { expect, it } from 'vitest';
import {
  createCallerRateLimit,
  type LimitedCaller,
  type RateLimitSettings,
} from '../../../../../src/lib/access/sign-in/callers.ts';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';

const application = (applicationId: string): LimitedCaller => ({
  applicationId,
  objectId: `principal of ${applicationId}`,
  kind: 'application',
});
const person = (applicationId: string, objectId: string): LimitedCaller => ({ applicationId, objectId, kind: 'user' });

function start(settings: RateLimitSettings) {
  const clock = new FakeClock();
  const limit = createCallerRateLimit({ clock }, settings);
  /** Sends `times` requests and returns how many of them passed. */
  const passed = (caller: string | LimitedCaller, times: number): number => {
    let count = 0;
    for (let time = 0; time < times; time += 1) {
      try {
        limit.take(typeof caller === 'string' ? application(caller) : caller);
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
  limit.take(application('a'));
  await clock.advance(2_500);
  let error: unknown;
  try {
    limit.take(application('a'));
  } catch (thrown) {
    error = thrown;
  }
  expect(error instanceof BrokerError && error.retryAfterSeconds).toBe(8);
  await clock.advance(8_000);
  expect(() => limit.take(application('a'))).not.toThrow();
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

it('leaves half of the limit of an application to other people when one person uses it up', async () => {
  const { clock, passed } = start({ requestsPerMinute: 120, burst: 20 });
  const [anna, ben] = [person('portal', 'anna'), person('portal', 'ben')];
  expect(passed(anna, 100)).toBe(10);
  expect(passed(ben, 100)).toBe(10);
  // Requests that the limit of a person refuses do not count against the application.
  await clock.advance(10_000);
  expect(passed(anna, 100)).toBe(10);
  expect(passed(ben, 100)).toBe(10);
});

it('counts a person over all applications, and all people of an application together', () => {
  const { passed } = start({ requestsPerMinute: 120, burst: 20 });
  expect([passed(person('a', 'anna'), 9), passed(person('b', 'anna'), 9)]).toEqual([9, 1]);
  const { passed: more } = start({ requestsPerMinute: 120, burst: 20 });
  const people = ['anna', 'ben', 'cem'].map((name) => more(person('portal', name), 8));
  expect(people).toEqual([8, 8, 4]);
});

it('counts an agent as the person that it acts for, and on its own as an application', () => {
  const agent = (actsFor?: string): LimitedCaller => ({ ...person('agent', 'anna'), kind: 'agent', actsFor });
  const { passed, limit } = start({ requestsPerMinute: 120, burst: 20 });
  expect([passed(agent('anna'), 9), passed(person('portal', 'anna'), 9)]).toEqual([9, 1]);
  expect(() => limit.take(agent('anna'))).toThrow(
    expect.objectContaining({
      detail: 'The person that the agent acts for exceeded the limit of 60 requests per minute.',
      logFields: { caller: 'agent', person: 'anna' },
    }),
  );
  expect(passed(agent(), 20)).toBe(11);
});

it('does not count requests that the limit of the application refuses against the person', () => {
  const { passed } = start({ requestsPerMinute: 60, burst: 10 });
  expect([passed(person('a', 'anna'), 5), passed(person('a', 'ben'), 5), passed(person('a', 'cem'), 9)]).toEqual([
    5, 5, 0,
  ]);
  expect(passed(person('b', 'cem'), 9)).toBe(5);
});

it('does not take an application for a person with the same id', () => {
  const { passed } = start({ requestsPerMinute: 60, burst: 4 });
  expect([passed(person('a', 'b'), 9), passed(application('b'), 9)]).toEqual([2, 4]);
});

it('throws the longer wait and names the limit that was exceeded', () => {
  const { limit } = start({ requestsPerMinute: 60, burst: 2 });
  limit.take(person('a', 'anna'));
  const take = (): void => limit.take(person('a', 'anna'));
  expect(take).toThrow(expect.objectContaining({ detail: 'The person exceeded the limit of 30 requests per minute.' }));
  expect(take).toThrow(expect.objectContaining({ retryAfterSeconds: 2 }));
});

it('names the limit of the application when that one refuses the request of a person', () => {
  const { limit } = start({ requestsPerMinute: 60, burst: 2 });
  limit.take(person('a', 'anna'));
  limit.take(person('a', 'ben'));
  expect(() => limit.take(person('a', 'cem'))).toThrow(
    expect.objectContaining({
      detail: 'The caller exceeded its limit of 60 requests per minute.',
      logFields: { caller: 'a', person: undefined },
    }),
  );
  expect(() => limit.take(person('b', 'anna'))).toThrow(
    expect.objectContaining({ logFields: { caller: 'b', person: 'anna' } }),
  );
});
