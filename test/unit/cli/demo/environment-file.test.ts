import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { keepEnvironmentFile } from '../../../../src/cli/demo/environment-file.ts';
import type { Demo } from '../../../../src/cli/demo/start-demo.ts';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-environment-'));
  file = join(folder, 'below', 'demo.env');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const cloud = {
  control: 'http://127.0.0.1:1',
  entra: 'https://127.0.0.1:2',
  partnerTenantId: 'partner',
  caCertificatePath: '/ca.pem',
  accounts: [{ username: 'broker@partner.test' }],
  tenants: [
    { tenantId: 'broken', state: 'deleted' },
    { tenantId: 'good', state: 'ok' },
  ],
  brokerApplication: {
    audience: 'api://broker',
    callers: [
      {
        clientId: 'caller',
        clientSecret: "with ' quote",
        roles: ['Tokens.Request', 'Tenants.Read', 'Runs.Read', 'Runs.Write'],
      },
    ],
  },
};
const demoWith = (callerToken: () => Promise<string>): Demo =>
  ({
    url: 'http://127.0.0.1:3',
    cloud,
    callerToken,
    environment: { KEY_VAULT_URL: 'https://vault' },
  }) as unknown as Demo;

it('writes a file that only its owner can read, exports nothing, quotes for the shell and removes it at the end', async () => {
  const kept = await keepEnvironmentFile(
    demoWith(async () => 'token-1'),
    { file },
  );
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const text = await readFile(file, 'utf8');
  expect(text).toContain(String.raw`CALLER_SECRET='with '\'' quote'`);
  expect(text).toContain("\nA_TENANT='good'\n");
  expect(text).toContain("\n# KEY_VAULT_URL='https://vault'\n");
  const shell = `. "$0"; test -n "$A_TENANT" && env | grep -E "^(BROKER_URL|CALLER_TOKEN|KEY_VAULT_URL|A_TENANT)=" || true`;
  const env = { PATH: process.env['PATH'] ?? '' };
  expect((await promisify(execFile)('sh', ['-c', shell, file], { env })).stdout).toBe('');
  await kept.remove();
  await expect(stat(file)).rejects.toThrow('ENOENT');
});

it('updates the token, also after a request for one failed', async () => {
  const tokens = [async () => 'token-1', async () => Promise.reject(new Error('Entra is down')), async () => 'token-2'];
  const kept = await keepEnvironmentFile(
    demoWith(() => (tokens.length > 1 ? tokens.shift() : tokens[0])?.() ?? Promise.reject(new Error('none'))),
    { file, everyMs: 5 },
  );
  await expect.poll(() => readFile(file, 'utf8')).toContain("CALLER_TOKEN='token-2'");
  await kept.remove();
});

it('does not remove the file of a demo that was started later in the same folder', async () => {
  let token = 'token-1';
  let requests = 0;
  const callerToken = async (): Promise<string> => {
    requests += 1;
    return token;
  };
  const kept = await keepEnvironmentFile(demoWith(callerToken), { file, everyMs: 5 });
  await writeFile(file, "export BROKER_URL='another'\n");
  token = 'token-2';
  // The second request from now on follows the decision about the first new token.
  const before = requests;
  await expect.poll(() => requests).toBeGreaterThan(before + 2);
  await kept.remove();
  expect(await readFile(file, 'utf8')).toBe("export BROKER_URL='another'\n");
});
