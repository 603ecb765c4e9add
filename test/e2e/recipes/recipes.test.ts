import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Demo } from '../../../src/cli/demo/start-demo.ts';
import { findRecipeClient } from '../../../tools/get-graph-client.ts';
import { projectRoot, ptbScript } from '../../paths.ts';
import { LeakScan } from '../../support/leak-scan.ts';
import { type MicrosoftProxy, startMicrosoftProxy } from '../../support/microsoft-proxy.ts';
import { type SeenProcess, watchProcesses } from '../../support/process-watch.ts';
import { startQuietDemo, tenantOf } from '../../support/running-demo.ts';
import { skippedBecause } from '../../support/skipped.ts';
import { findPowerShell } from '../powershell/powershell.ts';
import { readRecipes } from './recipes.ts';

/**
 * The recipes of docs/recipes.md as they stand there, over 25 tenants. The programs ask Microsoft's own hosts, which are
 * behind a proxy those of the simulated cloud.
 */

const shell = findPowerShell();
const noPowerShell = typeof shell === 'string' ? shell : undefined;
const recipeClient = await findRecipeClient();
const notLinux = process.platform === 'linux' ? undefined : 'the recipes need Linux: /proc, sh';
const has = (program: string): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
const noCurl = has('curl') && has('jq') ? undefined : 'curl or jq is missing. Run .ci/install-tools';

const noRecipeClient =
  recipeClient === undefined ? '.local/tools/recipe-client is not built. Run .ci/install-tools' : undefined;

let demo: Demo;
let proxy: MicrosoftProxy;
let folder: string;
let token: string;
beforeAll(async () => {
  demo = await startQuietDemo(25);
  token = await demo.callerToken();
  proxy = await startMicrosoftProxy({
    'graph.microsoft.com': demo.cloud.graph,
    'management.azure.com': demo.cloud.arm,
  });
});
afterAll(async () => {
  await proxy?.close();
  await demo?.stop();
});
beforeEach(async () => {
  proxy.requests.length = 0;
  proxy.strays.length = 0;
  // Inside the project, so that Node resolves its packages.
  await mkdir(join(projectRoot, '.local'), { recursive: true });
  folder = await mkdtemp(join(projectRoot, '.local', 'recipe-'));
  return () => rm(folder, { recursive: true, force: true });
});

interface Output {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Cooked extends Output {
  /** The tenants of the run whose every token is good. */
  readonly healthy: readonly string[];
  readonly processes: readonly SeenProcess[];
  /** Lines of the programs by tenant. */
  readonly lines: ReadonlyMap<string, readonly string[]>;
}

/** Runs a recipe in a folder of its own, and scans all that others can see. */
async function cook(
  title: string,
  { replace = (command: string) => command, more = {}, isSlow = false } = {},
): Promise<Cooked> {
  const recipe = (await readRecipes()).get(title);
  if (recipe === undefined || recipe.command === '') throw new Error(`docs/recipes.md has no recipe ${title}`);
  for (const [name, code] of recipe.files) await writeFile(join(folder, name), code);
  const certificate = join(folder, 'proxy.pem');
  await writeFile(certificate, proxy.certificate);
  const chosen = isSlow && process.env['RECIPE_TENANTS'] !== 'all' ? someTenants() : undefined;
  const ptb = join(folder, 'ptb');
  await writeFile(ptb, `#!/bin/sh\nexec '${process.execPath}' '${ptbScript}' "$@"\n`);
  await chmod(ptb, 0o755);
  const environment = {
    PATH: [folder, join(projectRoot, '.local/tools'), join(process.execPath, '..'), process.env['PATH']].join(
      delimiter,
    ),
    HOME: folder,
    BROKER_URL: demo.url,
    PTB_TOKEN: token,
    HTTPS_PROXY: proxy.url,
    http_proxy: proxy.url,
    NODE_EXTRA_CA_CERTS: certificate,
    CURL_CA_BUNDLE: certificate,
    // OpenSSL's trusted certificates, which .NET uses on Linux.
    SSL_CERT_FILE: certificate,
    PSModulePath: join(import.meta.dirname, 'stand-ins'),
    POWERSHELL_TELEMETRY_OPTOUT: '1',
    DOTNET_TieredPGO: '0',
    DOTNET_EnableWriteXorExecute: '0',
    ...more,
  };
  let output: Output | undefined;
  const processes = await watchProcesses('PTB_TENANT_ID', async () => {
    const exec = chosen === undefined ? 'ptb exec' : `ptb exec --tenant ${chosen.join(' ')}`;
    output = await run(replace(recipe.command).replaceAll('ptb exec', exec), environment);
  });
  if (output === undefined) throw new Error('The recipe did not run.');
  await rm(ptb);
  const canaries = [...new Set(proxy.requests.map((request) => request.token))].filter((one) => one !== '');
  const scan = new LeakScan([token, ...canaries].map((value, index) => ({ name: `token ${index}`, value })));
  for (const { pid, commandLine, environment: variables } of processes) {
    scan.scan({ where: `arguments of ${pid}`, content: commandLine });
    scan.scan({ where: `environment of ${pid}`, content: variables });
  }
  scan.scan({ where: 'output of ptb', content: output.stdout + output.stderr });
  await scan.scanFolder(folder);
  console.log(scan.summary(`${title}, ${processes.length} processes`));
  scan.refuse();
  return {
    ...output,
    processes,
    lines: byTenant(output.stdout),
    healthy: chosen === undefined ? healthy() : healthy().slice(0, few),
  };
}

function run(command: string, env: NodeJS.ProcessEnv): Promise<Output> {
  const child = spawn('bash', ['-c', command], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('close', (exitCode) => resolve({ exitCode, ...output }));
  });
}

