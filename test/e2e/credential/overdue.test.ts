import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { azureIdentity } from '../../../src/lib/config/identity.ts';
import { secretClient } from '../../../src/lib/config/key-vault.ts';
import { KeyVaultCredentialStore } from '../../../src/lib/tokens/credential/key-vault-credential-store.ts';
import { startWatchedDemo, type WatchedDemo } from '../../support/watched-demo.ts';
import { forgetIdentity } from './operator.ts';

// The app in a host whose timer does not fire, with a refresh token of two days ago.

const hour = 3_600_000;

let demo: WatchedDemo;
let store: KeyVaultCredentialStore;
const lines: string[] = [];

beforeAll(async () => {
  demo = await startWatchedDemo({
    tenants: 2,
    hostSettings: async () => ({ 'AzureWebJobs.rotate-credential.Disabled': 'true' }),
    onHostLine: (line) => lines.push(line),
  });
  forgetIdentity();
  for (const name of ['IDENTITY_ENDPOINT', 'IDENTITY_HEADER']) vi.stubEnv(name, demo.environment[name]);
  const managedIdentityClientId = demo.cloud.managedIdentity.clientId;
  const identity = await azureIdentity({ hasManagedIdentity: true, managedIdentityClientId });
  store = new KeyVaultCredentialStore(await secretClient(demo.cloud.keyVault, identity));
  const { client, refreshToken } = await store.load('default');
  if (refreshToken === undefined) throw new Error('ptb consent stored no refresh token');
  const obtainedAtMs = refreshToken.obtainedAtMs - 48 * hour;
  await store.saveRefreshToken('default', { ...refreshToken, obtainedAtMs, clientId: client.clientId });
});
afterAll(async () => {
  await demo?.stop();
  vi.unstubAllEnvs();
});

const eventsOf = (name: string): string[] => lines.filter((line) => line.includes(`{"event":"${name}"`));
const ageMs = async (): Promise<number> =>
  Date.now() - ((await store.load('default')).refreshToken?.obtainedAtMs ?? Number.NaN);
const health = (token?: string): Promise<Response> =>
  fetch(`${demo.url}/api/health`, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } });

it('rotates an overdue credential once when requests arrive, although the timer is disabled', async () => {
  expect(await ageMs()).toBeGreaterThan(47 * hour);
  const versions = (await store.listRefreshTokenVersions('default')).length;
  const answers = await Promise.all(Array.from({ length: 20 }, () => health()));
  for (const answer of answers) expect(answer.status).toBe(200);
  await expect.poll(() => eventsOf('credential.cared_for')).toHaveLength(1);
  expect(await ageMs()).toBeLessThan(hour);
  expect(await store.listRefreshTokenVersions('default')).toHaveLength(versions + 1);
  expect(eventsOf('credential.care_overdue')[0]).toContain('"level":"warn","applications":"default"');
  expect(eventsOf('credential.rotated')).toHaveLength(1);
});

it('starts nothing more, and shows the rotation in health', async () => {
  const token = await demo.callerToken();
  // A report is cached for 15 seconds.
  await expect
    .poll(async () => (await health(token)).json(), { interval: 1_000 })
    .toMatchObject({
      applications: [{ application: 'default', ageDays: 0, lastRotation: expect.any(String), findings: [] }],
    });
  await Promise.all(Array.from({ length: 20 }, () => health()));
  expect(eventsOf('credential.care_checked')).toHaveLength(1);
  expect(eventsOf('credential.rotated')).toHaveLength(1);
});
