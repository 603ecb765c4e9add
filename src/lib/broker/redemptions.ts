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
import { redemptionOf, type What } from './redemption-of.ts';
import { type AccessToken, grants, type TokenRequest } from '../model/token.ts';

/** Tries of one redemption when Entra stumbles, and the pauses between them: full jitter, "Retry pattern". */
const attempts = 3;
const pause = { firstMs: 800, longestMs: 4_000 };
/** A wait that Entra asks for is kept inside the request up to here; a longer one is the caller's to keep. */
const longestWaitSeconds = 3;
/** Requests that may wait for a place in the queue; more would wait longer than any caller does. */
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
 * Turns requests into redemptions, and failures into what they mean: one tenant's, the credential's, or nobody's.
 * A failure that may be the credential's is checked twice before anything is declared dead: a redemption for the
 * partner's own tenant (the canary) shows whether the credential still works at all, and Key Vault may hold a newer one.
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
  async redeem(request: TokenRequest, signal: AbortSignal): Promise<AccessToken> {
    const what: What = { ...request, resourceIdentifier: request.resource.identifier };
    const credential = await this.#usableCredential(what);
    const token = await this.#attempt(what, credential, signal);
    this.#state(what).worked(what);
    this.#deps.log.log('info', 'token.redeemed', {
      tenantId: request.tenantId,
      resource: request.resource.alias,
      grant: request.grant,
      application: request.application,
      correlationId: request.correlationId,
    });
    const { tenantId, resource, grant, application } = request;
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
   * Lets a dead credential show that it works again, where nobody asks for tokens: looks or probes if that is due.
   * Never throws.
   */
  async recover(application: string): Promise<void> {
    const { partnerTenantId: tenantId, canaryResource: resourceIdentifier } = this.#settings;
    for (const grant of grants) {
      if (this.#state({ application, grant }).breaker.error === undefined) continue;
      const what: What = { application, grant, tenantId, resourceIdentifier, correlationId: randomUUID() };
      await this.#usableCredential(what).catch(() => undefined);
    }
  }

  /** The credential, unless it is known to be dead: then one request in a while looks for a new one and probes. */
  async #usableCredential(what: What): Promise<Credential> {
    const { credentials } = this.#deps;
    const state = this.#state(what);
    const { breaker } = state;
    const step = breaker.next();
    if (step === 'go') return this.#complete(what, await credentials.get(what.application));
    if (step !== 'refuse') {
      const credential = await credentials.reread(what.application);
      if (await state.worksAgain(what, credential, step === 'probe')) {
        breaker.close();
        return credential;
      }
    }
    // Closed by another request just now: there is nothing wrong any more, and nothing to give for this one.
    const recovered = 'The credential recovered while it was looked at; try again.';
    throw breaker.error ?? new BrokerError('entra_unavailable', recovered, { retryAfterSeconds: 1 });
  }

  /** Without a refresh token in memory the vault is asked once more: the first consent may have been a moment ago. */
  async #complete(what: What, credential: Credential): Promise<Credential> {
    const lacksToken = what.grant === 'delegated' && credential.refreshToken === undefined;
    return lacksToken ? this.#deps.credentials.reread(what.application) : credential;
  }

  async #attempt(what: What, credential: Credential, signal: AbortSignal): Promise<RedeemedToken> {
    const { clock, random } = this.#deps;
    const reply = await retry(() => this.#send(what, credential, signal), {
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
    if (isDoubtful(reply)) return this.#confirm(what, credential, failure);
    throw tenantError(failure);
  }

  /** A failure that may be the credential's: ask the canary, and look for a newer credential. Settles the doubt. */
  async #confirm(what: What, used: Credential, failure: EntraFailure): Promise<RedeemedToken> {
    const state = this.#state(what);
    const { breaker, doubt } = state;
    try {
      if (breaker.error !== undefined && breaker.deadVersion === credentialVersion(used)) throw breaker.error;
      // Mostly a tenant's own policy: while the canary passes, a vault that hangs must not hold up everybody for it.
      let error = failure.reach === 'ambiguous' ? await state.verdict(what, used, failure) : undefined;
      if (error !== undefined && error.scope !== 'credential') throw error;
      const credential = await this.#deps.credentials.reread(what.application);
      if (credentialVersion(credential) !== credentialVersion(used)) {
        const reply = await this.#deps.redeemer.redeem(redemptionOf(what, credential));
        if (reply.ok) return reply.token;
        error = await state.verdict(what, credential, reply.failure);
      }
      error ??= await state.verdict(what, credential, failure);
      if (error.scope === 'credential') state.declareDead(what, credential, error);
      throw error;
    } finally {
      doubt.settle();
    }
  }

  /** One request in the queue; a credential in doubt holds it back, one that died while it waited stops it. */
  async #send(what: What, credential: Credential, signal: AbortSignal): Promise<TokenReply> {
    const { breaker, doubt } = this.#state(what);
    const { limiter } = this.#settings;
    if (limiter.waiting >= mostWaiting) {
      throw new BrokerError('busy', 'Too many token requests are waiting for Entra.', { retryAfterSeconds: 10 });
    }
    for (;;) {
      // Outside the queue: what waits for one credential must not hold up the others.
      await doubt.cleared();
      const reply = await limiter.run(async () => {
        if (doubt.raised) return undefined;
        if (breaker.error !== undefined && breaker.deadVersion === credentialVersion(credential)) throw breaker.error;
        const answer = await this.#deps.redeemer.redeem(redemptionOf(what, credential), signal);
        // Raised before the place in the queue is free for the next one; settled by whoever confirms it.
        if (isDoubtful(answer)) doubt.raise();
        return answer;
      }, signal);
      if (reply !== undefined) return reply;
    }
  }

  #state(what: Pick<What, 'application' | 'grant'>): CredentialState {
    const key = `${what.application} ${what.grant}`;
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    const state = new CredentialState({ ...this.#deps, canary: this.#canary });
    this.#states.set(key, state);
    return state;
  }
}

const isDoubtful = (reply: TokenReply): boolean =>
  !reply.ok && (reply.failure.reach === 'credential' || reply.failure.reach === 'ambiguous');
