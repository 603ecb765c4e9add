import { beforeEach, describe, expect, test } from 'vitest';
import type { TokenBroker } from '../../../../src/lib/tokens/broker.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { Secret } from '../../../../src/lib/core/secrets.ts';
import { type FakeClock, settle } from '../../../fakes/fake-clock.ts';
import { aadstsFailure, type FakeRedeemer, failureReply } from '../../../fakes/fake-redeemer.ts';
import { type MemoryCredentialStore, refreshTokenOf } from '../../../fakes/memory-credential-store.ts';
import type { recordingLogger } from '../../../fakes/recording-logger.ts';
import { graph, outcomeOf, partner, request, startBroker, tenant } from './stage.ts';

let clock: FakeClock;
let redeemer: FakeRedeemer;
let store: MemoryCredentialStore;
let broker: TokenBroker;
let brokerOver: Awaited<ReturnType<typeof startBroker>>['brokerOver'];
let logged: ReturnType<typeof recordingLogger>;

beforeEach(async () => {
  ({ clock, redeemer, store, logged, broker, brokerOver } = await startBroker());
});

describe('TokenBroker.getToken with a cached token', () => {
  test('sends no request to Entra', async () => {
    const first = await broker.getToken(request(1));
    const second = await broker.getToken(request(1));
    expect(second.secret.reveal()).toBe(first.secret.reveal());
    expect([first.fromCache, second.fromCache]).toEqual([false, true]);
    expect(redeemer.sent).toHaveLength(1);
    expect(broker.counts).toEqual({ issued: 2, fromCache: 1 });
  });

  test.each([
    ['tenant', request(2)],
    ['resource', request(1, { resource: { alias: 'arm', identifier: 'https://management.azure.com' } })],
    ['grant', request(1, { grant: 'application' })],
  ])('redeems again for another %s', async (_, other) => {
    const first = await broker.getToken(request(1));
    const second = await broker.getToken(other);
    expect(second.secret.reveal()).not.toBe(first.secret.reveal());
    expect(redeemer.sent).toHaveLength(2);
  });

  test('returns the requested alias when two aliases name one resource', async () => {
    await broker.getToken(request(1));
    const { resource, fromCache } = await broker.getToken(request(1, { resource: { ...graph, alias: 'msgraph' } }));
    expect([resource.alias, fromCache]).toEqual(['msgraph', true]);
  });

  test('returns the requested alias to each caller of a shared redemption', async () => {
    redeemer.delayMs = 10;
    const tokens = [graph, { ...graph, alias: 'msgraph' }].map((resource) => broker.getToken(request(1, { resource })));
    await clock.advance(10);
    expect((await Promise.all(tokens)).map(({ resource }) => resource.alias)).toEqual(['graph', 'msgraph']);
    expect(redeemer.sent).toHaveLength(1);
  });

  test('replaces a token that lives shorter than the requested minimum', async () => {
    await broker.getToken(request(1));
    await clock.advance(1_000_000);
    await broker.getToken(request(1, { minimumLifetimeSeconds: 2_600 }));
    expect(redeemer.sent).toHaveLength(1);
    const longer = await broker.getToken(request(1, { minimumLifetimeSeconds: 2_601 }));
    expect(redeemer.sent).toHaveLength(2);
    expect(longer.expiresAtMs - clock.nowMs()).toBe(3_600_000);
  });

  test('renews a token in the background in its last minutes and returns the old one meanwhile', async () => {
    const first = await broker.getToken(request(1));
    await clock.advance(3_600_000 - 301_000);
    const during = await broker.getToken(request(1));
    await settle();
    const after = await broker.getToken(request(1));
    expect(during.secret.equals(first.secret)).toBe(true);
    expect(after.secret.equals(first.secret)).toBe(false);
    expect(redeemer.sent).toHaveLength(2);
  });

  test('renews a token only on the instance that is asked for it in its last minutes', async () => {
    const instances = Array.from({ length: 16 }, () => brokerOver(redeemer));
    for (const instance of instances) await instance.getToken(request(1));
    await clock.advance(3_600_000 - 301_000);
    for (const instance of instances.slice(0, 2)) await instance.getToken(request(1));
    await clock.advance(300_000);
    expect(redeemer.sent).toHaveLength(16 + 2);
  });

  test('returns the cached token when its renewal fails', async () => {
    const first = await broker.getToken(request(1));
    await clock.advance(3_600_000 - 301_000);
    redeemer.script = () => failureReply();
    const during = await broker.getToken(request(1));
    await clock.advance(20_000 - 1);
    const after = broker.getToken(request(1, { minimumLifetimeSeconds: 0 }));
    expect(during.secret.equals(first.secret)).toBe(true);
    expect((await after).secret.equals(first.secret)).toBe(true);
    expect(logged.events()).toContain('token.renewal_failed');
  });

  test('redeems again after forgetTenant, even for a redemption that was in progress', async () => {
    await broker.getToken(request(1));
    redeemer.delayMs = 100;
    const inProgress = broker.getToken(
      request(1, {
        minimumLifetimeSeconds: 3_000,
        resource: { alias: 'arm', identifier: 'https://management.azure.com' },
      }),
    );
    await settle();
    broker.forgetTenant(tenant(1));
    await clock.advance(100);
    await inProgress;
    redeemer.delayMs = 0;
    await broker.getToken(request(1));
    await broker.getToken(request(1, { resource: { alias: 'arm', identifier: 'https://management.azure.com' } }));
    expect(redeemer.sent).toHaveLength(4);
  });

  test('keeps no failure of a redemption that was in progress when the tenant was forgotten', async () => {
    redeemer.delayMs = 100;
    redeemer.script = ({ tenantId }) => (tenantId === partner ? undefined : aadstsFailure(65_001));
    const inProgress = outcomeOf(broker.getToken(request(1)));
    await settle();
    broker.forgetTenant(tenant(1));
    await clock.advance(1_000);
    expect(await inProgress).toMatchObject({ code: 'consent_required' });
    redeemer.delayMs = 0;
    redeemer.script = () => undefined;
    expect(await outcomeOf(broker.getToken(request(1)))).toBe('no error');
  });

  test('keeps the failure of a tenant that is not forgotten', async () => {
    redeemer.script = ({ tenantId }) => (tenantId === partner ? undefined : aadstsFailure(65_001));
    expect(await outcomeOf(broker.getToken(request(1)))).toMatchObject({ code: 'consent_required' });
    redeemer.script = () => undefined;
    expect(await outcomeOf(broker.getToken(request(1)))).toMatchObject({ code: 'consent_required' });
  });
});

