import { setImmediate } from 'node:timers/promises';

/** Does work that comes in steps, and lets others have their turn in between. @throws what the work throws. */
export async function inTurns<T>(steps: Generator<void, T>): Promise<T> {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    await setImmediate();
  }
}

/** Does such work without a break. @throws what the work throws. */
export function atOnce<T>(steps: Generator<void, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/**
 * Lets pieces of background work take turns on the event loop, one in each pass. Requests that arrive meanwhile are served
 * between two pieces, and not after all that are ready. While nothing else happens, passes follow each other at once.
 */
export class Turns {
  readonly #afterPass: (work: () => void) => void;
  readonly #waiting: (() => void)[] = [];

  /** @param afterPass calls its argument after the event loop has handled what is ready: `setImmediate`. */
  constructor(afterPass: (work: () => void) => void) {
    this.#afterPass = afterPass;
  }

  /** Resolves when it is the turn of the caller, in order of arrival. It lasts until the caller waits for something else. */
  take(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.#waiting.push(resolve) === 1) this.#scheduleNext();
    return promise;
  }

  /** The same work, which takes a turn before it begins. */
  before<Given extends unknown[], Result>(
    work: (...given: Given) => Promise<Result>,
  ): (...given: Given) => Promise<Result> {
    return async (...given) => {
      await this.take();
      return work(...given);
    };
  }

  #scheduleNext(): void {
    this.#afterPass(() => {
      this.#waiting.shift()?.();
      if (this.#waiting.length > 0) this.#scheduleNext();
    });
  }
}
