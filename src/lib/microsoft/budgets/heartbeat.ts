import type { Clock, Random } from '../../core/clock.ts';

/**
 * Time between two beats, with a random part so that instances do not write at the same time. With one read and one write for
 * each, this is less than one transaction per second.
 */
const interval = { minMs: 2_500, jitterMs: 800 };
/** The same after a beat that failed: soon enough to keep the shares. */
const intervalAfterFailure = { minMs: 1_000, jitterMs: 200 };
/** How long beats go on after the last wish for one: longer than an interval, so that one always follows a wish. */
const restAfterMs = 4_000;
/**
 * Least time between a beat and one ahead of time: the first soon, and further ones when another member may have had its own
 * beat, and given up what this one waits for.
 */
const hurryMs = { first: 300, next: 1_000 };
/** Beats ahead of time: four in a row, and then one every 15 seconds. */
const early = { most: 4, everyMs: 15_000 };
/** After a beat that took longer there is none ahead of time: on slow storage, more beats would be in the way of each other. */
const slowMs = 500;

interface PulseDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly background: (work: () => void) => void;
}

/** Repeats a beat while somebody wants it. */
export class Pulse {
  readonly #deps: PulseDeps;
  readonly #beat: () => Promise<boolean>;
  #wantedAtMs = -Infinity;
  #beganAtMs = -Infinity;
  #dueAtMs = -Infinity;
  #isRunning = false;
  #isSlow = false;
  #next = Promise.withResolvers<void>();
  #sleep: AbortController | undefined;
  #early: { count: number; atMs: number } = { count: early.most, atMs: -Infinity };

  /** @param work returns whether it succeeded, and never throws. */
  constructor(deps: PulseDeps, work: () => Promise<boolean>) {
    this.#deps = deps;
    this.#beat = work;
  }

  /** Says that beats are wanted. An urgent one comes soon, unless that happened often. */
  keep(isUrgent: boolean): void {
    this.#wantedAtMs = this.#deps.clock.nowMs();
    if (!this.#isRunning) {
      this.#isRunning = true;
      this.#deps.background(() => void this.#run());
    }
    if (isUrgent) this.#sleep?.abort();
  }

  /** Resolves after the next beat. */
  next(): Promise<void> {
    return this.#next.promise;
  }

  async #run(): Promise<void> {
    const { clock } = this.#deps;
    await this.#pause();
    do {
      this.#beganAtMs = clock.nowMs();
      const { minMs, jitterMs } = (await this.#beat()) ? interval : intervalAfterFailure;
      this.#isSlow = clock.nowMs() - this.#beganAtMs > slowMs;
      this.#dueAtMs = this.#beganAtMs + minMs + this.#deps.random() * jitterMs;
      this.#next.resolve();
      this.#next = Promise.withResolvers();
      await this.#pause();
    } while (clock.nowMs() - this.#wantedAtMs < restAfterMs);
    this.#isRunning = false;
  }

  /** Sleeps until the next beat is due. */
  async #pause(): Promise<void> {
    const { clock } = this.#deps;
    const leftMs = (): number => this.#dueAtMs - clock.nowMs();
    this.#sleep = new AbortController();
    await this.#until(leftMs(), this.#sleep.signal);
    this.#sleep = undefined;
    if (leftMs() <= 0) return;
    const earlyMs = this.#takeEarly();
    await this.#until(earlyMs === undefined ? leftMs() : this.#beganAtMs + earlyMs - clock.nowMs());
  }

  async #until(ms: number, signal?: AbortSignal): Promise<void> {
    if (ms > 0) await this.#deps.clock.sleep(ms, signal).catch(() => undefined);
  }

  /** @returns the least time after the last beat, if one ahead of time is left. */
  #takeEarly(): number | undefined {
    const nowMs = this.#deps.clock.nowMs();
    const gained = Math.floor((nowMs - this.#early.atMs) / early.everyMs);
    if (gained > 0) this.#early = { count: Math.min(early.most, this.#early.count + gained), atMs: nowMs };
    if (this.#early.count === 0 || this.#isSlow) return undefined;
    this.#early.count -= 1;
    return this.#early.count === early.most - 1 ? hurryMs.first : hurryMs.next;
  }
}
