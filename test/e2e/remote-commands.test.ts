import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { addFault, clearFaults } from 'microsoft-cloud/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { triedLines } from '../../src/cli/jobs/tried-lines.ts';
import { runJob } from '../../src/cli/jobs/try-job.ts';
import licenceReport from '../../src/jobs/licence-report.ts';
import { plainLine } from '../../src/cli/line.ts';
import { ptbScript } from '../paths.ts';
import { runInProcess } from '../support/command-in-process.ts';
import { publishedFile } from '../support/published-file.ts';
import { startWatchedDemo, type WatchedDemo } from '../support/watched-demo.ts';

// The remote commands of `ptb` against a running broker.

let demo: WatchedDemo;
let folder: string;
let token: string;

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const environmentWith = (more: Record<string, string>): NodeJS.ProcessEnv => ({
  ...process.env,
  ...demo.environment,
  BROKER_URL: demo.url,
  PTB_TOKEN: token,
  ...more,
});

/** Runs a command in this process. */
async function ptb(args: readonly string[], more: Record<string, string> = {}): Promise<Outcome> {
  const surroundings = { environment: environmentWith(more), folder, control: demo.cloud.control, account: 'nobody' };
  const { exitCode, stdout, stderr } = await runInProcess(args, surroundings);
  demo.note(`standard error of ptb ${args[0]}`, stderr);
  // `ptb token --raw` prints a token on purpose.
  if (args[0] !== 'token') demo.note(`standard output of ptb ${args[0]}`, stdout);
  return { code: exitCode, stdout, stderr };
}

/** Runs the built program, which alone completes words for a shell. */
const built = (args: readonly string[], more: Record<string, string> = {}): Promise<Outcome> =>
  new Promise((resolve) => {
    const options = { cwd: folder, env: environmentWith(more) };
    execFile(process.execPath, [ptbScript, ...args], options, (error, stdout, stderr) => {
      demo.note(`output of ptb ${args[0]}`, stdout + stderr);
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });

const json = async <T>(args: readonly string[]): Promise<T> => JSON.parse((await ptb([...args, '--json'])).stdout) as T;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-remote-'));
  demo = await startWatchedDemo({ tenants: 25 });
  token = await demo.callerToken();
});
afterAll(async () => {
  await demo?.stop();
  await rm(folder, { recursive: true, force: true });
});

const healthy = (): string => demo.cloud.tenants.find(({ state }) => state === 'ok')?.tenantId ?? '';
const brokenCount = (): number => demo.cloud.tenants.filter(({ state }) => state !== 'ok').length;

describe('ptb permissions', () => {
  interface InForce {
    readonly source: string;
    readonly sha256?: string;
    readonly permissions: number;
  }
  const inHealth = async (): Promise<InForce> => {
    const response = await fetch(`${demo.url}/api/health`, { headers: { authorization: `Bearer ${token}` } });
    return ((await response.json()) as { permissionMap: InForce }).permissionMap;
  };

  test('loads a published file, which the broker follows, and rolls it back', async () => {
    const before = await json<InForce>(['permissions']);
    expect(before.source).toBe('built-in');
    expect(await inHealth()).toMatchObject({ status: 'ok', source: 'built-in', permissions: before.permissions });
    const file = join(folder, 'permissions.json');
    await writeFile(file, publishedFile());
    const { sha256 } = await json<InForce>(['permissions', 'update', '--file', file]);
    expect(await json<InForce>(['permissions'])).toMatchObject({ source: file, sha256 });
    await expect.poll(inHealth, { interval: 1_000 }).toMatchObject({ source: file, sha256 });
    expect(await json<InForce>(['permissions', 'rollback'])).toEqual(before);
  });

  test('says which permissions open a request, and refuses a file that is another one', async () => {
    const { stdout } = await ptb(['permissions', 'show', 'GET', '/users?$select=id,signInActivity']);
    expect(stdout).toContain('AuditLog.Read.All');
    expect((await ptb(['permissions', 'show', 'GET', '/subscriptions'])).code).toBe(1);
    const { code, stderr } = await ptb(['permissions', 'update', '--file', ptbScript]);
    expect([code, stderr]).toEqual([2, expect.stringContaining('The map in force stays.')]);
  });
});

