import { maxSums, type NamedNumbers } from './result-history.ts';
import { type Numbers, plainNumber } from './tenant-numbers.ts';

/** Adds the numbers of several tenants by name. A name that a tenant does not have adds nothing. */
export class NumbersSum {
  /** Number of tenants. */
  counted = 0;
  #rows = 0;
  readonly #sums = new Map<string, number | null>();

  add(names: readonly string[], [rows, ...more]: Numbers): void {
    this.counted += 1;
    this.#rows += rows;
    for (const [at, name] of names.entries()) {
      if (this.#sums.size >= maxSums && !this.#sums.has(name)) continue;
      const number = more[at] ?? null;
      const sum = this.#sums.get(name) ?? null;
      this.#sums.set(name, number === null ? sum : (sum ?? 0) + number);
    }
  }

  /** @param names of the numbers, in this order. Default: those that were added. */
  result(names: readonly string[] = [...this.#sums.keys()]): NamedNumbers {
    const sums = names.map((name) => this.#sums.get(name) ?? null);
    return { names, numbers: [this.#rows, ...sums.map((sum) => (sum === null ? null : plainNumber(sum)))] };
  }
}
