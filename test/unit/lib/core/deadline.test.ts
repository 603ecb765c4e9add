import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { DeadlineError, systemClock, withDeadline } from '../../../../src/lib/core/clock.ts';
import { FakeClock, settle } from '../../../fakes/fake-clock.ts';

const never = (): Promise<never> => new Promise(() => undefined);

describe('withDeadline', () => {
  it('settles with the outcome of the work and leaves no timer behind', async () => {
    const clock = new FakeClock();
    expect(await withDeadline(clock, 100, () => Promise.resolve(7))).toBe(7);
    await expect(withDeadline(clock, 100, () => Promise.reject(new RangeError('x')))).rejects.toThrow(RangeError);
    await settle();
    expect(clock.sleeping).toBe(0);
  });

  it('rejects at the deadline and aborts the signal of the work, although the work ignores it', async () => {
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

  it('rejects with the reason of the outer signal', async () => {
    const clock = new FakeClock();
    const outer = new AbortController();
    const outcome = withDeadline(clock, 100, never, outer.signal);
    outer.abort(new Error('enough'));
    await expect(outcome).rejects.toThrow('enough');
    expect(clock.sleeping).toBe(0);
    await expect(withDeadline(clock, 100, never, outer.signal)).rejects.toThrow('enough');
  });

  it('leaves no timer and no listener behind, whether the work resolves, rejects or throws', async () => {
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
    // Timers of connections that other files of the worker have opened may end meanwhile.
    expect(timers()).not.toBeGreaterThan(before);
    expect(getEventListeners(outer.signal, 'abort')).toEqual([]);
    outer.abort();
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false, false]);
  });

  it('rejects with the error of the clock, and leaves no unhandled rejection if the signal is already aborted', async () => {
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
});
