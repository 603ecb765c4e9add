import { LRUCache } from 'lru-cache';
import { type Clock, DeadlineError, minuteMs, type Random, withDeadline } from '../core/clock.ts';
import { BrokerError, toBrokerError } from '../core/errors.ts';
import type { TenantId } from '../core/identifiers.ts';
import { errorFields } from '../core/log.ts';
import type { AccessToken, CachingTokenSource, Resource, TokenRequest } from '../core/secrets.ts';
import type { Requester } from '../core/share.ts';
import { SingleFlight } from '../core/single-flight.ts';
import { type QueuePosition, type RedemptionDeps, Redemptions, type RedemptionSettings } from './redemptions.ts';

/** Renewals ahead of time. Their callers already have a token. */
export const renewal: Requester = { id: 'renewal', kind: 'background' };

/** Returns on whose behalf a token is requested: a caller, a run, or the broker itself while it answers callers. */
export function requesterOf({
  callerId,
  runId,
  purpose,
}: Pick<TokenRequest, 'callerId' | 'runId' | 'purpose'>): Requester {
  if (callerId !== undefined) return { id: callerId, kind: 'caller' };
  const background = runId ?? purpose;
  if (background !== undefined) return { id: background, kind: 'background' };
  return { id: 'broker', kind: 'broker' };
}

/**
 * Returns the cache key of a request. It contains everything that affects the token. Its parts contain no spaces, so
 * different requests have different keys.
 */
const cacheKey = ({ tenantId, resource, grant, application }: TokenRequest): string =>
  `${tenantId} ${resource.identifier} ${grant} ${application}`;

/** Maximum wait for a token. The front end of App Service gives up after 230 seconds, and callers usually earlier. */
const maxWaitMs = minuteMs;
/** Maximum wait for a newer token while there is a usable one. */
const maxReplacementWaitMs = 10_000;

/** What a {@link TokenBroker} needs. */
interface BrokerDeps extends RedemptionDeps {
  /** Starts work that no request waits for, detached from the request that caused it. */
  readonly background?: (work: () => void) => void;
}

/** Settings of a {@link TokenBroker}. */
interface BrokerSettings extends RedemptionSettings {
  /** Maximum number of cached tokens, and of cached failures. */
  readonly cacheSize: number;
}

/** Issues tokens from the cache if possible, else by a redemption that concurrent requests for the same token share. */
export class TokenBroker implements CachingTokenSource {
  readonly #deps: BrokerDeps;
  readonly #cache: TokenCache;
  readonly #flights = new SingleFlight<AccessToken>();
  readonly #redemptions: Redemptions;
  #issued = 0;
  #fromCache = 0;

  constructor(deps: BrokerDeps, settings: BrokerSettings) {
    this.#deps = deps;
    this.#cache = new TokenCache(deps, settings.cacheSize);
    this.#redemptions = new Redemptions(deps, settings);
  }

