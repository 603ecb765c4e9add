export const dayMs = 24 * 3600 * 1000;

/** The current time as a dependency, so that tests can control it. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  nowMs(): number;
}

export const systemClock: Clock = { nowMs: () => Date.now() };

/** The clock that all services share. It follows its base clock and can be set forward. */
export interface CloudClock extends Clock {
  /** Milliseconds by which it is ahead of its base clock. */
  readonly aheadMs: number;
  /**
   * Sets the clock forward. It cannot be set back: tokens that were issued before would lie in the future.
   * @throws RangeError unless `ms` is a finite number from 0.
   */
  advance(ms: number): void;
}

export function createCloudClock(base: Clock = systemClock): CloudClock {
  let aheadMs = 0;
  return {
    get aheadMs() {
      return aheadMs;
    },
    nowMs: () => base.nowMs() + aheadMs,
    advance: (ms) => {
      if (!Number.isFinite(ms) || ms < 0) throw new RangeError('The clock can only be set forward.');
      aheadMs += ms;
    },
  };
}

/** ISO 8601 in UTC with milliseconds. */
export const isoTime = (ms: number): string => new Date(ms).toISOString();
