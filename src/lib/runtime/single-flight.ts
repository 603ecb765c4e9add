/**
 * Concurrent calls with one key share one execution. The work gets a signal that fires only when every waiter has
 * gone away, so that one impatient caller does not take the token from the others. Failures are shared by those who
 * waited and remembered by nobody.
 */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Flight<T>>();

  /** Keys with work under way. */
  get size(): number {
    return this.#flights.size;
  }

  /** Rejects with the signal's reason when the caller's own signal is aborted first. */
  async run(key: string, work: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    const flight = this.#flights.get(key) ?? this.#start(key, work);
    flight.waiters += 1;
    if (signal === undefined) return flight.result;
    return this.#waitFor(key, flight, signal);
  }

  #start(key: string, work: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const controller = new AbortController();
    // Deferred by a microtask, so that the flight is on the map before the work can look at it.
    const result = Promise.resolve()
      .then(() => work(controller.signal))
      .finally(() => this.#forget(key, flight));
    const flight: Flight<T> = { result, controller, waiters: 0 };
    this.#flights.set(key, flight);
    return flight;
  }

  async #waitFor(key: string, flight: Flight<T>, signal: AbortSignal): Promise<T> {
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const leave = (): void => {
      reject(signal.reason);
      flight.waiters -= 1;
      if (flight.waiters > 0) return;
      // A later caller must not join work that is being given up.
      this.#forget(key, flight);
      flight.controller.abort(signal.reason);
    };
    signal.addEventListener('abort', leave);
    try {
      return await Promise.race([flight.result, aborted]);
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  #forget(key: string, flight: Flight<T>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }
}

interface Flight<T> {
  readonly result: Promise<T>;
  readonly controller: AbortController;
  waiters: number;
}
