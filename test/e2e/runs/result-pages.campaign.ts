import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Demo, startDemo } from '../../../src/cli/demo/start-demo.ts';
import { quiet } from '../../support/watched-demo.ts';
import { runsIn, writeRun, type WrittenRun } from '../../support/written-run.ts';
import { readByDashboard, readByProgram, readByPtb, readFirstPage } from './read-by-each-client.ts';

let demo: Demo;
let run: WrittenRun;

const tenants = Number(process.env['PAGES_TENANTS'] ?? '5000');
const rowsPerTenant = Number(process.env['PAGES_ROWS'] ?? '200');

beforeAll(async () => {
  demo = await startDemo({ tenants: 5, ...quiet });
  run = await writeRun(runsIn(demo.connectionString), { runId: 'former-job@large', tenants, rowsPerTenant, seed: 1 });
}, 1_800_000);
afterAll(() => demo?.stop());

/** The most memory that a process has used so far. */
const peakMegabytes = (pid: number): number =>
  Math.round(Number(/VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1000);

test(`the rows of ${tenants} tenants are what was written, row by row, for each client`, {
  timeout: 3_600_000,
}, async () => {
  const reader = async () => ({ url: demo.url, token: await demo.callerToken(), run });
  // The first request loads the libraries of storage.
  await readFirstPage(await reader());
  const firstMs = await readFirstPage(await reader());
  const idle = peakMegabytes(demo.hostPid);
  expect(await readByProgram(await reader(), undefined)).toBe(run.rows);
  expect(await readByPtb(await reader())).toBe(run.rows);
  expect(await readByDashboard(await reader())).toBe(run.rows);
  const peak = peakMegabytes(demo.hostPid);
  console.log(
    `${run.rows} rows of ${tenants} tenants: no difference in three clients; first page ${Math.round(firstMs)} ms; peak memory of the host ${idle} MB before, ${peak} MB after`,
  );
});