describe('TokenBroker.getToken with concurrent requests', () => {
  test('sends one redemption for 1,000 concurrent requests for one tenant', async () => {
    redeemer.delayMs = 50;
    const all = Array.from({ length: 1_000 }, () => broker.getToken(request(1)));
    await clock.advance(50);
    const values = new Set((await Promise.all(all)).map((token) => token.secret.reveal()));
    expect(values.size).toBe(1);
    expect(redeemer.sent).toHaveLength(1);
    expect(store.loads).toBe(1);
  });

  test('returns the token to the remaining callers when one caller aborts', async () => {
    redeemer.delayMs = 50;
    const impatient = new AbortController();
    const [gone, patient] = [broker.getToken(request(1), impatient.signal), broker.getToken(request(1))];
    await settle();
    impatient.abort(new Error('gone'));
    await expect(gone).rejects.toThrow('gone');
    await clock.advance(50);
    expect((await patient).secret.reveal()).toBe('token-1');
  });

  test('aborts the redemption when every caller has aborted, and starts a new one for the next caller', async () => {
    redeemer.delayMs = 50;
    const controller = new AbortController();
    const gone = broker.getToken(request(1), controller.signal);
    await settle();
    controller.abort(new Error('gone'));
    await expect(gone).rejects.toThrow('gone');
    const next = broker.getToken(request(1));
    await clock.advance(50);
    expect((await next).secret.reveal()).toBe('token-2');
  });

  test('runs at most as many concurrent redemptions as configured', async () => {
    redeemer.delayMs = 10;
    const all = Array.from({ length: 40 }, (_, n) => broker.getToken(request(n)));
    await clock.advance(1_000);
    await Promise.all(all);
    expect(redeemer.mostInFlight).toBe(4);
  });
});

