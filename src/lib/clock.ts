import { setTimeout as delay } from 'node:timers/promises';

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
  sleep: async (ms, signal) => {
    try {
      await delay(Math.max(0, ms), undefined, signal ? { signal } : {});
    } catch (error) {
      // The timer wraps the reason in an error of its own.
      throw signal?.aborted === true ? signal.reason : error;
    }
  },
};

/** ISO 8601 in UTC with milliseconds, the form of every time on the wire. */
export const isoTime = (ms: number): string => new Date(ms).toISOString();
