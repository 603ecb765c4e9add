import * as z from 'zod';

/**
 * Numbers of some rows: how many rows there are, and one number for each name of {@link TenantNumbers.names}. Null: not known,
 * because no row had a value.
 */
export type Numbers = readonly [rows: number, ...more: (number | null)[]];

/** What the history keeps of a tenant's rows: numbers, and of the texts only values of a column that the job names. */
export interface TenantNumbers {
  /**
   * What the numbers count. A column of numbers has its sum under its name. A column of booleans has the rows with each value
   * under `NAME=true` and `NAME=false`.
   */
  readonly names: readonly string[];
  readonly all: Numbers;
  /** The same for the rows with each value of one column. */
  readonly split?: { readonly by: string; readonly values: readonly (readonly [value: string, numbers: Numbers])[] };
}

/** Limits, because a job without declared columns may return any. */
const maxNames = 40;
const maxNameLength = 60;
/** A column with more values in one tenant has no few values, and does not split anything. */
const maxValues = 100;
const maxValueLength = 100;
/** Longest text of a tenant's numbers. Without the split, it is always shorter. */
export const maxNumbersLength = 8_000;

type Row = Readonly<Record<string, unknown>>;

/** How a job wants its rows counted. */
export interface Counting {
  /** The column whose values split the numbers. */
  readonly by?: string | undefined;
  /** Columns without numbers in the history. */
  readonly without?: ReadonlySet<string>;
}

/** Counts the rows of a tenant. */
export class RowCounter {
  readonly #counting: Counting;
  readonly #all = new Tally();
  readonly #groups = new Map<string, Tally>();

  constructor(counting: Counting) {
    this.#counting = counting;
  }

  add(row: Row): void {
    this.#all.add(row);
    const value = this.#counting.by === undefined ? undefined : row[this.#counting.by];
    // More groups are not used.
    if (typeof value !== 'string' || value === '' || value.length > maxValueLength || this.#groups.size > maxValues)
      return;
    const group = this.#groups.get(value) ?? new Tally();
    this.#groups.set(value, group);
    group.add(row);
  }

  /** @returns undefined without rows. */
  result(): TenantNumbers | undefined {
    const { by, without } = this.#counting;
    const names = this.#all.names(without);
    const counted = { names, all: this.#all.numbers(names) };
    if (counted.all[0] === 0) return undefined;
    if (by === undefined) return counted;
    const values = [...this.#groups]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([value, group]) => [value, group.numbers(names)] as const);
    const split = { ...counted, split: { by, values } };
    return values.length > maxValues || numbersText(split).length > maxNumbersLength ? counted : split;
  }
}

/** What was seen of one column. */
interface Seen {
  numbers: number;
  sum: number;
  trues: number;
  falses: number;
  others: number;
}

class Tally {
  #rows = 0;
  readonly #columns = new Map<string, Seen>();

  add(row: Row): void {
    this.#rows += 1;
    for (const [name, value] of Object.entries(row)) {
      if (value === null) continue;
      const seen = this.#columns.get(name) ?? { numbers: 0, sum: 0, trues: 0, falses: 0, others: 0 };
      this.#columns.set(name, seen);
      if (typeof value === 'number') {
        seen.numbers += 1;
        seen.sum += value;
      } else if (typeof value !== 'boolean') seen.others += 1;
      else if (value) seen.trues += 1;
      else seen.falses += 1;
    }
  }

  /** Names for the columns whose values are all numbers, or all booleans, in the order of the columns. */
  names(without?: ReadonlySet<string>): string[] {
    return [...this.#columns]
      .flatMap(([column, { numbers, trues, falses, others }]) => {
        if (column.length > maxNameLength || without?.has(column) === true || others > 0) return [];
        // Would have the name of a counted boolean.
        if (/=(?:true|false)$/.test(column)) return [];
        if (trues + falses === 0) return [column];
        return numbers > 0 ? [] : [`${column}=true`, `${column}=false`];
      })
      .slice(0, maxNames);
  }

  numbers(names: readonly string[]): Numbers {
    const found = new Map<string, number | null>();
    for (const [column, { numbers, sum, trues, falses }] of this.#columns) {
      if (numbers > 0) found.set(column, plainNumber(sum));
      if (trues + falses > 0) found.set(`${column}=true`, trues).set(`${column}=false`, falses);
    }
    return [this.#rows, ...names.map((name) => found.get(name) ?? null)];
  }
}

/** A sum without the digits that binary fractions add: 0.1 + 0.2 is 0.3. Null for one that is no number any more. */
export function plainNumber(sum: number): number | null {
  if (!Number.isFinite(sum)) return null;
  return Number.isInteger(sum) ? sum : Number(sum.toPrecision(15));
}

const numbersSchema = z.tuple([z.number()], z.number().nullable());
const tenantNumbersSchema = z.object({
  names: z.array(z.string()),
  all: numbersSchema,
  split: z.object({ by: z.string(), values: z.array(z.tuple([z.string(), numbersSchema])) }).optional(),
});

/** The numbers as JSON, at most {@link maxNumbersLength} characters. */
export const numbersText = (numbers: TenantNumbers): string => JSON.stringify(numbers);

/** @returns undefined for a text that {@link numbersText} did not write. */
export function readNumbersText(text: string | undefined): TenantNumbers | undefined {
  try {
    const { split, ...rest } = tenantNumbersSchema.parse(JSON.parse(text ?? ''));
    return split === undefined ? rest : { ...rest, split };
  } catch {
    return undefined;
  }
}
