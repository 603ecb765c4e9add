import { type Clock, type Random } from '../clock.ts';
import type { CachedCredentials } from '../credential/cached-credentials.ts';
import { BrokerError, toBrokerError } from '../errors.ts';
import type { Redeemer } from '../entra/redeemer.ts';
import type { TenantId } from '../identifiers.ts';
import { Limiter } from '../limiter.ts';
import { errorFields, type Logger } from '../log.ts';
import { Redemptions } from './redemptions.ts';
import { SingleFlight } from '../single-flight.ts';
import type { AccessToken, TokenRequest, TokenSource } from './token.ts';
import { cacheKey, TokenCache } from './token-cache.ts';

export interface BrokerDeps {
  readonly credentials: CachedCredentials;
  readonly redeemer: Redeemer;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface BrokerSettings {
  readonly partnerTenantId: TenantId;
  /** The resource of the canary redemption: one that every application may ask for in the partner tenant. */
  readonly canaryResource: string;
  readonly entraConcurrency: number;
  readonly cacheSize: number;
}

/** How many tokens were handed out, and how many of them cost no upstream call, since the start. */
export interface TokenCounts {
  readonly issued: number;
  readonly fromCache: number;
}

/** Token requests answered from memory where possible, from Entra where needed: cache → single flight → redemption. */
export class TokenBroker implements TokenSource {
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

  /** The failure of an application's credential while it is dead; health shows it. */
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
      return hit.token;
    }
    const failure = this.#cache.failure(key);
    if (failure !== undefined) throw failure;
    const token = await this.#flights.run(key, (flight) => this.#redeem(key, request, flight), signal);
    const lifeSeconds = (token.expiresAtMs - this.#deps.clock.nowMs()) / 1000;
    if (lifeSeconds < request.minimumLifetimeSeconds) {
      throw new BrokerError(
        'request_invalid',
        `Entra issued a token for ${Math.floor(lifeSeconds)} s, which is less than minimumLifetimeSeconds.`,
      );
    }
    this.#issued += 1;
    return token;
  }

  forgetTenant(tenantId: TenantId): void {
    this.#cache.forgetTenant(tenantId);
  }

  async #redeem(key: string, request: TokenRequest, signal: AbortSignal): Promise<AccessToken> {
    const generation = this.#cache.generation(request.tenantId);
    try {
      const token = await this.#redemptions.redeem(request, signal);
      this.#cache.set(key, token, generation);
      return token;
    } catch (thrown) {
      const error = toBrokerError(thrown);
      const lasting = error.scope === 'tenant' && !error.transient;
      // Retry-After is obeyed for everyone who asks for the same, not only for the one who was told.
      const waitMs =
        error.code === 'throttled' && error.retryAfterSeconds !== undefined
          ? error.retryAfterSeconds * 1000
          : undefined;
      if ((lasting || waitMs !== undefined) && generation === this.#cache.generation(request.tenantId))
        this.#cache.setFailure(key, error, waitMs);
      throw thrown;
    }
  }

  // The caller has a good token already: a renewal that fails is tried again by the next request.
  #renew(key: string, request: TokenRequest): void {
    if (this.#cache.failure(key) !== undefined) return;
    this.#flights
      .run(key, (signal) => this.#redeem(key, request, signal))
      .catch((thrown: unknown) =>
        this.#deps.log.log('warn', 'token.renewal_failed', {
          tenantId: request.tenantId,
          resource: request.resource.alias,
          ...errorFields(thrown),
        }),
      );
  }
}
