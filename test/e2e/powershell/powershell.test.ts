import { describe, expect, it } from 'vitest';
import { findPowerShell } from './powershell.ts';
import { runPester } from './run-pester.ts';

const shell = await findPowerShell();
const isMissing = typeof shell === 'string';
if (isMissing) console.warn(`The tests of the PowerShell module are skipped: ${shell}.`);

// Pester runs before the tests are declared, because each Pester test becomes a vitest test.
const { tests, broken } = isMissing ? { tests: [], broken: [] } : await runPester(shell);

describe.skipIf(isMissing)(`PowerShell module in ${isMissing ? 'no shell' : `PowerShell ${shell.version}`}`, () => {
  it('has Pester files that all load and contain tests', () => {
    expect(broken).toEqual([]);
    expect(tests.length).toBeGreaterThan(0);
  });

  for (const { name, result, failure } of tests) {
    it.skipIf(result === 'Skipped')(`Pester: ${name}`, () => {
      expect(failure).toBe('');
      expect(result).toBe('Passed');
    });
  }
});
