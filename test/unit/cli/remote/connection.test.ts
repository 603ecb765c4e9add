import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { connect, signInForBroker } from '../../../../src/cli/remote/connection.ts';

const brokerId = '11111111-1111-4111-8111-111111111111';
const identityId = '22222222-2222-4222-8222-222222222222';
const flags = { url: 'https://broker.example', clientId: brokerId };

/** Authorization headers of the requests to the broker. */
let sent: (string | null)[];

beforeEach(() => {
  sent = [];
  vi.stubEnv('IDENTITY_ENDPOINT', undefined);
  vi.stubEnv('MANAGED_IDENTITY_CLIENT_ID', undefined);
  vi.stubGlobal('fetch', async (_: string, init: RequestInit) => {
    sent.push(new Headers(init.headers).get('authorization'));
    return new Response('{}');
  });
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe('connect with a client id on a workstation', () => {
  let folder: string;

  // The Azure CLI of this machine is replaced by one that issues a new token each time.
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'azure-cli-'));
    vi.stubEnv('PATH', `${folder}:/bin:/usr/bin`);
    // Only the date is replaced: the program still takes its time.
    vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 10, 24) });
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** @param seconds lifetime of each token, from the date of the test. */
  async function installAzureCli(seconds: number): Promise<void> {
    const script = [
      '#!/bin/sh',
      `echo "$@" >> ${folder}/calls`,
      `printf '{"accessToken":"token-%d","expires_on":${Math.floor(Date.now() / 1000) + seconds}}' $(wc -l < ${folder}/calls)`,
    ];
    await writeFile(join(folder, 'az'), script.join('\n'));
    await chmod(join(folder, 'az'), 0o755);
  }

  it('signs in once while the token is valid, and again five minutes before it expires', async () => {
    await installAzureCli(3600);
    const client = await connect(flags);
    await client.get('/jobs');
    vi.advanceTimersByTime(3_299_000);
    await client.get('/jobs');
    expect(sent).toEqual(['Bearer token-1', 'Bearer token-1']);
    vi.advanceTimersByTime(2_000);
    await installAzureCli(3600);
    await client.get('/jobs');
    await client.get('/jobs');
    expect(sent.slice(2)).toEqual(['Bearer token-2', 'Bearer token-2']);
    expect(await readFile(join(folder, 'calls'), 'utf8')).toContain(brokerId);
  });

  it('signs in for every request while tokens live for less than five minutes', async () => {
    await installAzureCli(299);
    const client = await connect(flags);
    await client.get('/jobs');
    await client.get('/jobs');
    expect(sent).toEqual(['Bearer token-1', 'Bearer token-2']);
  });
});

describe('connect with a client id where there is a managed identity', () => {
  let server: Server;
  let asked: (string | null)[];

  // The endpoint of App Service: without a client id it uses the system-assigned identity, which this app lacks. One for
  // all tests, because the SDK keeps the first address.
  beforeAll(async () => {
    server = createServer((request, response) => {
      const query = new URL(request.url ?? '', 'http://localhost').searchParams;
      asked.push(query.get('client_id'));
      const known = query.get('client_id') === identityId;
      response.writeHead(known ? 200 : 400, { 'content-type': 'application/json' });
      const token = { access_token: 'of-the-identity', expires_on: '4102444800', resource: query.get('resource') };
      response.end(JSON.stringify(known ? token : { statusCode: 400, message: 'No managed identity was found.' }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => void server.close());
  beforeEach(() => {
    asked = [];
    vi.stubEnv('IDENTITY_ENDPOINT', `http://127.0.0.1:${(server.address() as AddressInfo).port}/msi/token`);
    vi.stubEnv('IDENTITY_HEADER', 'header');
  });

  it('names the user-assigned identity', async () => {
    vi.stubEnv('MANAGED_IDENTITY_CLIENT_ID', identityId);
    await (await connect(flags)).get('/jobs');
    expect(await signInForBroker(brokerId)).toBe('of-the-identity');
    expect(sent).toEqual(['Bearer of-the-identity']);
    expect(new Set(asked)).toEqual(new Set([identityId]));
  });

  it('uses the system-assigned identity without a name', async () => {
    vi.stubEnv('MANAGED_IDENTITY_CLIENT_ID', '');
    await expect(signInForBroker(brokerId)).rejects.toMatchObject({ code: 'caller_unauthenticated' });
    expect(new Set(asked)).toEqual(new Set([null]));
  });

  it('says what a job of GitHub Actions lacks that no sign-in can replace', async () => {
    vi.stubEnv('MANAGED_IDENTITY_CLIENT_ID', '');
    for (const [name, value] of [
      ['GITHUB_ACTIONS', 'true'],
      ['AZURE_CLIENT_ID', brokerId],
      ['AZURE_TENANT_ID', brokerId],
      ['ACTIONS_ID_TOKEN_REQUEST_URL', ''],
    ] as const)
      vi.stubEnv(name, value);
    await expect(signInForBroker(brokerId)).rejects.toMatchObject({
      code: 'caller_unauthenticated',
      nextStep: 'Give the job `permissions: { id-token: write }`.',
    });
  });

  it('rejects a name that is not a client id', async () => {
    vi.stubEnv('MANAGED_IDENTITY_CLIENT_ID', 'my-identity');
    await expect(signInForBroker(brokerId)).rejects.toThrow(
      'MANAGED_IDENTITY_CLIENT_ID: is not a client id (GUID). Set it to the client id of the managed identity.',
    );
    expect(asked).toEqual([]);
  });
});
