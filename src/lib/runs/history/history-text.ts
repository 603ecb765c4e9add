import { jsonRecord } from './json-record.ts';
import { NumbersSum } from './numbers-sum.ts';
import { Packer, Unpacker } from './packed-numbers.ts';
import { joinPieces, maxPiecesLength, pieceNames, piecesOf } from './pieces.ts';
import {
  type HistoryPart,
  type HistoryTenant,
  type HistoryTotals,
  maxSplitValues,
  type OutcomeNumbers,
} from './result-history.ts';
import type { TenantNumbers } from './tenant-numbers.ts';

const property = 'totals';
const outcomeProperties = {
  succeeded: 'succeeded',
  failed: 'failed',
  skipped: 'skipped',
  not_attempted: 'notAttempted',
};
export const totalsProperties: readonly string[] = [...Object.values(outcomeProperties), ...pieceNames(property)];

/** Adds what a run brought in all tenants. */
export class Totals {
  readonly #outcomes = { succeeded: 0, failed: 0, skipped: 0, not_attempted: 0 };
  readonly #all = new NumbersSum();
  readonly #values = new Map<string, NumbersSum>();
  #by: string | undefined;
  /** Tenants whose numbers are split. Those without rows are, too. */
  #splitTenants = 0;

  add({ outcome, rows, numbers }: HistoryTenant): void {
    this.#outcomes[outcome] += 1;
    if (outcome !== 'succeeded') return;
    this.#all.add(numbers?.names ?? [], numbers?.all ?? [rows]);
    if (rows === 0) this.#splitTenants += 1;
    if (numbers?.split === undefined || (this.#by ?? numbers.split.by) !== numbers.split.by) return;
    this.#by = numbers.split.by;
    this.#splitTenants += 1;
    for (const [value, some] of numbers.split.values) {
      const sum = this.#values.get(value) ?? new NumbersSum();
      this.#values.set(value, sum);
      sum.add(numbers.names, some);
    }
  }

  properties(): Record<string, string | number> {
    let values = maxSplitValues;
    let text = this.#text(values);
    // With many columns, fewer values fit into a row. Without values, the text always does.
    while (text.length > maxPiecesLength) text = this.#text((values = Math.floor(values / 2)));
    const outcomes = Object.entries(outcomeProperties).map(([outcome, name]): [string, number] => [
      name,
      this.#outcomes[outcome as keyof OutcomeNumbers],
    ]);
    return { ...Object.fromEntries(outcomes), ...piecesOf(property, text) };
  }

  /** @param most values of the split. Those with the fewest rows are left out. */
  #text(most: number): string {
    const packer = new Packer();
    return JSON.stringify({
      total: packer.pack(this.#sum(most)),
      ...packer.dictionary(),
      counted: this.#all.counted,
      splitCounted: this.#splitTenants,
      ...(this.#values.size > most ? { isCut: true } : {}),
    });
  }

  #sum(most: number): TenantNumbers {
    const { names, numbers } = this.#all.result();
    if (this.#by === undefined) return { names, all: numbers };
    const values = [...this.#values]
      .map(([value, sum]) => [value, sum.result(names).numbers] as const)
      .toSorted(([, [a]], [, [b]]) => b - a)
      .slice(0, most)
      .toSorted(([a], [b]) => (a < b ? -1 : 1));
    return { names, all: numbers, split: { by: this.#by, values } };
  }
}

/** Reads what {@link Totals} has written. @param part of the rows. Default: all. */
export function readTotals(row: Readonly<Record<string, unknown>>, part: HistoryPart | undefined): HistoryTotals {
  const content = jsonRecord(joinPieces(property, row));
  const total = Array.isArray(content['total']) ? content['total'] : [];
  const unpacker = new Unpacker(content, part);
  const split = unpacker.splitOf(total);
  const isLeftOut = content['isCut'] === true && part !== undefined && split?.values.includes(part.value) !== true;
  const counted = numberIn(content, part === undefined ? 'counted' : 'splitCounted');
  // The sum of no tenant is not zero.
  const sum = isLeftOut || counted === 0 ? undefined : unpacker.unpack(total);
  const { succeeded, failed, skipped, not_attempted } = outcomeProperties;
  return {
    outcomes: {
      succeeded: numberIn(row, succeeded),
      failed: numberIn(row, failed),
      skipped: numberIn(row, skipped),
      not_attempted: numberIn(row, not_attempted),
    },
    ...(sum && { sum: { ...sum, counted } }),
    ...(split && { split }),
  };
}

function numberIn(record: Readonly<Record<string, unknown>>, name: string): number {
  const value = record[name];
  return typeof value === 'number' ? value : 0;
}
