import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { registerLogin } from '../../../../src/cli/commands/login.ts';
import { refuseScopeOfOther, refuseTokenOfOther } from '../../../../src/cli/login/other-broker.ts';
import { places } from '../../../../src/cli/remote/places.ts';
import type { TenantId } from '../../../../src/lib/core/identifiers.ts';
import { Secret } from '../../../../src/lib/core/secrets.ts';
import { runProgram } from '../../../../src/cli/run-program.ts';
import { runCommand } from '../commands/command-stage.ts';

const url = 'https://broker.example';
const tenantId = '99999999-9999-4999-8999-999999999999' as TenantId;
const tokenOf = (aud: string): string => `e30.${Buffer.from(JSON.stringify({ aud })).toString('base64url')}.x`;
const settings = {
  entraEndpoint: 'https://login.microsoftonline.com',
  tenantId,
  clientId: '33333333-3333-4333-8333-333333333333',
  scope: 'api://broker/access_as_user',
};
const keptAt = (address: string) => ({
  ...settings,
  url: address,
  account: 'operator@partner.test',
  accessToken: tokenOf('the broker'),
  expiresAtMs: Date.now() + 3600_000,
  refreshToken: 'refresh',
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-login-'));
  vi.stubEnv('XDG_STATE_HOME', join(folder, 'state'));
  // A test that is wrong must open nothing.
  vi.stubEnv('PTB_BROWSER', 'false');
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

describe('ptb login at a server that names the application of another broker', () => {
  it.each(['api://broker/access_as_user', 'API://Broker/access_as_user'])(
    'refuses the scope %s before the person signs in',
    async (scope) => {
      await places().files.save(keptAt('https://one.example'));
      const { exit, err, requests } = await runCommand(registerLogin, ['login'], [{ ...settings, scope }], []);
      expect([exit, requests.map(({ path }) => path)]).toEqual([5, ['/sign-in']]);
      expect(err).toContain('names the application of the broker at https://one.example');
      expect(err).toContain('ptb logout --url https://one.example');
      expect(await places().files.find(url)).toBeUndefined();
    },
  );

  it('refuses another name of the scope by the token that Entra issues for it', () => {
    const refuse = (kept: string, at: string, audience: string) => () =>
      refuseTokenOfOther([keptAt(kept)], at, new Secret(tokenOf(audience)));
    expect(refuse('https://one.example', url, 'the broker')).toThrow('https://one.example');
    expect(refuse('https://one.example', url, 'another one')).not.toThrow();
    expect(refuse(url, url, 'the broker')).not.toThrow();
  });

  it('does not take a sign-in to the same address, or to an earlier demo on this machine, for another broker', () => {
    const { scope } = settings;
    expect(() => refuseScopeOfOther([keptAt(url)], { url, scope })).not.toThrow();
    const demo = { url: 'http://127.0.0.1:7072', scope };
    expect(() => refuseScopeOfOther([keptAt('http://127.0.0.1:7071')], demo)).not.toThrow();
    expect(() => refuseScopeOfOther([keptAt('https://one.example')], demo)).toThrow('https://one.example');
  });
});

it('ptb login --device-code says how to allow the flow if the application does not', async () => {
  const started = {
    device_code: 'device',
    user_code: 'CODE',
    verification_uri: 'https://microsoft.com/devicelogin',
    expires_in: 900,
    interval: 0.01,
  };
  const refused = { error: 'invalid_client', error_description: 'AADSTS7000218: The request body must contain …' };
  vi.stubGlobal('fetch', async (address: string) => {
    if (address.endsWith('/api/sign-in'))
      return Response.json({ ...settings, scope: `api://${tenantId}/broker-prod/access_as_user` });
    return address.endsWith('/devicecode') ? Response.json(started) : Response.json(refused, { status: 401 });
  });
  const err = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const program = new Command('ptb');
  registerLogin(program);
  expect(await runProgram(program, ['node', 'ptb', 'login', '--device-code', '--url', url])).not.toBe(0);
  expect(err.mock.calls.map(([text]) => String(text)).join('')).toContain(
    `ptb setup api --partner-tenant ${tenantId} --name broker-prod --no-roles --allow-device-code`,
  );
});

describe('ptb logout', () => {
  const logout = (...words: string[]) => runCommand(registerLogin, ['logout', ...words], [{}], []);

  it('forgets the sign-ins to every broker with --all', async () => {
    for (const address of ['https://one.example', 'https://two.example']) await places().files.save(keptAt(address));
    expect((await logout('--all')).out).toContain('https://two.example');
    expect(await places().files.list()).toEqual([]);
  });

  it('forgets the only sign-in, also in the folder of a demo', async () => {
    vi.stubEnv('BROKER_URL', undefined);
    vi.spyOn(process, 'cwd').mockReturnValue(folder);
    await mkdir(join(folder, '.local'));
    await writeFile(join(folder, '.local/demo.env'), "BROKER_URL='http://127.0.0.1:1'\nCALLER_TOKEN='t'\n");
    await places().files.save(keptAt('https://one.example'));
    const program = new Command();
    registerLogin(program);
    const out = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    await program.parseAsync(['node', 'ptb', 'logout']);
    expect(String(out.mock.calls[0]?.[0])).toContain('Forgot the sign-in to https://one.example.');
    await program.parseAsync(['node', 'ptb', 'logout']);
    expect(String(out.mock.calls[1]?.[0])).toBe('There was no sign-in to forget.\n');
    expect(await places().files.list()).toEqual([]);
  });

  it('names the broker to which there is no sign-in', async () => {
    expect((await logout()).out).toContain(`There was no sign-in to ${url} to forget.`);
  });
});
