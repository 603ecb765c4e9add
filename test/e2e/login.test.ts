import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { execFile, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { environmentOf } from 'microsoft-cloud';
import { approveDeviceCode, changeAccount, changeSettings, readLedger } from 'microsoft-cloud/client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Demo } from '../../src/cli/demo/start-demo.ts';
import { callerRoles } from '../../src/lib/core/caller.ts';
import { plainEnvironment, ptbScript } from '../paths.ts';
import { startQuietDemo } from '../support/running-demo.ts';

// `ptb login` in processes of its own, against a running broker and its simulated Entra.

let demo: Demo;
let folder: string;
beforeAll(async () => {
  demo = await startQuietDemo(2);
});
afterAll(async () => {
  await demo?.stop();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-login-'));
  return () => rm(folder, { recursive: true, force: true });
});

const account = (name: string): string =>
  demo.cloud.accounts.find(({ username }) => username.startsWith(`${name}@`))?.username ?? '';

function environment(as: string): NodeJS.ProcessEnv {
  const { NODE_EXTRA_CA_CERTS, NO_PROXY } = environmentOf(demo.cloud);
  const browser = `"${process.execPath}" "${ptbScript}" local-browser --control ${demo.cloud.control} --account ${account(as)}`;
  return { ...plainEnvironment(), XDG_STATE_HOME: folder, NODE_EXTRA_CA_CERTS, NO_PROXY, PTB_BROWSER: browser };
}

interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param as the account that signs in in the browser. */
const ptb = (args: readonly string[], as = 'operator'): Promise<Ended> =>
  new Promise((resolve) => {
    const options = { cwd: folder, env: environment(as) };
    execFile(process.execPath, [ptbScript, ...args], options, (error, stdout, stderr) =>
      resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });

const place = () => join(folder, 'partner-token-broker/sign-ins');
const kept = async () => {
  const [name = ''] = await readdir(place());
  return JSON.parse(await readFile(join(place(), name), 'utf8')) as Record<string, string | number>;
};

describe('ptb login', () => {
  it('signs in with a browser, serves the commands that call the broker, and ends with ptb logout', async () => {
    const login = await ptb(['login', '--url', demo.url, '--json']);
    expect(login.exitCode).toBe(0);
    expect(JSON.parse(login.stdout)).toMatchObject({ url: demo.url, account: account('operator') });
    expect(new Set((JSON.parse(login.stdout) as { roles: string[] }).roles)).toEqual(new Set(callerRoles));
    const signIn = await kept();
    for (const secret of [signIn['accessToken'], signIn['refreshToken']])
      expect(login.stdout + login.stderr).not.toContain(String(secret));
    for (const name of await readdir(place())) expect((await stat(join(place(), name))).mode & 0o777).toBe(0o600);

    // Without an address: it is the only broker of this person.
    const tenants = await ptb(['tenants', '--json']);
    expect([tenants.exitCode, (JSON.parse(tenants.stdout) as { tenants: unknown[] }).tenants.length]).toEqual([0, 2]);
    expect(
      (
        await ptb([
          'token',
          '--url',
          demo.url,
          '--tenant',
          demo.cloud.tenants[0]?.tenantId ?? '',
          '--resource',
          'graph',
        ])
      ).exitCode,
    ).toBe(0);

    const logout = await ptb(['logout', '--json']);
    expect(JSON.parse(logout.stdout)).toEqual({ forgotten: [demo.url] });
    expect(await readdir(place())).toEqual([]);
    const after = await ptb(['tenants', '--url', demo.url]);
    expect(after.exitCode).toBe(4);
    expect(after.stderr).toContain(`ptb login --url ${demo.url}`);
  });

  it('signs in with a device code', async () => {
    const child = spawn(process.execPath, [ptbScript, 'login', '--device-code', '--url', demo.url], {
      cwd: folder,
      env: environment('auditor'),
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
    const shown = new Promise<string>((resolve) => {
      child.stderr.on('data', (text: Buffer) => {
        stderr += text.toString();
        const [, code] = /enter the code (\w+)/.exec(stderr) ?? [];
        if (code !== undefined) resolve(code);
      });
    });
    const ended = new Promise((resolve) => child.once('close', resolve));
    await approveDeviceCode(demo.cloud.control, await shown, account('auditor'));
    expect(await ended).toBe(0);
    expect(stdout).toContain('Roles: Audit.Read');
    expect((await ptb(['audit', '--json'])).exitCode).toBe(0);
    const refused = await ptb(['tenants']);
    expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringContaining('Tenants.Read')]);
  });

  it('renews a token that is about to expire, and says when the person has to sign in again', async () => {
    await changeSettings(demo.cloud.control, { accessTokenLifetimeSeconds: 60 });
    try {
      await ptb(['login', '--url', demo.url]);
      const before = await kept();
      await changeSettings(demo.cloud.control, { accessTokenLifetimeSeconds: 3600 });
      expect((await ptb(['tenants', '--json'])).exitCode).toBe(0);
      const after = await kept();
      expect(after['accessToken']).not.toBe(before['accessToken']);
      expect(after['refreshToken']).not.toBe(before['refreshToken']);
      const refreshes = async () =>
        (await readLedger(demo.cloud.control)).requests.filter(({ grant }) => grant === 'refresh_token').length;
      const count = await refreshes();
      expect((await ptb(['tenants', '--json'])).exitCode).toBe(0);
      expect(await refreshes()).toBe(count);

      await changeSettings(demo.cloud.control, { accessTokenLifetimeSeconds: 60 });
      await ptb(['login', '--url', demo.url]);
      await changeAccount(demo.cloud.control, account('operator'), { revoke: true });
      const ended = await ptb(['tenants']);
      expect(ended.exitCode).toBe(4);
      expect(ended.stderr).toContain(`The sign-in of ${account('operator')} to ${demo.url} has ended.`);
      expect(ended.stderr).toContain(`ptb login --url ${demo.url}`);
    } finally {
      await changeSettings(demo.cloud.control, { accessTokenLifetimeSeconds: 3600 });
    }
  });

  it('tells a person without a role who gives one', async () => {
    const { exitCode, stdout, stderr } = await ptb(['login', '--url', demo.url], 'newcomer');
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining('Roles: none')]);
    expect(stderr).toMatch(
      /ptb setup api --partner-tenant [0-9a-f-]{36} --name NAME --principal [0-9a-f-]{36} --role Runs\.Read/,
    );
    // The server named them, so the person reads them before the sign-in.
    const { tenantId, clientId, scope } = await kept();
    expect(stderr.split('\n')[0]).toBe(
      `Signing in to ${new URL(demo.url).host}: tenant ${tenantId}, application ${clientId}, scope ${scope}.`,
    );
  });

  it('fails without an address, and at a server that is no broker', async () => {
    expect((await ptb(['login'])).exitCode).toBe(2);
    const elsewhere = await ptb(['login', '--url', demo.cloud.control]);
    expect([elsewhere.exitCode, elsewhere.stderr]).toEqual([5, expect.stringContaining('does not say how to sign in')]);
  });
});
