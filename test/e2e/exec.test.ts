import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Demo } from '../../src/cli/demo/start-demo.ts';
import { plainEnvironment, projectRoot, ptbScript } from '../paths.ts';
import { runInProcess } from '../support/command-in-process.ts';
import { startQuietDemo } from '../support/running-demo.ts';

// `ptb exec` in processes of its own, with programs that use Microsoft's libraries, against a running broker.

let demo: Demo;
let folder: string;
let token: string;
beforeAll(async () => {
  demo = await startQuietDemo(6);
  token = await demo.callerToken();
});
afterAll(async () => {
  await demo?.stop();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-exec-'));
  return () => rm(folder, { recursive: true, force: true });
});

/** The operator's own variables must not reach the programs. */
const environment = (): NodeJS.ProcessEnv => ({
  ...plainEnvironment(),
  BROKER_URL: demo.url,
  PTB_TOKEN: token,
  AZURE_CLIENT_ID: 'c0ffee00-0000-4000-8000-000000000000',
  AZURE_CLIENT_SECRET: 'the secret of another identity',
  AZURE_TENANT_ID: demo.cloud.tenants[0]?.tenantId,
});

/** Starts the command in a process of its own. */
function start(args: readonly string[], more: NodeJS.ProcessEnv = {}): ChildProcess {
  const options = { cwd: folder, env: { ...environment(), ...more } };
  return spawn(process.execPath, [ptbScript, 'exec', ...args], options);
}

async function ended(child: ChildProcess) {
  const output = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk) => (output.stdout += String(chunk)));
  child.stderr?.on('data', (chunk) => (output.stderr += String(chunk)));
  const exitCode = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { exitCode, ...output };
}
const ptbExec = (...args: string[]) => ended(start(args));

/** Runs the command in this process, for arguments with which it starts no program. */
const withoutPrograms = (...args: string[]) =>
  runInProcess(['exec', ...args], {
    environment: environment(),
    folder,
    control: demo.cloud.control,
    account: 'nobody',
  });

