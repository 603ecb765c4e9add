/** Lets at most so many pieces of work run at one time; the others wait in the order in which they came. */
export interface Limiter {
  /** @throws the signal's reason when it is aborted while waiting; else what `work` throws. */
  run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
}

/**
 * One limiter is shared by all tenants of this process: the platform's own limits count activities, not requests.
 * Wrap single exchanges only, never a wait or a nested `run`, or the slots are held by those who wait for slots.
 */
export function createLimiter(concurrency: number): Limiter {
  if (!Number.isInteger(concurrency) || concurrency < 1)
    throw new RangeError('concurrency must be a whole number above 0');
  const waiting = new Set<() => void>();
  let running = 0;

  const acquire = (signal?: AbortSignal): Promise<void> => {
    signal?.throwIfAborted();
    if (running < concurrency) {
      running += 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const admit = (): void => {
        signal?.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = (): void => {
        waiting.delete(admit);
        reject(signal?.reason);
      };
      waiting.add(admit);
      signal?.addEventListener('abort', giveUp, { once: true });
    });
  };

  const release = (): void => {
    const [next] = waiting;
    if (next === undefined) {
      running -= 1;
      return;
    }
    // The slot passes on as it is, so that a newcomer cannot slip in between.
    waiting.delete(next);
    next();
  };

  return {
    run: async (work, signal) => {
      await acquire(signal);
      try {
        return await work();
      } finally {
        release();
      }
    },
  };
}
