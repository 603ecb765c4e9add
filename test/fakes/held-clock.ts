import { type Clock, systemClock } from '../../src/lib/core/clock.ts';
import { FakeClock } from './fake-clock.ts';

/**
 * A clock for tests with real connections. Deadlines pass only when the test advances the clock, so a busy machine meets
 * none by chance. Pauses between attempts are real, unless the test holds them.
 */
export class HeldClock implements Clock {
  readonly #deadlines = new FakeClock();
  readonly #shortestDeadlineMs: number;
  #hold: PromiseWithResolvers<void> | undefined;

  /** @param shortestDeadlineMs shorter sleeps are pauses. */
  constructor(shortestDeadlineMs: number) {
    this.#shortestDeadlineMs = shortestDeadlineMs;
  }

  nowMs(): number {
    return this.#deadlines.nowMs();
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (ms >= this.#shortestDeadlineMs) return this.#deadlines.sleep(ms, signal);
    await (this.#hold?.promise ?? systemClock.sleep(ms, signal));
  }

  advance(ms: number): Promise<void> {
    return this.#deadlines.advance(ms);
  }

  /** From now on no pause ends. @returns a function that ends them. */
  holdPauses(): () => void {
    const hold = Promise.withResolvers<void>();
    this.#hold = hold;
    return () => {
      this.#hold = undefined;
      hold.resolve();
    };
  }
}
