import { minuteMs } from '../model/durations.ts';
import { type Clock, type Random } from '../runtime/clock.ts';
import type { CachedCredentials } from '../credential/cached-credentials.ts';
import { DeadlineError, withDeadline } from '../runtime/deadline.ts';
import { BrokerError, toBrokerError } from '../model/errors.ts';
import type { Redeemer } from '../entra/redeemer.ts';
import type { TenantId } from '../model/identifiers.ts';
import { Limiter } from '../runtime/limiter.ts';
import { errorFields, type Logger } from '../runtime/log.ts';
import { Redemptions } from './redemptions.ts';
import { SingleFlight } from '../runtime/single-flight.ts';
import type { AccessToken, CachingTokenSource, Resource, TokenRequest } from '../model/token.ts';
import { cacheKey, TokenCache } from './token-cache.ts';

/** Longest wait for a token. The platform's front end gives up after 230 seconds, callers long before. */
const longestWaitMs = minuteMs;
/** Longest wait for a newer token while there is a usable one. */
const longestReplacementMs = 10_000;
/** How long a failure is remembered that a person must fix: as long as a consent takes to spread. */
const tenantFailureLifeMs = 3 * minuteMs;
/** How long a request is remembered that Entra calls malformed: it stays so until a setting changes. */
const rejectedLifeMs = minuteMs;

export interface BrokerDeps {
  readonly credentials: CachedCredentials;
  readonly redeemer: Redeemer;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Starts work that no request waits for, detached from the request that caused it. */
  readonly background?: (work: () => void) => void;
}

export interface BrokerSettings {
  readonly partnerTenantId: TenantId;
  /** The resource of the canary redemption: one that every application may use in the partner tenant. */
  readonly canaryResource: string;
  readonly entraConcurrency: number;
  readonly cacheSize: number;
}

/** How many tokens were issued since the start, and how many of them from the cache. */
export interface TokenCounts {
  readonly issued: number;
  readonly fromCache: number;
}

