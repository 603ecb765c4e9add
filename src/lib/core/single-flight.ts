import { type Requester, Requesters } from './share.ts';

/**
 * A function that calls `make` at its first call and then returns the same result. Concurrent callers share one call.
 * Caches the first success. A failure is not cached.
 */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((thrown: unknown) => {
      made = undefined;
      throw thrown;
    });
    return made;
  };
}

/**
 * Reads that concurrent calls with the same key share. A read begins after each call that shares it, so it finds what was
 * written before.
 */
export function sharedReads<T>(): (key: string, read: () => Promise<T>) => Promise<T> {
  const running = new Map<string, Promise<unknown>>();
  const next = new Map<string, Promise<T>>();
  const begin = async (key: string, read: () => Promise<T>): Promise<T> => {
    await running.get(key)?.catch(() => undefined);
    next.delete(key);
    const reading = read();
    running.set(key, reading);
    return reading.finally(() => {
      if (running.get(key) === reading) running.delete(key);
    });
  };
  return (key, read) => {
    const joined = next.get(key) ?? begin(key, read);
    next.set(key, joined);
    return joined;
  };
}

/** Work that concurrent calls share. `requesters` are those of the callers that wait for it. */
type SharedWork<T> = (signal: AbortSignal, requesters: Requesters) => Promise<T>;

/**
 * Concurrent calls with the same key share one execution and its outcome. Nothing is cached. The signal of the work is
 * aborted only when every caller has left, so that one caller who leaves does not affect the others.
 */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Flight<T>>();

  /** Number of keys with work in progress. */
  get size(): number {
    return this.#flights.size;
  }

  /**
   * @param signal Ends the wait of this caller: `run` rejects with its reason.
   * @param requester On whose behalf the caller waits.
   */
  async run(key: string, work: SharedWork<T>, signal?: AbortSignal, requester?: Requester): Promise<T> {
    signal?.throwIfAborted();
    const flight = this.#flights.get(key) ?? this.#start(key, work);
    flight.waiters += 1;
    if (requester !== undefined) flight.requesters.add(requester);
    if (signal === undefined) return flight.result;
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const leave = (): void => {
      reject(signal.reason);
      flight.waiters -= 1;
      if (requester !== undefined) flight.requesters.remove(requester);
      if (flight.waiters > 0) return;
      // A later caller must not join work that is being aborted.
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

  #start(key: string, work: SharedWork<T>): Flight<T> {
    const controller = new AbortController();
    const requesters = new Requesters();
    // Deferred by a microtask, so that the flight is in the map before the work starts.
    const result = Promise.resolve()
      .then(() => work(controller.signal, requesters))
      .finally(() => this.#forget(key, flight));
    const flight: Flight<T> = { result, controller, requesters, waiters: 0 };
    this.#flights.set(key, flight);
    return flight;
  }

  #forget(key: string, flight: Flight<T>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }
}

interface Flight<T> {
  readonly result: Promise<T>;
  readonly controller: AbortController;
  readonly requesters: Requesters;
  waiters: number;
}
