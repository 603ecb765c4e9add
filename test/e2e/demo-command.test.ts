import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hourMs } from '../../src/lib/core/clock.ts';
import { appFolder, projectRoot, ptbScript } from '../paths.ts';
import { installPtb } from '../support/installed-ptb.ts';
import { skippedBecause } from '../support/skipped.ts';
import { findPowerShell, runScript } from './powershell/powershell.ts';

const run = promisify(execFile);
const powerShell = findPowerShell();
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-demo-command-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Starts `ptb demo` as npm start does, and waits until it has printed `until`. */
async function startCommand(
  args: readonly string[],
  until = 'Press Ctrl+C',
): Promise<{ output: () => string; stop: (signal: NodeJS.Signals) => Promise<number | null> }> {
  const child = spawn(process.execPath, [ptbScript, 'demo', '--app', appFolder, ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  let output = '';
  const up = new Promise<void>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      output += chunk.toString();
      if (output.includes(until)) resolve();
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    void exited.then((code) => reject(new Error(`ended with ${code}:\n${output}`)));
  });
  await up;
  return {
    output: () => output,
    stop: (signal) => {
      child.kill(signal);
      return exited;
    },
  };
}

/** The code block of the README in this language that contains a text. */
async function readmeBlock(containing: string, language = 'sh'): Promise<string> {
  const readme = await readFile(join(projectRoot, 'README.md'), 'utf8');
  const block = [...readme.matchAll(/```(\w+)\n([\s\S]*?)```/g)]
    .filter(([, found]) => found === language)
    .map(([, , text]) => text ?? '')
    .find((text) => text.includes(containing));
  if (block === undefined) throw new Error(`the README has no block with ${containing}`);
  return block;
}

