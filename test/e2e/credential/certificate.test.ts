import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { registerCertificate } from '../../../src/lib/tokens/credential/client-certificate.ts';
import { keyMark } from '../../../src/lib/tokens/credential/client-keys.ts';
import { keepAlive } from '../../../src/lib/tokens/credential/keep-alive.ts';
import { redeemAsApplication } from '../../../src/lib/tokens/credential/prove-client-credential.ts';
import { renewClientCredential } from '../../../src/lib/tokens/credential/renew-client-credential.ts';
import { redeemRefreshToken } from '../../../src/lib/tokens/credential/store-refresh-token.ts';
import { account, adminToken } from 'microsoft-cloud/testing';
import { daysOf } from '../../support/extent.ts';
import { startCare } from './care.ts';
import { browser, startOperator, type TestOperator } from './operator.ts';

// A client certificate with the real SDKs: MSAL signs with it, and the simulated Entra verifies the signature. MSAL uses
// the time of the process, so these tests advance that time and not only the clock of the cloud.

const dayMs = 86_400_000;
const pass = (ms: number): unknown => vi.setSystemTime(Date.now() + ms);
let operator: TestOperator;
beforeAll(async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  operator = await startOperator();
  await operator.setUp({ credential: 'certificate', account: account(operator.cloud, 'broker') });
  await operator.consent(browser(operator.cloud));
});
afterEach(() => operator.cloud.faults.clear());
afterAll(async () => {
  await operator.stop();
  vi.useRealTimers();
});

const renew = (force: boolean) => renewClientCredential({ ...operator, ...operator.renewal() }, 'default', force);

async function registered() {
  const { client } = await operator.store.load('default');
  const { directory } = operator.cloud.world.partner;
  const application = [...directory.applications.values()].find(({ appId }) => appId === client.clientId);
  if (application === undefined) throw new Error('the application is gone');
  return application;
}
const keyIds = async (): Promise<string[]> => (await registered()).keys.map(({ keyId }) => keyId);

async function isAlive(): Promise<boolean> {
  const { client, refreshToken } = await operator.store.load('default');
  return refreshToken !== undefined && (await redeemRefreshToken(operator, client, refreshToken)).ok;
}

/** Registers a certificate as an administrator would. */
async function register(displayName = 'CN=made by hand'): Promise<string> {
  const { client, writer } = operator.graphOf(await adminToken(operator.cloud));
  const application = await registered();
  const path = `/applications/${application.id}`;
  return (await registerCertificate({ ...operator, graph: client, writer }, path, displayName)).keyId;
}

