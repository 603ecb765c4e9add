import { expect, it } from 'vitest';
import { DeadlineError, withDeadline } from '../../../src/lib/deadline.ts';
import { FakeClock, settle } from '../../fakes/fake-clock.ts';

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
