import type { TenantId } from '../../core/identifiers.ts';
import type { ParameterValues } from '../../core/parameters.ts';
import { type Numbers, plainNumber, type TenantNumbers } from './tenant-numbers.ts';

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

type OutcomeNumbers = Readonly<Record<HistoryOutcome, number>>;

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
  readonly outcomes: OutcomeNumbers;
  /** The sum over `counted` tenants. Absent if the wanted rows were not counted. */
  readonly sum?: NamedNumbers & { readonly counted: number };
  /** The column that splits the numbers of this run, and its values. */
  readonly split?: HistorySplit;
}

export interface HistorySplit {
  readonly by: string;
  readonly values: readonly string[];
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

/**
 * Numbers of the rows of each ended run of a job, by tenant. It outlives the runs. Every method throws BrokerError
 * `storage_unavailable`.
 */
export interface ResultHistory {
  /** Keeps what a run brought. A repeated call replaces it. */
  add(run: HistoryRun, tenants: readonly HistoryTenant[]): Promise<void>;
  /** The newest runs of the period, newest first. @param limit of the number of runs. */
  runs(period: HistoryPeriod, limit: number, signal?: AbortSignal): Promise<readonly HistoryRun[]>;
  /** Totals over all tenants by {@link historyKey}, for the runs of the period. */
  totals(period: HistoryPeriod, reading?: HistoryReading): Promise<ReadonlyMap<string, HistoryTotals>>;
  /** The same over some tenants. Runs that did not concern them are left out. */
  totalsOf(
    isWanted: (tenantId: TenantId) => boolean,
    period: HistoryPeriod,
    reading?: HistoryReading,
  ): Promise<ReadonlyMap<string, HistoryTotals>>;
  /** What each run brought in one tenant, by {@link historyKey}. Runs that did not concern it are left out. */
  ofTenant(
    tenantId: TenantId,
    period: HistoryPeriod,
    reading?: HistoryReading,
  ): Promise<ReadonlyMap<string, TenantPoint>>;
  /** Deletes what is kept of runs that started before. @returns the number of runs. */
  purge(startedBeforeMs: number): Promise<number>;
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
    return {
      outcomes: this.#outcomes,
      ...(counted === 0 ? {} : { sum: { ...this.#sum.result(), counted } }),
      ...(this.#by === undefined ? {} : { split: { by: this.#by, values: [...this.#values].toSorted() } }),
    };
  }
}
