import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exampleDomain, exampleOtherTenantId, exampleRunId } from '../../../src/lib/api/examples.ts';
import type { Demo } from '../../../src/cli/demo/start-demo.ts';
import { projectRoot } from '../../paths.ts';
import { startQuietDemo, tenantOf } from '../../support/running-demo.ts';
import { findPowerShell, runScript } from '../powershell/powershell.ts';
import { skippedBecause } from '../../support/skipped.ts';

// Runs the code samples of docs/openapi.json. Only the made-up domain and run id are replaced by real ones.

interface Operation {
  readonly 'x-codeSamples'?: readonly { readonly lang: string; readonly source: string }[];
}

const { paths } = JSON.parse(await readFile(join(projectRoot, 'docs/openapi.json'), 'utf8')) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
};
const samples = Object.entries(paths).flatMap(([path, operations]) =>
  Object.entries(operations).flatMap(([method, { 'x-codeSamples': ofOperation = [] }]) =>
    ofOperation.map(({ lang, source }) => ({ route: `${method.toUpperCase()} /api${path}`, lang, source })),
  ),
);
const powerShell = await findPowerShell();

const run = promisify(execFile);
let demo: Demo;
let folder: string;
let runId: string;
let environment: NodeJS.ProcessEnv;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-examples-'));
  demo = await startQuietDemo(6);
  // Two runs, so that they can be compared.
  for (let round = 0; round < 2; round += 1) {
    runId = await demo.api.startRun('licence-report');
    while ((await demo.api.run(runId)).finishedAt === undefined)
      await new Promise((resolve) => setTimeout(resolve, 200));
  }
  environment = { ...process.env, BROKER_URL: demo.url, CALLER_TOKEN: await demo.callerToken() };
});

afterAll(async () => {
  await demo?.stop();
  await rm(folder, { recursive: true, force: true });
});

const real = (source: string): string =>
  source
    .replaceAll(exampleDomain, tenantOf(demo, 'ok').domain)
    .replaceAll(exampleOtherTenantId, tenantOf(demo, 'ok').tenantId)
    .replaceAll(encodeURIComponent(exampleRunId), encodeURIComponent(runId));

const samplesIn = (language: string) => samples.filter(({ lang }) => lang === language);

/** A text in the output of each sample, in every language. */
const outputs: Readonly<Record<string, RegExp>> = {
  'POST /api/tokens': /accessToken/,
  'GET /api/gateway/{tenant}/{resource}/{path}': /displayName/,
  'GET /api/tenants': /reachable/,
  'GET /api/tenants/{tenant}': /history/,
  'PUT /api/tenants/{tenant}/tags': /threshold=30/,
  'GET /api/jobs': /licence-report/,
  'POST /api/jobs/{job}/runs': /access-check@manual-/,
  'GET /api/runs': /licence-report@manual-/,
  'GET /api/runs/{runId}': /completed/,
  'GET /api/runs/{runId}/tenants': /tenants/,
  'GET /api/runs/{runId}/tenants/{tenantId}': /droppedLines/,
  'GET /api/runs/{runId}/results': /tenantId,tenantName/,
  'GET /api/runs/{runId}/changes': /comparedWith/,
  'POST /api/runs/{runId}/rerun': /licence-report@manual-/,
  'POST /api/runs/{runId}/cancel': /cancelRequested/,
  'GET /api/audit': /entries/,
  'GET /api/health': /applications/,
};

it('there is one sample per route and language', () => {
  const routes = Object.keys(outputs).toSorted();
  for (const language of ['Shell', 'PowerShell', 'TypeScript'])
    expect(
      samplesIn(language)
        .map(({ route }) => route)
        .toSorted(),
    ).toEqual(routes);
});

describe('curl', () => {
  it.each(samplesIn('Shell'))('$route', async ({ route, source }) => {
    const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', real(source)], { env: environment });
    expect(stdout).toMatch(outputs[route] ?? /^$/);
  });
});

describe('TypeScript', () => {
  it.each(samplesIn('TypeScript'))('$route', async ({ route, source }) => {
    const file = join(folder, 'example.mts');
    await writeFile(file, real(source));
    const { stdout } = await run(process.execPath, [file], { env: environment });
    expect(stdout).toMatch(outputs[route] ?? /^$/);
  });
});

describe('PowerShell', skippedBecause(typeof powerShell === 'string' ? powerShell : undefined), () => {
  /** The output of each sample. One process runs them all, because its start takes most of the time. */
  let printed: readonly string[];
  beforeAll(async () => {
    if (typeof powerShell === 'string') return;
    const file = join(folder, 'examples.ps1');
    const separator = randomUUID();
    // The console shows only a part of an object, so the test compares its JSON.
    const sections = samplesIn('PowerShell').map(
      ({ source }) =>
        `'${separator}'\ntry { $(& {\n${real(source)}\n}) | ConvertTo-Json -Depth 9 } catch { "The sample failed: $_" }\n`,
    );
    await writeFile(file, `$ErrorActionPreference = 'Stop'\n${sections.join('')}`);
    const { BROKER_URL = '', CALLER_TOKEN = '' } = environment;
    const { code, output } = await runScript(powerShell, file, [], { BROKER_URL, CALLER_TOKEN });
    if (code !== 0) throw new Error(`PowerShell ended with ${code}: ${output}`);
    [, ...printed] = output.split(separator);
  });

  it.each(samplesIn('PowerShell').map((sample, at) => ({ ...sample, at })))('$route', ({ route, at }) => {
    expect(printed[at]).not.toContain('The sample failed');
    expect(printed[at]).toMatch(outputs[route] ?? /^$/);
  });
});