describe('TokenBroker.getToken with a failure of one tenant', () => {
  test('returns the cached failure for three minutes and serves other tenants', async () => {
    redeemer.script = ({ tenantId }) => (tenantId === tenant(1) ? aadstsFailure(65001) : undefined);
    for (let n = 0; n < 3; n += 1)
      expect(await outcomeOf(broker.getToken(request(1)))).toEqual({ code: 'consent_required', scope: 'tenant' });
    await broker.getToken(request(2));
    expect(redeemer.sent).toHaveLength(2);
    await clock.advance(300_000);
    await outcomeOf(broker.getToken(request(1)));
    expect(redeemer.sent).toHaveLength(3);
  });

  test('sends a canary to the partner tenant and returns scope tenant if it succeeds', async () => {
    redeemer.script = ({ tenantId }) => (tenantId === tenant(1) ? aadstsFailure(50173) : undefined);
    expect(await outcomeOf(broker.getToken(request(1)))).toEqual({ code: 'interaction_required', scope: 'tenant' });
    expect(redeemer.sent.map((sent) => sent.tenantId)).toEqual([tenant(1), partner]);
    await broker.getToken(request(2));
  });

  test('returns a transient error when only some tenants reject the client credential', async () => {
    redeemer.script = ({ tenantId }) => (tenantId === tenant(1) ? aadstsFailure(7000215) : undefined);
    await expect(broker.getToken(request(1))).rejects.toMatchObject({
      code: 'entra_unavailable',
      scope: 'platform',
      retryAfterSeconds: 10,
    });
    redeemer.script = () => undefined;
    await clock.advance(10_000);
    expect((await broker.getToken(request(1))).fromCache).toBe(false);
  });

  test('returns consent_required while the partner tenant knows the application', async () => {
    redeemer.script = ({ tenantId }) => (tenantId === partner ? undefined : aadstsFailure(700016));
    for (let n = 1; n <= 20; n += 1)
      expect(await outcomeOf(broker.getToken(request(n)))).toEqual({ code: 'consent_required', scope: 'tenant' });
    expect(redeemer.sent.filter(({ tenantId }) => tenantId === partner)).toHaveLength(1);
  });
});

