import { LRUCache } from 'lru-cache';
import type { Clock, Random } from '../runtime/clock.ts';
import type { BrokerError } from '../model/errors.ts';
import type { TenantId } from '../model/identifiers.ts';
import type { AccessToken, TokenRequest } from '../model/token.ts';

/** A token that ends sooner is never returned, whatever lifetime the request asks for. */
const usableSeconds = 60;

/**
 * A token is renewed in the background in its last 5 to 10 minutes, at a random moment: before its remaining life is
 * shorter than the default of `minimumLifetimeSeconds` plus the time for its audit record.
 */
const renewBeforeEndMs = { least: 310_000, spread: 300_000 };

/** Minimum time between two replacements of a token on demand: a consent takes as long to spread. */
const shortestReplacementMs = 180_000;

interface Entry {
  readonly token: AccessToken;
  readonly renewAtMs: number;
  /** When Entra was last asked for this token, successfully or not. */
  askedAtMs: number;
}

/** A usable token, and whether it should be renewed. */
export interface CacheHit {
  readonly token: AccessToken;
  readonly renew: boolean;
}

/**
 * The key contains everything that changes the token. Its parts contain no space, so different requests have different
 * keys.
 */
export function cacheKey(request: TokenRequest): string {
  return `${request.tenantId} ${request.resource.identifier} ${request.grant} ${request.application}`;
}

/** Access tokens and lasting failures by {@link cacheKey}. Bounded; reads and writes take constant time. */
export class TokenCache {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #tokens: LRUCache<string, Entry>;
  readonly #failures: LRUCache<string, { readonly error: BrokerError; readonly untilMs: number }>;
  readonly #generations = new Map<TenantId, number>();

  constructor(deps: { clock: Clock; random: Random }, size: number) {
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#tokens = new LRUCache({ max: size });
    this.#failures = new LRUCache({ max: size });
  }

  get(key: string, minimumLifetimeSeconds: number): CacheHit | undefined {
    const entry = this.#tokens.get(key);
    if (entry === undefined) return undefined;
    const nowMs = this.#clock.nowMs();
    const leftMs = entry.token.expiresAtMs - nowMs;
    if (leftMs < Math.max(minimumLifetimeSeconds, usableSeconds) * 1000) return undefined;
    return { token: entry.token, renew: nowMs >= entry.renewAtMs };
  }

  /** Remembers a token, unless the tenant was forgotten since `generation` was read. */
  set(key: string, token: AccessToken, generation: number): void {
    if (this.generation(token.tenantId) !== generation) return;
    const renewAtMs = token.expiresAtMs - renewBeforeEndMs.least - this.#random() * renewBeforeEndMs.spread;
    this.#failures.delete(key);
    this.#tokens.set(key, { token: { ...token, fromCache: true }, renewAtMs, askedAtMs: this.#clock.nowMs() });
  }

  /** Whether a consent may have changed since Entra was last asked for this token. */
  mayBeOutdated(key: string): boolean {
    const entry = this.#tokens.get(key);
    return entry !== undefined && this.#clock.nowMs() - entry.askedAtMs >= shortestReplacementMs;
  }

  /** Entra was asked for a newer token and issued none. */
  recordFailedReplacement(key: string): void {
    const entry = this.#tokens.get(key);
    if (entry !== undefined) entry.askedAtMs = this.#clock.nowMs();
  }

  /** A remembered failure, with the seconds (at least 1) until it is forgotten. */
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

  /** How often the tenant was forgotten. A redemption that began before must not be remembered. */
  generation(tenantId: TenantId): number {
    return this.#generations.get(tenantId) ?? 0;
  }

  forgetTenant(tenantId: TenantId): void {
    this.#generations.set(tenantId, this.generation(tenantId) + 1);
    const prefix = `${tenantId} `;
    for (const cache of [this.#tokens, this.#failures]) {
      const keys = [...cache.keys()];
      for (const key of keys) if (key.startsWith(prefix)) cache.delete(key);
    }
  }
}
