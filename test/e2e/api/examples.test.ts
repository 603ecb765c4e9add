import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exampleDomain, exampleRunId } from '../../../src/lib/api/routes/examples.ts';
import type { Demo } from '../../../src/cli/demo/start-demo.ts';
import { projectRoot } from '../../paths.ts';
import { startQuietDemo, tenantOf } from '../../support/running-demo.ts';
import { findPowerShell, runScript } from '../powershell/powershell.ts';

// The examples of docs/api.md, as they stand there: only the made-up domain and run id are replaced by real ones.

interface Example {
  readonly route: string;
  readonly language: string;
  readonly source: string;
}

const docs = await readFile(join(projectRoot, 'docs/api.md'), 'utf8');
const examples = docs
  .split(/^### /m)
  .slice(1)
  .flatMap((section) =>
    [...section.matchAll(/^```(sh|powershell|ts)\n([\s\S]*?)^```$/gm)].map(
      ([, language = '', source = '']): Example => ({ route: section.split('\n')[0] ?? '', language, source }),
    ),
  );
const powerShell = await findPowerShell();
if (typeof powerShell === 'string') console.log(`The PowerShell examples are skipped: ${powerShell}.`);

const run = promisify(execFile);
let demo: Demo;
let folder: string;
let runId: string;
let environment: NodeJS.ProcessEnv;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-examples-'));
  demo = await startQuietDemo(6);
  // Two, so that there is something to compare.
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
    .replaceAll(encodeURIComponent(exampleRunId), encodeURIComponent(runId));

const of = (language: string): Example[] => examples.filter((example) => example.language === language);

/** What an answer shows of itself, whichever language prints it. */
const answered: Readonly<Record<string, RegExp>> = {
  'POST /api/tokens': /accessToken/,
  'GET /api/tenants': /reachable/,
  'GET /api/jobs': /licence-report/,
  'POST /api/jobs/{job}/runs': /access-check@manual-/,
  'GET /api/runs': /licence-report@manual-/,
  'GET /api/runs/{runId}': /completed/,
  'GET /api/runs/{runId}/tenants': /tenants/,
  'GET /api/runs/{runId}/results': /tenantId,tenantName/,
  'GET /api/runs/{runId}/changes': /comparedWith/,
  'POST /api/runs/{runId}/rerun': /licence-report@manual-/,
  'POST /api/runs/{runId}/cancel': /cancelRequested/,
  'GET /api/audit': /entries/,
  'GET /api/health': /applications/,
};

it('there is one of each language for each route', () => {
  const routes = Object.keys(answered).toSorted();
  for (const language of ['sh', 'powershell', 'ts'])
    expect(
      of(language)
        .map(({ route }) => route)
        .toSorted(),
    ).toEqual(routes);
});

describe('curl', () => {
  it.each(of('sh'))('$route', async ({ route, source }) => {
    const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', real(source)], { env: environment });
    expect(stdout).toMatch(answered[route] ?? /^$/);
  });
});

describe('TypeScript', () => {
  it.each(of('ts'))('$route', async ({ route, source }) => {
    const file = join(folder, 'example.mts');
    await writeFile(file, real(source));
    const { stdout } = await run(process.execPath, [file], { env: environment });
    expect(stdout).toMatch(answered[route] ?? /^$/);
  });
});

describe.skipIf(typeof powerShell === 'string')('PowerShell', () => {
  it.each(of('powershell'))('$route', async ({ route, source }) => {
    if (typeof powerShell === 'string') return;
    const file = join(folder, 'example.ps1');
    // What a person sees in the console is a view; all of it is compared.
    await writeFile(file, `$ErrorActionPreference = 'Stop'\n$(& {\n${real(source)}}) | ConvertTo-Json -Depth 9\n`);
    const { BROKER_URL = '', CALLER_TOKEN = '' } = environment;
    const { code, output } = await runScript(powerShell, file, [], { BROKER_URL, CALLER_TOKEN });
    expect([code, output]).toEqual([0, expect.stringMatching(answered[route] ?? /^$/)]);
  });
});
