/** What happens at one step of a piece of work. */
export type Interruption =
  /** The process ends before the step reaches the other side. */
  | 'killed before'
  /** The process ends after the step was done, before it learns of it. */
  | 'killed after'
  /** The step is refused. */
  | 'refused'
  /** The step was done, and its reply is lost. */
  | 'reply lost';

const never = (): Promise<never> => new Promise(() => undefined);

/**
 * Counts the calls that a piece of work makes to the objects it was given, and interrupts one of them. A killed
 * process does nothing any more: its call never returns, and neither does any later one.
 */
export class Interrupter {
  calls = 0;
  readonly killed: Promise<void>;
  readonly #at: number;
  readonly #how: Interruption | undefined;
  readonly #failure: () => Error;
  #die: () => void = () => undefined;
  #dead = false;

  /** @param at the call that is interrupted, from 1; 0 for none. */
  constructor(at: number, how: Interruption | undefined, failure: () => Error) {
    this.#at = at;
    this.#how = how;
    this.#failure = failure;
    this.killed = new Promise((resolve) => {
      this.#die = resolve;
    });
  }

  wrap<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (object, name) => {
        const value: unknown = Reflect.get(object, name, object);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => this.#step(() => Reflect.apply(value, object, args) as Promise<unknown>);
      },
    });
  }

  async #step(work: () => Promise<unknown>): Promise<unknown> {
    if (this.#dead) return never();
    this.calls += 1;
    if (this.calls !== this.#at) return work();
    if (this.#how === 'killed before') return this.#kill();
    if (this.#how === 'refused') throw this.#failure();
    await work();
    if (this.#how === 'reply lost') throw this.#failure();
    return this.#kill();
  }

  #kill(): Promise<never> {
    this.#dead = true;
    this.#die();
    return never();
  }
}