/** The tenants whose every token is good. */
const healthy = (): string[] =>
  demo.cloud.tenants.filter(({ state }) => state === 'ok').map(({ tenantId }) => tenantId);

/** Programs that take long to start run for these in `npm run test:all`, and for all in `npm run test:scale`. */
const few = 2;
const someTenants = (): string[] => [...healthy().slice(0, few), tenantOf(demo, 'no_consent').tenantId];

/** The output of `ptb` has the tenant before each line. */
function byTenant(stdout: string): Map<string, string[]> {
  const lines = new Map<string, string[]>();
  for (const line of stdout.split('\n')) {
    const [, domain, text] = /^(\S+) +\| (.*)$/.exec(line) ?? [];
    if (domain === undefined || text === undefined) continue;
    const known = demo.cloud.tenants.find((tenant) => tenant.domain === domain || tenant.tenantId === domain);
    const tenantId = known?.tenantId ?? domain;
    lines.set(tenantId, [...(lines.get(tenantId) ?? []), text]);
  }
  return lines;
}

/** Every healthy tenant has lines, each of which begins with its id, and each request went out with its token. */
function checkOwnLines({ exitCode, lines, processes, stderr, healthy: expected }: Cooked): void {
  expect([exitCode, stderr]).toEqual([3, expect.stringContaining('The broker refused its token: ')]);
  expect(expected.length).toBeGreaterThan(1);
  expect([...lines.keys()].toSorted()).toEqual(expected.toSorted());
  for (const [tenantId, own] of lines)
    for (const line of own) expect(line.replaceAll('"', '').split(',')[0]).toBe(tenantId);
  expect(new Set(proxy.requests.map((request) => decodeJwt(request.token)['tid']))).toEqual(new Set(expected));
  expect(proxy.strays).toEqual([]);
  expect(processes.length).toBeGreaterThan(expected.length / 2);
}

