import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { testTotals } from '../../../tools/print-test-totals.ts';
import { projectRoot } from '../../paths.ts';

const file = (status: string, ...assertionResults: readonly string[]) => ({ status, assertionResults });
const report = (passed: number, failed: number, skipped: number, ...testResults: readonly object[]): string =>
  JSON.stringify({ numPassedTests: passed, numFailedTests: failed, numPendingTests: skipped, testResults });
const totals = (status: string, text: string | undefined): string[] => testTotals([{ report: text, status }]);

describe('testTotals', () => {
  it('counts passed and failed tests', () => {
    expect(totals('1', report(40, 2, 0, file('passed', 'a'), file('failed', 'b', 'c')))).toEqual([
      '40 passed, 2 failed',
    ]);
  });

  it('adds each file that failed to load to the failed tests', () => {
    const files = [file('failed'), file('failed'), file('failed', 'a'), file('passed')];
    expect(totals('1', report(40, 3, 0, ...files))).toEqual(['40 passed, 5 failed']);
  });

  it('counts skipped tests in a line of their own', () => {
    expect(totals('0', report(40, 0, 7))).toEqual(['7 skipped', '40 passed, 0 failed']);
  });

  it('counts a failure when vitest failed although every test passed', () => {
    expect(totals('1', report(40, 0, 0))).toEqual(['40 passed, 1 failed']);
    expect(totals('1', report(40, 2, 0))).toEqual(['40 passed, 2 failed']);
  });

  it('adds up several runs, each with its own status', () => {
    const runs = [
      { report: report(40, 0, 2), status: '0' },
      { report: report(3, 0, 5), status: '1' },
      { report: undefined, status: '1' },
    ];
    expect(testTotals(runs)).toEqual(['7 skipped', '43 passed, 2 failed']);
  });

  it.each([undefined, '', 'null', '{"numPassedTests":40}'])('counts a failure without a whole report (%j)', (text) => {
    expect(totals('0', text)).toEqual(['0 passed, 1 failed']);
  });
});

it('prints the totals of the report that it is given', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'totals-'));
  const path = join(folder, 'report.json');
  await writeFile(path, report(3, 1, 2, file('failed')));
  const print = (...args: readonly string[]) =>
    promisify(execFile)(process.execPath, [join(projectRoot, 'tools/print-test-totals.ts'), ...args]);
  expect((await print(path, '1')).stdout).toBe('2 skipped\n3 passed, 2 failed\n');
  expect((await print(path, '1', path, '0')).stdout).toBe('4 skipped\n6 passed, 4 failed\n');
  expect((await print(path, '1', path)).stdout).toBe('4 skipped\n6 passed, 4 failed\n');
  expect((await print(join(folder, 'missing.json'), '0')).stdout).toBe('0 passed, 1 failed\n');
  expect((await print()).stdout).toBe('0 passed, 1 failed\n');
  await rm(folder, { recursive: true });
});
