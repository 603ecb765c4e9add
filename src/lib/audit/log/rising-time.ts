import { hourMs, minuteMs } from '../../core/durations.ts';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/log.ts';

/** Smaller steps back are usual when a clock is adjusted, and a checkpoint reads that far back. */
const unnoticedMs = minuteMs;
/** A larger step back ends an error of the clock, and what was recorded before it has the wrong time. */
const longestMs = hourMs;

/**
 * The time of a record, if the clock of the instance is set back by up to an hour: the latest time that it has shown. Thus no
 * record gets a time that a checkpoint has covered already.
 */
export class RisingTime {
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #log: Logger;
  #latestMs = Number.NEGATIVE_INFINITY;
  #isBehind = false;

  constructor(clock: Pick<Clock, 'nowMs'>, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  /** @param atMs by the clock. */
  of(atMs: number): number {
    const nowMs = this.#clock.nowMs();
    const behindMs = this.#latestMs - nowMs;
    const isBehind = behindMs > unnoticedMs && behindMs <= longestMs;
    if (isBehind && !this.#isBehind) this.#log.log('warn', 'audit.clock_set_back', { seconds: behindMs / 1000 });
    this.#isBehind = isBehind;
    if (isBehind) return atMs + behindMs;
    this.#latestMs = behindMs > longestMs ? nowMs : Math.max(this.#latestMs, nowMs);
    return atMs;
  }
}
