import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Demo, startDemo } from '../../../src/cli/demo/start-demo.ts';
import { skippedBecause } from '../../support/skipped.ts';
import { quiet } from '../../support/watched-demo.ts';
import { runsIn, writeRun, type WrittenRun } from '../../support/written-run.ts';
import { findPowerShell } from '../powershell/powershell.ts';
import { readByPowerShellFile, readByPowerShellObjects, readByTypeScript } from './read-by-libraries.ts';

let demo: Demo;
let run: WrittenRun;

const tenants = Number(process.env['PAGES_TENANTS'] ?? '5000');
const rowsPerTenant = Number(process.env['PAGES_ROWS'] ?? '200');
const shell = findPowerShell();

beforeAll(async () => {
  demo = await startDemo({ tenants: 5, ...quiet });
  run = await writeRun(runsIn(demo.connectionString), { runId: 'former-job@large', tenants, rowsPerTenant, seed: 2 });
}, 1_800_000);
afterAll(() => demo?.stop());

const reader = async () => ({ url: demo.url, token: await demo.callerToken(), run });

test(`the rows of ${tenants} tenants are what was written, for the TypeScript client`, {
  timeout: 3_600_000,
}, async () => {
  expect(await readByTypeScript(await reader())).toBe(run.rows);
  console.log(`TypeScript: ${run.rows} rows without a difference`);
});

test(`the rows of ${tenants} tenants are what was written, for PowerShell`, {
  timeout: 3_600_000,
  ...skippedBecause(typeof shell === 'string' ? shell : undefined),
}, async () => {
  expect(await readByPowerShellFile(shell, await reader())).toBe(run.rows);
  expect(await readByPowerShellObjects(shell, await reader())).toBe(run.rows);
  console.log(`PowerShell: ${run.rows} rows without a difference, in a file and as objects`);
});
