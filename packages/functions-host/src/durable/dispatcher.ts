import type { Instance } from './instance.ts';

// A round of turns lasts as long as the event loop was free before it, within these limits. So a burst of requests
// cannot starve orchestrations, and orchestrations cannot starve sockets and timers.
const minRoundMs = 10;
const maxRoundMs = 200;

interface DispatcherDeps {
  readonly maxConcurrent: number;
  /** Runs one turn of the instance. @returns false when nothing could be done now. */
  readonly turn: (instance: Instance) => Promise<boolean>;
  /** Called once per round, after its turns have started. */
  readonly afterRound: () => void;
  readonly onError: (instance: Instance, error: unknown) => void;
}

/** Schedules the turns of all instances: one at a time per instance, and at most `maxConcurrent` in total. */
export class Dispatcher {
  readonly #deps: DispatcherDeps;
  /** Woken since the last round. Their turns wait for other completions of the same event loop pass. */
  readonly #woken = new Set<Instance>();
  /** Waiting for a free slot. */
  readonly #ready = new Set<Instance>();
  readonly #running = new Set<Instance>();
  readonly #wokenDuringTurn = new Set<Instance>();
  #scheduled = false;
  #lastTurnAtMs = 0;
  #roundUntilMs = 0;
  #stopped = false;

  constructor(deps: DispatcherDeps) {
    this.#deps = deps;
  }

  /** Schedules a turn of an instance that has received a message. */
  wake(instance: Instance): void {
    if (this.#running.has(instance)) this.#wokenDuringTurn.add(instance);
    else this.#woken.add(instance);
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
  }

  #schedule(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    // Waiting for one pass of the event loop puts everything that completes in it into the same turn. The cost of a
    // turn grows with the length of the history, so a few large turns are cheaper than many small ones.
    setImmediate(() => {
      this.#scheduled = false;
      for (const instance of this.#woken) this.#ready.add(instance);
      this.#woken.clear();
      const nowMs = performance.now();
      this.#roundUntilMs = nowMs + Math.min(maxRoundMs, Math.max(minRoundMs, nowMs - this.#lastTurnAtMs));
      this.#fillSlots();
      this.#deps.afterRound();
    });
  }

  #fillSlots(): void {
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
        (worked) => this.#onTurnEnd(instance, worked && instance.inbox.length > 0),
        (error: unknown) => {
          this.#deps.onError(instance, error);
          this.#onTurnEnd(instance, false);
        },
      );
    }
  }

  #onTurnEnd(instance: Instance, hasMoreWork: boolean): void {
    this.#running.delete(instance);
    if (this.#wokenDuringTurn.delete(instance) || hasMoreWork) this.wake(instance);
    this.#fillSlots();
  }
}
