import { beforeEach, describe, expect, test } from 'vitest';
import type { TokenBroker } from '../../../../src/lib/tokens/broker.ts';
import type { TokenReply } from '../../../../src/lib/microsoft/token-reply.ts';
import type { Redeemer } from '../../../../src/lib/microsoft/redeemer.ts';
import type { TenantId } from '../../../../src/lib/core/identifiers.ts';
import { type FakeClock, settle } from '../../../fakes/fake-clock.ts';
import { aadstsFailure, type FakeRedeemer, failureReply } from '../../../fakes/fake-redeemer.ts';
import { type MemoryCredentialStore, refreshTokenOf } from '../../../fakes/memory-credential-store.ts';
import { partner, request, startBroker, tenant } from './stage.ts';

let clock: FakeClock;
let redeemer: FakeRedeemer;
let store: MemoryCredentialStore;
let broker: TokenBroker;
let brokerOver: (entra: Redeemer) => TokenBroker;
beforeEach(async () => {
  ({ clock, redeemer, store, broker, brokerOver } = await startBroker());
});

test('rejects a request when the issued token lives shorter than the requested minimum', async () => {
  redeemer.lifeSeconds = 200;
  await expect(broker.getToken(request(1))).rejects.toMatchObject({
    code: 'request_invalid',
    detail: 'Entra issued a token for 200 s, which is less than minimumLifetimeSeconds.',
  });
  expect(broker.counts.issued).toBe(0);
  expect((await broker.getToken(request(1, { minimumLifetimeSeconds: 200 }))).fromCache).toBe(true);
});

test('redeems once in three minutes for requests that ask for a longer life than the tokens have', async () => {
  redeemer.lifeSeconds = 200;
  const tooLong = { code: 'request_invalid', detail: /for 200 s, which is less than minimumLifetimeSeconds/ };
  for (let second = 0; second < 180; second += 10) {
    await expect(broker.getToken(request(1))).rejects.toMatchObject({
      ...tooLong,
      detail: expect.stringMatching(tooLong.detail),
    });
    await clock.advance(10_000);
  }
  expect(redeemer.sent).toHaveLength(1);
  // The lifetime is a policy of the tenant and may have changed.
  redeemer.lifeSeconds = 3600;
  expect((await broker.getToken(request(1))).expiresAtMs - clock.nowMs()).toBe(3_600_000);
  expect(redeemer.sent).toHaveLength(2);
});

test('retries a throttled renewal only after its Retry-After, and returns the cached token meanwhile', async () => {
  await broker.getToken(request(1));
  await clock.advance(3_600_000 - 301_000);
  redeemer.script = () => failureReply({ code: 'throttled', retryAfterSeconds: 100 });
  for (let times = 0; times < 3; times += 1) {
    expect((await broker.getToken(request(1, { minimumLifetimeSeconds: 0 }))).fromCache).toBe(true);
    await settle();
  }
  expect(redeemer.sent).toHaveLength(2);
  await clock.advance(100_000);
  await broker.getToken(request(1, { minimumLifetimeSeconds: 0 }));
  await settle();
  expect(redeemer.sent).toHaveLength(3);
});

describe('TokenBroker with a newer credential in Key Vault', () => {
  const storeNewerCredential = async (reply: (secret: string, tenantId: TenantId) => TokenReply | undefined) => {
    await broker.getToken(request(1));
    await clock.advance(60_000);
    await store.saveRefreshToken('default', refreshTokenOf('refresh-token-2', clock.nowMs()));
    redeemer.script = ({ grant, tenantId }) =>
      grant.kind === 'delegated' ? reply(grant.refreshToken.reveal(), tenantId) : undefined;
  };

  test('serves the request that found it, and those after it', async () => {
    await storeNewerCredential((secret) => (secret === 'refresh-token-1' ? aadstsFailure(70000) : undefined));
    for (const n of [2, 3]) {
      const token = broker.getToken(request(n));
      await clock.advance(60_000);
      expect((await token).secret.reveal()).toMatch(/^token-/);
    }
  });

  test('declares the newer credential dead when Entra refuses it as well', async () => {
    await storeNewerCredential(() => aadstsFailure(70000));
    await expect(broker.getToken(request(2))).rejects.toMatchObject({ scope: 'credential' });
    expect(broker.credentialFailure('default')).toMatchObject({ scope: 'credential' });
  });

  test('returns a failure of the tenant when the newer credential works in the partner tenant', async () => {
    await storeNewerCredential((secret, tenantId) => {
      if (secret === 'refresh-token-1') return aadstsFailure(50078);
      return tenantId === tenant(2) ? aadstsFailure(53003) : undefined;
    });
    await expect(broker.getToken(request(2))).rejects.toMatchObject({ code: 'blocked_by_policy', scope: 'tenant' });
    expect(broker.credentialFailure('default')).toBeUndefined();
  });

  test('does not declare the credential dead when Entra is unavailable for the newer one', async () => {
    await storeNewerCredential((secret) =>
      secret === 'refresh-token-1' ? aadstsFailure(70000) : failureReply({ retryAfterSeconds: 30 }),
    );
    await expect(broker.getToken(request(2))).rejects.toMatchObject({
      code: 'entra_unavailable',
      scope: 'platform',
      retryAfterSeconds: 30,
    });
    expect(broker.credentialFailure('default')).toBeUndefined();
  });
});

test('sends nothing more for a reply that arrives after the credential was declared dead', async () => {
  const sentTo: TenantId[] = [];
  const slow: Redeemer = {
    redeem: async ({ tenantId }, signal) => {
      sentTo.push(tenantId);
      await clock.sleep(tenantId === tenant(2) ? 1_000 : 10, signal);
      return aadstsFailure(50173);
    },
  };
  const slowBroker = brokerOver(slow);
  const outcomes = [1, 2].map((n) => slowBroker.getToken(request(n)).catch((thrown: unknown) => thrown));
  await clock.advance(1_000);
  expect(await Promise.all(outcomes)).toMatchObject([{ scope: 'credential' }, { scope: 'credential' }]);
  expect(sentTo).toEqual([tenant(1), tenant(2), partner]);
});
