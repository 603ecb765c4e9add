import { setImmediate as nextPass } from 'node:timers/promises';
import type { Clock } from '../../src/runtime/clock.ts';

interface Sleeper {
  readonly atMs: number;
  readonly wake: () => void;
}

/** A clock that stands still until it is told to jump to the next point in time that anybody waits for. */
export class StepClock implements Clock {
  longestSleepMs = 0;
  #nowMs: number;
  #sleepers: Sleeper[] = [];

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    this.longestSleepMs = Math.max(this.longestSleepMs, ms);
    return new Promise((resolve, reject) => {
      const sleeper = { atMs: this.#nowMs + ms, wake: resolve };
      this.#sleepers.push(sleeper);
      signal?.addEventListener('abort', () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal.reason as Error);
      });
    });
  }

  /** Lets everything happen that can, without moving. */
  async settle(): Promise<void> {
    for (let pass = 0; pass < 10; pass += 1) await nextPass();
  }

  /** Jumps from sleeper to sleeper until nobody sleeps, or until `limitMs`. */
  async runUntilIdle(limitMs = Number.POSITIVE_INFINITY): Promise<void> {
    for (;;) {
      await this.settle();
      const next = this.#sleepers.toSorted((a, b) => a.atMs - b.atMs)[0];
      if (!next || next.atMs > limitMs) return;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      this.#sleepers = this.#sleepers.filter((sleeper) => sleeper !== next);
      next.wake();
    }
  }

  /** Moves forward, waking whoever is due on the way. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await this.runUntilIdle(untilMs);
    this.#nowMs = untilMs;
    await this.settle();
  }
}
