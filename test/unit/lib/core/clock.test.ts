import { getEventListeners } from 'node:events';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { isoTime, systemClock } from '../../../../src/lib/core/clock.ts';

describe('systemClock', () => {
  it('ends a sleep after its time, and immediately for a negative time', async () => {
    await expect(systemClock.sleep(-5)).resolves.toBeUndefined();
    await expect(systemClock.sleep(1, new AbortController().signal)).resolves.toBeUndefined();
  });

  it('rejects with the reason of the signal', async () => {
    const reason = new Error('time is up');
    const ending = new AbortController();
    const sleeping = systemClock.sleep(60_000, ending.signal);
    ending.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
    await expect(systemClock.sleep(60_000, AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  it('leaves no timer and no listener behind', async () => {
    // Other tests of this process have timers too, so only those of this test are counted.
    const started = vi.spyOn(globalThis, 'setTimeout');
    const ended = vi.spyOn(globalThis, 'clearTimeout');
    onTestFinished(() => {
      started.mockRestore();
      ended.mockRestore();
    });
    const ending = new AbortController();
    await systemClock.sleep(1, ending.signal);
    expect(getEventListeners(ending.signal, 'abort')).toEqual([]);
    const sleeping = systemClock.sleep(60_000, ending.signal);
    ending.abort(new Error('enough'));
    await expect(sleeping).rejects.toThrow('enough');
    const long = started.mock.results[started.mock.calls.findIndex(([, ms]) => ms === 60_000)]?.value;
    expect(long).toBeDefined();
    expect(ended.mock.calls.flat()).toContain(long);
  });
});

describe('isoTime', () => {
  it('formats a time in UTC with milliseconds', () => expect(isoTime(0)).toBe('1970-01-01T00:00:00.000Z'));
});
