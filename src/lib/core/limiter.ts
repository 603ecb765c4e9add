/** Runs at most `limit` operations concurrently. The others wait in order of arrival. */
export class Limiter {
  readonly #limit: number;
  readonly #waiting: Waiter[] = [];
  #active = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get active(): number {
    return this.#active;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** @param signal Ends the wait: `run` rejects with its reason. It does not end the work. */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.#enter(signal);
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  async #enter(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#active < this.#limit) {
      this.#active += 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const waiter: Waiter = {
        start: () => {
          signal?.removeEventListener('abort', abort);
          resolve();
        },
      };
      const abort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiting.push(waiter);
    });
  }

  // The next waiter takes over the slot, so `#active` decreases only if none is waiting.
  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next.start();
    else this.#active -= 1;
  }
}

interface Waiter {
  start(): void;
}
