/** Time as a dependency, so that tests own it. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  nowMs(): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Chance as a dependency: a number in [0, 1). */
export type Random = () => number;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  // Not the promise of node:timers: it makes an error with a stack for each sleep that is cut short, and each write of
  // the audit log cuts one short.
  sleep: (ms, signal) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    if (signal?.aborted === true) {
      reject(signal.reason);
      return promise;
    }
    const cutShort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(
      () => {
        signal?.removeEventListener('abort', cutShort);
        resolve();
      },
      Math.max(0, ms),
    );
    signal?.addEventListener('abort', cutShort, { once: true });
    return promise;
  },
};

/** ISO 8601 in UTC with milliseconds, the form of every time on the wire. */
export const isoTime = (ms: number): string => new Date(ms).toISOString();
