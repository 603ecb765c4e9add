import { describe, expect, it } from 'vitest';
import { skippedBecause } from '../../support/skipped.ts';
import { findPester, findPowerShell } from './powershell.ts';
import { runPester } from './run-pester.ts';

const shell = findPowerShell();
const pester = await findPester(shell);
const missing = typeof pester === 'string' ? pester : undefined;

// Pester runs before the tests are declared, because each Pester test becomes a vitest test.
const { tests, broken } =
  typeof shell === 'string' || missing !== undefined ? { tests: [], broken: [] } : await runPester(shell);

describe(
  `PowerShell module in ${typeof pester === 'string' ? 'no shell' : `PowerShell ${pester.version}`}`,
  skippedBecause(missing),
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
