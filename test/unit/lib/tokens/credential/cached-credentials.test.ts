import { beforeEach, describe, expect, test } from 'vitest';
import { CachedCredentials } from '../../../../../src/lib/tokens/credential/cached-credentials.ts';
import type { Credential } from '../../../../../src/lib/core/secrets.ts';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import { silentLogger } from '../../../../../src/lib/core/log.ts';
import type { TenantId } from '../../../../../src/lib/core/identifiers.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { MemoryCredentialStore, storeWithCredential } from '../../../../fakes/memory-credential-store.ts';

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

test('reads an application that is not set up at most once in five seconds', async () => {
  for (let time = 0; time < 100; time += 1) expect(await codeOf('reader')).toBe('credential_missing');
  expect(store.loads).toBe(1);
  await expect(credentials.reread('reader')).rejects.toMatchObject({ code: 'credential_missing' });
  expect(store.loads).toBe(1);
  const { client } = await store.load('default');
  await store.saveClientCredential('reader', client);
  await clock.advance(5_000);
  expect(await codeOf('reader')).toBe('ok');
});

test('stops returning a credential that was removed from the store', async () => {
  expect(await codeOf('default')).toBe('ok');
  store.failure = new BrokerError('credential_missing', 'There is no credential in Key Vault.');
  await clock.advance(600_000);
  expect(await codeOf('default')).toBe('credential_missing');
});

test('keeps the copy while enabled versions cannot be read, and logs a skipped version once', async () => {
  const recorder = recordingLogger();
  credentials = new CachedCredentials({ store, clock, log: recorder.log }, 600);
  const { client } = await store.load('default');
  const pasted = await store.saveClientCredential('default', client);
  const unreadable = new BrokerError('credential_missing', 'It lacks the tags.');
  store.editClient('default', pasted, { unreadable });
  for (let nth = 0; nth < 3; nth += 1) {
    expect((await credentials.get('default')).client.version).toBe('v1');
    await clock.advance(600_000);
  }
  expect(recorder.events()).toEqual(['credential.version_skipped']);
  store.editClient('default', 'v1', { unreadable });
  expect((await credentials.get('default')).client.version).toBe('v1');
  for (const version of ['v1', pasted]) await store.disableClientCredentialVersion('default', version);
  await clock.advance(600_000);
  await expect(credentials.get('default')).rejects.toMatchObject({ code: 'credential_missing' });
});

test('does not read an unusable certificate again for every request', async () => {
  store.failure = new BrokerError('client_credential_rejected', 'The stored certificate has no private key.');
  for (let time = 0; time < 100; time += 1) expect(await codeOf('default')).toBe('client_credential_rejected');
  expect(store.loads).toBe(1);
});

test('retries a failed read immediately while nothing is cached', async () => {
  store.failure = new BrokerError('key_vault_unavailable', 'Key Vault answered HTTP 503.');
  expect(await codeOf('default')).toBe('key_vault_unavailable');
  store.failure = undefined;
  expect(await codeOf('default')).toBe('ok');
});

test('does not read again before the Retry-After of the vault has passed', async () => {
  store.failure = new BrokerError('key_vault_unavailable', 'Key Vault throttles.', { retryAfterSeconds: 10 });
  for (let time = 0; time < 100; time += 1) expect(await codeOf('default')).toBe('key_vault_unavailable');
  expect(store.loads).toBe(1);
  store.failure = undefined;
  await clock.advance(9_999);
  expect(await codeOf('default')).toBe('key_vault_unavailable');
  await clock.advance(1);
  expect(await codeOf('default')).toBe('ok');
});

describe('CachedCredentials with a vault that does not answer', () => {
  let reply: PromiseWithResolvers<Credential>;
  let loads = 0;
  beforeEach(async () => {
    reply = Promise.withResolvers();
    loads = 0;
    let first = true;
    const load = async (application: string): Promise<Credential> => {
      loads += 1;
      if (!first) return reply.promise;
      first = false;
      return store.load(application);
    };
    credentials = new CachedCredentials(
      { store: Object.assign(new MemoryCredentialStore(), { load }), clock, log: silentLogger },
      600,
    );
    await credentials.get('default');
    await clock.advance(600_000);
  });

  /** Returns the duration of a call in milliseconds, or NaN if it takes longer than 30 seconds. */
  async function durationOf(call: () => Promise<Credential>): Promise<number> {
    const begin = clock.nowMs();
    let endMs = Number.NaN;
    void call().then(() => (endMs = clock.nowMs()));
    while (Number.isNaN(endMs) && clock.nowMs() - begin < 30_000) await clock.advance(100);
    return endMs - begin;
  }

  test.each(['get', 'reread'] as const)(
    '%s waits for three seconds once, then returns the cached credential',
    async (method) => {
      expect(await durationOf(() => credentials[method]('default'))).toBe(3_000);
      for (let time = 0; time < 20; time += 1)
        expect(await durationOf(() => credentials[method]('default'))).toBeLessThanOrEqual(100);
      expect(loads).toBe(2);
    },
  );

  test('uses the reply when it arrives late', async () => {
    await durationOf(() => credentials.get('default'));
    const renewed = await store.load('default');
    reply.resolve(renewed);
    await clock.advance(1);
    expect(await credentials.get('default')).toBe(renewed);
    expect(loads).toBe(2);
  });

  test('does not read again before the Retry-After of a late failure has passed', async () => {
    await durationOf(() => credentials.get('default'));
    reply.reject(new BrokerError('key_vault_unavailable', 'Key Vault throttles.', { retryAfterSeconds: 60 }));
    await clock.advance(59_000);
    await credentials.get('default');
    expect(loads).toBe(2);
    await clock.advance(2_000);
    await credentials.get('default').catch(() => undefined);
    expect(loads).toBe(3);
  });
});

test('reads the store again when the clock was set back, although the copy looks fresh', async () => {
  expect(await codeOf('default')).toBe('ok');
  await clock.advance(-3_600_000);
  expect(await codeOf('default')).toBe('ok');
  expect(store.loads).toBe(2);
});

test('lastRead returns the time and the failure of the last read of each application', async () => {
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

test('reload reads the store even if the last read has just ended', async () => {
  await credentials.get('default');
  const { client } = await store.load('default');
  const version = await store.saveClientCredential('default', client);
  expect((await credentials.reread('default')).client.version).not.toBe(version);
  expect((await credentials.reload('default')).client.version).toBe(version);
  expect((await credentials.get('default')).client.version).toBe(version);
});