describe('a running ptb demo', () => {
  let command: Awaited<ReturnType<typeof startCommand>>;
  beforeAll(async () => {
    command = await startCommand(['--tenants', '25', '--port', '0']);
  });
  afterAll(() => command?.stop('SIGKILL'));

  /** Runs a script as somebody who follows the README would. */
  const bash = (script: string, ...args: readonly string[]): Promise<{ stdout: string; stderr: string }> =>
    run('bash', ['-euo', 'pipefail', '-c', script, ...args], { cwd: folder });
  const ptb = (args: string): Promise<{ stdout: string; stderr: string }> =>
    bash(`"$0" "$1" ${args}`, process.execPath, ptbScript);
  const environment = (): Promise<string> => readFile(join(folder, '.local/demo.env'), 'utf8');

  test('README example: curl gets a token for the tenant and resource', async () => {
    const { stdout } = await bash(await readmeBlock('curl'));
    const answer = JSON.parse(stdout) as { accessToken: string; tenantId: string; resource: string };
    expect(await environment()).toContain(`A_TENANT='${answer.tenantId}'`);
    expect(decodeJwt(answer.accessToken)).toMatchObject({ tid: answer.tenantId, aud: 'https://graph.microsoft.com' });
    expect(command.output()).toMatch(/access-check +\[#+\] 25\/25 tenants/);
  });

  test(
    'README example: PowerShell gets a token, runs an Exchange command and a job in the demo',
    skippedBecause(typeof powerShell === 'string' ? powerShell : undefined),
    async () => {
      if (typeof powerShell === 'string') return;
      const example = (await readmeBlock('-Demo', 'powershell')).replace(
        './clients/powershell',
        join(projectRoot, 'clients/powershell'),
      );
      const script = join(folder, 'example.ps1');
      await writeFile(script, `$ErrorActionPreference = 'Stop'\nSet-Location '${folder}'\n${example}`);
      // Without SSL_CERT_FILE: the module itself trusts the authority of the simulated cloud.
      const { code, output } = await runScript(powerShell, script, [], {});
      expect([code, output]).toEqual([
        0,
        expect.stringMatching(/TenantId[^]*Resource[^]*Expires \(UTC\)[^]*graph/) as string,
      ]);
      expect(output).toMatch(/IsDehydrated[^]*tenantName/);
    },
  );

  test('README example: ptb is a command that shows tenants, runs a job and checks the credential', async () => {
    await installPtb(folder);
    // Some tenants of the demo fail, so the commands end with exit codes other than 0.
    const { stdout, stderr } = await run('bash', ['-c', await readmeBlock('ptb tenants')], { cwd: folder }).catch(
      (failed: { stdout: string; stderr: string }) => failed,
    );
    expect(stderr).not.toContain('not found');
    expect(stdout).toMatch(/Alder Accountants[^]*mfa-report@[^]*ok +Client credential/);
  });

  test('ptb finds the demo of the folder without a variable', async () => {
    expect((await ptb('jobs')).stdout).toContain('licence-report');
  });

  test('ptb verify checks the demo of the folder, as its caller and with a token for a customer', async () => {
    const { stdout } = await ptb(`verify --tenant 'Alder Accountants' --json || test $? = 1`);
    const { checks } = JSON.parse(stdout) as { checks: { check: string; result: string }[] };
    const results = Object.fromEntries(checks.map(({ check, result }) => [check, result]));
    expect(results).toMatchObject({
      health: 'passed',
      allowed: 'passed',
      policies: 'passed',
      denied: 'passed',
      run: 'passed',
    });
  });

  test('operator commands work on the credential and customers of the demo, too', async () => {
    expect((await ptb('doctor')).stdout).toMatch(/ok +Client credential/);
    // The advice of the doctor: the administrator signs in for it, and the service account for the consent.
    expect((await ptb('setup --yes --json')).stdout).toContain('"clientId"');
    expect((await ptb('consent --json')).stdout).toContain('"mfa"');
    const { tenants } = JSON.parse((await ptb('tenants --json')).stdout) as { tenants: { tenantId: string }[] };
    expect(tenants.length).toBeGreaterThan(20);
    // Exit code 3: some customers of the demo block the partner.
    const given = JSON.parse((await ptb('tenants consent --json || test $? = 3')).stdout) as { consented: number };
    expect(given.consented).toBeGreaterThan(0);
  });

  test('has events: the relationship with one customer ends soon, and that with another has ended', async () => {
    const kinds = async (): Promise<{ readonly all: string[]; readonly today: string[] }> => {
      const { events } = JSON.parse((await ptb('tenants events --json')).stdout) as {
        events: { kind: string; at: string }[];
      };
      const today = events.filter(({ at }) => Date.parse(at) > Date.now() - hourMs);
      return { all: events.map(({ kind }) => kind), today: today.map(({ kind }) => kind) };
    };
    // The past of the demo tells of the one that has ended.
    const expected = { all: expect.arrayContaining(['lost']), today: expect.arrayContaining(['ending']) };
    await expect.poll(kinds).toEqual(expected);
  });

  test('has a request that waits for the decision of a person, whom --as names', async () => {
    const { stdout } = await ptb('approvals --status pending --json --as approver');
    const reason = 'Ticket 4711: who has left the company?';
    const { approvals } = JSON.parse(stdout) as { approvals: { id: string }[] };
    expect(approvals).toMatchObject([{ status: 'pending', reason }]);
    const decide = `approvals approve ${approvals[0]?.id} --reason 'Ticket 4711 is known.' --json --as`;
    await expect(ptb(`${decide} newcomer`)).rejects.toThrow('caller_forbidden');
    await expect(ptb(`${decide} aprover`)).rejects.toThrow('did you mean "approver"?');
    await expect(ptb(`${decide} boss`)).rejects.toThrow('It has operator, auditor, approver, helpdesk, newcomer.');
    expect(JSON.parse((await ptb(`${decide} approver`)).stdout)).toMatchObject({ status: 'approved' });
  });

  test('docs/approvals.md: the helpdesk asks, somebody else approves, and the request is sent', async () => {
    await installPtb(folder);
    const page = await readFile(join(projectRoot, 'docs/approvals.md'), 'utf8');
    const [walk = ''] = /(?<=```sh\n)ptb request "Alder[^]*?(?=```)/.exec(page) ?? [];
    const { stdout, stderr } = await bash(`export PATH="$PWD/node_modules/.bin:$PATH"\n${walk}`);
    expect(stderr).toContain('waits for the approval of other people');
    expect(stderr).toContain('HTTP 200');
    expect(stdout).toMatch(/"displayName"[^]*answered 200[^]*approved[^]*asked/);
  });

  test('has the groups and tags of the documentation, and rows of a month ago to compare with', async () => {
    const { stdout } = await ptb('tenants groups --json');
    const names = JSON.stringify(JSON.parse(stdout));
    for (const name of ['gold', 'managed', 'trial']) expect(names).toContain(`"${name}"`);
    expect((await ptb("query '/beta/devices?$top=1' --tenant group:gold --except tag:trial --json")).stdout).toContain(
      '"tenantId"',
    );
    const { stdout: report } = await ptb(`report 'Alder Accountants'`);
    expect(report).toMatch(/^Since \d+ \w+ \d{4}.*(?:added|changed|removed)/m);
    expect(report).not.toContain('not kept any more');
  });

  test('ends with 0 on Ctrl+C and removes the environment file', async () => {
    expect(existsSync(join(folder, '.local/demo.env'))).toBe(true);
    expect(await command.stop('SIGINT')).toBe(0);
    expect(existsSync(join(folder, '.local/demo.env'))).toBe(false);
  });
});

describe('ptb demo', () => {
  const deadCredential = ['--tenants', '3', '--faults', 'revoked'];

  test('stays up with a dead credential, shows no tenant as a success, and ends its child processes when it is killed', async () => {
    const command = await startCommand([...deadCredential, '--port', '0']);
    const report = command.output();
    expect(report).toContain(
      'access-check stopped: The refresh token was revoked or is unusable, or its account is blocked (credential_revoked).',
    );
    expect(report).not.toMatch(/^.*\.(example|com) .*succeeded/m);
    const url = /http:\/\/[\d.]+:\d+(?=\/api)/.exec(report)?.[0] ?? '';
    expect((await fetch(`${url}/api/health`)).status).toBe(503);
    await command.stop('SIGKILL');
    const state = () =>
      fetch(`${url}/api/health`).then(
        () => 'up',
        () => 'gone',
      );
    await expect.poll(state).toBe('gone');
  });

  test('ends with 1 if called with --once and a dead credential', async () => {
    const once = await run(process.execPath, [ptbScript, 'demo', '--app', appFolder, '--once', ...deadCredential], {
      cwd: folder,
    }).catch((error: unknown) => error);
    expect(once).toMatchObject({ code: 1, stdout: expect.stringContaining('access-check stopped: ') as string });
  });

  test('says what it waits for while Key Vault does not answer', async () => {
    const command = await startCommand(['--tenants', '3', '--port', '0', '--faults', 'key-vault-down'], 'waits:');
    expect(command.output()).toContain('access-check waits: Key Vault answered HTTP 503.');
    expect(existsSync(join(folder, '.local/demo.env'))).toBe(true);
    expect(await command.stop('SIGINT')).toBe(0);
  });

  test('prints exactly one JSON document with --once --json', async () => {
    const { stdout } = await run(
      process.execPath,
      [ptbScript, 'demo', '--app', appFolder, '--once', '--json', '--tenants', '3'],
      { cwd: folder },
    );
    const summary = JSON.parse(stdout) as {
      runs: { status: string; tenants: { total: number } }[];
      tokens: object;
      upstream: object;
    };
    expect(summary.runs.map(({ status, tenants }) => [status, tenants.total])).toEqual([
      ['completed', 3],
      ['completed', 3],
    ]);
    expect(summary).toMatchObject({
      tokens: { issued: expect.any(Number) as number, fromCache: expect.any(Number) as number },
      upstream: {
        entraTokenRequests: expect.any(Number) as number,
        keyVaultReads: expect.any(Number) as number,
        graphRequests: expect.any(Number) as number,
        throttled: expect.any(Number) as number,
      },
    });
  });
});
