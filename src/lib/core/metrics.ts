/*
 * Counts in memory, for GET /api/metrics. An update takes two look-ups in a map, so that it may stand in the path of a token.
 */

/** One series: the values of its labels, in the order of their names, and its number. */
interface Sample<V> {
  readonly labels: readonly string[];
  readonly value: V;
}

/** Most series of one metric. What exceeds it is counted under labels without text, so that no caller can fill the memory. */
const maxSeries = 1_000;
/** No label contains it. */
const separator = '\u0000';

/** Series by the values of their labels. */
class Series<V> {
  readonly labelNames: readonly string[];
  readonly #start: () => V;
  readonly #values = new Map<string, V>();

  constructor(labelNames: readonly string[], start: () => V) {
    this.labelNames = labelNames;
    this.#start = start;
  }

  get samples(): readonly Sample<V>[] {
    return [...this.#values].map(([key, value]) => ({ labels: key.split(separator), value }));
  }

  protected change(labels: readonly string[], change: (value: V) => V): void {
    const key = labels.join(separator);
    const known = this.#values.get(key);
    const isTooMany = known === undefined && this.#values.size >= maxSeries && labels.some((label) => label !== '');
    if (isTooMany)
      return this.change(
        labels.map(() => ''),
        change,
      );
    this.#values.set(key, change(known ?? this.#start()));
  }
}

/** A number that only rises. */
export class Counter extends Series<number> {
  constructor(labelNames: readonly string[]) {
    super(labelNames, () => 0);
  }

  /** @param labels the values in the order of the names. */
  add(...labels: readonly string[]): void {
    this.change(labels, (total) => total + 1);
  }
}

/** How many observations are at most each bound. */
interface Distribution {
  /** One for each bound, without those of smaller bounds. The last counts what exceeds every bound. */
  readonly counts: number[];
  readonly sum: number;
}

/** Durations in seconds. */
export class Histogram extends Series<Distribution> {
  /** Upper bounds in seconds, rising. */
  readonly bounds: readonly number[];

  constructor(labelNames: readonly string[], bounds: readonly number[]) {
    super(labelNames, () => ({ counts: Array.from({ length: bounds.length + 1 }, () => 0), sum: 0 }));
    this.bounds = bounds;
  }

  /** @param labels the values in the order of the names. */
  observe(seconds: number, ...labels: readonly string[]): void {
    const found = this.bounds.findIndex((bound) => seconds <= bound);
    const place = found === -1 ? this.bounds.length : found;
    this.change(labels, ({ counts, sum }) => {
      counts[place] = (counts[place] ?? 0) + 1;
      return { counts, sum: sum + seconds };
    });
  }
}

/** What this process counts. Nothing here names a tenant or a caller. */
export class AppMetrics {
  readonly httpRequests = new Counter(['route', 'status']);
  readonly tokens = new Counter(['outcome', 'resource', 'code']);
  readonly gatewayRequests = new Counter(['outcome', 'resource', 'code']);
  /** Entra answers in 0.1 to 1 s, and is given 15 s. */
  readonly redemptions = new Histogram(['outcome'], [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15]);
  /** Storage answers in a few milliseconds, and a caller waits for 3 s. */
  readonly auditWrites = new Histogram(['outcome'], [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3]);
}