describe('the client certificate', () => {
  let before: string | undefined;
  beforeEach(async () => {
    before = (await operator.store.load('default')).client.keyId;
  });

  it('is not renewed long before it expires', async () => {
    expect(await renew(false)).toMatchObject({ kind: 'certificate', renewed: false, removed: 0 });
    expect(await keyIds()).toEqual([before]);
  });

  it('is renewed, and the old one is removed the next day', async () => {
    expect(await renew(true)).toMatchObject({ kind: 'certificate', renewed: true, removed: 0 });
    const { client } = await operator.store.load('default');
    expect(await keyIds()).toEqual([before, client.keyId]);
    expect(client.keyId).not.toBe(before);
    expect(client.endsAtMs).toBeGreaterThan(operator.clock.nowMs() + 364 * dayMs);
    pass(dayMs);
    expect(await renew(false)).toMatchObject({ renewed: false, removed: 1 });
    expect(await keyIds()).toEqual([client.keyId]);
    expect(await isAlive()).toBe(true);
  });

  it('leaves setup nothing to do', async () => {
    expect(await operator.setUp({ credential: 'certificate' })).toMatchObject({ changed: false });
  });

  it('stays in use when Entra rejects the new one, which is removed', async () => {
    operator.cloud.faults.add({ service: 'entra', grant: 'client_credentials', from: 2, aadsts: 700027 });
    await expect(renew(true)).rejects.toMatchObject({ code: 'client_credential_rejected' });
    operator.cloud.faults.clear();
    expect(await keyIds()).toEqual([before]);
    expect(await isAlive()).toBe(true);
  });

  it('stays in use when Key Vault refuses the new one, which is removed', async () => {
    const body = '{"error":{"code":"Forbidden"}}';
    operator.cloud.faults.add({ service: 'keyVault', method: 'PUT', status: 403, body });
    await expect(renew(true)).rejects.toMatchObject({ code: 'key_vault_unavailable' });
    operator.cloud.faults.clear();
    expect(await keyIds()).toEqual([before]);
    expect(await isAlive()).toBe(true);
  });

  it('survives every failure of Graph at every request that a renewal makes', async () => {
    operator.cloud.ledger.reset();
    await renew(true);
    const steps = operator.cloud.ledger.read().requests.filter(({ service }) => service === 'graph').length;
    expect(steps).toBeGreaterThanOrEqual(6);
    const ways = [
      { status: 403, body: '{}' },
      { status: 400, body: '{}' },
      { kind: 'drop' },
      { kind: 'lost_reply' },
      { kind: 'html' },
    ] as const;
    let [losses, failed] = [0, 0];
    for (const way of ways) {
      for (let step = 1; step <= steps; step += 1) {
        operator.cloud.faults.add({ service: 'graph', from: step, count: 1, ...way });
        // Longer than the minute for which a renewal waits for Entra.
        pass(61_000);
        await renew(true).catch(() => (failed += 1));
        operator.cloud.faults.clear();
        if (!(await isAlive())) losses += 1;
      }
    }
    pass(dayMs);
    await renew(false);
    const { client } = await operator.store.load('default');
    process.stdout.write(
      `renewal of a certificate against Graph: ${ways.length} failures × ${steps} requests = ${ways.length * steps} renewals, ${failed} of them failed, ${losses} losses\n`,
    );
    expect(losses).toBe(0);
    expect(failed).toBeGreaterThan(0);
    expect(await keyIds()).toEqual([client.keyId]);
  });

  it('is removed by a later renewal if a killed one left it in Entra, unless somebody else made it', async () => {
    const { name } = keyMark(operator.store.vault, 'default', []);
    const [orphan, theirs] = [await register(name), await register()];
    expect(await renew(false)).toMatchObject({ removed: 0 });
    pass(2 * 3_600_000);
    expect(await renew(false)).toMatchObject({ removed: 1 });
    expect(await keyIds()).not.toContain(orphan);
    await renew(true);
    pass(dayMs);
    await renew(false);
    const { client } = await operator.store.load('default');
    expect(await keyIds()).toEqual([theirs, client.keyId]);
    (await registered()).keys = (await registered()).keys.filter(({ keyId }) => keyId === client.keyId);
  });

  it('is not renewed if somebody else made it, and the result names the reason', async () => {
    const application = await registered();
    const ours = application.keys;
    application.keys = ours.map((key) => ({ ...key, displayName: 'CN=vault.contoso.com' }));
    expect(await renew(true)).toMatchObject({
      renewed: false,
      reason: expect.stringMatching(/was not created by the broker/),
    });
    expect(await keyIds()).toEqual([before]);
    application.keys = ours;
  });

  it('works after two concurrent renewals', async () => {
    const both = await Promise.allSettled([renew(true), renew(true)]);
    expect(both.some(({ status }) => status === 'fulfilled')).toBe(true);
    expect(await isAlive()).toBe(true);
    pass(dayMs);
    await renew(false);
    const { client } = await operator.store.load('default');
    expect(await keyIds()).toEqual([client.keyId]);
  });
});

it('keeps working for 400 days with the timer, which renews the certificate before it expires', async () => {
  const { clock, store } = operator;
  const { deps, reporter, recorder } = startCare(operator);
  const { client: first } = await store.load('default');
  const renewedOn: number[] = [];
  const ends = Math.ceil(((first.endsAtMs ?? 0) - clock.nowMs()) / dayMs);
  let today = 0;
  for (const day of daysOf(400, ends - 30, ends)) {
    pass((day - today) * dayMs);
    today = day;
    const { keyId } = (await store.load('default')).client;
    await keepAlive(deps, 'default');
    if ((await store.load('default')).client.keyId !== keyId) renewedOn.push(day);
    expect([day, (await reporter().report()).status]).toEqual([day, 'ok']);
  }
  const { client } = await store.load('default');
  process.stdout.write(`400 days with the timer: the certificate was renewed on day ${renewedOn.join(', ')}\n`);
  expect(renewedOn).toEqual([ends - 30]);
  expect(first.endsAtMs).toBeLessThan(clock.nowMs());
  expect(await keyIds()).toEqual([client.keyId]);
  expect(await isAlive()).toBe(true);
  const graphIdentifier = operator.canaryResource;
  expect(await redeemAsApplication({ ...operator, graphIdentifier }, first)).toMatchObject({
    ok: false,
    failure: { code: 'client_credential_rejected' },
  });
  expect(recorder.events()).toContain('credential.client_credential_renewed');
  expect(recorder.events().filter((event) => /failed|not_renewed|state_changed/.test(event))).toEqual([]);
}, 600_000);

it('expires when the timer has stopped, and Entra rejects it', async () => {
  pass(370 * dayMs);
  const { client } = await operator.store.load('default');
  expect(await keyIds()).toEqual([client.keyId]);
  await expect(renew(false)).rejects.toMatchObject({
    code: 'client_credential_rejected',
    detail: expect.stringMatching(/certificate has expired/),
    logFields: { aadsts: 700027 },
  });
});
