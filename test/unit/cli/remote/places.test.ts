import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { KeptSignIn } from '../../../../src/cli/login/sign-in-files.ts';
import { connect, reach } from '../../../../src/cli/remote/connection.ts';
import { knownAddress, places } from '../../../../src/cli/remote/places.ts';
import type { TenantId } from '../../../../src/lib/core/identifiers.ts';

const demoUrl = 'http://127.0.0.1:7071';
const signIn = (url: string): KeptSignIn => ({
  url,
  entraEndpoint: 'https://login.microsoftonline.com',
  tenantId: '99999999-9999-4999-8999-999999999999' as TenantId,
  clientId: 'client',
  scope: 'api://broker/access_as_user',
  account: 'operator@partner.test',
  accessToken: `of the login at ${url}`,
  expiresAtMs: Date.now() + 3600_000,
  refreshToken: 'refresh',
});

let folder: string;
let sent: (string | null)[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-places-'));
  vi.stubEnv('XDG_STATE_HOME', join(folder, 'state'));
  vi.spyOn(process, 'cwd').mockReturnValue(folder);
  sent = [];
  vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
    sent.push(`${url} ${new Headers(init.headers).get('authorization')}`);
    return new Response('{}');
  });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function startDemo(token = 'of the demo', url = demoUrl): Promise<void> {
  await mkdir(join(folder, '.local'), { recursive: true });
  const text = `BROKER_URL='${url}'\nCALLER_TOKEN='${token}'\nOTHER='x'\n`;
  await writeFile(join(folder, '.local/demo.env'), text);
}

describe('a command that names no broker', () => {
  it('calls the demo in this folder, with its token of the moment', async () => {
    await startDemo();
    await places().files.save(signIn('https://one.example'));
    const client = await connect({ clientId: 'never-used' });
    await client.get('/jobs');
    await startDemo('renewed');
    await client.get('/jobs');
    expect(sent).toEqual([`${demoUrl}/api/jobs Bearer of the demo`, `${demoUrl}/api/jobs Bearer renewed`]);
  });

  it.each([{}, { clientId: 'never-used' }, { token: '' }])(
    'reaches the demo, whatever else it is given: %j',
    async (flags) => {
      await startDemo();
      const { url, token, demo } = await reach(flags);
      expect([url, await token?.(), demo?.url]).toEqual([demoUrl, 'of the demo', demoUrl]);
    },
  );

  it('calls the only broker of ptb login', async () => {
    await places().files.save(signIn('https://one.example'));
    await (await connect({})).get('/jobs');
    expect(sent).toEqual(['https://one.example/api/jobs Bearer of the login at https://one.example']);
  });

  it.each(['https://evil.example', 'http://127.0.0.1.evil.example', 'http://127.0.0.1@evil.example', 'nonsense'])(
    'never calls the demo of the folder at %s, which is not this machine',
    async (url) => {
      await startDemo('of the folder', url);
      await expect(knownAddress({}, places())).rejects.toThrow(/^No broker is known/);
      await places().files.save(signIn('https://one.example'));
      await (await connect({})).get('/jobs');
      expect(sent).toEqual(['https://one.example/api/jobs Bearer of the login at https://one.example']);
    },
  );

  it('asks which of several brokers', async () => {
    for (const url of ['https://one.example', 'https://two.example']) await places().files.save(signIn(url));
    await expect(knownAddress({}, places())).rejects.toThrow(/You are signed in to https:\/\/(one|two)/);
  });
});

describe('the token for a broker', () => {
  const url = 'https://one.example';

  it('is the explicit one, whoever is signed in', async () => {
    await startDemo();
    await places().files.save(signIn(url));
    await (await connect({ url, token: 'explicit' })).get('/jobs');
    expect(sent).toEqual([`${url}/api/jobs Bearer explicit`]);
  });

  it('is that of ptb login for a named broker, before az, also in a folder with a demo', async () => {
    await startDemo();
    await places().files.save(signIn(url));
    await (await connect({ url, clientId: 'client' })).get('/jobs');
    expect(sent).toEqual([`${url}/api/jobs Bearer of the login at ${url}`]);
    expect(await (await reach({ url })).token?.()).toBe(`of the login at ${url}`);
  });

  it('is absent if PTB_TOKEN is empty and nobody is signed in', async () => {
    expect((await reach({ url, token: '' })).token).toBeUndefined();
  });

  it('is not that of another broker', async () => {
    await places().files.save(signIn('https://two.example'));
    await expect(connect({ url })).rejects.toMatchObject({
      code: 'caller_unauthenticated',
      message: expect.stringContaining(url) as string,
    });
    expect((await reach({ url })).token).toBeUndefined();
  });
});

describe('the files of ptb login', () => {
  it('can be read by their owner only, and hold one broker each', async () => {
    const { files } = places();
    await files.save(signIn('https://one.example'));
    await files.save({ ...signIn('https://one.example'), account: 'second@partner.test' });
    await files.save(signIn('https://two.example'));
    const place = join(folder, 'state/partner-token-broker/sign-ins');
    const names = await readdir(place);
    expect(names).toHaveLength(2);
    expect((await stat(place)).mode & 0o777).toBe(0o700);
    for (const name of names) expect((await stat(join(place, name))).mode & 0o777).toBe(0o600);
    expect((await files.find('https://one.example'))?.account).toBe('second@partner.test');
    expect([await files.drop('https://one.example'), await files.drop('https://one.example')]).toEqual([true, false]);
    expect((await files.list()).map(({ url }) => url)).toEqual(['https://two.example']);
  });

  it('count as absent if they cannot be read', async () => {
    const { files } = places();
    await files.save(signIn('https://one.example'));
    const place = join(folder, 'state/partner-token-broker/sign-ins');
    const [name = ''] = await readdir(place);
    await writeFile(join(place, name), (await readFile(join(place, name), 'utf8')).slice(0, 40));
    expect([await files.find('https://one.example'), await files.list()]).toEqual([undefined, []]);
  });
});
