/** Limits how many requests run at once and how many may wait (`extensions.http` of host.json). */
export class RequestGate {
  readonly #maxConcurrent: number;
  readonly #maxOutstanding: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(maxConcurrent: number, maxOutstanding: number) {
    this.#maxConcurrent = maxConcurrent;
    this.#maxOutstanding = maxOutstanding;
  }

  /** @returns what to call at the end, or undefined when too many requests are outstanding. */
  async enter(): Promise<(() => void) | undefined> {
    if (this.#running + this.#waiting.length >= this.#maxOutstanding) return undefined;
    if (this.#running >= this.#maxConcurrent) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running += 1;
    return () => {
      // The place goes straight to the one that waits longest.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running -= 1;
    };
  }
}
