import type { Instance } from './instance.ts';

// How long turns may follow each other before sockets and timers get the event loop again: as long as these had it
// before, so that a storm of requests cannot starve the orchestrations, nor they the requests.
const shortestPumpMs = 10;
const longestPumpMs = 200;

export interface DispatcherDeps {
  readonly maxConcurrent: number;
  /** Gives the instance one turn. @returns false when there was nothing that could be done now. */
  readonly turn: (instance: Instance) => Promise<boolean>;
  /** Called once per round, after its turns have begun. */
  readonly afterRound: () => void;
  readonly onError: (instance: Instance, error: unknown) => void;
}

/** Decides which instance has its turn when: never two at once for one instance, never more than allowed in all. */
export class Dispatcher {
  readonly #deps: DispatcherDeps;
  /** Woken since the last round: their turn waits for what else completes now. */
  readonly #woken = new Set<Instance>();
  /** Waiting for a free place only. */
  readonly #ready = new Set<Instance>();
  readonly #running = new Set<Instance>();
  /** Woken in the middle of a turn. */
  readonly #again = new Set<Instance>();
  #scheduled = false;
  #lastTurnAtMs = 0;
  #roundUntilMs = 0;
  #stopped = false;

  constructor(deps: DispatcherDeps) {
    this.#deps = deps;
  }

  /** Something has arrived for the instance. */
  wake(instance: Instance): void {
    if (this.#running.has(instance)) this.#again.add(instance);
    else this.#woken.add(instance);
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
  }

  #schedule(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    // One pass of the event loop lets everything that completes now reach the same turn: a replay costs as much as
    // the history is long, so few big turns beat many small ones.
    setImmediate(() => {
      this.#scheduled = false;
      for (const instance of this.#woken) this.#ready.add(instance);
      this.#woken.clear();
      const nowMs = performance.now();
      this.#roundUntilMs = nowMs + Math.min(longestPumpMs, Math.max(shortestPumpMs, nowMs - this.#lastTurnAtMs));
      this.#fill();
      this.#deps.afterRound();
    });
  }

  #fill(): void {
    for (const instance of this.#ready) {
      if (this.#stopped || this.#running.size >= this.#deps.maxConcurrent) break;
      this.#lastTurnAtMs = performance.now();
      if (this.#lastTurnAtMs > this.#roundUntilMs) {
        this.#schedule();
        break;
      }
      this.#ready.delete(instance);
      this.#running.add(instance);
      void this.#deps.turn(instance).then(
        (worked) => this.#ended(instance, worked && instance.inbox.length > 0),
        (error: unknown) => {
          this.#deps.onError(instance, error);
          this.#ended(instance, false);
        },
      );
    }
  }

  #ended(instance: Instance, more: boolean): void {
    this.#running.delete(instance);
    if (this.#again.delete(instance) || more) this.wake(instance);
    this.#fill();
  }
}
