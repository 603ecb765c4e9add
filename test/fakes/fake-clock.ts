import type { Clock } from '../../src/lib/core/clock.ts';

interface Sleeper {
  readonly wakesAtMs: number;
  wake(): void;
}

/** More wakes than any test needs. Code that sleeps for no time at all would keep a test busy for ever. */
const maxWakes = 200_000;

/** A clock that a test advances. Sleepers wake in order, each at its own time. */
export class FakeClock implements Clock {
  #nowMs: number;
  /** In the order in which they wake. Some tests have tens of thousands. */
  readonly #sleepers: Sleeper[] = [];

  constructor(startMs: number = Date.UTC(2026, 10, 24)) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  /** Number of sleepers. A test waits for it before it advances the clock. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const sleeper: Sleeper = { wakesAtMs: this.#nowMs + Math.max(0, ms), wake: resolve };
    this.#sleepers.splice(this.#placeFor(sleeper.wakesAtMs), 0, sleeper);
    const abort = (): void => {
      this.#sleepers.splice(this.#sleepers.indexOf(sleeper), 1);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', abort, { once: true });
    await promise.finally(() => signal?.removeEventListener('abort', abort));
  }

  /** Advances the clock, wakes the sleepers that are due, and lets their work settle. */
  async advance(ms: number): Promise<void> {
    const targetMs = this.#nowMs + ms;
    let wakes = 0;
    await settle();
    for (let next = this.#sleepers[0]; next !== undefined && next.wakesAtMs <= targetMs; next = this.#sleepers[0]) {
      this.#nowMs = Math.max(this.#nowMs, next.wakesAtMs);
      this.#sleepers.shift();
      if ((wakes += 1) > maxWakes) throw new Error(`more than ${maxWakes} sleepers woke within ${ms} ms`);
      next.wake();
      await settle();
    }
    this.#nowMs = targetMs;
    await settle();
  }

  /** Behind all sleepers that wake at this time or earlier. */
  #placeFor(wakesAtMs: number): number {
    let [from, to] = [0, this.#sleepers.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((this.#sleepers[middle]?.wakesAtMs ?? Infinity) <= wakesAtMs) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

/** Lets all pending microtasks and immediates run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** A seeded random generator (mulberry32): the same seed gives the same sequence. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
