/** Prints "N passed, N failed" from vitest's JSON report: `node tools/print-test-totals.ts FILE EXIT_STATUS`. */
import { readFileSync } from 'node:fs';

/** The part of the report of vitest's JSON reporter that is counted. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[];
}

/**
 * The lines with the totals.
 * @param report text of the report; undefined if there is none.
 * @param status exit status of vitest.
 */
export function testTotals(report: string | undefined, status: string): string[] {
  const { passed, failed, skipped } = count(report);
  // A run that ends with an error outside of tests also failed.
  const total = status !== '0' && failed === 0 ? 1 : failed;
  return [...(skipped > 0 ? [`${skipped} skipped`] : []), `${passed} passed, ${total} failed`];
}

function count(text: string | undefined): { passed: number; failed: number; skipped: number } {
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
  const [file = '', status = '1'] = process.argv.slice(2);
  for (const line of testTotals(readReport(file), status)) console.log(line);
}
