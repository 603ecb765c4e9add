import type { Clock } from './clock.ts';

/** The work did not end before its deadline. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
  constructor(ms: number) {
    super(`not done within ${ms} ms`);
  }
}

/**
 * The reason for cancelling a timer that is no longer needed. `abort()` without a reason creates an exception with a
 * stack each time, which costs more than the rest of a deadline.
 */
export const noLongerNeeded = new Error('no longer needed');

/**
 * Resolves with the outcome of the work, if it settles within `ms` milliseconds. After that, or when `signal` is
 * aborted, the work's own signal is aborted and its outcome is ignored, so that work that ignores its signal delays no
 * caller. The signal is never aborted after the work has settled.
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
  const ended = Promise.withResolvers<never>();
  ended.promise.catch(() => undefined);
  const end = (reason: unknown): void => {
    working.abort(reason);
    ended.reject(reason);
  };
  const onAbort = (): void => end(signal?.reason);
  if (signal?.aborted === true) onAbort();
  else signal?.addEventListener('abort', onAbort, { once: true });
  clock
    .sleep(ms, timer.signal)
    .then(() => end(new DeadlineError(ms)))
    .catch((error: unknown) => {
      if (!timer.signal.aborted) end(error);
    });
  try {
    return await Promise.race([work(working.signal), ended.promise]);
  } finally {
    signal?.removeEventListener('abort', onAbort);
    timer.abort(noLongerNeeded);
  }
}
