import { describe, expect, it } from 'vitest';
import { once } from '../../../../src/lib/core/single-flight.ts';

describe('once', () => {
  it('calls make once, at the first call, also for concurrent callers', async () => {
    let calls = 0;
    const made = once(async () => (calls += 1));
    expect(calls).toBe(0);
    expect(await Promise.all([made(), made()])).toEqual([1, 1]);
    expect(await made()).toBe(1);
    expect(calls).toBe(1);
  });

  it('shares a failure among concurrent callers, and calls make again at the next call', async () => {
    let calls = 0;
    const made = once(async () => {
      calls += 1;
      if (calls === 1) throw new Error('not yet');
      return calls;
    });
    expect(await Promise.allSettled([made(), made()])).toMatchObject([
      { status: 'rejected', reason: { message: 'not yet' } },
      { status: 'rejected', reason: { message: 'not yet' } },
    ]);
    expect(await made()).toBe(2);
    expect(await made()).toBe(2);
  });
});
