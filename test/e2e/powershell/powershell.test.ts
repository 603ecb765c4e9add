import { describe, expect, it } from 'vitest';
import { findPowerShell } from './powershell.ts';
import { runPester } from './run-pester.ts';

const shell = await findPowerShell();
const isMissing = typeof shell === 'string';
if (isMissing) console.warn(`The PowerShell module is not tested: ${shell}.`);

// Before the tests are declared: each of Pester's becomes one of them.
const { tests, broken } = isMissing ? { tests: [], broken: [] } : await runPester(shell);

describe.skipIf(isMissing)(`the PowerShell module in ${isMissing ? 'no shell' : `PowerShell ${shell.version}`}`, () => {
  it('is tested by Pester, all of whose files can be read', () => {
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
