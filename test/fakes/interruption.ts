/** How one step of an operation is interrupted. */
export type Interruption =
  /** The process ends before the call reaches the other side. */
  | 'killed before'
  /** The process ends after the call took effect, before it receives the reply. */
  | 'killed after'
  /** The call is rejected. */
  | 'refused'
  /** The call took effect, but its reply is lost. */
  | 'reply lost';

const never = (): Promise<never> => new Promise(() => undefined);

/**
 * Counts the calls that an operation makes to wrapped objects, and interrupts one of them. After a simulated kill, this
 * call and all later ones never return.
 */
export class Interrupter {
  calls = 0;
  readonly killed: Promise<void>;
  readonly #at: number;
  readonly #how: Interruption | undefined;
  readonly #failure: () => Error;
  #die: () => void = () => undefined;
  #dead = false;

  /** @param at number of the call to interrupt, from 1; 0 for none. */
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
