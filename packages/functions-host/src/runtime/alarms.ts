import type { Clock } from './clock.ts';

interface Alarm {
  readonly atMs: number;
  readonly callback: () => void;
  /** The callback has been called, or the alarm has been cancelled. */
  settled: boolean;
}

// setTimeout overflows beyond 2^31 - 1 ms (24.8 days) and would fire immediately.
const maxSleepMs = 2 ** 31 - 1;

/** Calls functions at given times. Pending alarms are kept in a binary heap, with one sleep for the earliest. */
export class Alarms {
  readonly #clock: Clock;
  readonly #heap: Alarm[] = [];
  #sleep: AbortController | undefined;
  #wakeAtMs = Number.POSITIVE_INFINITY;
  #stopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Calls `callback` once, at `atMs` or soon after it. A time in the past counts as now.
   * @returns a function that cancels the alarm.
   */
  set(atMs: number, callback: () => void): () => void {
    const alarm: Alarm = { atMs, callback, settled: false };
    this.#push(alarm);
    this.#sleepUntilNext();
    return () => {
      alarm.settled = true;
      this.#sleepUntilNext();
    };
  }

  /** Drops all pending alarms. */
  stop(): void {
    this.#stopped = true;
    this.#sleep?.abort();
  }

  #sleepUntilNext(): void {
    while (this.#heap[0]?.settled) this.#pop();
    const next = this.#heap[0];
    if (this.#stopped || next?.atMs === this.#wakeAtMs) return;
    this.#sleep?.abort();
    this.#sleep = undefined;
    this.#wakeAtMs = next?.atMs ?? Number.POSITIVE_INFINITY;
    if (!next) return;
    const sleep = new AbortController();
    this.#sleep = sleep;
    const waitMs = Math.min(maxSleepMs, Math.max(0, next.atMs - this.#clock.nowMs()));
    this.#clock.sleep(waitMs, sleep.signal).then(
      () => this.#wake(sleep),
      () => undefined,
    );
  }

  #wake(sleep: AbortController): void {
    if (this.#sleep !== sleep || this.#stopped) return;
    this.#wakeAtMs = Number.POSITIVE_INFINITY;
    this.#sleep = undefined;
    const nowMs = this.#clock.nowMs();
    for (let next = this.#heap[0]; next && next.atMs <= nowMs; next = this.#heap[0]) {
      this.#pop();
      if (next.settled) continue;
      next.settled = true;
      next.callback();
    }
    this.#sleepUntilNext();
  }

  #push(alarm: Alarm): void {
    const heap = this.#heap;
    let at = heap.push(alarm) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((heap[parent] as Alarm).atMs <= alarm.atMs) break;
      heap[at] = heap[parent] as Alarm;
      at = parent;
    }
    heap[at] = alarm;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && (heap[child + 1] as Alarm).atMs < (heap[child] as Alarm).atMs) child += 1;
      if ((heap[child] as Alarm).atMs >= last.atMs) break;
      heap[at] = heap[child] as Alarm;
      at = child;
    }
    heap[at] = last;
  }
}
