import { beforeEach, describe, expect, it } from 'vitest';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import type { TenantId } from '../../../../src/lib/core/identifiers.ts';
import { type AccessToken, Secret } from '../../../../src/lib/core/secrets.ts';
import { TokenCache } from '../../../../src/lib/tokens/broker.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';

const one = 'bbbbbbbb-0000-4000-8000-000000000001' as TenantId;
const two = 'bbbbbbbb-0000-4000-8000-000000000002' as TenantId;
const lifeMs = 3_600_000;

let clock: FakeClock;
let cache: TokenCache;
beforeEach(() => {
  clock = new FakeClock();
  cache = new TokenCache({ clock, random: () => 0.5 }, 100);
});

const token = (tenantId: TenantId): AccessToken => ({
  secret: new Secret(`token of ${tenantId}`),
  tenantId,
  resource: { alias: 'graph', identifier: 'https://graph.microsoft.com' },
  grant: 'delegated',
  application: 'default',
  scopes: [],
  expiresAtMs: clock.nowMs() + lifeMs,
  fromCache: false,
});
const keep = (tenantId: TenantId, generation = cache.generation(tenantId)): void =>
  cache.set(`${tenantId} graph`, token(tenantId), generation);
const failure = (retryAfterSeconds: number): BrokerError =>
  new BrokerError('throttled', 'Entra throttles.', { retryAfterSeconds });

describe('TokenCache with a cached token', () => {
  it('marks a token for renewal from its random moment on', async () => {
    keep(one);
    // 310 s before the expiry, and half of the random 300 s.
    await clock.advance(lifeMs - 460_001);
    expect(cache.get(`${one} graph`, 0)).toMatchObject({ renew: false, token: { fromCache: true } });
    await clock.advance(1);
    expect(cache.get(`${one} graph`, 0)).toMatchObject({ renew: true });
  });

  it('marks a token for renewal before its lifetime falls below the default minimum and the time for its record', async () => {
    cache = new TokenCache({ clock, random: () => 0 }, 100);
    keep(one);
    await clock.advance(lifeMs - 310_000);
    expect(cache.get(`${one} graph`, 303)).toMatchObject({ renew: true });
  });

  it('renews a token of 300 seconds after a third of its lifetime, and not on every request', async () => {
    cache.set('short', { ...token(one), expiresAtMs: clock.nowMs() + 300_000 }, 0);
    await clock.advance(99_000);
    expect(cache.get('short', 60)).toMatchObject({ renew: false });
    await clock.advance(1_000);
    expect(cache.get('short', 60)).toMatchObject({ renew: true });
  });

  it('reports that a token may be outdated three minutes after its last request to Entra', async () => {
    const key = `${one} graph`;
    expect(cache.mayBeOutdated(key)).toBe(false);
    keep(one);
    await clock.advance(179_999);
    expect(cache.mayBeOutdated(key)).toBe(false);
    await clock.advance(1);
    expect(cache.mayBeOutdated(key)).toBe(true);
    cache.recordFailedReplacement(key);
    expect(cache.mayBeOutdated(key)).toBe(false);
    await clock.advance(180_000);
    expect(cache.mayBeOutdated(key)).toBe(true);
  });

  it('ignores a failed replacement of a token that is not cached', () => {
    cache.recordFailedReplacement('key');
    expect(cache.mayBeOutdated('key')).toBe(false);
  });

  it('returns no token in its last minute, whatever minimum lifetime is requested', async () => {
    keep(one);
    await clock.advance(lifeMs - 60_000);
    expect(cache.get(`${one} graph`, 0)).toMatchObject({ token: { tenantId: one, fromCache: true } });
    await clock.advance(1);
    expect(cache.get(`${one} graph`, 0)).toBeUndefined();
  });

  it('returns no failure after a token was cached for the same key', () => {
    cache.setFailure(`${one} graph`, failure(1));
    keep(one);
    expect(cache.failure(`${one} graph`)).toBeUndefined();
  });
});

describe('TokenCache.failure', () => {
  it('returns the failure with the seconds left, and nothing after its lifetime', async () => {
    cache.setFailure('key', failure(2));
    await clock.advance(500);
    expect(cache.failure('key')).toMatchObject({ code: 'throttled', retryAfterSeconds: 2 });
    await clock.advance(1_500);
    expect(cache.failure('key')).toBeUndefined();
    await clock.advance(-1);
    expect(cache.failure('key')).toBeUndefined();
  });
});

describe('TokenCache.forgetTenant', () => {
  it('removes the tokens and failures of that tenant only', () => {
    keep(one);
    keep(two);
    cache.setFailure(`${one} arm`, failure(60));
    cache.setFailure(`${two} arm`, failure(60));
    cache.forgetTenant(one);
    expect([cache.get(`${one} graph`, 0), cache.failure(`${one} arm`)]).toEqual([undefined, undefined]);
    expect(cache.get(`${two} graph`, 0)).toMatchObject({ token: { tenantId: two } });
    expect(cache.failure(`${two} arm`)).toMatchObject({ code: 'throttled', retryAfterSeconds: 60 });
  });

  it('makes set ignore tokens of every earlier generation', () => {
    const before = cache.generation(one);
    cache.forgetTenant(one);
    const between = cache.generation(one);
    cache.forgetTenant(one);
    expect(new Set([before, between, cache.generation(one)]).size).toBe(3);
    for (const old of [before, between]) {
      keep(one, old);
      expect(cache.get(`${one} graph`, 0)).toBeUndefined();
    }
    keep(one);
    expect(cache.get(`${one} graph`, 0)).toMatchObject({ token: { tenantId: one } });
  });
});
