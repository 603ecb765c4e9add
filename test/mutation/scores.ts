/** Counts mutants per folder, and compares the scores with the thresholds. */

interface Mutant {
  readonly status: string;
  /** Why it counts as detected: the message of the failed test, or of the error outside of tests. */
  readonly statusReason?: string;
  /** Ids of the tests that reach it. */
  readonly coveredBy?: readonly string[];
  /** Number of tests that ran. */
  readonly testsCompleted?: number;
}

/** The part of Stryker's JSON report that is read: file → its mutants. */
export interface Report {
  readonly files: Readonly<Record<string, { readonly mutants: readonly Mutant[] } & Readonly<Record<string, unknown>>>>;
}

export interface Score {
  readonly folder: string;
  /** Mutants that count: detected or not. Ignored ones, those that do not compile and those whose runner crashed do not count. */
  readonly mutants: number;
  readonly detected: number;
  /** Those of the detected ones that a time limit ended. On a busy machine some of them would have survived. */
  readonly late: number;
  /** 0 to 100, rounded down to a tenth, so that it never reaches a threshold by rounding. */
  readonly percent: number;
}

export type Thresholds = Readonly<Record<string, number>>;

/** Also a mutant with which a test file cannot be loaded, or whose failure no test awaits: the run fails, without a failed test. */
const isDetected = ({ status, statusReason = '' }: Mutant): boolean =>
  status === 'Killed' || status === 'Timeout' || (status === 'RuntimeError' && outsideOfTests.test(statusReason));
/** Stryker's words for it. A runner that crashed detects nothing. */
const outsideOfTests = /^An error occurred outside of a test run/;
/** V8 did not take the expression with the names of the tests that reach it, so none ran. */
const isUnfiltered = ({ status, statusReason = '' }: Mutant): boolean =>
  status === 'RuntimeError' && statusReason.includes(': Regular expression too large');
/** Stryker's own limit, and vitest's limit of one test. */
const isLate = ({ status, statusReason = '' }: Mutant): boolean =>
  status === 'Timeout' || (status === 'Killed' && /\btimed out in \d+ms/.test(statusReason));

const undetected: readonly string[] = ['Survived', 'NoCoverage'];

export function scoreOf(folder: string, { files }: Report): Score {
  const mutants = Object.values(files).flatMap((file) => file.mutants);
  const detected = mutants.filter(isDetected).length;
  const counted = detected + mutants.filter(({ status }) => undetected.includes(status)).length;
  const percent = counted === 0 ? 100 : Math.floor((detected * 1000) / counted) / 10;
  return { folder, mutants: counted, detected, late: mutants.filter(isLate).length, percent };
}

/** Mutants for which none of the tests that reach them ran, and survivors for which some did not. There must be none. */
export const untested = ({ files }: Report): number =>
  Object.values(files)
    .flatMap((file) => file.mutants)
    .filter(
      (mutant) =>
        isUnfiltered(mutant) ||
        (mutant.status === 'Survived' && (mutant.testsCompleted ?? 0) < (mutant.coveredBy?.length ?? 0)),
    ).length;

/** A line for each folder whose score is below its threshold. A folder without a threshold passes. */
export function shortfalls(scores: readonly Score[], thresholds: Thresholds): string[] {
  return scores.flatMap(({ folder, percent }) => {
    const threshold = thresholds[folder];
    return threshold !== undefined && percent < threshold
      ? [`${folder}: the tests detect ${percent} % of the mutants, but its threshold is ${threshold} %.`]
      : [];
  });
}

/** The thresholds with those raised that the scores exceed, and new ones added. It lowers none. */
export function raised(scores: readonly Score[], thresholds: Thresholds): Thresholds {
  const measured = scores.map(({ folder, percent }) => [folder, Math.max(percent, thresholds[folder] ?? 0)] as const);
  const all = Object.entries({ ...thresholds, ...Object.fromEntries(measured) });
  return Object.fromEntries(all.toSorted(([a], [b]) => a.localeCompare(b, 'en')));
}
