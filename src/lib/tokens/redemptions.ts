import { randomUUID } from 'node:crypto';
import { backOffMs, retry } from '../core/clock.ts';
import { BrokerError, type ErrorCode } from '../core/errors.ts';
import { FairLimiter } from '../core/fair-limiter.ts';
import { type AccessToken, type Credential, grants, type TokenRequest } from '../core/secrets.ts';
import type { Requesters, SharedBudgets } from '../core/share.ts';
import type { Redeemer } from '../microsoft/redeemer.ts';
import type { EntraFailure, RedeemedToken, TokenReply } from '../microsoft/token-reply.ts';
import { Canary, type CanarySettings, redemptionOf, type RedemptionRequest } from './canary.ts';
import { CredentialState, needsCheck, tenantError, transientError } from './credential-state.ts';
import { type CachedCredentials, credentialVersion } from './credential/cached-credentials.ts';
import type { WitnessDeps } from './witnesses.ts';

/** "AADSTS90055 TenantThrottlingError". */
const tenantThrottled = 90055;

/**
 * The pauses that concern a request. Entra says of a tenant that it is throttled as a whole. What it means by a 429 without a
 * number is not documented, so that stops the same request only: no caller can stop others.
 */
const namesOf = ({ tenantId, application, resourceIdentifier, grant }: RedemptionRequest) => ({
  tenant: `entra ${tenantId} ${application}`,
  request: `entra ${tenantId} ${application} ${resourceIdentifier} ${grant}`,
});

/** Tells all instances how long Entra wants to be left alone. */
export function reportThrottled(
  budgets: SharedBudgets | undefined,
  request: RedemptionRequest,
  reply: TokenReply,
): void {
  if (reply.ok) return;
  const { code, retryAfterSeconds, logFields } = reply.failure;
  if (code !== 'throttled' || retryAfterSeconds === undefined) return;
  const { tenant, request: same } = namesOf(request);
  budgets?.pause(logFields['aadsts'] === tenantThrottled ? tenant : same, retryAfterSeconds * 1000);
}

/**
 * Resolves when the share of this process is known.
 * @throws BrokerError `throttled` while Entra wants to be left alone, whichever instance has heard it; the reason of the signal.
 */
export async function readyToRedeem(
  budgets: SharedBudgets | undefined,
  request: RedemptionRequest,
  signal: AbortSignal,
): Promise<void> {
  if (budgets === undefined) return;
  await budgets.ready(signal);
  const { tenant, request: same } = namesOf(request);
  const leftMs = Math.max(budgets.pausedMs(tenant), budgets.pausedMs(same));
  if (leftMs <= 0) return;
  throw new BrokerError('throttled', 'Entra throttles the requests for this tenant.', {
    retryAfterSeconds: Math.ceil(leftMs / 1000),
  });
}

/** Attempts of one redemption while Entra is unavailable, and the pauses between them (full jitter, "Retry pattern"). */
const attempts = 3;
const pause = { firstMs: 800, maxMs: 4_000 };
/** Maximum Retry-After that a request waits for. A longer one is passed on to the caller. */
const maxRetryAfterSeconds = 3;
/**
 * Maximum number of requests in the queue. Callers would give up before a longer queue is processed. A requester that
 * waits for nothing may exceed it, so that others cannot keep it out.
 */
const maxQueued = 10_000;
/** Maximum number of them that one caller may have. */
const maxQueuedPerCaller = 5_000;

/** Failures that another client credential does not end. */
const aboutRefreshToken: ReadonlySet<ErrorCode> = new Set([
  'credential_expired',
  'credential_revoked',
  'interaction_required',
]);

export interface RedemptionSettings extends CanarySettings {
  /** Maximum number of concurrent requests to Entra, of all instances together if `budgets` are given. */
  readonly entraConcurrency: number;
}

/** How a redemption waits in the queue. */
export interface QueuePosition {
  readonly signal: AbortSignal;
  /** Those that wait for the redemption. */
  readonly requesters: Requesters;
}

export interface RedemptionDeps extends WitnessDeps {
  readonly credentials: CachedCredentials;
  readonly redeemer: Redeemer;
  /** What the instances of the app share. Absent: this process is alone. */
  readonly budgets?: SharedBudgets | undefined;
}