  /** Number of tokens issued since the start, and how many of them came from the cache. */
  get counts(): { readonly issued: number; readonly fromCache: number } {
    return { issued: this.#issued, fromCache: this.#fromCache };
  }

  /** Token requests that wait for a slot towards Entra. */
  get waiting(): number {
    return this.#redemptions.waiting;
  }

  /** Returns the failure of an application's credential while the credential is dead. Shown by health. */
  credentialFailure(application: string): BrokerError | undefined {
    return this.#redemptions.credentialFailure(application);
  }

  /** @throws BrokerError of scope tenant, credential or platform; `entra_unavailable` after 60 seconds. */
  async getToken(request: TokenRequest, signal?: AbortSignal): Promise<AccessToken> {
    const key = cacheKey(request);
    const hit = this.#cache.get(key, request.minimumLifetimeSeconds);
    if (hit !== undefined) {
      if (hit.renew) this.#renew(key, request);
      this.#issued += 1;
      this.#fromCache += 1;
      return withAlias(hit.token, request.resource);
    }
    const failure = this.#cache.failure(key);
    if (failure !== undefined) throw failure;
    const lifeSeconds = this.#cache.insufficientLifetime(key, request.minimumLifetimeSeconds);
    if (lifeSeconds !== undefined) throw tooShortLived(lifeSeconds);
    const token = await this.#redeemWithin(key, request, maxWaitMs, signal);
    this.#issued += 1;
    return token;
  }

  async getNewerToken(request: TokenRequest): Promise<AccessToken | undefined> {
    const key = cacheKey(request);
    if (!this.#cache.mayBeOutdated(key) || this.#cache.failure(key) !== undefined) return undefined;
    try {
      const token = await this.#redeemWithin(key, request, maxReplacementWaitMs);
      // The token that it replaces was counted as one from the cache.
      this.#fromCache -= 1;
      return token;
    } catch (thrown) {
      this.#cache.recordFailedReplacement(key);
      this.#logFailedRenewal(request, thrown);
      return undefined;
    }
  }

  /** Checks whether a dead credential of the application has recovered, if a check is due. Never throws. */
  recover(application: string): Promise<void> {
    return this.#redemptions.recover(application);
  }

  forgetTenant(tenantId: TenantId): void {
    this.#cache.forgetTenant(tenantId);
  }

  /**
   * Returns the token of the shared redemption for this key. The redemption is aborted once no caller waits for it.
   * @throws BrokerError `request_invalid` if the token expires before `minimumLifetimeSeconds`.
   */
  async #redeemWithin(key: string, request: TokenRequest, maxMs: number, signal?: AbortSignal): Promise<AccessToken> {
    const { clock } = this.#deps;
    const wait = (own: AbortSignal) => this.#join(key, request, requesterOf(request), own);
    const token = await withDeadline(clock, maxMs, wait, signal).catch((thrown: unknown) => {
      if (!(thrown instanceof DeadlineError)) throw thrown;
      const detail = `No token was issued within ${maxMs / 1000} seconds.`;
      throw new BrokerError('entra_unavailable', detail, { cause: thrown, retryAfterSeconds: 30 });
    });
    const lifeSeconds = (token.expiresAtMs - clock.nowMs()) / 1000;
    if (lifeSeconds < request.minimumLifetimeSeconds) throw tooShortLived(lifeSeconds);
    return withAlias(token, request.resource);
  }

  /**
   * Joins the redemption for this key, or starts it. Requests after `forgetTenant` do not join an earlier one: its token may
   * lack the new consent.
   */
  #join(key: string, request: TokenRequest, requester: Requester, own?: AbortSignal): Promise<AccessToken> {
    const flightKey = `${key} ${this.#cache.generation(request.tenantId)}`;
    const redeem = (signal: AbortSignal, requesters: QueuePosition['requesters']) =>
      this.#redeem(key, request, { signal, requesters });
    return this.#flights.run(flightKey, redeem, own, requester);
  }

  async #redeem(key: string, request: TokenRequest, position: QueuePosition): Promise<AccessToken> {
    const generation = this.#cache.generation(request.tenantId);
    try {
      const token = await this.#redemptions.redeem(request, position);
      this.#cache.set(key, token, generation);
      return token;
    } catch (thrown) {
      const error = toBrokerError(thrown);
      if (generation === this.#cache.generation(request.tenantId)) this.#cache.setFailure(key, error);
      throw thrown;
    }
  }

  // The caller already has a usable token. After a failed renewal, the next request tries again.
  #renew(key: string, request: TokenRequest): void {
    if (this.#cache.failure(key) !== undefined) return;
    const { background = (work) => work() } = this.#deps;
    background(() => {
      this.#join(key, request, renewal).catch((thrown: unknown) => this.#logFailedRenewal(request, thrown));
    });
  }

  #logFailedRenewal({ tenantId, resource }: TokenRequest, thrown: unknown): void {
    const fields = { tenantId, resource: resource.alias, ...errorFields(thrown) };
    this.#deps.log.log('warn', 'token.renewal_failed', fields);
  }
}

/** Returns the token under the alias of the request: two aliases may name the same resource. */
const withAlias = (token: AccessToken, resource: Resource): AccessToken =>
  token.resource.alias === resource.alias ? token : { ...token, resource };

const tooShortLived = (lifeSeconds: number): BrokerError =>
  new BrokerError(
    'request_invalid',
    `Entra issued a token for ${Math.floor(lifeSeconds)} s, which is less than minimumLifetimeSeconds.`,
  );

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

/** Caches access tokens and lasting failures by {@link cacheKey}. Bounded; `get` and `set` take constant time. */
export class TokenCache {
  readonly #deps: { readonly clock: Clock; readonly random: Random };
  readonly #tokens: LRUCache<string, Entry>;
  readonly #failures: LRUCache<string, { readonly error: BrokerError; readonly untilMs: number }>;
  readonly #generations = new Map<TenantId, number>();

  /** @param size Maximum number of tokens, and of failures. */
  constructor(deps: { readonly clock: Clock; readonly random: Random }, size: number) {
    this.#deps = deps;
    this.#tokens = new LRUCache({ max: size });
    this.#failures = new LRUCache({ max: size });
  }

