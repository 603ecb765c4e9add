import { expect, it } from 'vitest';
import { once } from '../../../../src/lib/runtime/once.ts';

it('calls make once, also for concurrent callers, and never before the first call', async () => {
  let calls = 0;
  const made = once(async () => (calls += 1));
  expect(calls).toBe(0);
  expect(await Promise.all([made(), made()])).toEqual([1, 1]);
  expect(await made()).toBe(1);
  expect(calls).toBe(1);
});

it('shares a failure among concurrent callers, and tries again with the next call', async () => {
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
