import { describe, expect, it } from 'vitest';
import { skippedBecause } from '../../support/skipped.ts';
import { findPowerShell } from './powershell.ts';
import { runPester } from './run-pester.ts';

const shell = await findPowerShell();
const isMissing = typeof shell === 'string';

// Pester runs before the tests are declared, because each Pester test becomes a vitest test.
const { tests, broken } = isMissing ? { tests: [], broken: [] } : await runPester(shell);

describe(
  `PowerShell module in ${isMissing ? 'no shell' : `PowerShell ${shell.version}`}`,
  skippedBecause(isMissing ? shell : undefined),
  () => {
    it('has Pester files that all load and contain tests', () => {
      expect(broken).toEqual([]);
      expect(tests.length).toBeGreaterThan(0);
    });

    for (const { name, result, failure } of tests) {
      it(`Pester: ${name}`, skippedBecause(result === 'Skipped' ? 'Pester skipped it' : undefined), () => {
        expect(failure).toBe('');
        expect(result).toBe('Passed');
      });
    }
  },
);
