/** Time as a dependency, so that tests control it. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  nowMs(): number;
  /** Resolves after `ms` milliseconds. Rejects with the reason of the signal if that is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Randomness as a dependency: returns a number in [0, 1). */
export type Random = () => number;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  // Not the promise of node:timers, which creates an error with a stack for each aborted sleep. Each write of the audit
  // log aborts one.
  sleep: (ms, signal) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    if (signal?.aborted === true) {
      reject(signal.reason);
      return promise;
    }
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(
      () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      },
      Math.max(0, ms),
    );
    signal?.addEventListener('abort', onAbort, { once: true });
    return promise;
  },
};

/** ISO 8601 in UTC with milliseconds, the format of every time in the API. */
export const isoTime = (ms: number): string => new Date(ms).toISOString();
