import { randomUUID } from 'node:crypto';
import type { Clock, Random } from '../runtime/clock.ts';
import { type CachedCredentials, credentialVersion } from '../credential/cached-credentials.ts';
import type { Credential } from '../model/credential.ts';
import type { EntraFailure, RedeemedToken, TokenReply } from '../entra/judge-token-reply.ts';
import type { Redeemer } from '../entra/redeemer.ts';
import { BrokerError } from '../model/errors.ts';
import type { Limiter } from '../runtime/limiter.ts';
import type { Logger } from '../runtime/log.ts';
import { backOffMs, retry } from '../runtime/retry.ts';
import { Canary, type CanarySettings } from './canary.ts';
import { CredentialState } from './credential-state.ts';
import { tenantError, transientError } from './failures.ts';
import { redemptionOf, type RedemptionRequest } from './redemption-request.ts';
import { type AccessToken, grants, type TokenRequest } from '../model/token.ts';

/** Attempts of one redemption while Entra is unavailable, and the pauses between them: full jitter, "Retry pattern". */
const attempts = 3;
const pause = { firstMs: 800, longestMs: 4_000 };
/** Longest Retry-After that a request waits for; a longer one is passed on to the caller. */
const longestWaitSeconds = 3;
/** Maximum number of requests in the queue; more would wait longer than any caller does. */
const mostWaiting = 10_000;

interface RedemptionSettings extends CanarySettings {
  readonly limiter: Limiter;
}

interface RedemptionDeps {
  readonly credentials: CachedCredentials;
  readonly redeemer: Redeemer;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/**
 * Carries out redemptions, and judges whether a failure is the tenant's, the credential's or transient. A failure that
 * may be the credential's is checked in two ways before the credential is declared dead: a redemption for the partner's
 * own tenant (the canary) shows whether the credential still works at all, and Key Vault may hold a newer one.
 */
export class Redemptions {
  readonly #deps: RedemptionDeps;
  readonly #settings: RedemptionSettings;
  readonly #states = new Map<string, CredentialState>();
  readonly #canary: Canary;

  constructor(deps: RedemptionDeps, settings: RedemptionSettings) {
    this.#deps = deps;
    this.#settings = settings;
    this.#canary = new Canary(deps, settings);
  }

  credentialFailure(application: string): BrokerError | undefined {
    return grants
      .map((grant) => this.#state({ application, grant }).breaker.error)
      .find((error) => error !== undefined);
  }

  /** @throws BrokerError of scope tenant, credential or platform; one of scope credential is confirmed. */
  async redeem(tokenRequest: TokenRequest, signal: AbortSignal): Promise<AccessToken> {
    const { tenantId, resource, grant, application, correlationId } = tokenRequest;
    const request: RedemptionRequest = { ...tokenRequest, resourceIdentifier: resource.identifier };
    const credential = await this.#usableCredential(request);
    const token = await this.#redeemPatiently(request, credential, signal);
    this.#state(request).recordSuccess(request);
    this.#deps.log.log('info', 'token.redeemed', {
      tenantId,
      resource: resource.alias,
      grant,
      application,
      correlationId,
    });
    return {
      secret: token.accessToken,
      tenantId,
      resource,
      grant,
      application,
      scopes: token.scopes,
      expiresAtMs: token.expiresAtMs,
      fromCache: false,
    };
  }

  /**
   * Checks whether a dead credential works again, without a token request: looks or probes if that is due. Never
   * throws.
   */
  async recover(application: string): Promise<void> {
    const { partnerTenantId: tenantId, canaryResource: resourceIdentifier } = this.#settings;
    for (const grant of grants) {
      if (this.#state({ application, grant }).breaker.error === undefined) continue;
      const request = { application, grant, tenantId, resourceIdentifier, correlationId: randomUUID() };
      await this.#usableCredential(request).catch(() => undefined);
    }
  }

  /**
   * The credential. While it is dead, one request at a time looks for a new one or probes, and the others are refused.
   */
  async #usableCredential(request: RedemptionRequest): Promise<Credential> {
    const { credentials } = this.#deps;
    const state = this.#state(request);
    const { breaker } = state;
    const step = breaker.next();
    if (step === 'go') return this.#complete(request, await credentials.get(request.application));
    if (step !== 'refuse') {
      const credential = await credentials.reread(request.application);
      if (await state.worksAgain(request, credential, step === 'probe')) {
        breaker.close();
        return credential;
      }
    }
    // Another request has just closed the breaker: the credential works, but this request has none at hand.
    const recovered = 'The credential recovered while it was looked at; try again.';
    throw breaker.error ?? new BrokerError('entra_unavailable', recovered, { retryAfterSeconds: 1 });
  }

