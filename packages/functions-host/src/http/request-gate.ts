/** Limits how many requests run at the same time and how many can wait (`extensions.http` of host.json). */
export class RequestGate {
  readonly #maxConcurrent: number;
  readonly #maxOutstanding: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(maxConcurrent: number, maxOutstanding: number) {
    this.#maxConcurrent = maxConcurrent;
    this.#maxOutstanding = maxOutstanding;
  }

  /**
   * Waits until the request may run.
   * @returns a function to call when the request has ended, or undefined when too many requests are outstanding.
   */
  async enter(): Promise<(() => void) | undefined> {
    if (this.#running + this.#waiting.length >= this.#maxOutstanding) return undefined;
    if (this.#running >= this.#maxConcurrent) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running += 1;
    return () => {
      // The slot passes directly to the request that has waited longest.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running -= 1;
    };
  }
}
