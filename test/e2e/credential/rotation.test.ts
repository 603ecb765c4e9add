import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { keyMark } from '../../../src/lib/tokens/credential/client-keys.ts';
import { renewClientCredential } from '../../../src/lib/tokens/credential/renew-client-credential.ts';
import { rotateRefreshToken, versionsKept } from '../../../src/lib/tokens/credential/rotate.ts';
import { redeemRefreshToken } from '../../../src/lib/tokens/credential/store-refresh-token.ts';
import { runSetup } from '../../../src/operator/setup/setup.ts';
import type { FaultRule } from 'microsoft-cloud';
import { MemoryCredentialStore } from '../../fakes/memory-credential-store.ts';
import { account, adminToken } from 'microsoft-cloud/testing';
import { browser, startOperator, type TestOperator } from './operator.ts';

let operator: TestOperator;
beforeAll(async () => {
  operator = await startOperator();
  await operator.setUp();
  await operator.consent(browser(operator.cloud));
});
afterEach(() => operator.cloud.faults.clear());
afterAll(() => operator.stop());

const rotate = () => rotateRefreshToken(operator, 'default');

async function isAlive(): Promise<boolean> {
  const { client, refreshToken } = await operator.store.load('default');
  return refreshToken !== undefined && (await redeemRefreshToken(operator, client, refreshToken)).ok;
}

const enabled = async (): Promise<number> =>
  (await operator.store.listRefreshTokenVersions('default')).filter((version) => version.enabled).length;

describe('rotateRefreshToken with the real vault client', () => {
  it('stores a new version with its expiry and disables all but the newest three', async () => {
    const first = await operator.store.loadRefreshToken('default');
    for (let day = 0; day < 5; day += 1) {
      operator.cloud.clock.advance(86_400_000);
      await rotate();
    }
    const stored = await operator.store.loadRefreshToken('default');
    expect(stored?.secret.fingerprint()).not.toBe(first?.secret.fingerprint());
    expect(stored?.expiresAtMs).toBeGreaterThan(operator.clock.nowMs() + 89 * 86_400_000);
    expect(await enabled()).toBe(versionsKept);
  });

  it('keeps a working credential after every failure of Key Vault at every request', async () => {
    const ways: readonly (readonly [name: string, rule: FaultRule])[] = [
      ['403', { status: 403, body: '{"error":{"code":"Forbidden","message":"no"}}' }],
      ['429', { status: 429, headers: { 'retry-after': '1' }, body: '{"error":{"code":"Throttled"}}' }],
      ['503', { status: 503, body: '' }],
      ['dropped', { kind: 'drop' }],
      ['committed, reply lost', { kind: 'lost_reply' }],
      ['html', { kind: 'html' }],
      ['half a reply', { kind: 'truncated' }],
      ['empty', { kind: 'empty_json' }],
    ];
    operator.cloud.ledger.reset();
    await rotate();
    const { requests } = operator.cloud.ledger.read();
    const steps = requests.filter(({ service }) => service === 'keyVault').length;
    expect(steps).toBeGreaterThanOrEqual(6);
    let losses = 0;
    let failed = 0;
    for (const [, rule] of ways) {
      for (let step = 1; step <= steps; step += 1) {
        operator.cloud.faults.add({ service: 'keyVault', from: step, count: 1, ...rule });
        await rotate().catch(() => (failed += 1));
        operator.cloud.faults.clear();
        if (!(await isAlive())) losses += 1;
      }
    }
    const repaired = await rotate();
    process.stdout.write(
      `rotation against Key Vault: ${ways.length} failures × ${steps} requests = ${ways.length * steps} rotations, ${failed} of them failed, ${losses} losses, ${repaired.versions} versions, ${await enabled()} readable\n`,
    );
    expect(failed).toBeGreaterThan(0);
    expect(losses).toBe(0);
    expect(await enabled()).toBe(versionsKept);
  });

  it('succeeds in three concurrent rotations', async () => {
    const both = await Promise.allSettled([rotate(), rotate(), rotate()]);
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
    expect(await isAlive()).toBe(true);
    expect(await enabled()).toBe(versionsKept);
  });
});

