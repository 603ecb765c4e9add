/** Prints "N passed, N failed" from JSON reports of vitest: `node tools/print-test-totals.ts FILE EXIT_STATUS …`. */
import { readFileSync } from 'node:fs';

/** The part of the report of vitest's JSON reporter that is counted. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[];
}

/** A run of vitest. */
export interface Run {
  /** Text of the report; undefined if there is none. */
  readonly report: string | undefined;
  /** Exit status of vitest. */
  readonly status: string;
}

/** The lines with the totals of all runs. */
export function testTotals(runs: readonly Run[]): string[] {
  const counts = runs.map(count);
  const sum = (key: keyof Counts): number => counts.reduce((total, each) => total + each[key], 0);
  const skipped = sum('skipped');
  return [...(skipped > 0 ? [`${skipped} skipped`] : []), `${sum('passed')} passed, ${sum('failed')} failed`];
}

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

function count({ report, status }: Run): Counts {
  const { failed, ...others } = read(report);
  // A run that ends with an error outside of tests also failed.
  return { ...others, failed: status !== '0' && failed === 0 ? 1 : failed };
}

function read(text: string | undefined): Counts {
  try {
    const { numPassedTests, numFailedTests, numPendingTests, testResults } = JSON.parse(text ?? '') as Report;
    // A file that failed to load has no tests, and counts as one failure.
    const notLoaded = testResults.filter(
      ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
    );
    return { passed: numPassedTests, failed: numFailedTests + notLoaded.length, skipped: numPendingTests };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

function readReport(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

if (import.meta.main) {
  const words = process.argv.slice(2);
  // Without arguments, the one run that is missing failed.
  const count = Math.max(1, Math.ceil(words.length / 2));
  const runs = Array.from({ length: count }, (_, n) => ({
    report: readReport(words[2 * n] ?? ''),
    status: words[2 * n + 1] ?? '1',
  }));
  for (const line of testTotals(runs)) console.log(line);
}