/**
 * Carries out redemptions and classifies failures as transient, of the tenant, or of the credential. Before a credential
 * is declared dead, two checks are made: a redemption for the partner's own tenant (the canary) shows whether the
 * credential works at all, and Key Vault is read for a newer one.
 */
export class Redemptions {
  readonly #deps: RedemptionDeps;
  readonly #settings: RedemptionSettings;
  readonly #limiter: FairLimiter;
  readonly #states = new Map<string, CredentialState>();
  readonly #canary: Canary;

  constructor(deps: RedemptionDeps, settings: RedemptionSettings) {
    this.#deps = deps;
    this.#settings = settings;
    this.#limiter = new FairLimiter({
      limit: deps.budgets?.share('entra') ?? settings.entraConcurrency,
      maxWaiting: maxQueuedPerCaller,
      peer: 'Entra',
    });
    this.#canary = new Canary(deps, settings);
  }

  get waiting(): number {
    return this.#limiter.waiting;
  }

  /** Returns the failure of an application's credential, for any grant, while it is dead. */
  credentialFailure(application: string): BrokerError | undefined {
    return grants
      .map((grant) => this.#state({ application, grant }).breaker.error)
      .find((error) => error !== undefined);
  }

  /** @throws BrokerError of scope tenant, credential or platform. A failure of scope credential has been confirmed. */
  async redeem(tokenRequest: TokenRequest, position: QueuePosition): Promise<AccessToken> {
    const { tenantId, resource, grant, application, correlationId } = tokenRequest;
    const request: RedemptionRequest = { ...tokenRequest, resourceIdentifier: resource.identifier };
    const credential = await this.#usableCredential(request);
    const token = await this.#redeemWithRetries(request, credential, position);
    this.#state(request).recordSuccess(request);
    const of = { tenantId, resource: resource.alias, grant, application };
    this.#deps.log.log('info', 'token.redeemed', { ...of, correlationId });
    const { accessToken: secret, scopes, expiresAtMs } = token;
    return { ...of, secret, resource, scopes, expiresAtMs, fromCache: false };
  }

  /** Checks whether a dead credential has recovered, if a reread or probe is due. Never throws. */
  async recover(application: string): Promise<void> {
    const { partnerTenantId: tenantId, canaryResource: resourceIdentifier } = this.#settings;
    for (const grant of grants) {
      if (this.#state({ application, grant }).breaker.error === undefined) continue;
      const request = { application, grant, tenantId, resourceIdentifier, correlationId: randomUUID() };
      await this.#usableCredential(request).catch(() => undefined);
    }
  }

  /** Returns the credential. While it is dead, one request at a time rereads the store or probes; others are refused. */
  async #usableCredential(request: RedemptionRequest): Promise<Credential> {
    const { credentials } = this.#deps;
    const state = this.#state(request);
    const { breaker } = state;
    const step = breaker.next();
    if (step === 'proceed') {
      const cached = await credentials.get(request.application);
      // The first consent may have just been given.
      const lacksToken = request.grant === 'delegated' && cached.refreshToken === undefined;
      return lacksToken ? credentials.reread(request.application) : cached;
    }
    if (step !== 'refuse') {
      const credential = await credentials.reread(request.application);
      const isProbe = step === 'probe';
      const usable = (await state.hasRecovered(request, credential, isProbe))
        ? credential
        : isProbe && (await this.#olderClient(request, breaker.error));
      if (usable) {
        breaker.close();
        return usable;
      }
    }
    // Another request has just closed the breaker. The credential works, but this request has not loaded it.
    const recovered = 'The credential has just recovered. Try again.';
    throw breaker.error ?? new BrokerError('entra_unavailable', recovered, { retryAfterSeconds: 1 });
  }

  /** The credential with an older client credential that works, if the newest may be the cause of the failure. */
  async #olderClient(request: RedemptionRequest, dead: BrokerError | undefined): Promise<Credential | undefined> {
    if (dead === undefined || aboutRefreshToken.has(dead.code)) return undefined;
    const { credentials, redeemer } = this.#deps;
    const graphIdentifier = this.#settings.canaryResource;
    const deps = { redeemer, graphIdentifier, newId: () => request.correlationId };
    // The next probe tries again.
    return credentials.fallBack(deps, request.application).catch(() => undefined);
  }

  async #redeemWithRetries(
    request: RedemptionRequest,
    credential: Credential,
    position: QueuePosition,
  ): Promise<RedeemedToken> {
    const { clock, random } = this.#deps;
    const reply = await retry(() => this.#send(request, credential, position), {
      clock,
      attempts,
      afterValue: (last, attempt) => {
        if (last.ok || last.failure.reach !== 'transient' || last.failure.code === 'throttled') return undefined;
        const { retryAfterSeconds = 0 } = last.failure;
        if (retryAfterSeconds > maxRetryAfterSeconds) return undefined;
        return retryAfterSeconds * 1000 + random() * Math.min(pause.maxMs, backOffMs(attempt, pause.firstMs));
      },
      signal: position.signal,
    });
    if (reply.ok) return reply.token;
    const { failure } = reply;
    if (failure.reach === 'transient') throw transientError(failure);
    if (needsCheck(reply)) return this.#confirm(request, credential, failure);
    throw tenantError(failure);
  }

  /** Checks a failure that may concern the credential, with the canary and a newer credential. Ends the gate's check. */
  async #confirm(request: RedemptionRequest, used: Credential, failure: EntraFailure): Promise<RedeemedToken> {
    const state = this.#state(request);
    const { breaker, gate } = state;
    try {
      if (breaker.error !== undefined && breaker.deadVersion === credentialVersion(used)) throw breaker.error;
      // An ambiguous failure is usually a policy of the tenant. While the canary succeeds, Key Vault is not read: if it
      // did not answer, all requests would wait.
      let error = failure.reach === 'ambiguous' ? await state.classify(request, used, failure) : undefined;
      if (error !== undefined && error.scope !== 'credential') throw error;
      const credential = await this.#deps.credentials.reread(request.application);
      if (credentialVersion(credential) !== credentialVersion(used)) {
        const reply = await this.#deps.redeemer.redeem(redemptionOf(request, credential));
        if (reply.ok) return reply.token;
        error = await state.classify(request, credential, reply.failure);
      }
      error ??= await state.classify(request, credential, failure);
      if (error.scope === 'credential') state.declareDead(request, credential, error);
      throw error;
    } finally {
      gate.endCheck();
    }
  }

  /**
   * Sends one request through the queue. Waits while a failure of the credential is being checked.
   * @throws BrokerError the failure of the credential, if the credential was declared dead in the meantime.
   */
  async #send(
    request: RedemptionRequest,
    credential: Credential,
    { signal, requesters }: QueuePosition,
  ): Promise<TokenReply> {
    const { breaker, gate } = this.#state(request);
    if (this.#limiter.waiting >= maxQueued && this.#limiter.allWait(requesters)) {
      throw new BrokerError('busy', 'Too many token requests are waiting for Entra.', { retryAfterSeconds: 10 });
    }
    for (;;) {
      // Outside the queue, so that requests that wait for one credential do not delay requests with others.
      await gate.opened();
      await readyToRedeem(this.#deps.budgets, request, signal);
      const reply = await this.#limiter.run(
        async () => {
          if (gate.isClosed) return undefined;
          if (breaker.error !== undefined && breaker.deadVersion === credentialVersion(credential)) throw breaker.error;
          const answer = await this.#deps.redeemer.redeem(redemptionOf(request, credential), signal);
          reportThrottled(this.#deps.budgets, request, answer);
          // Closed before the next request leaves the queue. `#confirm` ends the check.
          if (needsCheck(answer)) gate.beginCheck();
          return answer;
        },
        requesters,
        signal,
      );
      if (reply !== undefined) return reply;
    }
  }

  #state({ application, grant }: Pick<RedemptionRequest, 'application' | 'grant'>): CredentialState {
    const key = `${application} ${grant}`;
    const state = this.#states.get(key) ?? new CredentialState({ ...this.#deps, canary: this.#canary }, application);
    this.#states.set(key, state);
    return state;
  }
}
