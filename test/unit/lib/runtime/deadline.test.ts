import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { systemClock } from '../../../../src/lib/runtime/clock.ts';
import { DeadlineError, withDeadline } from '../../../../src/lib/runtime/deadline.ts';
import { FakeClock, settle } from '../../../fakes/fake-clock.ts';

const never = (): Promise<never> => new Promise(() => undefined);

it('gives what the work gives, and leaves no timer behind', async () => {
  const clock = new FakeClock();
  expect(await withDeadline(clock, 100, () => Promise.resolve(7))).toBe(7);
  await expect(withDeadline(clock, 100, () => Promise.reject(new RangeError('x')))).rejects.toThrow(RangeError);
  await settle();
  expect(clock.sleeping).toBe(0);
});

it('stops waiting at the deadline for work that ignores its signal, and aborts the signal', async () => {
  const clock = new FakeClock();
  let seen: AbortSignal | undefined;
  const outcome = withDeadline(clock, 100, (signal) => {
    seen = signal;
    return never();
  });
  const moveTime = async (): Promise<void> => {
    await clock.advance(99);
    expect(seen?.aborted).toBe(false);
    await clock.advance(1);
  };
  const [refused] = await Promise.allSettled([outcome, moveTime()]);
  expect(refused).toMatchObject({ status: 'rejected', reason: new DeadlineError(100) });
  expect(seen?.aborted).toBe(true);
});

it('stops with the reason of the outer signal', async () => {
  const clock = new FakeClock();
  const outer = new AbortController();
  const outcome = withDeadline(clock, 100, never, outer.signal);
  outer.abort(new Error('enough'));
  await expect(outcome).rejects.toThrow('enough');
  expect(clock.sleeping).toBe(0);
  await expect(withDeadline(clock, 100, never, outer.signal)).rejects.toThrow('enough');
});

it('leaves neither timer nor listener behind, whatever became of the work', async () => {
  const outer = new AbortController();
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  const signals: AbortSignal[] = [];
  for (const work of [
    () => Promise.resolve(1),
    () => Promise.reject(new RangeError('x')),
    () => {
      throw new RangeError('at once');
    },
  ]) {
    const kept = (signal: AbortSignal): Promise<number> => {
      signals.push(signal);
      return work();
    };
    await withDeadline(systemClock, 60_000, kept, outer.signal).catch(() => undefined);
  }
  await settle();
  expect(timers()).toBe(before);
  expect(getEventListeners(outer.signal, 'abort')).toEqual([]);
  outer.abort();
  expect(signals.map(({ aborted }) => aborted)).toEqual([false, false, false]);
});

it('fails with the clock, and with a signal that was aborted before although the work throws at once', async () => {
  const broken = { nowMs: () => 0, sleep: () => Promise.reject(new Error('no time')) };
  await expect(withDeadline(broken, 100, never)).rejects.toThrow('no time');
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', note);
  const gone = AbortSignal.abort(new Error('gone'));
  const work = (): Promise<never> => {
    throw new RangeError('at once');
  };
  await expect(withDeadline(new FakeClock(), 100, work, gone)).rejects.toThrow('at once');
  await settle();
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});