  /** Reads the vault again if the copy has no refresh token: the first consent may have been given a moment ago. */
  async #complete(request: RedemptionRequest, credential: Credential): Promise<Credential> {
    const lacksToken = request.grant === 'delegated' && credential.refreshToken === undefined;
    return lacksToken ? this.#deps.credentials.reread(request.application) : credential;
  }

  async #redeemPatiently(
    request: RedemptionRequest,
    credential: Credential,
    signal: AbortSignal,
  ): Promise<RedeemedToken> {
    const { clock, random } = this.#deps;
    const reply = await retry(() => this.#send(request, credential, signal), {
      clock,
      attempts,
      afterValue: (last, attempt) => {
        if (last.ok || last.failure.reach !== 'transient' || last.failure.code === 'throttled') return undefined;
        const { retryAfterSeconds = 0 } = last.failure;
        if (retryAfterSeconds > longestWaitSeconds) return undefined;
        return retryAfterSeconds * 1000 + random() * Math.min(pause.longestMs, backOffMs(attempt, pause.firstMs));
      },
      signal,
    });
    if (reply.ok) return reply.token;
    const { failure } = reply;
    if (failure.reach === 'transient') throw transientError(failure);
    if (isDoubtful(reply)) return this.#confirm(request, credential, failure);
    throw tenantError(failure);
  }

  /** Checks a failure that may be the credential's with the canary and a newer credential. Settles the doubt. */
  async #confirm(request: RedemptionRequest, used: Credential, failure: EntraFailure): Promise<RedeemedToken> {
    const state = this.#state(request);
    const { breaker, doubt } = state;
    try {
      if (breaker.error !== undefined && breaker.deadVersion === credentialVersion(used)) throw breaker.error;
      // Usually a policy of the tenant: while the canary passes, the vault is not read, which would delay all requests
      // if it does not answer.
      let error = failure.reach === 'ambiguous' ? await state.verdict(request, used, failure) : undefined;
      if (error !== undefined && error.scope !== 'credential') throw error;
      const credential = await this.#deps.credentials.reread(request.application);
      if (credentialVersion(credential) !== credentialVersion(used)) {
        const reply = await this.#deps.redeemer.redeem(redemptionOf(request, credential));
        if (reply.ok) return reply.token;
        error = await state.verdict(request, credential, reply.failure);
      }
      error ??= await state.verdict(request, credential, failure);
      if (error.scope === 'credential') state.declareDead(request, credential, error);
      throw error;
    } finally {
      doubt.settle();
    }
  }

  /** Sends one request through the queue. A credential in doubt holds it back; one that died meanwhile stops it. */
  async #send(request: RedemptionRequest, credential: Credential, signal: AbortSignal): Promise<TokenReply> {
    const { breaker, doubt } = this.#state(request);
    const { limiter } = this.#settings;
    if (limiter.waiting >= mostWaiting) {
      throw new BrokerError('busy', 'Too many token requests are waiting for Entra.', { retryAfterSeconds: 10 });
    }
    for (;;) {
      // Outside the queue: requests that wait for one credential must not delay those of the others.
      await doubt.cleared();
      const reply = await limiter.run(async () => {
        if (doubt.raised) return undefined;
        if (breaker.error !== undefined && breaker.deadVersion === credentialVersion(credential)) throw breaker.error;
        const answer = await this.#deps.redeemer.redeem(redemptionOf(request, credential), signal);
        // Raised before the place in the queue is free for the next request; settled by `#confirm`.
        if (isDoubtful(answer)) doubt.raise();
        return answer;
      }, signal);
      if (reply !== undefined) return reply;
    }
  }

  #state(request: Pick<RedemptionRequest, 'application' | 'grant'>): CredentialState {
    const key = `${request.application} ${request.grant}`;
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    const state = new CredentialState({ ...this.#deps, canary: this.#canary });
    this.#states.set(key, state);
    return state;
  }
}

const isDoubtful = (reply: TokenReply): boolean =>
  !reply.ok && (reply.failure.reach === 'credential' || reply.failure.reach === 'ambiguous');