describe('the client secret', () => {
  const renew = async (force: boolean) =>
    renewClientCredential({ ...operator, ...operator.renewal() }, 'default', force);
  const passwords = async () => {
    const { client } = await operator.store.load('default');
    const { directory } = operator.cloud.world.partner;
    return [...directory.applications.values()].find(({ appId }) => appId === client.clientId)?.passwords ?? [];
  };
  let before: string | undefined;
  beforeEach(async () => {
    before = (await operator.store.load('default')).client.keyId;
  });

  it('is not renewed long before it expires', async () => {
    expect(await renew(false)).toMatchObject({ renewed: false, removed: 0 });
    expect((await operator.store.load('default')).client.keyId).toBe(before);
  });

  it('is renewed, and the old one is removed the next day', async () => {
    expect(await renew(true)).toMatchObject({ renewed: true, removed: 0 });
    const { client } = await operator.store.load('default');
    expect(client.keyId).not.toBe(before);
    expect((await passwords()).map(({ keyId }) => keyId)).toEqual([before, client.keyId]);
    operator.cloud.clock.advance(86_400_000);
    expect(await renew(false)).toMatchObject({ renewed: false, removed: 1 });
    expect((await passwords()).map(({ keyId }) => keyId)).toEqual([client.keyId]);
    expect(await isAlive()).toBe(true);
  });

  it('is renewed without force in its last 30 days', async () => {
    operator.cloud.clock.advance(151 * 86_400_000);
    await operator.consent(browser(operator.cloud));
    expect(await renew(false)).toMatchObject({ renewed: true });
    expect(await isAlive()).toBe(true);
    operator.cloud.clock.advance(86_400_000);
    expect(await renew(false)).toMatchObject({ removed: 1 });
  });

  it('stays in use when Entra rejects the new one, which is removed', async () => {
    operator.cloud.faults.add({ service: 'entra', grant: 'client_credentials', from: 2, aadsts: 7000215 });
    await expect(renew(true)).rejects.toMatchObject({ code: 'client_credential_rejected' });
    operator.cloud.faults.clear();
    expect((await passwords()).map(({ keyId }) => keyId)).toEqual([before]);
    expect(await isAlive()).toBe(true);
  });

  it('stays in use when Key Vault refuses the new one, which is removed', async () => {
    operator.cloud.faults.add({
      service: 'keyVault',
      method: 'PUT',
      status: 403,
      body: '{"error":{"code":"Forbidden"}}',
    });
    await expect(renew(true)).rejects.toMatchObject({ code: 'key_vault_unavailable' });
    operator.cloud.faults.clear();
    expect((await passwords()).map(({ keyId }) => keyId)).toEqual([before]);
    expect(await isAlive()).toBe(true);
  });

  it('is removed by a later renewal if a killed one left it in Entra', async () => {
    const { writer } = operator.graphOf(await adminToken(operator.cloud));
    const { client } = await operator.store.load('default');
    await writer.post(`/applications(appId='${client.clientId}')/addPassword`, {
      passwordCredential: { displayName: keyMark(operator.store.vault, 'default', []).name },
    });
    expect(await renew(false)).toMatchObject({ removed: 0 });
    operator.cloud.clock.advance(2 * 3_600_000);
    expect(await renew(false)).toMatchObject({ removed: 1 });
    expect((await passwords()).map(({ keyId }) => keyId)).toEqual([before]);
  });

  it('is never removed by another broker with the same application, and vice versa', async () => {
    const store = new MemoryCredentialStore(() => operator.clock.nowMs(), 'staging.vault.example');
    const staging = { ...operator, ...operator.renewal(), store };
    const { notes } = await runSetup(
      { ...(await operator.setupDeps()), store },
      operator.setupOptions({ account: account(operator.cloud, 'broker') }),
    );
    expect(notes).toMatchObject([expect.stringContaining('exists already')]);
    for (const [force, removed] of [
      [true, 0],
      [false, 1],
    ] as const) {
      operator.cloud.clock.advance(86_400_000);
      expect(await renew(force)).toMatchObject({ removed });
      expect(await renewClientCredential(staging, 'default', force)).toMatchObject({ removed });
    }
    const [ours, theirs] = [await operator.store.load('default'), await store.load('default')];
    const inUse = new Set([ours.client.keyId, theirs.client.keyId]);
    expect(new Set((await passwords()).map(({ keyId }) => keyId))).toEqual(inUse);
    expect(await isAlive()).toBe(true);
  });

  it('is never removed if somebody else made it', async () => {
    const { writer } = operator.graphOf(await adminToken(operator.cloud));
    const { client } = await operator.store.load('default');
    const path = `/applications(appId='${client.clientId}')`;
    await writer.post(`${path}/addPassword`, { passwordCredential: { displayName: 'made by hand' } });
    operator.cloud.clock.advance(2 * 3_600_000);
    await renew(true);
    expect((await passwords()).map(({ displayName }) => displayName)).toContain('made by hand');
  });
});