describe('TokenBroker with a dead credential', () => {
  test('confirms the failure once and then sends nothing more', async () => {
    redeemer.script = () => aadstsFailure(50173);
    redeemer.delayMs = 10;
    const all = Array.from({ length: 50 }, (_, n) => outcomeOf(broker.getToken(request(n))));
    await clock.advance(1_000);
    for (const outcome of await Promise.all(all))
      expect(outcome).toEqual({ code: 'credential_revoked', scope: 'credential' });
    // Four were in flight when the first failed. They shared one canary.
    expect(redeemer.sent.length).toBeLessThanOrEqual(5);
    expect(logged.events().filter((event) => event === 'credential.dead')).toHaveLength(1);
    const before = redeemer.sent.length;
    expect(await outcomeOf(broker.getToken(request(99)))).toEqual({ code: 'credential_revoked', scope: 'credential' });
    expect(redeemer.sent).toHaveLength(before);
  });

  test('declares a credential dead at once, even if a canary has just succeeded', async () => {
    redeemer.script = ({ tenantId }) => (tenantId === tenant(1) ? aadstsFailure(53003) : undefined);
    await outcomeOf(broker.getToken(request(1)));
    redeemer.script = () => aadstsFailure(50173);
    expect(await outcomeOf(broker.getToken(request(2)))).toEqual({ code: 'credential_revoked', scope: 'credential' });
  });

  test('tries a new version in Key Vault before it declares the credential dead', async () => {
    await broker.getToken(request(1));
    await clock.advance(60_000);
    await store.saveRefreshToken('default', refreshTokenOf('refresh-token-2', clock.nowMs()));
    redeemer.script = ({ grant }) =>
      grant.kind === 'delegated' && grant.refreshToken.reveal() === 'refresh-token-1'
        ? aadstsFailure(70000)
        : undefined;
    await broker.getToken(request(2));
    expect(broker.credentialFailure('default')).toBeUndefined();
  });

  test('recovers within a minute of a new version', async () => {
    redeemer.script = ({ grant }) =>
      grant.kind === 'delegated' && grant.refreshToken.reveal() === 'refresh-token-1'
        ? aadstsFailure(700082)
        : undefined;
    expect(await outcomeOf(broker.getToken(request(1)))).toEqual({ code: 'credential_expired', scope: 'credential' });
    await store.saveRefreshToken('default', refreshTokenOf('refresh-token-2', clock.nowMs()));
    await clock.advance(30_000);
    await broker.getToken(request(1));
    expect(broker.credentialFailure('default')).toBeUndefined();
  });

  test('probes at a growing interval, for failures that end without a new version', async () => {
    redeemer.script = () => aadstsFailure(50053);
    await outcomeOf(broker.getToken(request(1)));
    const probes: number[] = [];
    const startMs = clock.nowMs();
    for (let second = 0; second < 3_600; second += 5) {
      const before = redeemer.sent.length;
      await outcomeOf(broker.getToken(request(1)));
      if (redeemer.sent.length > before) probes.push((clock.nowMs() - startMs) / 1000);
      await clock.advance(5_000);
    }
    expect(probes.length).toBeGreaterThan(4);
    expect(probes.length).toBeLessThan(12);
    const gaps = probes.slice(1).map((at, n) => at - (probes[n] ?? 0));
    expect(gaps.toSorted((a, b) => a - b)).toEqual(gaps);
    redeemer.script = () => undefined;
    await clock.advance(900_000);
    await outcomeOf(broker.getToken(request(1)));
    await clock.advance(5_000);
    await broker.getToken(request(1));
    expect(broker.credentialFailure('default')).toBeUndefined();
  });

  test('uses the previous client credential within seconds when a person stored a wrong one, until it is replaced', async () => {
    await broker.getToken(request(1));
    const { client } = await store.load('default');
    await store.saveClientCredential('default', {
      ...client,
      credential: { kind: 'secret', secret: new Secret('wrong') },
    });
    redeemer.script = ({ clientCredential }) =>
      clientCredential.kind === 'secret' && clientCredential.secret.reveal() === 'wrong'
        ? aadstsFailure(7000215)
        : undefined;
    await clock.advance(600_000);
    expect(await outcomeOf(broker.getToken(request(2)))).toEqual({
      code: 'client_credential_rejected',
      scope: 'credential',
    });
    await clock.advance(10_000);
    await broker.getToken(request(2));
    await broker.getToken(request(3));
    expect(broker.credentialFailure('default')).toBeUndefined();
    expect(logged.events()).toContain('credential.client_credential_fell_back');
    // The vault stays as the person left it. The daily care disables the wrong version.
    expect((await store.load('default')).client.version).toBe('v2');
    await store.saveClientCredential('default', {
      ...client,
      credential: { kind: 'secret', secret: new Secret('right') },
    });
    await clock.advance(600_000);
    await broker.getToken(request(4));
    const { clientCredential } = redeemer.sent.at(-1) ?? {};
    expect(clientCredential?.kind === 'secret' && clientCredential.secret.reveal()).toBe('right');
  });

  test('serves the delegated grant while the application grant is dead', async () => {
    redeemer.script = ({ grant }) => (grant.kind === 'application' ? aadstsFailure(7000222) : undefined);
    expect(await outcomeOf(broker.getToken(request(1, { grant: 'application' })))).toEqual({
      code: 'client_credential_rejected',
      scope: 'credential',
    });
    await broker.getToken(request(1));
  });

  test('recovers when requests are rarer than the interval of rereads', async () => {
    redeemer.script = () => aadstsFailure(50053);
    await outcomeOf(broker.getToken(request(1)));
    redeemer.script = () => undefined;
    await clock.advance(60_000);
    await broker.getToken(request(1));
    expect(broker.credentialFailure('default')).toBeUndefined();
  });

  test('recovers by recover() without a token request', async () => {
    redeemer.script = () => aadstsFailure(50053);
    await outcomeOf(broker.getToken(request(1)));
    redeemer.script = () => undefined;
    await broker.recover('default');
    expect(broker.credentialFailure('default')).toMatchObject({ scope: 'credential' });
    await clock.advance(10_000);
    await broker.recover('default');
    expect(broker.credentialFailure('default')).toBeUndefined();
  });

  test('finds the refresh token within seconds of the first consent', async () => {
    await store.disableRefreshTokenVersion('default', 'v1');
    await outcomeOf(broker.getToken(request(1)));
    await store.saveRefreshToken('default', refreshTokenOf('first', clock.nowMs()));
    await clock.advance(5_000);
    expect((await broker.getToken(request(1))).fromCache).toBe(false);
  });

  test('reads a failing Key Vault once, not once per failure', async () => {
    await broker.getToken(request(1));
    await clock.advance(60_000);
    store.failure = new BrokerError('key_vault_unavailable', 'down');
    redeemer.script = ({ tenantId }) => (tenantId === partner ? undefined : aadstsFailure(50173));
    const before = store.loads;
    for (let n = 2; n < 12; n += 1) await outcomeOf(broker.getToken(request(n)));
    expect(store.loads - before).toBe(1);
  });

  test.each([53003, 500212])('does not read Key Vault while tenants are blocked by policy (%i)', async (aadsts) => {
    await broker.getToken(request(1));
    redeemer.script = ({ tenantId }) => ([partner, tenant(1)].includes(tenantId) ? undefined : aadstsFailure(aadsts));
    for (let n = 2; n < 12; n += 1) {
      await clock.advance(6_000);
      expect(await outcomeOf(broker.getToken(request(n)))).toEqual({ code: 'blocked_by_policy', scope: 'tenant' });
    }
    expect(store.loads).toBe(1);
  });

  test('reads Key Vault before it declares dead a credential for which the partner tenant requires MFA', async () => {
    await broker.getToken(request(1));
    await clock.advance(60_000);
    redeemer.script = ({ grant }) =>
      grant.kind === 'delegated' && grant.refreshToken.reveal() === 'refresh-token-1'
        ? aadstsFailure(50078)
        : undefined;
    await store.saveRefreshToken('default', refreshTokenOf('refresh-token-2', clock.nowMs()));
    await broker.getToken(request(2));
    expect(redeemer.sent.map(({ tenantId }) => tenantId)).toEqual([tenant(1), tenant(2), partner, tenant(2)]);
    expect(broker.credentialFailure('default')).toBeUndefined();
  });

  test('returns client_credential_rejected for every tenant when the application was deleted', async () => {
    redeemer.script = () => aadstsFailure(700016);
    const gone = { code: 'client_credential_rejected', scope: 'credential' };
    for (let n = 1; n <= 20; n += 1) expect(await outcomeOf(broker.getToken(request(n)))).toEqual(gone);
    expect(redeemer.sent.map(({ tenantId }) => tenantId)).toEqual([tenant(1), partner]);
    expect(broker.credentialFailure('default')?.code).toBe('client_credential_rejected');
  });

  test('returns credential_missing when there is no refresh token', async () => {
    await store.disableRefreshTokenVersion('default', 'v1');
    expect(await outcomeOf(broker.getToken(request(1)))).toEqual({ code: 'credential_missing', scope: 'credential' });
    expect(redeemer.sent).toHaveLength(0);
  });
});

