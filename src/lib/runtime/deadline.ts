import type { Clock } from './clock.ts';

/** The work was not done in time. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
  constructor(ms: number) {
    super(`not done within ${ms} ms`);
  }
}

/**
 * Why a timer ends before its time. Given to `abort()` because without a reason that makes an exception with a stack,
 * each time, which costs more than the rest of a deadline.
 */
export const noLongerNeeded = new Error('no longer needed');

/**
 * Gives the work `ms` milliseconds. After that, or when `signal` is aborted, its own signal is aborted and its outcome no
 * longer waited for: work that ignores its signal cannot hold anybody up. Once the work has settled, its signal is
 * never aborted.
 * @throws DeadlineError, the signal's reason, or what the work throws.
 */
export async function withDeadline<T>(
  clock: Clock,
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const timer = new AbortController();
  const working = new AbortController();
  const given = Promise.withResolvers<never>();
  given.promise.catch(() => undefined);
  const giveUp = (reason: unknown): void => {
    working.abort(reason);
    given.reject(reason);
  };
  const onAbort = (): void => giveUp(signal?.reason);
  if (signal?.aborted === true) onAbort();
  else signal?.addEventListener('abort', onAbort, { once: true });
  clock
    .sleep(ms, timer.signal)
    .then(() => giveUp(new DeadlineError(ms)))
    .catch((error: unknown) => {
      if (!timer.signal.aborted) giveUp(error);
    });
  try {
    return await Promise.race([work(working.signal), given.promise]);
  } finally {
    signal?.removeEventListener('abort', onAbort);
    timer.abort(noLongerNeeded);
  }
}

/**
 * What the work brings within `ms` milliseconds, else what there is in its place: for who has an older answer at hand. The
 * work goes on, with nobody waiting for it.
 * @throws the signal's reason, or what the work throws in time.
 */
export async function withinOr<T>(
  clock: Clock,
  ms: number,
  work: () => Promise<T>,
  instead: () => T,
  signal?: AbortSignal,
): Promise<T> {
  try {
    return await withDeadline(clock, ms, work, signal);
  } catch (thrown) {
    if (thrown instanceof DeadlineError) return instead();
    throw thrown;
  }
}