describe('docs/recipes.md', skippedBecause(notLinux), () => {
  it('has a test for each recipe', async () => {
    expect([...(await readRecipes()).keys()]).toEqual([
      'curl and jq',
      'A shell script without a token',
      'Microsoft Graph PowerShell',
      'Azure PowerShell',
      'Microsoft Graph for .NET',
      'Microsoft Graph for JavaScript',
      'A published GDAP script',
    ]);
  });

  it('curl and jq: a folder for each tenant, with all pages of its users', skippedBecause(noCurl), async () => {
    const { exitCode, processes } = await cook('curl and jq');
    expect(exitCode).toBe(3);
    const users = join(folder, 'users');
    const files = (await readdir(users, { withFileTypes: true })).filter((entry) => entry.isDirectory());
    const rows = await Promise.all(files.map(({ name }) => readFile(join(users, name, 'stdout.txt'), 'utf8')));
    const full = rows.filter((text) => text !== '');
    expect(full).toHaveLength(healthy().length);
    for (const text of full) {
      expect(
        new Set(
          text
            .trim()
            .split('\n')
            .map((row) => row.split(',', 1)[0]),
        ).size,
      ).toBe(1);
      expect(healthy()).toContain(text.slice(1, 37));
    }
    expect(full.join('').trim().split('\n').length).toBe(await userCount(healthy()));
    expect(proxy.strays).toEqual([]);
    expect(processes.map(({ commandLine }) => commandLine.split('\0')[0])).toContain('curl');
  });

  it('a shell script: the gateway sends its requests, and no token is needed', skippedBecause(noCurl), async () => {
    const cooked = await cook('A shell script without a token');
    expect(cooked.exitCode).toBe(3);
    expect(proxy.requests).toEqual([]);
    expect([...cooked.lines.keys()]).toEqual(expect.arrayContaining(healthy()));
    for (const tenantId of healthy())
      for (const line of cooked.lines.get(tenantId) ?? [])
        expect(line).toMatch(new RegExp(`^"${tenantId}","[A-Z0-9_]+",\\d+,\\d+$`));
    for (const { commandLine } of cooked.processes) expect(commandLine).not.toContain('127.0.0.1');
  });

  it('Microsoft Graph PowerShell', { ...skippedBecause(noPowerShell), timeout: 300_000 }, async () => {
    const cooked = await cook('Microsoft Graph PowerShell', { isSlow: true });
    checkOwnLines(cooked);
    expect([...cooked.lines.values()].flat()).toHaveLength(await userCount(cooked.healthy));
  });

  it('Azure PowerShell', { ...skippedBecause(noPowerShell), timeout: 300_000 }, async () => {
    const cooked = await cook('Azure PowerShell', { isSlow: true });
    checkOwnLines(cooked);
    expect(new Set(proxy.requests.map(({ host }) => host))).toEqual(new Set(['management.azure.com']));
  });

  it('Microsoft Graph for .NET', { ...skippedBecause(noRecipeClient), timeout: 300_000 }, async () => {
    const cooked = await cook('Microsoft Graph for .NET', {
      replace: (command) => command.replace('out/users.dll', recipeClient ?? ''),
      isSlow: true,
    });
    checkOwnLines(cooked);
    for (const [tenantId, lines] of cooked.lines) expect(lines).toEqual([`${tenantId},${await userCount([tenantId])}`]);
  });

  it('Microsoft Graph for JavaScript', async () => {
    // Node.js uses a proxy for fetch only if this is set.
    const more = { NODE_USE_ENV_PROXY: '1', http_proxy: '' };
    const cooked = await cook('Microsoft Graph for JavaScript', { more, isSlow: true });
    checkOwnLines(cooked);
    for (const [tenantId, lines] of cooked.lines) expect(lines).toEqual([`${tenantId},${await userCount([tenantId])}`]);
  });

  it('a published GDAP script', { ...skippedBecause(noPowerShell), timeout: 300_000 }, async () => {
    const cooked = await cook('A published GDAP script', { isSlow: true });
    checkOwnLines(cooked);
    const counts = [...cooked.lines.values()].flat().map((line) => Number(line.split(',')[1]));
    expect(counts.reduce((sum, one) => sum + one, 0)).toBe(await userCount(cooked.healthy));
  });
});

/** Users of the tenants, as Graph counts them. */
async function userCount(tenants: readonly string[]): Promise<number> {
  let count = 0;
  const tokens = new Map(
    proxy.requests.map((request): [unknown, string] => [decodeJwt(request.token)['tid'], request.token]),
  );
  for (const tenantId of tenants) {
    const headers = { authorization: `Bearer ${tokens.get(tenantId)}`, consistencylevel: 'eventual' };
    const answer = await fetch(`${demo.cloud.graph}/v1.0/users/$count`, { headers });
    count += Number((await answer.text()).replace('\ufeff', ''));
  }
  return count;
}