describe("TokenBroker for the partner's own tenant", () => {
  test('returns scope tenant when it refuses another resource than that of the canary', async () => {
    const arm = { alias: 'arm', identifier: 'https://management.azure.com' };
    redeemer.script = ({ resourceIdentifier }) =>
      resourceIdentifier === arm.identifier ? aadstsFailure(53003) : undefined;
    expect(await outcomeOf(broker.getToken(request(0, { tenantId: partner, resource: arm })))).toEqual({
      code: 'blocked_by_policy',
      scope: 'tenant',
    });
    expect(broker.credentialFailure('default')).toBeUndefined();
  });
});

describe('TokenBroker with several applications', () => {
  beforeEach(async () => {
    await store.saveClientCredential('reader', {
      clientId: '33333333-3333-4333-8333-333333333333',
      tenantId: partner,
      credential: { kind: 'secret', secret: new Secret('s') },
    });
    await store.saveRefreshToken('reader', refreshTokenOf('reader-refresh-token', clock.nowMs()));
  });

  test('never serves the token of one application for another', async () => {
    const tokens = [await broker.getToken(request(1)), await broker.getToken(request(1, { application: 'reader' }))];
    expect(tokens.map(({ application, fromCache }) => [application, fromCache])).toEqual([
      ['default', false],
      ['reader', false],
    ]);
  });

  test('holds back only the requests of the application whose failure is being checked', async () => {
    redeemer.delayMs = 10;
    redeemer.script = ({ clientId, tenantId }) =>
      clientId.startsWith('1111') && tenantId !== partner ? aadstsFailure(53003) : undefined;
    const blocked = Array.from({ length: 8 }, (_, n) => outcomeOf(broker.getToken(request(n + 1))));
    await clock.advance(11);
    const other = broker.getToken(request(50, { application: 'reader' }));
    await clock.advance(10);
    expect((await other).application).toBe('reader');
    await clock.advance(1_000);
    await Promise.all(blocked);
  });
});

