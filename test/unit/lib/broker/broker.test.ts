import { beforeEach, describe, expect, test } from 'vitest';
import type { TokenBroker } from '../../../../src/lib/broker/broker.ts';
import { BrokerError } from '../../../../src/lib/model/errors.ts';
import { Secret } from '../../../../src/lib/model/secret.ts';
import { type FakeClock, settle } from '../../../fakes/fake-clock.ts';
import { aadstsFailure, type FakeRedeemer, failureReply } from '../../../fakes/fake-redeemer.ts';
import { type MemoryCredentialStore, refreshTokenOf } from '../../../fakes/memory-credential-store.ts';
import type { recordingLogger } from '../../../fakes/recording-logger.ts';
import { graph, outcomeOf as codeOf, partner, request, startBroker, tenant } from './stage.ts';

let clock: FakeClock;
let redeemer: FakeRedeemer;
let store: MemoryCredentialStore;
let broker: TokenBroker;
let logged: ReturnType<typeof recordingLogger>;

beforeEach(async () => {
  ({ clock, redeemer, store, logged, broker } = await startBroker());
});

describe('a token from the cache', () => {
  test('costs no upstream call', async () => {
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
  ])('is never one of another %s', async (_, other) => {
    const first = await broker.getToken(request(1));
    const second = await broker.getToken(other);
    expect(second.secret.reveal()).not.toBe(first.secret.reveal());
    expect(redeemer.sent).toHaveLength(2);
  });

  test('carries the alias that was asked for, where two name one resource', async () => {
    await broker.getToken(request(1));
    const { resource, fromCache } = await broker.getToken(request(1, { resource: { ...graph, alias: 'msgraph' } }));
    expect([resource.alias, fromCache]).toEqual(['msgraph', true]);
  });

  test('and one that is still under way carries each its own alias', async () => {
    redeemer.delayMs = 10;
    const asked = [graph, { ...graph, alias: 'msgraph' }].map((resource) => broker.getToken(request(1, { resource })));
    await clock.advance(10);
    expect((await Promise.all(asked)).map(({ resource }) => resource.alias)).toEqual(['graph', 'msgraph']);
    expect(redeemer.sent).toHaveLength(1);
  });

  test('lives at least as long as asked, or is replaced', async () => {
    await broker.getToken(request(1));
    await clock.advance(1_000_000);
    await broker.getToken(request(1, { minimumLifetimeSeconds: 2_600 }));
    expect(redeemer.sent).toHaveLength(1);
    const longer = await broker.getToken(request(1, { minimumLifetimeSeconds: 2_601 }));
    expect(redeemer.sent).toHaveLength(2);
    expect(longer.expiresAtMs - clock.nowMs()).toBe(3_600_000);
  });

  test('is renewed in the background in its last minutes, while callers keep getting the old one', async () => {
    const first = await broker.getToken(request(1));
    await clock.advance(3_600_000 - 301_000);
    const during = await broker.getToken(request(1));
    await settle();
    const after = await broker.getToken(request(1));
    expect(during.secret.equals(first.secret)).toBe(true);
    expect(after.secret.equals(first.secret)).toBe(false);
    expect(redeemer.sent).toHaveLength(2);
  });

  test('is still served when its renewal fails', async () => {
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

  test('is forgotten with its tenant, and so is one that was under way', async () => {
    await broker.getToken(request(1));
    redeemer.delayMs = 100;
    const underWay = broker.getToken(
      request(1, {
        minimumLifetimeSeconds: 3_000,
        resource: { alias: 'arm', identifier: 'https://management.azure.com' },
      }),
    );
    await settle();
    broker.forgetTenant(tenant(1));
    await clock.advance(100);
    await underWay;
    redeemer.delayMs = 0;
    await broker.getToken(request(1));
    await broker.getToken(request(1, { resource: { alias: 'arm', identifier: 'https://management.azure.com' } }));
    expect(redeemer.sent).toHaveLength(4);
  });
});

describe('single flight', () => {
  test('1,000 concurrent requests for one tenant cost one redemption', async () => {
    redeemer.delayMs = 50;
    const all = Array.from({ length: 1_000 }, () => broker.getToken(request(1)));
    await clock.advance(50);
    const values = new Set((await Promise.all(all)).map((token) => token.secret.reveal()));
    expect(values.size).toBe(1);
    expect(redeemer.sent).toHaveLength(1);
    expect(store.loads).toBe(1);
  });

  test('one impatient caller does not take the token from the others', async () => {
    redeemer.delayMs = 50;
    const impatient = new AbortController();
    const [gone, patient] = [broker.getToken(request(1), impatient.signal), broker.getToken(request(1))];
    await settle();
    impatient.abort(new Error('gone'));
    await expect(gone).rejects.toThrow('gone');
    await clock.advance(50);
    expect((await patient).secret.reveal()).toBe('token-1');
  });

  test('the work is given up when everyone has gone, and the next caller starts afresh', async () => {
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

  test('no more redemptions run at one time than the setting allows', async () => {
    redeemer.delayMs = 10;
    const all = Array.from({ length: 40 }, (_, n) => broker.getToken(request(n)));
    await clock.advance(1_000);
    await Promise.all(all);
    expect(redeemer.mostInFlight).toBe(4);
  });
});

describe("one tenant's failure", () => {
  test('is its own, and is not asked again for a while', async () => {
    redeemer.script = ({ tenantId }) => (tenantId === tenant(1) ? aadstsFailure(65001) : undefined);
    for (let n = 0; n < 3; n += 1)
      expect(await codeOf(broker.getToken(request(1)))).toEqual({ code: 'consent_required', scope: 'tenant' });
    await broker.getToken(request(2));
    expect(redeemer.sent).toHaveLength(2);
    await clock.advance(300_000);
    await codeOf(broker.getToken(request(1)));
    expect(redeemer.sent).toHaveLength(3);
  });

  test('is told from the credential by the canary in the partner tenant', async () => {
    redeemer.script = ({ tenantId }) => (tenantId === tenant(1) ? aadstsFailure(50173) : undefined);
    expect(await codeOf(broker.getToken(request(1)))).toEqual({ code: 'interaction_required', scope: 'tenant' });
    expect(redeemer.sent.map((sent) => sent.tenantId)).toEqual([tenant(1), partner]);
    await broker.getToken(request(2));
  });

  test('to know the client credential passes, while home knows it: servers of Entra learn of a new one in turn', async () => {
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

  test('of consent is its own while home knows the application', async () => {
    redeemer.script = ({ tenantId }) => (tenantId === partner ? undefined : aadstsFailure(700016));
    for (let n = 1; n <= 20; n += 1)
      expect(await codeOf(broker.getToken(request(n)))).toEqual({ code: 'consent_required', scope: 'tenant' });
    expect(redeemer.sent.filter(({ tenantId }) => tenantId === partner)).toHaveLength(1);
  });
});

describe('a dead credential', () => {
  test('is confirmed once, and then nothing more is sent', async () => {
    redeemer.script = () => aadstsFailure(50173);
    redeemer.delayMs = 10;
    const all = Array.from({ length: 50 }, (_, n) => codeOf(broker.getToken(request(n))));
    await clock.advance(1_000);
    for (const outcome of await Promise.all(all))
      expect(outcome).toEqual({ code: 'credential_revoked', scope: 'credential' });
    // Four in flight when the first failed, and the one canary that they shared.
    expect(redeemer.sent.length).toBeLessThanOrEqual(5);
    expect(logged.events().filter((event) => event === 'credential.dead')).toHaveLength(1);
    const before = redeemer.sent.length;
    expect(await codeOf(broker.getToken(request(99)))).toEqual({ code: 'credential_revoked', scope: 'credential' });
    expect(redeemer.sent).toHaveLength(before);
  });

  test('that died in the middle of a run is noticed at once, though a canary passed a moment ago', async () => {
    redeemer.script = ({ tenantId }) => (tenantId === tenant(1) ? aadstsFailure(53003) : undefined);
    await codeOf(broker.getToken(request(1)));
    redeemer.script = () => aadstsFailure(50173);
    expect(await codeOf(broker.getToken(request(2)))).toEqual({ code: 'credential_revoked', scope: 'credential' });
  });

  test('a new version in Key Vault is found before death is declared', async () => {
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

  test('recovers by itself within a minute of a new version', async () => {
    redeemer.script = ({ grant }) =>
      grant.kind === 'delegated' && grant.refreshToken.reveal() === 'refresh-token-1'
        ? aadstsFailure(700082)
        : undefined;
    expect(await codeOf(broker.getToken(request(1)))).toEqual({ code: 'credential_expired', scope: 'credential' });
    await store.saveRefreshToken('default', refreshTokenOf('refresh-token-2', clock.nowMs()));
    await clock.advance(30_000);
    await broker.getToken(request(1));
    expect(broker.credentialFailure('default')).toBeUndefined();
  });

  test('is probed at a growing interval, for what heals without a new version', async () => {
    redeemer.script = () => aadstsFailure(50053);
    await codeOf(broker.getToken(request(1)));
    const probes: number[] = [];
    const startMs = clock.nowMs();
    for (let second = 0; second < 3_600; second += 5) {
      const before = redeemer.sent.length;
      await codeOf(broker.getToken(request(1)));
      if (redeemer.sent.length > before) probes.push((clock.nowMs() - startMs) / 1000);
      await clock.advance(5_000);
    }
    expect(probes.length).toBeGreaterThan(4);
    expect(probes.length).toBeLessThan(12);
    const gaps = probes.slice(1).map((at, n) => at - (probes[n] ?? 0));
    expect(gaps.toSorted((a, b) => a - b)).toEqual(gaps);
    redeemer.script = () => undefined;
    await clock.advance(900_000);
    await codeOf(broker.getToken(request(1)));
    await clock.advance(5_000);
    await broker.getToken(request(1));
    expect(broker.credentialFailure('default')).toBeUndefined();
  });

  test('of the application grant leaves the delegated one alone', async () => {
    redeemer.script = ({ grant }) => (grant.kind === 'application' ? aadstsFailure(7000222) : undefined);
    expect(await codeOf(broker.getToken(request(1, { grant: 'application' })))).toEqual({
      code: 'client_credential_rejected',
      scope: 'credential',
    });
    await broker.getToken(request(1));
  });

  test('is found again although requests come too seldom to meet every look', async () => {
    redeemer.script = () => aadstsFailure(50053);
    await codeOf(broker.getToken(request(1)));
    redeemer.script = () => undefined;
    await clock.advance(60_000);
    await broker.getToken(request(1));
    expect(broker.credentialFailure('default')).toBeUndefined();
  });

  test('shows that it is well again to whoever looks, without a token request', async () => {
    redeemer.script = () => aadstsFailure(50053);
    await codeOf(broker.getToken(request(1)));
    redeemer.script = () => undefined;
    await broker.recover('default');
    expect(broker.credentialFailure('default')).toBeDefined();
    await clock.advance(10_000);
    await broker.recover('default');
    expect(broker.credentialFailure('default')).toBeUndefined();
  });

  test('that had no refresh token is found after the first consent within seconds', async () => {
    await store.disableRefreshTokenVersion('default', 'v1');
    await codeOf(broker.getToken(request(1)));
    await store.saveRefreshToken('default', refreshTokenOf('first', clock.nowMs()));
    await clock.advance(5_000);
    expect((await broker.getToken(request(1))).fromCache).toBe(false);
  });

  test('costs one reading of a vault that hangs, not one a failure', async () => {
    await broker.getToken(request(1));
    await clock.advance(60_000);
    store.failure = new BrokerError('key_vault_unavailable', 'down');
    redeemer.script = ({ tenantId }) => (tenantId === partner ? undefined : aadstsFailure(50173));
    const before = store.loads;
    for (let n = 2; n < 12; n += 1) await codeOf(broker.getToken(request(n)));
    expect(store.loads - before).toBe(1);
  });

  test.each([53003, 500212])(
    'is not looked for in the vault while tenants are blocked by policy (%i)',
    async (aadsts) => {
      await broker.getToken(request(1));
      redeemer.script = ({ tenantId }) => ([partner, tenant(1)].includes(tenantId) ? undefined : aadstsFailure(aadsts));
      for (let n = 2; n < 12; n += 1) {
        await clock.advance(6_000);
        expect(await codeOf(broker.getToken(request(n)))).toEqual({ code: 'blocked_by_policy', scope: 'tenant' });
      }
      expect(store.loads).toBe(1);
    },
  );

  test('of which a policy at home asks for MFA is looked for in the vault before it is declared dead', async () => {
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

  test('whose application is gone is not taken for a lack of consent in each tenant', async () => {
    redeemer.script = () => aadstsFailure(700016);
    const gone = { code: 'client_credential_rejected', scope: 'credential' };
    for (let n = 1; n <= 20; n += 1) expect(await codeOf(broker.getToken(request(n)))).toEqual(gone);
    expect(redeemer.sent.map(({ tenantId }) => tenantId)).toEqual([tenant(1), partner]);
    expect(broker.credentialFailure('default')?.code).toBe('client_credential_rejected');
  });

  test('without a refresh token is said to be missing', async () => {
    await store.disableRefreshTokenVersion('default', 'v1');
    expect(await codeOf(broker.getToken(request(1)))).toEqual({ code: 'credential_missing', scope: 'credential' });
    expect(redeemer.sent).toHaveLength(0);
  });
});

describe("the partner's own tenant", () => {
  test("that refuses one resource leaves the credential alone: only the canary's own resource speaks for it", async () => {
    const arm = { alias: 'arm', identifier: 'https://management.azure.com' };
    redeemer.script = ({ resourceIdentifier }) =>
      resourceIdentifier === arm.identifier ? aadstsFailure(53003) : undefined;
    expect(await codeOf(broker.getToken(request(0, { tenantId: partner, resource: arm })))).toEqual({
      code: 'blocked_by_policy',
      scope: 'tenant',
    });
    expect(broker.credentialFailure('default')).toBeUndefined();
  });
});

describe('several applications', () => {
  test('do not wait for each other: a credential in doubt holds back its own requests only', async () => {
    await store.saveClientCredential('reader', {
      clientId: '33333333-3333-4333-8333-333333333333',
      tenantId: partner,
      credential: { kind: 'secret', secret: new Secret('s') },
    });
    await store.saveRefreshToken('reader', refreshTokenOf('reader-refresh-token', clock.nowMs()));
    redeemer.delayMs = 10;
    redeemer.script = ({ clientId, tenantId }) =>
      clientId.startsWith('1111') && tenantId !== partner ? aadstsFailure(53003) : undefined;
    const blocked = Array.from({ length: 8 }, (_, n) => codeOf(broker.getToken(request(n + 1))));
    await clock.advance(11);
    const other = broker.getToken(request(50, { application: 'reader' }));
    await clock.advance(10);
    expect((await other).application).toBe('reader');
    await clock.advance(1_000);
    await Promise.all(blocked);
  });
});

describe('a stumbling Entra', () => {
  test('is asked again, three times in all, with pauses', async () => {
    redeemer.script = (_, nth) => (nth < 3 ? failureReply() : undefined);
    const token = broker.getToken(request(1));
    await clock.advance(10_000);
    await token;
    expect(redeemer.sent).toHaveLength(3);
  });

  test('is given up after three times, and is not held against the credential', async () => {
    redeemer.script = () => failureReply();
    const outcome = codeOf(broker.getToken(request(1)));
    await clock.advance(10_000);
    expect(await outcome).toEqual({ code: 'entra_unavailable', scope: 'platform' });
    expect(redeemer.sent).toHaveLength(3);
    expect(broker.credentialFailure('default')).toBeUndefined();
  });

  test('that throttles is left alone as long as it says', async () => {
    redeemer.script = () => failureReply({ code: 'throttled', retryAfterSeconds: 60 });
    expect(await codeOf(broker.getToken(request(1)))).toEqual({ code: 'throttled', scope: 'platform' });
    redeemer.script = () => undefined;
    await clock.advance(59_000);
    expect(await codeOf(broker.getToken(request(1)))).toEqual({ code: 'throttled', scope: 'platform' });
    expect(redeemer.sent).toHaveLength(1);
    await clock.advance(1_000);
    await broker.getToken(request(1));
    expect(redeemer.sent).toHaveLength(2);
  });

  test.each([
    ['a 503 with Retry-After', () => failureReply({ retryAfterSeconds: 120 }), 'entra_unavailable', 120_000],
    ['a request that Entra calls malformed', () => aadstsFailure(70011), 'entra_request_rejected', 60_000],
  ])('is not asked again too soon after %s', async (_, reply, code, afterMs) => {
    redeemer.script = reply;
    for (let n = 0; n < 5; n += 1) expect(await codeOf(broker.getToken(request(1)))).toMatchObject({ code });
    expect(redeemer.sent).toHaveLength(1);
    await clock.advance(afterMs);
    await codeOf(broker.getToken(request(1)));
    expect(redeemer.sent).toHaveLength(2);
  });

  test('says how long is left of the wait, not how long it was', async () => {
    redeemer.script = () => failureReply({ code: 'throttled', retryAfterSeconds: 60 });
    await codeOf(broker.getToken(request(1)));
    await clock.advance(45_000);
    await expect(broker.getToken(request(1))).rejects.toMatchObject({ code: 'throttled', retryAfterSeconds: 15 });
  });

  test('that throttles the canary is not asked by every blocked tenant', async () => {
    redeemer.script = ({ tenantId }) =>
      tenantId === partner ? failureReply({ code: 'throttled', retryAfterSeconds: 60 }) : aadstsFailure(53003);
    for (let n = 1; n <= 10; n += 1) await codeOf(broker.getToken(request(n)));
    expect(redeemer.sent.filter(({ tenantId }) => tenantId === partner)).toHaveLength(1);
  });

  test('that hangs lets its callers go after a minute, and the work ends with them', async () => {
    redeemer.delayMs = 3_600_000;
    const outcome = codeOf(broker.getToken(request(1)));
    await clock.advance(60_000);
    expect(await outcome).toEqual({ code: 'entra_unavailable', scope: 'platform' });
    expect(redeemer.inFlight).toBe(0);
  });

  test('a canary that gets no answer decides nothing', async () => {
    redeemer.script = ({ tenantId }) => (tenantId === partner ? failureReply() : aadstsFailure(53003));
    expect(await codeOf(broker.getToken(request(1)))).toEqual({ code: 'entra_unavailable', scope: 'platform' });
    expect(broker.credentialFailure('default')).toBeUndefined();
  });
});
