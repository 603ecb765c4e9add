import { describe, expect, it } from 'vitest';
import { RateLimiter } from '../../../../../src/lib/microsoft/budgets/request-budgets.ts';
import { type Requester, Requesters, type ShareUser } from '../../../../../src/lib/core/share.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';

const job: Requester = { id: 'job:a', kind: 'background' };
const caller: Requester = { id: 'caller', kind: 'caller' };

/** A limit of 10 units per second, of which 5 may leave at once. */
function stage(rate = 10) {
  const clock = new FakeClock(0);
  const share = { rate, wanted: [] as boolean[], user: undefined as ShareUser | undefined };
  const limiter = new RateLimiter(
    clock,
    {
      amount: () => share.rate,
      wanted: (isShort) => void share.wanted.push(isShort),
      attach: (user) => {
        share.user = user;
      },
    },
    { burst: 5, perSecond: 10 },
  );
  const left: number[] = [];
  const take = (units: number, requester = job, signal?: AbortSignal): Promise<void> =>
    limiter.take(units, new Requesters(requester), signal).then(() => void left.push(clock.nowMs()));
  const takeEach = (...units: readonly number[]): void => {
    for (const each of units) void take(each);
  };
  return { clock, share, limiter, left, take, takeEach };
}

describe('requests of a rate', () => {
  it('leave at once as far as the burst goes, and then at the rate', async () => {
    const { clock, left, limiter, takeEach } = stage();
    takeEach(1, 1, 1, 1, 1, 1, 1);
    expect(limiter.waiting).toBe(2);
    await clock.advance(1_000);
    expect(left).toEqual([0, 0, 0, 0, 0, 100, 200]);
    expect(limiter.waiting).toBe(0);
  });

  it('may cost more than there is, and the debt delays the next', async () => {
    const { clock, left, takeEach } = stage();
    takeEach(7, 1, 1);
    await clock.advance(1_000);
    expect(left).toEqual([0, 300, 400]);
  });

  it('have a burst again after a rest, and no more than one', async () => {
    const { clock, left, takeEach } = stage();
    takeEach(5);
    await clock.advance(200);
    takeEach(1, 1, 1);
    await clock.advance(60_000);
    takeEach(1, 1, 1, 1, 1, 1);
    await clock.advance(1_000);
    expect(left.map((ms) => (ms < 60_000 ? ms : ms - 60_200))).toEqual([0, 200, 200, 300, 0, 0, 0, 0, 0, 100]);
  });

  it.each([
    [5, [0, 0, 100]],
    [1, [0, 1_000, 2_000]],
    [20, [0, 0, 0, 0, 0, 50]],
  ])('have as much of the burst as this process has of the rate: %i per second', async (rate, expected) => {
    const { clock, left, takeEach } = stage(rate);
    takeEach(...expected.map(() => 1));
    await clock.advance(3_000);
    expect(left).toEqual(expected);
  });

  it('wait without a rate, and leave when the share has changed', async () => {
    const { clock, share, left, takeEach } = stage(0);
    takeEach(1, 1);
    await clock.advance(10_000);
    expect(left).toEqual([0]);
    await clock.advance(100);
    share.rate = 10;
    share.user?.changed();
    await clock.advance(300);
    expect(left).toEqual([0, 10_100]);
  });

  it('look once a second whether the rate has become higher', async () => {
    const { clock, share, left, takeEach } = stage(0.1);
    takeEach(1, 1);
    await clock.advance(2_500);
    share.rate = 10;
    await clock.advance(10_000);
    expect(left).toEqual([0, 3_000]);
  });

  it('wait with one timer together, and with none when nothing waits', async () => {
    const { clock, share, takeEach } = stage();
    takeEach(5, 1, 1, 1);
    await clock.advance(0);
    expect(clock.sleeping).toBe(1);
    await clock.advance(10_000);
    share.user?.changed();
    expect(clock.sleeping).toBe(0);
  });

  it('say that they are wanted, and whether the rate is too low', () => {
    const { share, takeEach } = stage();
    takeEach(5, 1);
    expect(share.wanted).toEqual([false, true]);
  });

  it('end their wait with the reason of their signal', async () => {
    const { take, takeEach, limiter } = stage();
    takeEach(5);
    const end = new AbortController();
    const waiting = take(1, job, end.signal);
    end.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    expect(limiter.waiting).toBe(0);
  });

  it('of one caller are at most 100 that wait', async () => {
    const { take, takeEach, limiter } = stage();
    takeEach(5);
    for (let n = 0; n < 100; n += 1) void take(1, caller);
    await expect(take(1, caller)).rejects.toMatchObject({
      code: 'caller_throttled',
      detail: expect.stringContaining('Microsoft Graph') as string,
    });
    expect(limiter.waiting).toBe(100);
  });
});

describe('the demand for a rate', () => {
  it('is the units per second since the last time, for callers and for jobs', async () => {
    const { clock, share, take } = stage();
    await take(2, caller);
    await take(1, { id: 'broker', kind: 'broker' });
    await take(4);
    await clock.advance(2_000);
    expect(share.user?.demand()).toEqual({ interactive: 1.5, background: 2 });
    await take(1);
    await clock.advance(1_000);
    expect(share.user?.demand()).toEqual({ interactive: 0, background: 1 });
    await clock.advance(1_000);
    expect(share.user?.demand()).toEqual({ interactive: 0, background: 0 });
  });

  it('is counted over a tenth of a second at least', async () => {
    const { share, take } = stage();
    await take(2, caller);
    expect(share.user?.demand().interactive).toBe(20);
  });

  it('contains what would let all that waits leave within 100 ms', async () => {
    const { clock, share, take } = stage();
    await take(4);
    await take(6);
    for (let n = 0; n < 3; n += 1) void take(6, caller);
    void take(5);
    await clock.advance(10);
    // 10 units in a tenth of a second at least.
    expect(share.user?.demand()).toEqual({ interactive: 180, background: 150 });
    // Nothing has been spent since.
    expect(share.user?.demand()).toEqual({ interactive: 180, background: 50 });
  });

  it('is nothing that it cannot give back', async () => {
    const { share, take } = stage();
    await take(3);
    expect(share.user?.held()).toBe(0);
  });
});

it('a rate knows when it was last used', async () => {
  const { clock, limiter, take } = stage();
  expect(limiter.usedAtMs).toBe(0);
  await clock.advance(700);
  await take(1);
  expect(limiter.usedAtMs).toBe(700);
});
