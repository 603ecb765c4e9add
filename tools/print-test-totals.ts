/** Prints "N passed, N failed" from vitest's JSON report: `node tools/print-test-totals.ts FILE EXIT_STATUS`. */
import { readFileSync } from 'node:fs';

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly name: string;
    readonly assertionResults: readonly unknown[];
  }[];
}

const [file = '', status = '1'] = process.argv.slice(2);
let passed = 0;
let failed = 0;
try {
  const report = JSON.parse(readFileSync(file, 'utf8')) as Report;
  passed = report.numPassedTests;
  // A file that failed to load has no tests, and counts as one failure.
  failed =
    report.numFailedTests +
    report.testResults.filter((result) => result.status === 'failed' && result.assertionResults.length === 0).length;
  if (report.numPendingTests > 0) console.log(`${report.numPendingTests} skipped`);
} catch {
  failed = 1;
}
if (status !== '0' && failed === 0) failed = 1;
console.log(`${passed} passed, ${failed} failed`);
