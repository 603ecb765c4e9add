import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { skippedBecause } from '../../support/skipped.ts';
import { startWatchedDemo, type WatchedDemo } from '../../support/watched-demo.ts';
import { runsIn, writeRun, type WrittenRun } from '../../support/written-run.ts';
import { findPowerShell } from '../powershell/powershell.ts';
import type { Reader } from './read-by-each-client.ts';
import { readByPowerShellFile, readByPowerShellObjects, readByTypeScript } from './read-by-libraries.ts';

let demo: WatchedDemo;
let run: WrittenRun;
let reader: Reader;

const shell = findPowerShell();
/** PowerShell takes long for thousands of objects while the machine is busy. */
const powerShell = { timeout: 900_000, ...skippedBecause(typeof shell === 'string' ? shell : undefined) };

beforeAll(async () => {
  demo = await startWatchedDemo({ tenants: 5 });
  // More than one page of 1 MiB.
  const size = { tenants: 120, rowsPerTenant: 70 };
  run = await writeRun(runsIn(demo.connectionString), { runId: 'former-job@libraries', seed: 27, ...size });
  reader = { url: demo.url, token: await demo.callerToken(), run };
});
afterAll(() => demo?.stop());

describe('the rows of a run with thousands of rows', () => {
  it.each([undefined, 333])('are what was written, for the TypeScript client in pages of %s rows', async (pageRows) => {
    expect(await readByTypeScript(reader, pageRows)).toBe(run.rows);
  });

  it('are what was written, for PowerShell as objects', powerShell, async () => {
    expect(await readByPowerShellObjects(shell, reader)).toBe(run.rows);
  });

  it('are what was written, for PowerShell in a file', powerShell, async () => {
    expect(await readByPowerShellFile(shell, reader)).toBe(run.rows);
  });
});
