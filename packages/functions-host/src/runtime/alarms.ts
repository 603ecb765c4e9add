import type { Clock } from './clock.ts';

interface Alarm {
  readonly atMs: number;
  readonly ring: () => void;
  rung: boolean;
}

// setTimeout overflows beyond 2^31 - 1 ms (24.8 days) and would fire at once.
const longestSleepMs = 2 ** 31 - 1;

/** Many points in time, one sleeper: a binary heap by time. */
export class Alarms {
  readonly #clock: Clock;
  readonly #heap: Alarm[] = [];
  #sleep: AbortController | undefined;
  #wakeAtMs = Number.POSITIVE_INFINITY;
  #stopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Rings once, at `atMs` or soon after; at once when that is past. @returns what cancels it. */
  set(atMs: number, ring: () => void): () => void {
    const alarm: Alarm = { atMs, ring, rung: false };
    this.#push(alarm);
    this.#arm();
    return () => {
      alarm.rung = true;
      this.#arm();
    };
  }

  stop(): void {
    this.#stopped = true;
    this.#sleep?.abort();
  }

  #arm(): void {
    while (this.#heap[0]?.rung) this.#pop();
    const next = this.#heap[0];
    if (this.#stopped || next?.atMs === this.#wakeAtMs) return;
    this.#sleep?.abort();
    this.#sleep = undefined;
    this.#wakeAtMs = next?.atMs ?? Number.POSITIVE_INFINITY;
    if (!next) return;
    const sleep = new AbortController();
    this.#sleep = sleep;
    const waitMs = Math.min(longestSleepMs, Math.max(0, next.atMs - this.#clock.nowMs()));
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
      if (next.rung) continue;
      next.rung = true;
      next.ring();
    }
    this.#arm();
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