describe('TokenBroker with transient failures of Entra', () => {
  test('sends up to three attempts with pauses', async () => {
    redeemer.script = (_, nth) => (nth < 3 ? failureReply() : undefined);
    const token = broker.getToken(request(1));
    await clock.advance(10_000);
    await token;
    expect(redeemer.sent).toHaveLength(3);
  });

  test('gives up after three attempts without declaring the credential dead', async () => {
    redeemer.script = () => failureReply();
    const outcome = outcomeOf(broker.getToken(request(1)));
    await clock.advance(10_000);
    expect(await outcome).toEqual({ code: 'entra_unavailable', scope: 'platform' });
    expect(redeemer.sent).toHaveLength(3);
    expect(broker.credentialFailure('default')).toBeUndefined();
  });

  test('sends nothing before the Retry-After of a throttled reply has passed', async () => {
    redeemer.script = () => failureReply({ code: 'throttled', retryAfterSeconds: 60 });
    expect(await outcomeOf(broker.getToken(request(1)))).toEqual({ code: 'throttled', scope: 'platform' });
    redeemer.script = () => undefined;
    await clock.advance(59_000);
    expect(await outcomeOf(broker.getToken(request(1)))).toEqual({ code: 'throttled', scope: 'platform' });
    expect(redeemer.sent).toHaveLength(1);
    await clock.advance(1_000);
    await broker.getToken(request(1));
    expect(redeemer.sent).toHaveLength(2);
  });

  test.each([
    ['a 503 with Retry-After', () => failureReply({ retryAfterSeconds: 120 }), 'entra_unavailable', 120_000],
    ['a request that Entra rejects as malformed', () => aadstsFailure(70011), 'entra_request_rejected', 60_000],
  ])('returns the cached failure after %s', async (_, reply, code, afterMs) => {
    redeemer.script = reply;
    for (let n = 0; n < 5; n += 1) expect(await outcomeOf(broker.getToken(request(1)))).toMatchObject({ code });
    expect(redeemer.sent).toHaveLength(1);
    await clock.advance(afterMs);
    await outcomeOf(broker.getToken(request(1)));
    expect(redeemer.sent).toHaveLength(2);
  });

  test('returns the remaining wait as Retry-After', async () => {
    redeemer.script = () => failureReply({ code: 'throttled', retryAfterSeconds: 60 });
    await outcomeOf(broker.getToken(request(1)));
    await clock.advance(45_000);
    await expect(broker.getToken(request(1))).rejects.toMatchObject({ code: 'throttled', retryAfterSeconds: 15 });
  });

  test('sends one canary for all blocked tenants while the canary is throttled', async () => {
    redeemer.script = ({ tenantId }) =>
      tenantId === partner ? failureReply({ code: 'throttled', retryAfterSeconds: 60 }) : aadstsFailure(53003);
    for (let n = 1; n <= 10; n += 1) await outcomeOf(broker.getToken(request(n)));
    expect(redeemer.sent.filter(({ tenantId }) => tenantId === partner)).toHaveLength(1);
  });

  test('gives up after a minute and aborts the redemption when Entra does not answer', async () => {
    redeemer.delayMs = 3_600_000;
    const outcome = outcomeOf(broker.getToken(request(1)));
    await clock.advance(60_000);
    expect(await outcome).toEqual({ code: 'entra_unavailable', scope: 'platform' });
    expect(redeemer.inFlight).toBe(0);
  });

  test('does not declare the credential dead when the canary fails transiently', async () => {
    redeemer.script = ({ tenantId }) => (tenantId === partner ? failureReply() : aadstsFailure(53003));
    expect(await outcomeOf(broker.getToken(request(1)))).toEqual({ code: 'entra_unavailable', scope: 'platform' });
    expect(broker.credentialFailure('default')).toBeUndefined();
  });
});