  /** Returns a token that lives at least 60 seconds and at least `minimumLifetimeSeconds`, and whether to renew it. */
  get(key: string, minimumLifetimeSeconds: number): (Pick<Entry, 'token'> & { readonly renew: boolean }) | undefined {
    const entry = this.#tokens.get(key);
    if (entry === undefined) return undefined;
    const { token, renewAtMs } = entry;
    const nowMs = this.#deps.clock.nowMs();
    if (token.expiresAtMs - nowMs < Math.max(minimumLifetimeSeconds, usableSeconds) * 1000) return undefined;
    return { token, renew: nowMs >= renewAtMs };
  }

  /** Caches a token, unless the tenant was forgotten since `generation` was read. */
  set(key: string, token: AccessToken, generation: number): void {
    if (this.generation(token.tenantId) !== generation) return;
    const nowMs = this.#deps.clock.nowMs();
    const lifeMs = token.expiresAtMs - nowMs;
    const beforeExpiryMs = renewBeforeExpiryMs.min + this.#deps.random() * renewBeforeExpiryMs.jitter;
    const renewAtMs = token.expiresAtMs - Math.min(beforeExpiryMs, lifeMs * renewBeforeShare);
    this.#failures.delete(key);
    const cached = { ...token, fromCache: true };
    this.#tokens.set(key, { token: cached, renewAtMs, cachedAtMs: nowMs, lifeMs, requestedAtMs: nowMs });
  }

  /**
   * Returns the lifetime in seconds of the token that Entra issued in the last three minutes, if it was too short for
   * the request. Another redemption would return such a token again.
   */
  insufficientLifetime(key: string, minimumLifetimeSeconds: number): number | undefined {
    const entry = this.#tokens.get(key);
    if (entry === undefined || entry.lifeMs >= minimumLifetimeSeconds * 1000) return undefined;
    return this.#deps.clock.nowMs() - entry.cachedAtMs < lifetimeMemoryMs ? entry.lifeMs / 1000 : undefined;
  }

  /** Whether the consent may have changed since this token was last requested from Entra. */
  mayBeOutdated(key: string): boolean {
    const entry = this.#tokens.get(key);
    return entry !== undefined && this.#deps.clock.nowMs() - entry.requestedAtMs >= minReplacementIntervalMs;
  }

  /** Records that Entra issued no newer token. */
  recordFailedReplacement(key: string): void {
    const entry = this.#tokens.get(key);
    if (entry !== undefined) entry.requestedAtMs = this.#deps.clock.nowMs();
  }

  /** Returns the cached failure. A Retry-After that it has is the seconds, at least 1, until it expires. */
  failure(key: string): BrokerError | undefined {
    const { error, untilMs = 0 } = this.#failures.get(key) ?? {};
    const leftMs = untilMs - this.#deps.clock.nowMs();
    if (leftMs <= 0) this.#failures.delete(key);
    if (error === undefined || leftMs <= 0) return undefined;
    if (error.retryAfterSeconds === undefined) return error;
    const { code, detail, scope, logFields } = error;
    return new BrokerError(code, detail, { scope, logFields, retryAfterSeconds: Math.ceil(leftMs / 1000) });
  }

  /** Caches a failure, if it lasts. */
  setFailure(key: string, error: BrokerError): void {
    const lifeMs = failureLifeMs(error);
    if (lifeMs > 0) this.#failures.set(key, { error, untilMs: this.#deps.clock.nowMs() + lifeMs });
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

/** How long a failure is cached that a person must fix: about the time until all Entra servers know a new consent. */
const tenantFailureLifeMs = 3 * minuteMs;
/** How long a request is cached that Entra rejects as malformed: it stays malformed until a setting changes. */
const rejectedLifeMs = minuteMs;

/** How long a failure is returned from the cache, milliseconds; 0: it is not cached. */
function failureLifeMs(error: BrokerError): number {
  // A full queue is no answer of Entra, and another caller's queue may have room.
  if (error.code === 'busy' || error.code === 'caller_throttled') return 0;
  // Retry-After applies to all callers that ask for the same token, not only to the first.
  if (error.retryAfterSeconds !== undefined) return error.retryAfterSeconds * 1000;
  if (error.code === 'entra_request_rejected') return rejectedLifeMs;
  return error.scope === 'tenant' && !error.transient ? tenantFailureLifeMs : 0;
}