test('trying a job shows its rows, requests and permissions', async () => {
  const progress = { update: () => undefined, note: () => undefined, done: () => undefined };
  const { name = '' } = demo.cloud.tenants.find(({ state }) => state === 'ok') ?? {};
  const tried = await runJob(demo, licenceReport, { only: [name], progress });
  expect(tried).toMatchObject({
    run: { outcome: 'succeeded', tenants: { total: 1 } },
    declared: ['Organization.Read.All'],
    unneeded: [],
    tokens: ['https://graph.microsoft.com'],
    requests: [
      {
        request: 'GET /v1.0/subscribedSkus?$select=skuId,skuPartNumber,capabilityStatus,consumedUnits,prepaidUnits',
        count: 1,
        openedBy: ['Organization.Read.All'],
      },
    ],
  });
  expect(tried.rows.length).toBeGreaterThan(0);
  expect(tried.rows.every(({ tenantName }) => tenantName === name)).toBe(true);
  const text = triedLines(tried).map(plainLine).join('\n');
  expect(text).toContain('Declared permissions: Organization.Read.All');
  const elsewhere = runJob(demo, licenceReport, { only: ['nobody'], progress });
  await expect(elsewhere).rejects.toThrow(/No tenant is called "nobody"/);
});

// After the job was tried, which asks for a token that is not in the cache yet.
test('ptb query prints the rows of all tenants, and ends with 3 for those that failed', async () => {
  const { code, stdout, stderr } = await ptb(['query', '/users?$top=3', '--select', 'id,displayName', '--json']);
  const rows = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string>);
  expect([code, Object.keys(rows[0] ?? {})]).toEqual([
    3,
    ['tenantId', 'tenantName', 'tenantDomain', 'id', 'displayName'],
  ]);
  expect(new Set(rows.map(({ tenantId }) => tenantId)).size).toBe(25 - brokenCount());
  expect(stderr).toContain('Microsoft Graph has more rows');
  expect((await ptb(['query', '/me'])).code).toBe(1);
});

test('ptb jobs show describes the parameters of a job, and ptb run takes them', async () => {
  const { stdout } = await ptb(['jobs', 'show', 'secret-expiry-report']);
  expect(stdout).toMatch(/^days +a whole number from 0 to 3650 +30 +\S/m);
  const words = ['run', 'secret-expiry-report', '--tenant', healthy(), '--wait', '--parameter', 'days=3650'];
  const { code, stdout: shown } = await ptb(words);
  expect([code, shown]).toEqual([0, expect.stringContaining('Parameters: days = 3650')]);
  const defaults = await json<{ runId: string }>(['run', 'access-check', '--tenant', healthy(), '--wait']);
  expect(await json(['runs', 'show', defaults.runId])).toMatchObject({
    parameters: { resources: ['exchange', 'arm'] },
  });
  const refused = await ptb(['run', 'secret-expiry-report', '--parameters', '{"dais":"secret"}']);
  expect([refused.code, refused.stderr]).toEqual([
    2,
    expect.stringContaining('"dais" is no parameter of secret-expiry-report; did you mean "days"?'),
  ]);
  expect(refused.stderr).not.toContain('"secret"');
});

test('ptb jobs lists the jobs', async () => {
  const { stdout, code } = await ptb(['jobs']);
  expect(code).toBe(0);
  for (const job of ['access-check', 'licence-report', 'mfa-report', 'secret-expiry-report'])
    expect(stdout).toContain(job);
});

