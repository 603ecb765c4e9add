import type { Clock } from './clock.ts';

/** The work was not done in time. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
  constructor(ms: number) {
    super(`not done within ${ms} ms`);
  }
}

/**
 * Gives the work `ms` milliseconds. After that, or when `signal` is aborted, its own signal is aborted and its outcome no
 * longer waited for: work that ignores its signal cannot hold anybody up.
 * @throws DeadlineError, the signal's reason, or what the work throws.
 */
export async function withDeadline<T>(
  clock: Clock,
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const done = new AbortController();
  const tooLate = new AbortController();
  const outer = signal ? [signal] : [];
  const expiry = clock.sleep(ms, AbortSignal.any([done.signal, ...outer])).then(() => {
    throw new DeadlineError(ms);
  });
  const guarded = expiry.catch((error: unknown) => {
    tooLate.abort(error);
    throw signal?.aborted ? signal.reason : error;
  });
  try {
    return await Promise.race([work(AbortSignal.any([tooLate.signal, ...outer])), guarded]);
  } finally {
    done.abort();
  }
}
