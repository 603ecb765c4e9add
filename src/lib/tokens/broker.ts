import { DeadlineError, minuteMs, withDeadline } from '../core/clock.ts';
import { BrokerError, toBrokerError } from '../core/errors.ts';
import type { TenantId } from '../core/identifiers.ts';
import { errorFields } from '../core/log.ts';
import type { AccessToken, CachingTokenSource, Resource, TokenRequest } from '../core/secrets.ts';
import type { Requester, SharedBudgets } from '../core/share.ts';
import { SingleFlight } from '../core/single-flight.ts';
import type { Redeemer } from '../microsoft/redeemer.ts';
import type { CachedCredentials } from './credential/cached-credentials.ts';
import { Redemptions, type Turn } from './redemptions.ts';
import { cacheKey, TokenCache } from './token-cache.ts';
import type { WitnessDeps } from './witnesses.ts';

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

/** Maximum wait for a token. The front end of App Service gives up after 230 seconds, and callers usually earlier. */
const maxWaitMs = minuteMs;
/** Maximum wait for a newer token while there is a usable one. */
const maxReplacementWaitMs = 10_000;
/** How long a failure is cached that a person must fix: about the time until all Entra servers know a new consent. */
const tenantFailureLifeMs = 3 * minuteMs;
/** How long a request is cached that Entra rejects as malformed: it stays malformed until a setting changes. */
const rejectedLifeMs = minuteMs;

/** What a {@link TokenBroker} needs. */
interface BrokerDeps extends WitnessDeps {
  readonly credentials: CachedCredentials;
  readonly redeemer: Redeemer;
  /** What the instances of the app share. Absent: this process is alone. */
  readonly budgets?: SharedBudgets | undefined;
  /** Starts work that no request waits for, detached from the request that caused it. */
  readonly background?: (work: () => void) => void;
}

/** Settings of a {@link TokenBroker}. */
interface BrokerSettings {
  readonly partnerTenantId: TenantId;
  /** The resource of the canary redemption: one that every application may use in the partner tenant. */
  readonly canaryResource: string;
  /** Maximum number of concurrent requests to Entra, of all instances together if `budgets` are given. */
  readonly entraConcurrency: number;
  /** Maximum number of cached tokens, and of cached failures. */
  readonly cacheSize: number;
}

/** Number of tokens issued since the start, and how many of them came from the cache. */
interface TokenCounts {
  readonly issued: number;
  readonly fromCache: number;
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

  get counts(): TokenCounts {
    return { issued: this.#issued, fromCache: this.#fromCache };
  }

  /** Token requests that wait for a place towards Entra. */
  get waiting(): number {
    return this.#redemptions.waiting();
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
    this.#throwCachedFailure(key);
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
  async recover(application: string): Promise<void> {
    await this.#redemptions.recover(application);
  }

  forgetTenant(tenantId: TenantId): void {
    this.#cache.forgetTenant(tenantId);
  }

  /**
   * Returns the token of the shared redemption for this key. The redemption is aborted once no caller waits for it.
   * @throws BrokerError `request_invalid` if the token expires before `minimumLifetimeSeconds`.
   */
  async #redeemWithin(key: string, request: TokenRequest, maxMs: number, signal?: AbortSignal): Promise<AccessToken> {
    const token = await this.#sharedRedemption(key, request, maxMs, signal);
    const lifeSeconds = (token.expiresAtMs - this.#deps.clock.nowMs()) / 1000;
    if (lifeSeconds < request.minimumLifetimeSeconds) throw tooShortLived(lifeSeconds);
    return withAlias(token, request.resource);
  }

  async #sharedRedemption(
    key: string,
    request: TokenRequest,
    maxMs: number,
    signal?: AbortSignal,
  ): Promise<AccessToken> {
    const wait = (own: AbortSignal): Promise<AccessToken> =>
      this.#flights.run(
        this.#flightKey(key, request),
        (flight, requesters) => this.#redeem(key, request, { signal: flight, requesters }),
        own,
        requesterOf(request),
      );
    try {
      return await withDeadline(this.#deps.clock, maxMs, wait, signal);
    } catch (thrown) {
      if (!(thrown instanceof DeadlineError)) throw thrown;
      const detail = `No token was issued within ${maxMs / 1000} seconds.`;
      throw new BrokerError('entra_unavailable', detail, { cause: thrown, retryAfterSeconds: 30 });
    }
  }

  // Requests after `forgetTenant` do not join an earlier redemption: its token may lack the new consent.
  #flightKey(key: string, request: TokenRequest): string {
    return `${key} ${this.#cache.generation(request.tenantId)}`;
  }

  async #redeem(key: string, request: TokenRequest, turn: Turn): Promise<AccessToken> {
    const generation = this.#cache.generation(request.tenantId);
    try {
      const token = await this.#redemptions.redeem(request, turn);
      this.#cache.set(key, token, generation);
      return token;
    } catch (thrown) {
      const error = toBrokerError(thrown);
      const lifeMs = failureLifeMs(error);
      if (lifeMs > 0 && generation === this.#cache.generation(request.tenantId)) {
        this.#cache.setFailure(key, error, lifeMs);
      }
      throw thrown;
    }
  }

  #throwCachedFailure(key: string): void {
    const failure = this.#cache.failure(key);
    if (failure === undefined) return;
    const { error, leftSeconds } = failure;
    if (error.retryAfterSeconds === undefined) throw error;
    const { code, detail, scope, logFields } = error;
    throw new BrokerError(code, detail, { scope, logFields, retryAfterSeconds: leftSeconds });
  }

  // The caller already has a usable token. After a failed renewal, the next request tries again.
  #renew(key: string, request: TokenRequest): void {
    if (this.#cache.failure(key) !== undefined) return;
    const { background = (work) => work() } = this.#deps;
    background(() => {
      this.#flights
        .run(
          this.#flightKey(key, request),
          (signal, requesters) => this.#redeem(key, request, { signal, requesters }),
          undefined,
          renewal,
        )
        .catch((thrown: unknown) => this.#logFailedRenewal(request, thrown));
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

/** How long a failure is returned from the cache, milliseconds; 0: it is not cached. */
function failureLifeMs(error: BrokerError): number {
  // A full queue is no answer of Entra, and another caller's queue may have room.
  if (error.code === 'busy' || error.code === 'caller_throttled') return 0;
  // Retry-After applies to all callers that ask for the same token, not only to the first.
  if (error.retryAfterSeconds !== undefined) return error.retryAfterSeconds * 1000;
  if (error.code === 'entra_request_rejected') return rejectedLifeMs;
  return error.scope === 'tenant' && !error.transient ? tenantFailureLifeMs : 0;
}
