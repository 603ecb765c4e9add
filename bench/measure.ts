/** Types of the results, and the statistics over samples. */

export interface Figure {
  /** For example "broker, 10,000 tenants". */
  readonly name: string;
  readonly unit: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly samples: number;
}

/** The figures of one benchmark and their goals. */
export interface BenchResult {
  readonly title: string;
  /** What is simulated and with which delays, in one or two sentences. */
  readonly setting: string;
  /** The Functions host that ran the app. Absent if the figures do not depend on one. */
  readonly engine?: string;
  readonly figures: readonly Figure[];
  /** The report compares these cases in one table. Names of their figures are `CASE: MEASURE` or `MEASURE, CASE`. */
  readonly cases?: readonly string[];
  /** Starts of measures that the report leaves out, because they only explain others. */
  readonly unlisted?: readonly string[];
  readonly goals: readonly Goal[];
  readonly charts?: readonly Chart[];
}

/** A chart refers to figures by name and holds no numbers. */
export type Chart =
  | {
      /** Name of the file in docs/benchmarks, without extension. */
      readonly file: string;
      readonly kind: 'bars';
      readonly title: string;
      readonly bars: readonly { readonly label: string; readonly figure: string }[];
    }
  | {
      readonly file: string;
      readonly kind: 'lines';
      readonly title: string;
      readonly logarithmic: boolean;
      readonly series: readonly {
        readonly label: string;
        readonly points: readonly { readonly x: number; readonly figure: string }[];
      }[];
    };

export interface Goal {
  readonly goal: string;
  readonly reached: boolean;
  /** The measured value, as text. */
  readonly value: string;
  /** Why the goal is missed. */
  readonly reason?: string;
}

/** The machine on which the benchmarks ran. */
interface Machine {
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
}

/** bench/results.json */
export interface Results {
  readonly machine: Machine;
  readonly results: Readonly<Record<string, BenchResult>>;
}

/** The engine of `npm run bench`. */
export const embeddedHost = 'embedded host';

export interface Bench {
  readonly name: string;
  run(): Promise<BenchResult>;
}

export function figure(name: string, unit: string, samples: readonly number[]): Figure {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return {
    name,
    unit,
    median: at(0.5),
    min: sorted[0] ?? Number.NaN,
    max: sorted.at(-1) ?? Number.NaN,
    samples: samples.length,
  };
}

/** Microseconds per call of `work`: one sample for each of `rounds` rounds of `calls` calls, after one warm-up round. */
export async function microsecondsPerCall(
  work: (n: number) => Promise<unknown>,
  calls: number,
  rounds = 7,
): Promise<number[]> {
  const samples: number[] = [];
  for (let round = -1; round < rounds; round += 1) {
    const startedNs = process.hrtime.bigint();
    for (let n = 0; n < calls; n += 1) await work(n);
    const elapsedNs = Number(process.hrtime.bigint() - startedNs);
    if (round >= 0) samples.push(elapsedNs / calls / 1000);
  }
  return samples;
}

export const round = (value: number, digits = 2): number => Number(value.toPrecision(digits + 1));

/** A value for people: integers in full, other numbers with three digits. */
export const shown = (value: number): string =>
  Number.isInteger(value)
    ? value.toLocaleString('en')
    : round(value).toLocaleString('en', { maximumFractionDigits: 4 });
