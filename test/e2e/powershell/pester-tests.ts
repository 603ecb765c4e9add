import { globSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { skippedBecause } from '../../support/skipped.ts';
import { findPester, findPowerShell } from './powershell.ts';
import { runPester } from './run-pester.ts';

/** The Pester files of `npm test`: tokens, requests through the gateway and runs. */
const main: readonly string[] = ['Token.Tests.ps1', 'Gateway.Tests.ps1', 'Run.Tests.ps1'];
const all = globSync('*.Tests.ps1', { cwd: import.meta.dirname }).toSorted();

/**
 * Runs Pester files, and declares each of their tests as a test of vitest. Pester runs before the tests are declared.
 * @param which the main files, or the others.
 */
export async function declarePesterTests(which: 'main' | 'others'): Promise<void> {
  const files = which === 'main' ? main : all.filter((file) => !main.includes(file));
  const shell = findPowerShell();
  const pester = await findPester(shell);
  const missing = typeof pester === 'string' ? pester : undefined;
  const { tests, broken } =
    typeof shell === 'string' || missing !== undefined ? { tests: [], broken: [] } : await runPester(shell, files);

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
}