describe('ptb run and ptb runs', () => {
  let runId: string;

  test('ptb run --wait shows progress and failures on standard error, and exits with 3 when some tenants failed', async () => {
    const { code, stdout, stderr } = await ptb(['run', 'licence-report', '--wait', '--json']);
    const run = JSON.parse(stdout) as { runId: string; status: string; tenants: { failed: number } };
    expect([code, run.status, run.tenants.failed]).toEqual([3, 'completed', brokenCount()]);
    expect(stderr).toMatch(/\[#+\] 25\/25 tenants/);
    expect(stderr).toMatch(/^ {2}\S.*: No consent for the application$/m);
    runId = run.runId;
  });

  test('ptb run of a healthy tenant exits with 0', async () => {
    const { code, stdout } = await ptb(['run', 'licence-report', '--wait', '--tenant', healthy()]);
    expect(code).toBe(0);
    expect(stdout).toContain('1 tenant: 1 succeeded, 0 failed');
  });

  test('ptb runs lists the run, and ptb runs show explains its failures', async () => {
    expect((await ptb(['runs'])).stdout).toContain(runId);
    const { stdout, code } = await ptb(['runs', 'show', runId]);
    expect(code).toBe(0);
    expect(stdout).toContain('What to do: ');
  });

  test.each([
    [
      'jsonl',
      (text: string) =>
        text
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as object).length,
    ],
    ['json', (text: string) => (JSON.parse(text) as object[]).length],
    ['csv', (text: string) => text.trim().split('\n').length - 1],
  ])('ptb runs export writes every row as %s', async (format, count) => {
    const rows = await json<object[]>(['runs', 'export', runId]);
    expect(rows.length).toBeGreaterThan(20);
    const file = join(folder, `rows.${format}`);
    const { code } = await ptb(['runs', 'export', runId, '--format', format, '--output', file]);
    expect(code).toBe(0);
    expect(count(await readFile(file, 'utf8'))).toBe(rows.length);
  });

  test('ptb runs diff compares the run with an earlier one', async () => {
    const second = await json<{ runId: string }>(['run', 'licence-report', '--wait']);
    const changes = await json<{ comparedWith: string; changes: object[] }>([
      'runs',
      'diff',
      second.runId,
      '--with',
      runId,
    ]);
    expect(changes).toMatchObject({ comparedWith: runId, changes: [] });
    expect((await ptb(['runs', 'diff', second.runId, '--with', runId])).stdout).toContain('Nothing changed.');
  });

  test('a run is found by the beginning of its id and as the newest one, and an ambiguous beginning lists the runs', async () => {
    const runs = (await json<{ runs: { runId: string }[] }>(['runs'])).runs.map((run) => run.runId);
    expect((await ptb(['runs', 'show', '--latest'])).stdout).toContain(`${runs[0]}: `);
    expect((await ptb(['runs', 'show', runId.slice(0, -4)])).stdout).toContain(`${runId}: `);
    const { code, stderr } = await ptb(['runs', 'show', 'licence-report']);
    expect([code, stderr]).toEqual([2, expect.stringContaining(`\n  ${runs[0]}  `)]);
  });

  test('ptb runs watch follows a run while the broker restarts', async () => {
    const run = JSON.stringify(await json<object>(['runs', 'show', runId]));
    const running = run.replace('"completed"', '"running"').replace('"partly_failed"', '"running"');
    let answered = 0;
    const broker = (): Server =>
      createServer((_request, response) => {
        answered += 1;
        response.setHeader('content-type', 'application/json').end(answered > 3 ? run : running);
      });
    const first = broker().listen(0, '127.0.0.1');
    await once(first, 'listening');
    const { port } = first.address() as AddressInfo;
    const watched = ptb(['runs', 'watch', runId], { BROKER_URL: `http://127.0.0.1:${port}` });
    await expect.poll(() => answered).toBeGreaterThan(0);
    first.closeAllConnections();
    await new Promise((resolve) => first.close(resolve));
    answered = 3;
    const second = broker().listen(port, '127.0.0.1');
    const { code, stdout } = await watched;
    expect([code, stdout]).toEqual([3, expect.stringContaining(`${runId}: partly failed`)]);
    second.closeAllConnections();
    second.close();
  });

  test('ptb runs rerun includes only the tenants that failed', async () => {
    const started = await json<{ runId: string }>(['runs', 'rerun', runId]);
    const { stdout, code } = await ptb(['runs', 'show', started.runId, '--wait', '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ tenants: { total: brokenCount() } });
  });

  test('ptb runs show --tenant shows where in its source the job threw', async () => {
    const { control } = demo.cloud;
    await addFault(control, { service: 'graph', tenantId: healthy(), path: '/applications', status: 400 });
    const failed = await ptb(['run', 'secret-expiry-report', '--tenant', healthy(), '--wait', '--json']);
    await clearFaults(control);
    expect(failed.code).toBe(1);
    const { runId: broken } = JSON.parse(failed.stdout) as { runId: string };
    const name = demo.cloud.tenants.find(({ tenantId }) => tenantId === healthy())?.name ?? '';
    const { stdout, code } = await ptb(['runs', 'show', broken, '--tenant', name]);
    expect(code).toBe(0);
    expect(stdout).toContain(`${name} (${healthy()}): failed: The job failed in this tenant (job_failed)`);
    expect(stdout).toMatch(
      /The job threw:\n {2}BrokerError: [\s\S]*\n {6}at .*\(jobs\/secret-expiry-report\.ts:\d+:\d+\)/,
    );
    const unknown = await ptb(['runs', 'show', broken, '--tenant', 'No such customer']);
    expect([unknown.code, unknown.stderr]).toEqual([
      2,
      expect.stringContaining('No tenant is called "No such customer"'),
    ]);
  });

  test('ptb report shows a tenant from the rows of every job, on the terminal and as a page', async () => {
    const own = demo.cloud.tenants.find(({ tenantId }) => tenantId === healthy());
    await ptb(['run', 'licence-report', '--wait', '--tenant', healthy()]);
    const { stdout, code } = await ptb(['report', own?.domain ?? '']);
    expect([code, stdout]).toEqual([0, expect.stringContaining(`${own?.name} (${own?.domain})`)]);
    expect(stdout).toMatch(
      /LICENCES\n\nLicences, as of \S+: \d+ rows\nProduct: .+\nSince \d+ \w+ \d{4}: no row changed\n/,
    );
    expect(stdout).toMatch(
      /WHAT COULD NOT BE READ[\s\S]*Not read yet.\n  .*Configuration drifts \(configuration-drift-report\)/,
    );
    const report = await json<{ sections: { job: string; rowCount: number }[] }>(['report', healthy(), '--rows', '1']);
    const exported = await json<{ tenantId: string }[]>(['runs', 'export', runId]);
    expect(report.sections.find(({ job }) => job === 'licence-report')?.rowCount).toBe(
      exported.filter(({ tenantId }) => tenantId === healthy()).length,
    );
    const file = join(folder, 'report.html');
    expect((await ptb(['report', healthy(), '--html', file])).code).toBe(0);
    const page = await readFile(file, 'utf8');
    expect(page).toContain('<h3 id="licence-report">Licences</h3>');
    expect(page).toContain('<p><b>Lighthouse Partners</b></p>');
    expect(page).toContain('<p>Report of administration, ');
    const unknown = await ptb(['report', 'nobody.example']);
    expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('tenant_unknown')]);
  });

  test('ptb runs show of an unknown run exits with 1 and the error code of the broker', async () => {
    const { code, stderr } = await ptb(['runs', 'show', 'licence-report@nothing']);
    expect(code).toBe(1);
    expect(stderr).toContain('run_not_found');
  });
});

test('ptb tenants lists each tenant with the reason for its state', async () => {
  const { tenants } = await json<{ tenants: { reachable: boolean; reason: string }[] }>(['tenants']);
  expect(tenants).toHaveLength(25);
  const { stdout } = await ptb(['tenants', '--unreachable']);
  expect(stdout).toContain('no: GDAP relationship expired');
  expect(stdout).toContain(`${tenants.filter(({ reachable }) => !reachable).length} tenant`);
});

describe('ptb token', () => {
  const args = ['token', '--resource', 'graph'];

  test('describes the token, and prints it only with --raw', async () => {
    const shown = await ptb([...args, '--tenant', healthy()]);
    expect(shown.stdout).toContain(healthy());
    expect(shown.stdout + shown.stderr).not.toMatch(/eyJ/);
    expect(await json([...args, '--tenant', healthy()])).not.toHaveProperty('accessToken');
    const raw = await ptb([...args, '--tenant', healthy(), '--raw']);
    expect(decodeJwt(raw.stdout.trim())).toMatchObject({ tid: healthy() });
  });

  test('exits with 4 for a missing consent and names the command for it', async () => {
    const tenant = demo.cloud.tenants.find(({ state }) => state === 'no_consent')?.tenantId ?? '';
    const { code, stderr } = await ptb([...args, '--tenant', tenant]);
    expect(code).toBe(4);
    expect(stderr).toContain('ptb tenants consent');
  });
});

test('ptb audit lists the entries of a tenant', async () => {
  const { entries } = await json<{ entries: { outcome: string; tenantId?: string; rule?: string }[] }>([
    'audit',
    '--tenant',
    healthy(),
  ]);
  expect(entries.length).toBeGreaterThan(2);
  expect(entries.every(({ tenantId }) => tenantId === healthy())).toBe(true);
  expect(entries.some(({ rule }) => rule === 'job:licence-report')).toBe(true);
  expect(entries.some(({ rule }) => rule?.startsWith('local callers'))).toBe(true);
});

test('ptb audit --outcome lists only denied or only issued tokens', async () => {
  type Answer = { entries: { outcome: string; code?: string }[] };
  const denied = await json<Answer>(['audit', '--outcome', 'denied']);
  expect(denied.entries).not.toEqual([]);
  expect(denied.entries.every(({ outcome, code }) => outcome === 'denied' && code !== undefined)).toBe(true);
  const issued = await json<Answer>(['audit', '--outcome', 'issued']);
  expect(issued.entries).not.toEqual([]);
  expect(issued.entries.every(({ outcome }) => outcome === 'issued')).toBe(true);
  const { code, stderr } = await ptb(['audit', '--outcome', 'refused']);
  expect([code, stderr]).toEqual([2, expect.stringContaining('issued, denied')]);
});

test.each([
  ['no address', { BROKER_URL: '' }, 2, 'BROKER_URL'],
  ['no token and no sign-in', { PTB_TOKEN: '' }, 4, '`ptb login --url '],
  ['an invalid token', { PTB_TOKEN: 'nonsense' }, 4, 'caller_unauthenticated'],
  ['no server at the address', { BROKER_URL: 'http://127.0.0.1:9' }, 5, 'could not be reached. Check BROKER_URL'],
])('with %s a command prints a message and exits with the right code', async (_, environment, code, words) => {
  const outcome = await ptb(['jobs'], environment);
  expect([outcome.code, outcome.stdout]).toEqual([code, '']);
  expect(outcome.stderr).toContain(words);
});

test.each(['bash', 'zsh', 'fish', 'powershell'])('ptb completion %s prints a script', async (shell) => {
  const { code, stdout } = await built(['completion', shell]);
  expect(code).toBe(0);
  expect(stdout).toContain('ptb');
});

describe('ptb complete', () => {
  test('lists the sub-commands', async () => {
    expect((await built(['complete', '--', 'runs', ''])).stdout).toMatch(/^export\t/m);
  });

  test('suggests customer tenants with their names, and runs', async () => {
    const { domain = '', name = '' } = demo.cloud.tenants.find(({ state }) => state === 'ok') ?? {};
    expect((await built(['complete', '--', 'token', '--tenant', domain.slice(0, 3)])).stdout).toContain(
      `${domain}\t${name}\n`,
    );
    expect((await built(['complete', '--', 'request', domain.slice(0, 3)])).stdout).toContain(`${domain}\t`);
    expect((await built(['complete', '--', 'request', domain, ''])).stdout).not.toContain(domain);
    const shown = (await built(['complete', '--', 'runs', 'show', 'licence'])).stdout;
    expect(shown).toMatch(/^licence-report@\S+\t[a-z ]+, (?:now|\d+ min ago)$/m);
    // Bash splits the word at `@`.
    const part = (await built(['complete', '--', 'runs', 'show', 'licence-report', '@', 'm'])).stdout;
    expect(part).toMatch(/^manual-\S+\t/m);
    expect((await built(['complete', '--', 'consent', '--tenant', ''])).stdout).toBe(':4\n');
  });

  test('suggests jobs, their parameters, and values to choose from', async () => {
    const suggested = async (...words: string[]) => (await built(['complete', '--', ...words])).stdout;
    expect(await suggested('run', 'secr')).toBe('secret-expiry-report\tExpiring application credentials\n:4\n');
    expect(await suggested('jobs', 'show', 'secr')).toContain('secret-expiry-report\t');
    expect(await suggested('run', 'secret-expiry-report', '--parameter', 'd')).toBe('days=\tDays ahead\n:6\n');
    const check = ['run', 'access-check', '--parameter'];
    expect(await suggested(...check, '')).toBe('resources=\tResources\n:6\n');
    expect(await suggested(...check, 'resources=e')).toBe('resources=exchange\tResources\n:4\n');
    expect(await suggested('run', '--parameter', '')).toBe(':4\n');
    expect((await built(['completion', 'bash'])).stdout).toMatch(/^COMP_WORDBREAKS=\$\{COMP_WORDBREAKS\/\/\[:=\]\}\n/);
  });

  test('suggests nothing, prints no error and does not keep the shell waiting if the broker is silent or wrong', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const throttled = createServer((_request, response) => {
      const problem = { code: 'caller_throttled', detail: 'Too many.', retryAfterSeconds: 30 };
      response.writeHead(429, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem));
    }).listen(0, '127.0.0.1');
    await once(throttled, 'listening');
    const addressOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    for (const environment of [
      { BROKER_URL: addressOf(silent) },
      { BROKER_URL: addressOf(throttled) },
      { BROKER_URL: 'nonsense' },
      { PTB_TOKEN: 'nonsense' },
    ])
      expect(await built(['complete', '--', 'token', '--tenant', ''], environment)).toEqual({
        code: 0,
        stdout: ':4\n',
        stderr: '',
      });
    for (const server of [silent, throttled]) {
      server.closeAllConnections();
      server.close();
    }
  });
});
