import { type Clock, systemClock } from './system-clock.ts';

/** The clock that the whole cloud lives by. It runs with the wall clock and can be set forward. */
export interface CloudClock extends Clock {
  /** How far it is ahead of the wall clock, milliseconds. */
  readonly aheadMs: number;
  /** Sets it forward; time never runs back, as tokens already issued would lie in the future. */
  advance(ms: number): void;
}

/** @throws RangeError from `advance` for anything but a finite number of milliseconds from 0. */
export function createCloudClock(base: Clock = systemClock): CloudClock {
  let aheadMs = 0;
  return {
    get aheadMs() {
      return aheadMs;
    },
    nowMs: () => base.nowMs() + aheadMs,
    sleep: (ms, signal) => base.sleep(ms, signal),
    advance: (ms) => {
      if (!Number.isFinite(ms) || ms < 0) throw new RangeError('a clock can only be set forward');
      aheadMs += ms;
    },
  };
}
