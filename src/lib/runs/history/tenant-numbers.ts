import * as z from 'zod';
import type { TenantId } from '../../core/identifiers.ts';
import { defined, type JsonObject } from '../../core/objects.ts';
import type { ParameterValues } from '../../core/parameters.ts';

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
  readonly split?:
    | { readonly by: string; readonly values: readonly (readonly [value: string, numbers: Numbers])[] }
    | undefined;
}

/** Limits, because a job without declared columns may return any. */
const maxNames = 40;
const maxNameLength = 60;
/** A column with more values in one tenant has no few values, and does not split anything. */
const maxValues = 100;
const maxValueLength = 100;
/** Longest text of a tenant's numbers. Without the split, it is always shorter. */
export const maxNumbersLength = 8_000;

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

  add(row: JsonObject): void {
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
    return values.length > maxValues || JSON.stringify(split).length > maxNumbersLength ? counted : split;
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

  add(row: JsonObject): void {
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
function plainNumber(sum: number): number | null {
  if (!Number.isFinite(sum)) return null;
  return Number.isInteger(sum) ? sum : Number(sum.toPrecision(15));
}

const numbersSchema = z.tuple([z.number()], z.number().nullable());
/** As JSON, the numbers take at most {@link maxNumbersLength} characters. */
export const tenantNumbersSchema: z.ZodType<TenantNumbers> = z.object({
  names: z.array(z.string()),
  all: numbersSchema,
  split: z.object({ by: z.string(), values: z.array(z.tuple([z.string(), numbersSchema])) }).optional(),
});

export const endedStatuses = ['completed', 'failed', 'cancelled'] as const;

/** What became of a tenant of an ended run. */
export const historyOutcomes = ['succeeded', 'failed', 'skipped', 'not_attempted'] as const;
export type HistoryOutcome = (typeof historyOutcomes)[number];

/**
 * Most sums over several tenants, and most values of a split with them. A job without declared columns may return other columns
 * in each tenant, and a job may split by a column with many values.
 */
export const maxSums = 100;
export const maxSplitValues = 500;

/** An ended run. */
export interface HistoryRun {
  readonly runId: string;
  readonly job: string;
  readonly window: string;
  readonly startedAtMs: number;
  readonly status: (typeof endedStatuses)[number];
  /** `selected`: only requested tenants. */
  readonly scope: 'all' | 'selected';
  /** Whether a timer started it. */
  readonly isScheduled: boolean;
  /** With the defaults that were applied. Absent if it has none. */
  readonly parameters?: ParameterValues | undefined;
}

/** A tenant of an ended run. */
export interface HistoryTenant {
  readonly tenantId: TenantId;
  readonly outcome: HistoryOutcome;
  /** Number of rows. */
  readonly rows: number;
  /** Absent without rows, and if they were not counted. */
  readonly numbers?: TenantNumbers | undefined;
}

/** The rows with one value of the column that splits the numbers. */
export interface HistoryPart {
  readonly by: string;
  readonly value: string;
}

/** Numbers under their names. */
export interface NamedNumbers {
  readonly names: readonly string[];
  readonly numbers: Numbers;
}

/** A text that differs for all runs: the window of a run that was deleted may be used again. */
export const historyKey = ({ startedAtMs, window }: Pick<HistoryRun, 'startedAtMs' | 'window'>): string =>
  `${startedAtMs} ${window}`;

/** What a run brought over several tenants. */
export interface HistoryTotals {
  readonly outcomes: Readonly<Record<HistoryOutcome, number>>;
  /** The sum over `counted` tenants. Absent if the wanted rows were not counted. */
  readonly sum?: NamedNumbers & { readonly counted: number };
  /** The column that splits the numbers of this run, and its values. */
  readonly split?: HistorySplit;
}

export interface HistorySplit {
  readonly by: string;
  readonly values: readonly string[];
}

/** Sums of two runs over the same tenants. */
export interface HistoryOfBoth {
  /** Number of tenants. */
  readonly counted: number;
  readonly sums: readonly [NamedNumbers, NamedNumbers];
}

/** What a run brought in one tenant. */
export interface TenantPoint {
  readonly outcome: HistoryOutcome;
  /** Absent if the tenant did not succeed, or the wanted rows were not counted: that is not zero. */
  readonly found?: NamedNumbers;
  readonly split?: HistorySplit;
}

/** Which runs are wanted. */
export interface HistoryPeriod {
  readonly job: string;
  /** Runs that started at this time or later. Unix time in milliseconds. */
  readonly sinceMs: number;
  /** Runs that started before. */
  readonly untilMs: number;
}

/** How reading is limited. */
export interface HistoryReading {
  readonly part?: HistoryPart | undefined;
  /** With some tenants: those that may be wanted, if they are known. What cannot contain them is not read. */
  readonly among?: ReadonlySet<TenantId> | undefined;
  /** Ends the reading. */
  readonly signal?: AbortSignal;
}

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
    return defined({
      outcomes: this.#outcomes,
      sum: counted === 0 ? undefined : { ...this.#sum.result(), counted },
      split: this.#by === undefined ? undefined : { by: this.#by, values: [...this.#values].toSorted() },
    });
  }
}
