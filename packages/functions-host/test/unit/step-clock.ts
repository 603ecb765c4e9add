import { setImmediate as nextPass } from 'node:timers/promises';
import type { Clock } from '../../src/runtime/clock.ts';

interface Sleeper {
  readonly atMs: number;
  readonly wake: () => void;
}

/** A clock that moves only when a test moves it, from one pending sleep to the next. */
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

  /** Runs all pending work without moving the clock. */
  async settle(): Promise<void> {
    for (let pass = 0; pass < 10; pass += 1) await nextPass();
  }

  /** Moves from sleep to sleep until none is pending or the next one ends after `limitMs`. */
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

  /** Moves forward by `ms` and ends the sleeps on the way. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await this.runUntilIdle(untilMs);
    this.#nowMs = untilMs;
    await this.settle();
  }
}
