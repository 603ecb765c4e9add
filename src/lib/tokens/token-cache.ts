import { LRUCache } from 'lru-cache';
import type { Clock, Random } from '../core/clock.ts';
import type { BrokerError } from '../core/errors.ts';
import type { TenantId } from '../core/identifiers.ts';
import type { AccessToken, TokenRequest } from '../core/secrets.ts';

/** A token that expires sooner is never returned, whatever minimum lifetime the request has. */
const usableSeconds = 60;

/**
 * A token is renewed in the background at a random moment in its last 5 to 10 minutes: before its remaining lifetime is
 * shorter than the default of `minimumLifetimeSeconds` plus the time for its audit record.
 */
const renewBeforeExpiryMs = { min: 310_000, jitter: 300_000 };

/** Maximum share of a token's lifetime that is left when it is renewed: a short-lived one would be renewed at once. */
const renewBeforeShare = 2 / 3;

/** Minimum time between two replacements of a token on demand: a new consent takes about as long to reach all servers. */
const minReplacementIntervalMs = 180_000;

/** How long the lifetime of the tokens is remembered, so that requests for a longer one do not redeem each time. */
const lifetimeMemoryMs = 180_000;

interface Entry {
  readonly token: AccessToken;
  readonly renewAtMs: number;
  /** When the token was cached, and its lifetime then. */
  readonly cachedAtMs: number;
  readonly lifeMs: number;
  /** When this token was last requested from Entra, successfully or not. */
  requestedAtMs: number;
}

/** A usable token, and whether it should be renewed. */
export interface CacheHit {
  readonly token: AccessToken;
  readonly renew: boolean;
}

/**
 * Returns the cache key of a request. It contains everything that affects the token. Its parts contain no spaces, so
 * different requests have different keys.
 */
export function cacheKey(request: TokenRequest): string {
  return `${request.tenantId} ${request.resource.identifier} ${request.grant} ${request.application}`;
}

/** Caches access tokens and lasting failures by {@link cacheKey}. Bounded; `get` and `set` take constant time. */
export class TokenCache {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #tokens: LRUCache<string, Entry>;
  readonly #failures: LRUCache<string, { readonly error: BrokerError; readonly untilMs: number }>;
  readonly #generations = new Map<TenantId, number>();

  /** @param size Maximum number of tokens, and of failures. */
  constructor(deps: { clock: Clock; random: Random }, size: number) {
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#tokens = new LRUCache({ max: size });
    this.#failures = new LRUCache({ max: size });
  }

  /** Returns a token that lives at least 60 seconds and at least `minimumLifetimeSeconds`. */
  get(key: string, minimumLifetimeSeconds: number): CacheHit | undefined {
    const entry = this.#tokens.get(key);
    if (entry === undefined) return undefined;
    const nowMs = this.#clock.nowMs();
    const leftMs = entry.token.expiresAtMs - nowMs;
    if (leftMs < Math.max(minimumLifetimeSeconds, usableSeconds) * 1000) return undefined;
    return { token: entry.token, renew: nowMs >= entry.renewAtMs };
  }

  /** Caches a token, unless the tenant was forgotten since `generation` was read. */
  set(key: string, token: AccessToken, generation: number): void {
    if (this.generation(token.tenantId) !== generation) return;
    const nowMs = this.#clock.nowMs();
    const lifeMs = token.expiresAtMs - nowMs;
    const beforeExpiryMs = renewBeforeExpiryMs.min + this.#random() * renewBeforeExpiryMs.jitter;
    const renewAtMs = token.expiresAtMs - Math.min(beforeExpiryMs, lifeMs * renewBeforeShare);
    this.#failures.delete(key);
    this.#tokens.set(key, {
      token: { ...token, fromCache: true },
      renewAtMs,
      cachedAtMs: nowMs,
      lifeMs,
      requestedAtMs: nowMs,
    });
  }

  /**
   * Returns the lifetime in seconds of the token that Entra issued in the last three minutes, if it was too short for
   * the request. Another redemption would return such a token again.
   */
  insufficientLifetime(key: string, minimumLifetimeSeconds: number): number | undefined {
    const entry = this.#tokens.get(key);
    if (entry === undefined || entry.lifeMs >= minimumLifetimeSeconds * 1000) return undefined;
    return this.#clock.nowMs() - entry.cachedAtMs < lifetimeMemoryMs ? entry.lifeMs / 1000 : undefined;
  }

  /** Whether the consent may have changed since this token was last requested from Entra. */
  mayBeOutdated(key: string): boolean {
    const entry = this.#tokens.get(key);
    return entry !== undefined && this.#clock.nowMs() - entry.requestedAtMs >= minReplacementIntervalMs;
  }

  /** Records that Entra issued no newer token. */
  recordFailedReplacement(key: string): void {
    const entry = this.#tokens.get(key);
    if (entry !== undefined) entry.requestedAtMs = this.#clock.nowMs();
  }

  /** Returns the cached failure, with the seconds (at least 1) until it expires. */
  failure(key: string): { readonly error: BrokerError; readonly leftSeconds: number } | undefined {
    const failure = this.#failures.get(key);
    if (failure === undefined) return undefined;
    const leftMs = failure.untilMs - this.#clock.nowMs();
    if (leftMs > 0) return { error: failure.error, leftSeconds: Math.ceil(leftMs / 1000) };
    this.#failures.delete(key);
    return undefined;
  }

  setFailure(key: string, error: BrokerError, lifeMs: number): void {
    this.#failures.set(key, { error, untilMs: this.#clock.nowMs() + lifeMs });
  }

  /** Number of times the tenant was forgotten. The token of a redemption that began earlier must not be cached. */
  generation(tenantId: TenantId): number {
    return this.#generations.get(tenantId) ?? 0;
  }

  /** Removes the tokens and failures of a tenant. */
  forgetTenant(tenantId: TenantId): void {
    this.#generations.set(tenantId, this.generation(tenantId) + 1);
    const prefix = `${tenantId} `;
    for (const cache of [this.#tokens, this.#failures]) {
      const keys = [...cache.keys()];
      for (const key of keys) if (key.startsWith(prefix)) cache.delete(key);
    }
  }
}