/** Writes a program and returns its file. It may import the packages of the project. */
async function program(source: string): Promise<string> {
  const file = join(folder, 'program.mjs');
  const identity = pathToFileURL(join(projectRoot, 'node_modules/@azure/identity/dist/esm/index.js')).href;
  await writeFile(file, source.replaceAll("'@azure/identity'", JSON.stringify(identity)));
  return file;
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const named = (name: string) => demo.cloud.tenants.filter(({ state }) => state === name);

describe('ptb exec', () => {
  it("gives Microsoft's libraries a token for the tenant of each program, and for no other", async () => {
    const file = await program(`
      import { DefaultAzureCredential } from '@azure/identity';
      const ask = (options) => new DefaultAzureCredential().getToken('https://graph.microsoft.com/.default', options);
      const { token } = await ask();
      const tid = (text) => JSON.parse(Buffer.from(text.split('.')[1], 'base64url')).tid;
      // The library ignores the tenant here, as for every managed identity.
      const other = await ask({ tenantId: '${demo.cloud.tenants[1]?.tenantId}' });
      const vault = await new DefaultAzureCredential().getToken('https://vault.azure.net/.default').catch((error) => error.message);
      console.log(JSON.stringify({ own: tid(token), other: tid(other.token), asked: process.env.PTB_TENANT_ID, vault, argv: process.argv.slice(2) }));
    `);
    const { exitCode, stdout, stderr } = await ptbExec('--json', '--', process.execPath, file, '{tenantId}');
    expect(exitCode).toBe(3);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const seen = lines
      .filter(({ stream }) => stream === 'stdout')
      .map(({ tenantId, line }) => ({ tenantId, ...(JSON.parse(String(line)) as object) }));
    const healthy = named('ok');
    expect(healthy.length).toBeGreaterThan(1);
    expect(seen.map(({ tenantId }) => tenantId)).toEqual(
      expect.arrayContaining(healthy.map(({ tenantId }) => tenantId)),
    );
    for (const one of seen)
      expect(one).toMatchObject({
        own: one.tenantId,
        other: one.tenantId,
        asked: one.tenantId,
        argv: [one.tenantId],
        vault: expect.stringContaining('not among those of --resource'),
      });
    const refused = lines.filter(({ outcome }) => outcome === 'failed');
    expect(refused.length).toBeGreaterThan(0);
    for (const { detail } of refused) expect(detail).toMatch(/^The broker refused its token: /);
    expect(stderr).toMatch(/\d succeeded, \d failed/);
  });

  it("keeps tokens and the operator's secrets out of environment, arguments and files", async () => {
    const file = await program(`
      import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
      const url = process.env.IDENTITY_ENDPOINT + '?resource=https://graph.microsoft.com&api-version=2019-08-01';
      const reply = await fetch(url, { headers: { 'x-identity-header': process.env.IDENTITY_HEADER } });
      console.log(reply.status, JSON.stringify(process.env), JSON.stringify(process.argv));
    `);
    const out = join(folder, 'out');
    await ptbExec('--output', out, '--', process.execPath, file);
    const texts: string[] = [];
    for (const entry of await readdir(out, { recursive: true, withFileTypes: true }))
      if (entry.isFile()) texts.push(await readFile(join(entry.parentPath, entry.name), 'utf8'));
    expect(texts.filter((text) => text.startsWith('200 ')).length).toBeGreaterThan(1);
    for (const text of texts) {
      expect(text).not.toMatch(/eyJ[\w-]{10,}/);
      expect(text).not.toContain('the secret of another identity');
      expect(text).not.toContain('PTB_TOKEN');
    }
  });

  it('serves requests through the gateway without any token, and pages lead on', async () => {
    const file = await program(`
      const base = process.env.PTB_GRAPH_URL;
      let next = base + '/v1.0/users?$select=id&$top=2';
      let users = 0;
      for (let pages = 0; next !== undefined && pages < 3; pages += 1) {
        if (!next.startsWith(base + '/')) throw new Error('leads elsewhere: ' + next);
        const page = await (await fetch(next)).json();
        users += page.value.length;
        next = page['@odata.nextLink'];
      }
      const token = await fetch(process.env.IDENTITY_ENDPOINT + '?resource=https://graph.microsoft.com', { headers: { 'x-identity-header': process.env.IDENTITY_HEADER } });
      const elsewhere = await fetch(base + '/../${demo.cloud.tenants[1]?.tenantId}/graph/v1.0/users');
      console.log(users, token.status, elsewhere.status);
    `);
    const [one] = named('ok');
    const { exitCode, stdout } = await ptbExec(
      '--via',
      'gateway',
      '--tenant',
      one?.tenantId ?? '',
      '--',
      process.execPath,
      file,
    );
    expect([exitCode, stdout.split('| ')[1]?.trim()]).toEqual([0, '6 403 404']);
  });

  it('goes on after it was killed, with the tenants that are left', async () => {
    const file = await program(`
      import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
      appendFileSync('${join(folder, 'started')}', process.env.PTB_TENANT_ID + '\\n');
      if (!existsSync('${join(folder, 'go')}')) { if (existsSync('${join(folder, 'first')}')) setInterval(() => existsSync('${join(folder, 'go')}') && process.exit(), 50); else writeFileSync('${join(folder, 'first')}', ''); }
    `);
    const out = join(folder, 'out');
    const command = ['--output', out, '--parallel', '1', '--', process.execPath, file];
    const started = async (): Promise<string[]> =>
      (await readFile(join(folder, 'started'), 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
    const killed = start(command);
    const end = ended(killed);
    // The first one ends, the second one hangs.
    await expect.poll(async () => (await started()).length).toBe(2);
    killed.kill('SIGKILL');
    await end;
    await writeFile(join(folder, 'go'), '');
    expect((await ptbExec(...command)).stderr).toContain('--resume');
    const resumed = await ptbExec('--resume', ...command);
    expect([resumed.exitCode, resumed.stderr]).toEqual([0, expect.stringContaining('1 done before')]);
    const [first, second, ...rest] = await started();
    expect(rest).toContain(second);
    expect(rest).not.toContain(first);
    expect(new Set(rest).size).toBe(rest.length);
  });

  it.each(['before-start', 'after-start', 'journal-write', 'after-journal-write', 'summary'])(
    'goes on after a kill at this step: %s',
    async (step) => {
      const runs = join(folder, 'runs');
      const out = join(folder, 'out');
      const command = ['--output', out, '--parallel', '1', '--', 'sh', '-c', `echo "$PTB_TENANT_ID" >> '${runs}'`];
      const kill = join(projectRoot, 'test/support/kill-ptb.mjs');
      const killed = start(command, { KILL_AT: step, NODE_OPTIONS: `--import=${pathToFileURL(kill).href}` });
      await ended(killed);
      expect(killed.signalCode).toBe('SIGKILL');
      const lines = async (file: string): Promise<string[]> =>
        (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
      const doneBefore = (await lines(join(out, 'ptb-exec.jsonl'))).filter((line) =>
        line.endsWith('"succeeded"}'),
      ).length;
      expect(doneBefore).toBe({ 'after-journal-write': 2, summary: 6 }[step] ?? 1);
      // A program that was started just before the kill may still run.
      if (step === 'after-start') await expect.poll(async () => (await lines(runs)).length).toBe(2);
      const resumed = await ptbExec('--resume', ...command);
      expect([resumed.exitCode, resumed.stderr]).toEqual([0, expect.stringContaining(`${doneBefore} done before`)]);
      const all = await lines(runs);
      expect(new Set(all).size).toBe(6);
      // At most the tenant of the kill has its turn twice.
      expect(all.length).toBe(step === 'after-start' || step === 'journal-write' ? 7 : 6);
      expect((await ptbExec('--resume', ...command)).stderr).toContain('6 done before');
      expect((await lines(runs)).length).toBe(all.length);
    },
  );

  it('ends its programs on Ctrl+C and says what was not run', async () => {
    const file = await program(
      `import { writeFileSync } from 'node:fs'; writeFileSync('${join(folder, 'ready')}', ''); setInterval(() => 0, 1000);`,
    );
    const child = start(['--parallel', '2', '--', process.execPath, file]);
    const end = ended(child);
    await expect.poll(async () => (await readdir(folder)).includes('ready')).toBe(true);
    child.kill('SIGINT');
    const { exitCode, stderr } = await end;
    expect([exitCode, stderr]).toEqual([130, expect.stringMatching(/0 succeeded, 0 failed, \d not run/)]);
  });

  it('ends its programs although nobody reads its output any more', async () => {
    const pids = join(folder, 'pids');
    const file = await program(
      `import { appendFileSync } from 'node:fs'; appendFileSync('${pids}', process.pid + '\\n'); process.stdout.on('error', () => 0); process.on('SIGTERM', () => 0); setInterval(() => console.log('on'), 10);`,
    );
    const child = start(['--parallel', '2', '--', process.execPath, file]);
    const end = new Promise((resolve) => child.once('close', resolve));
    child.stdout?.once('data', () => child.stdout?.destroy());
    child.stderr?.resume();
    expect(await end).toBe(0);
    for (const pid of (await readFile(pids, 'utf8')).trim().split('\n'))
      await expect.poll(() => isAlive(Number(pid))).toBe(false);
  });

  it.skipIf(process.platform !== 'linux')(
    'says how to go on after results could not be written, and does so',
    async () => {
      const folders = join(folder, 'folders');
      const file = await program(`
      import { appendFileSync, existsSync } from 'node:fs';
      appendFileSync('${folders}', process.env.PTB_OUTPUT_DIR + '\\n');
      console.log('x');
      if (existsSync('${join(folder, 'fail')}')) process.exit(1);
    `);
      const out = join(folder, 'out');
      const command = ['--parallel', '1', '--', process.execPath, file];
      await ptbExec('--output', out, ...command);
      const last = (await readFile(folders, 'utf8')).trim().split('\n').at(-1) ?? '';
      await rm(out, { recursive: true });
      const broken = join(out, basename(last));
      await mkdir(out);
      // Nobody can create a file there.
      await symlink('/sys', broken);
      const full = await ptbExec('--output', out, ...command);
      expect([full.exitCode, full.stderr]).toEqual([
        1,
        expect.stringContaining(`cannot be written to ${out} (EACCES)`),
      ]);
      expect(full.stderr).toContain('--resume');
      await rm(broken);
      await writeFile(join(folder, 'fail'), '');
      const failed = await ptbExec('--output', out, '--resume', ...command);
      await rm(join(folder, 'fail'));
      const done = await ptbExec('--output', out, '--resume', ...command);
      // Some have succeeded before, so not all have failed.
      expect([failed.exitCode, done.exitCode]).toEqual([3, 0]);
      expect(await readFile(join(broken, 'stdout.txt'), 'utf8')).toBe('x\n');
    },
  );

  it('prints the result of a tenant with --json as soon as its program has ended', async () => {
    const { stdout } = await ptbExec('--json', '--parallel', '1', '--', process.execPath, '-e', 'console.log(1)');
    const kinds = stdout
      .trim()
      .split('\n')
      .map((line) => ('outcome' in (JSON.parse(line) as object) ? 'result' : 'line'));
    expect(kinds.length).toBeGreaterThan(3);
    expect(kinds).toEqual(kinds.map((_, at) => (at % 2 === 0 ? 'line' : 'result')));
  });

  it.each([
    [['--', 'sh', '-c', 'echo {name}'], 2, 'Read PTB_TENANT_NAME in it'],
    [['--', 'ptb-no-such-program'], 2, 'The program ptb-no-such-program was not found.'],
    [['--tenant', 'nobody.example', '--', 'true'], 1, '(tenant_unknown)'],
    [['--except', 'nobody.example', '--', 'true'], 1, '(tenant_unknown)'],
    [['--tenant', 'group:nobody', '--', 'true'], 2, 'nobody'],
    [['--tenant', 'tag:nobody', '--', 'true'], 2, 'No tenant is left to run the program for.'],
    [['--resume', '--', 'true'], 2, '--resume needs the folder of --output.'],
    [['--resource', 'vault', '--', 'true'], 2, 'The resource vault is not one of graph'],
    [['--via', 'gateway', '--resource', 'graph', '--', 'true'], 2, '--resource is for tokens.'],
    [['--parallel', '0', '--', 'true'], 2, 'It must be a whole number from 1 to 64.'],
    [[], 2, "missing required argument 'program'"],
  ])('refuses %j', async (args, exitCode, message) => {
    const refused = await withoutPrograms(...args);
    expect([refused.exitCode, refused.stderr]).toEqual([exitCode, expect.stringContaining(message)]);
  });

  it('shows with --dry-run what it would run', async () => {
    const { exitCode, stdout } = await withoutPrograms('--dry-run', '--json', '--', 'program', '--domain={domain}');
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { domain?: string; tenantId: string; command: string[] });
    expect(exitCode).toBe(0);
    expect(lines.length).toBeGreaterThan(1);
    for (const { command, domain, tenantId } of lines)
      expect(command).toEqual(['program', `--domain=${domain ?? tenantId}`]);
  });
});
