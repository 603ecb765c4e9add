import { NumbersSum } from './numbers-sum.ts';
import { type HistoryTotals, maxSplitValues, type TenantPoint } from './result-history.ts';

/** Adds what one run brought in some tenants. */
export class SumOfTenants {
  readonly #outcomes = { succeeded: 0, failed: 0, skipped: 0, not_attempted: 0 };
  readonly #sum = new NumbersSum();
  readonly #values = new Set<string>();
  #by: string | undefined;

  add({ outcome, found, split }: TenantPoint): void {
    this.#outcomes[outcome] += 1;
    if (found !== undefined) this.#sum.add(found.names, found.numbers);
    if (split === undefined) return;
    this.#by ??= split.by;
    for (const value of split.values) if (this.#values.size < maxSplitValues) this.#values.add(value);
  }

  result(): HistoryTotals {
    const { counted } = this.#sum;
    return {
      outcomes: this.#outcomes,
      ...(counted === 0 ? {} : { sum: { ...this.#sum.result(), counted } }),
      ...(this.#by === undefined ? {} : { split: { by: this.#by, values: [...this.#values].toSorted() } }),
    };
  }
}
