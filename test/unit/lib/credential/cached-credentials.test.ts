import { beforeEach, describe, expect, test } from 'vitest';
import { CachedCredentials } from '../../../../src/lib/credential/cached-credentials.ts';
import type { Credential } from '../../../../src/lib/model/credential.ts';
import { BrokerError } from '../../../../src/lib/model/errors.ts';
import { silentLogger } from '../../../../src/lib/runtime/log.ts';
import type { TenantId } from '../../../../src/lib/model/identifiers.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { type MemoryCredentialStore, storeWithCredential } from '../../../fakes/memory-credential-store.ts';

const partner = '99999999-9999-4999-8999-999999999999' as TenantId;
let clock: FakeClock;
let store: MemoryCredentialStore;
let credentials: CachedCredentials;

beforeEach(async () => {
  clock = new FakeClock();
  store = await storeWithCredential(partner, () => clock.nowMs());
  credentials = new CachedCredentials({ store, clock, log: silentLogger }, 600);
});

const codeOf = (application: string): Promise<unknown> =>
  credentials.get(application).then(
    () => 'ok',
    ({ code }: BrokerError) => code,
  );

test('an application that is not set up is asked for once in five seconds, however many want it', async () => {
  for (let time = 0; time < 100; time += 1) expect(await codeOf('reader')).toBe('credential_missing');
  expect(store.loads).toBe(1);
  await expect(credentials.reread('reader')).rejects.toMatchObject({ code: 'credential_missing' });
  expect(store.loads).toBe(1);
  const { client } = await store.load('default');
  await store.saveClientCredential('reader', client);
  await clock.advance(5_000);
  expect(await codeOf('reader')).toBe('ok');
});

test('a certificate that cannot be used is not read again by every request', async () => {
  store.failure = new BrokerError('client_credential_rejected', 'The stored certificate has no private key.');
  for (let time = 0; time < 100; time += 1) expect(await codeOf('default')).toBe('client_credential_rejected');
  expect(store.loads).toBe(1);
});

test('a vault that did not answer is asked again at once while there is nothing in memory', async () => {
  store.failure = new BrokerError('key_vault_unavailable', 'Key Vault answered HTTP 503.');
  expect(await codeOf('default')).toBe('key_vault_unavailable');
  store.failure = undefined;
  expect(await codeOf('default')).toBe('ok');
});

test('a vault that says when to come back is left alone until then', async () => {
  store.failure = new BrokerError('key_vault_unavailable', 'Key Vault throttles.', { retryAfterSeconds: 10 });
  for (let time = 0; time < 100; time += 1) expect(await codeOf('default')).toBe('key_vault_unavailable');
  expect(store.loads).toBe(1);
  store.failure = undefined;
  await clock.advance(9_999);
  expect(await codeOf('default')).toBe('key_vault_unavailable');
  await clock.advance(1);
  expect(await codeOf('default')).toBe('ok');
});

describe('while a vault takes the connection and says nothing', () => {
  let answer: PromiseWithResolvers<Credential>;
  let loads = 0;
  beforeEach(async () => {
    answer = Promise.withResolvers();
    loads = 0;
    let first = true;
    const load = async (application: string): Promise<Credential> => {
      loads += 1;
      if (!first) return answer.promise;
      first = false;
      return store.load(application);
    };
    credentials = new CachedCredentials({ store: { load }, clock, log: silentLogger }, 600);
    await credentials.get('default');
    await clock.advance(600_000);
  });

  /** How long a call takes, milliseconds; NaN: longer than half a minute. */
  async function waitOf(call: () => Promise<Credential>): Promise<number> {
    const begin = clock.nowMs();
    let endMs = Number.NaN;
    void call().then(() => (endMs = clock.nowMs()));
    while (Number.isNaN(endMs) && clock.nowMs() - begin < 30_000) await clock.advance(100);
    return endMs - begin;
  }

  test.each(['get', 'reread'] as const)(
    '%s waits for a moment, once, and goes on with what is in memory',
    async (how) => {
      expect(await waitOf(() => credentials[how]('default'))).toBe(3_000);
      for (let time = 0; time < 20; time += 1)
        expect(await waitOf(() => credentials[how]('default'))).toBeLessThanOrEqual(100);
      expect(loads).toBe(2);
    },
  );

  test('the answer counts when it comes', async () => {
    await waitOf(() => credentials.get('default'));
    const renewed = await store.load('default');
    answer.resolve(renewed);
    await clock.advance(1);
    expect(await credentials.get('default')).toBe(renewed);
    expect(loads).toBe(2);
  });

  test('its failure leaves it alone for as long as it says', async () => {
    await waitOf(() => credentials.get('default'));
    answer.reject(new BrokerError('key_vault_unavailable', 'Key Vault throttles.', { retryAfterSeconds: 60 }));
    await clock.advance(59_000);
    await credentials.get('default');
    expect(loads).toBe(2);
    await clock.advance(2_000);
    await credentials.get('default').catch(() => undefined);
    expect(loads).toBe(3);
  });
});

test('what the store answered last is known for each application', async () => {
  await codeOf('default');
  const readAtMs = clock.nowMs();
  await clock.advance(1_000);
  await codeOf('reader');
  expect(credentials.lastRead('default')).toEqual({ atMs: readAtMs, failure: undefined });
  expect(credentials.lastRead('reader')).toMatchObject({
    atMs: clock.nowMs(),
    failure: { code: 'credential_missing' },
  });
  expect(credentials.lastRead('nobody')).toBeUndefined();
});