/** Answers token requests from memory if possible, else from Entra: cache → single flight → redemption. */
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
    this.#redemptions = new Redemptions(deps, { ...settings, limiter: new Limiter(settings.entraConcurrency) });
  }

  get counts(): TokenCounts {
    return { issued: this.#issued, fromCache: this.#fromCache };
  }

  /** The failure of an application's credential while it is dead. Shown by health. */
  credentialFailure(application: string): BrokerError | undefined {
    return this.#redemptions.credentialFailure(application);
  }

  async getToken(request: TokenRequest, signal?: AbortSignal): Promise<AccessToken> {
    const key = cacheKey(request);
    const hit = this.#cache.get(key, request.minimumLifetimeSeconds);
    if (hit !== undefined) {
      if (hit.renew) this.#renew(key, request);
      this.#issued += 1;
      this.#fromCache += 1;
      return withAlias(hit.token, request.resource);
    }
    this.#throwRemembered(key);
    const token = await this.#redeemWithin(key, request, longestWaitMs, signal);
    this.#issued += 1;
    return token;
  }

  async getNewerToken(request: TokenRequest): Promise<AccessToken | undefined> {
    const key = cacheKey(request);
    if (!this.#cache.mayBeOutdated(key) || this.#cache.failure(key) !== undefined) return undefined;
    try {
      const token = await this.#redeemWithin(key, request, longestReplacementMs);
      // Replaces a token that was counted as one from the cache.
      this.#fromCache -= 1;
      return token;
    } catch (thrown) {
      this.#cache.recordFailedReplacement(key);
      this.#logFailedRenewal(request, thrown);
      return undefined;
    }
  }

  /** Checks whether a dead credential of the application works again, if a check is due. Never throws. */
  async recover(application: string): Promise<void> {
    await this.#redemptions.recover(application);
  }

  forgetTenant(tenantId: TenantId): void {
    this.#cache.forgetTenant(tenantId);
  }

  /**
   * The token of the shared redemption for this key, if it lives as long as the request asks. The redemption is aborted
   * when no caller waits for it any more.
   */
  async #redeemWithin(
    key: string,
    request: TokenRequest,
    longestMs: number,
    signal?: AbortSignal,
  ): Promise<AccessToken> {
    const token = await this.#sharedRedemption(key, request, longestMs, signal);
    const lifeSeconds = (token.expiresAtMs - this.#deps.clock.nowMs()) / 1000;
    if (lifeSeconds < request.minimumLifetimeSeconds) {
      throw new BrokerError(
        'request_invalid',
        `Entra issued a token for ${Math.floor(lifeSeconds)} s, which is less than minimumLifetimeSeconds.`,
      );
    }
    return withAlias(token, request.resource);
  }

  async #sharedRedemption(
    key: string,
    request: TokenRequest,
    longestMs: number,
    signal?: AbortSignal,
  ): Promise<AccessToken> {
    const wait = (own: AbortSignal): Promise<AccessToken> =>
      this.#flights.run(this.#flightKey(key, request), (flight) => this.#redeem(key, request, flight), own);
    try {
      return await withDeadline(this.#deps.clock, longestMs, wait, signal);
    } catch (thrown) {
      if (!(thrown instanceof DeadlineError)) throw thrown;
      const detail = `No token was issued within ${longestMs / 1000} seconds.`;
      throw new BrokerError('entra_unavailable', detail, { cause: thrown, retryAfterSeconds: 30 });
    }
  }

  // After a tenant was forgotten, requests do not join an earlier redemption: its token lacks the new consent.
  #flightKey(key: string, request: TokenRequest): string {
    return `${key} ${this.#cache.generation(request.tenantId)}`;
  }

  async #redeem(key: string, request: TokenRequest, signal: AbortSignal): Promise<AccessToken> {
    const generation = this.#cache.generation(request.tenantId);
    try {
      const token = await this.#redemptions.redeem(request, signal);
      this.#cache.set(key, token, generation);
      return token;
    } catch (thrown) {
      const error = toBrokerError(thrown);
      const lifeMs = rememberedMs(error);
      if (lifeMs > 0 && generation === this.#cache.generation(request.tenantId)) {
        this.#cache.setFailure(key, error, lifeMs);
      }
      throw thrown;
    }
  }

  #throwRemembered(key: string): void {
    const failure = this.#cache.failure(key);
    if (failure === undefined) return;
    const { error, leftSeconds } = failure;
    if (error.retryAfterSeconds === undefined) throw error;
    const { code, detail, scope, logFields } = error;
    throw new BrokerError(code, detail, { scope, logFields, retryAfterSeconds: leftSeconds });
  }

  // The caller already has a usable token. The next request tries a failed renewal again.
  #renew(key: string, request: TokenRequest): void {
    if (this.#cache.failure(key) !== undefined) return;
    const { background = (work) => work() } = this.#deps;
    background(() => {
      this.#flights
        .run(this.#flightKey(key, request), (signal) => this.#redeem(key, request, signal))
        .catch((thrown: unknown) => this.#logFailedRenewal(request, thrown));
    });
  }

  #logFailedRenewal({ tenantId, resource }: TokenRequest, thrown: unknown): void {
    const fields = { tenantId, resource: resource.alias, ...errorFields(thrown) };
    this.#deps.log.log('warn', 'token.renewal_failed', fields);
  }
}

/** Two aliases may name one resource: the token carries the alias of the request. */
const withAlias = (token: AccessToken, resource: Resource): AccessToken =>
  token.resource.alias === resource.alias ? token : { ...token, resource };

/** How long a failure is repeated without a request to Entra; 0: not at all. */
function rememberedMs(error: BrokerError): number {
  // Retry-After applies to all callers that ask for the same token, not only to the first.
  if (error.retryAfterSeconds !== undefined) return error.retryAfterSeconds * 1000;
  if (error.code === 'entra_request_rejected') return rejectedLifeMs;
  return error.scope === 'tenant' && !error.transient ? tenantFailureLifeMs : 0;
}
