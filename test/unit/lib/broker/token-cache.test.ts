import { beforeEach, describe, expect, it } from 'vitest';
import { BrokerError } from '../../../../src/lib/model/errors.ts';
import type { TenantId } from '../../../../src/lib/model/identifiers.ts';
import { Secret } from '../../../../src/lib/model/secret.ts';
import type { AccessToken } from '../../../../src/lib/model/token.ts';
import { TokenCache } from '../../../../src/lib/broker/token-cache.ts';
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
const failure = new BrokerError('consent_required', 'no consent');

describe('a cached token', () => {
  it('is due for renewal from its own moment on, not before', async () => {
    keep(one);
    // Five minutes and ten seconds before its end, and half of the five minutes that are spread.
    await clock.advance(lifeMs - 460_001);
    expect(cache.get(`${one} graph`, 0)).toMatchObject({ renew: false, token: { fromCache: true } });
    await clock.advance(1);
    expect(cache.get(`${one} graph`, 0)).toMatchObject({ renew: true });
  });

  it('is due for renewal before it lives shorter than the standard lifetime and the time for its record', async () => {
    cache = new TokenCache({ clock, random: () => 0 }, 100);
    keep(one);
    await clock.advance(lifeMs - 310_000);
    expect(cache.get(`${one} graph`, 303)).toMatchObject({ renew: true });
  });

  it('may be outdated three minutes after Entra was last asked for it', async () => {
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

  it('that is not there is nothing to ask for in vain', () => {
    cache.recordFailedReplacement('key');
    expect(cache.mayBeOutdated('key')).toBe(false);
  });

  it('is of no use in its last minute, whatever was asked', async () => {
    keep(one);
    await clock.advance(lifeMs - 60_000);
    expect(cache.get(`${one} graph`, 0)).toBeDefined();
    await clock.advance(1);
    expect(cache.get(`${one} graph`, 0)).toBeUndefined();
  });

  it('ends the memory of a failure', () => {
    cache.setFailure(`${one} graph`, failure, 1_000);
    keep(one);
    expect(cache.failure(`${one} graph`)).toBeUndefined();
  });
});

describe('a failure that is remembered', () => {
  it('says how many seconds are left, and is forgotten after them', async () => {
    cache.setFailure('key', failure, 2_000);
    await clock.advance(500);
    expect(cache.failure('key')).toEqual({ error: failure, leftSeconds: 2 });
    await clock.advance(1_500);
    expect(cache.failure('key')).toBeUndefined();
    await clock.advance(-1);
    expect(cache.failure('key')).toBeUndefined();
  });
});

describe('a tenant that is forgotten', () => {
  it('takes its tokens and failures along, and nobody else', () => {
    keep(one);
    keep(two);
    cache.setFailure(`${one} arm`, failure, 60_000);
    cache.setFailure(`${two} arm`, failure, 60_000);
    cache.forgetTenant(one);
    expect([cache.get(`${one} graph`, 0), cache.failure(`${one} arm`)]).toEqual([undefined, undefined]);
    expect(cache.get(`${two} graph`, 0)).toBeDefined();
    expect(cache.failure(`${two} arm`)).toBeDefined();
  });

  it('does not get back what was under way, each time anew', () => {
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
    expect(cache.get(`${one} graph`, 0)).toBeDefined();
  });
});
