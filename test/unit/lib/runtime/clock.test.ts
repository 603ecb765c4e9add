import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { isoTime, systemClock } from '../../../../src/lib/runtime/clock.ts';

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
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    const ending = new AbortController();
    await systemClock.sleep(1, ending.signal);
    expect(getEventListeners(ending.signal, 'abort')).toEqual([]);
    const sleeping = systemClock.sleep(60_000, ending.signal);
    expect(timers()).toBe(before + 1);
    ending.abort(new Error('enough'));
    await expect(sleeping).rejects.toThrow('enough');
    expect(timers()).toBe(before);
  });
});

describe('isoTime', () => {
  it('formats a time in UTC with milliseconds', () => expect(isoTime(0)).toBe('1970-01-01T00:00:00.000Z'));
});
