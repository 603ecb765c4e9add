import type { Clock, Random } from '../clock.ts';
import { type CachedCredentials, credentialVersion } from '../credential/cached-credentials.ts';
import type { Credential } from '../credential/credential.ts';
import type { EntraFailure, RedeemedToken, TokenReply } from '../entra/judge-token-reply.ts';
import type { Redeemer, Redemption } from '../entra/redeemer.ts';
import { BrokerError } from '../errors.ts';
import type { TenantId } from '../identifiers.ts';
import type { Limiter } from '../limiter.ts';
import { errorFields, type Logger } from '../log.ts';
import { SingleFlight } from '../single-flight.ts';
import { CredentialBreaker } from './credential-breaker.ts';
import { Doubt } from './doubt.ts';
import { credentialError, tenantError, transientError } from './failures.ts';
import { type AccessToken, grants, type TokenRequest } from './token.ts';

/** Tries of one redemption when Entra stumbles, and the pauses between them: full jitter, "Retry pattern". */
const attempts = 3;
const pause = { firstMs: 400, longestMs: 4_000 };
/** A wait that Entra asks for is kept inside the request up to here; a longer one is the caller's to keep. */
const longestWaitSeconds = 3;
/**
 * How long a canary that worked speaks for the credential: only against failures that are mostly a tenant's own, and
 * only so long that a run over many such tenants does not send one for each. Against a failure that names the
 * credential, only a canary of its own counts: the credential may have died since.
 */
const canaryLifeMs = 5_000;

interface RedemptionSettings {
  readonly partnerTenantId: TenantId;
  readonly canaryResource: string;
  readonly limiter: Limiter;
}

interface RedemptionDeps {
  readonly credentials: CachedCredentials;
  readonly redeemer: Redeemer;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

type What = Pick<TokenRequest, 'tenantId' | 'grant' | 'application' | 'correlationId'> & {
  readonly resourceIdentifier: string;
};

/**
 * Turns requests into redemptions, and failures into what they mean: one tenant's, the credential's, or nobody's.
 * A failure that may be the credential's is checked twice before anything is declared dead: Key Vault may hold a newer
 * one, and a redemption for the partner's own tenant (the canary) shows whether the credential still works at all.
 */
export class Redemptions {
  readonly #deps: RedemptionDeps;
  readonly #settings: RedemptionSettings;
  readonly #states = new Map<string, CredentialState>();
  readonly #canaries = new SingleFlight<TokenReply>();
  readonly #canaryPassed = new Map<string, number>();

  constructor(deps: RedemptionDeps, settings: RedemptionSettings) {
    this.#deps = deps;
    this.#settings = settings;
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

  /** The credential, unless it is known to be dead: then one request in a while looks for a new one or probes. */
  async #usableCredential(what: What): Promise<Credential> {
    const { credentials } = this.#deps;
    const { breaker } = this.#state(what);
    const step = breaker.next();
    if (step === 'go') return credentials.get(what.application);
    if (step === 'look') {
      const credential = await credentials.reread(what.application);
      if (credentialVersion(credential) !== breaker.deadVersion) {
        breaker.close();
        return credential;
      }
    }
    if (step === 'probe') {
      const credential = await credentials.get(what.application);
      const reply = await this.#canary(what, credential);
      if (reply.ok) {
        breaker.close();
        return credential;
      }
    }
    throw breaker.error ?? new BrokerError('internal', 'The credential recovered while it was looked at; try again.');
  }

  async #attempt(what: What, credential: Credential, signal: AbortSignal): Promise<RedeemedToken> {
    const { clock, random } = this.#deps;
    for (let attempt = 1; ; attempt += 1) {
      const reply = await this.#send(what, credential, signal);
      if (reply.ok) return reply.token;
      const { failure } = reply;
      if (failure.reach === 'tenant' || failure.reach === 'request') throw tenantError(failure);
      if (isDoubtful(reply)) return this.#confirm(what, credential, failure);
      const wait = failure.retryAfterSeconds ?? 0;
      if (attempt >= attempts || wait > longestWaitSeconds || failure.code === 'throttled')
        throw transientError(failure);
      const jitterMs = random() * Math.min(pause.longestMs, pause.firstMs * 2 ** attempt);
      await clock.sleep(wait * 1000 + jitterMs, signal);
    }
  }

  /** A failure that may be the credential's: look for a newer credential, then ask the canary. Settles the doubt. */
  async #confirm(what: What, used: Credential, failure: EntraFailure): Promise<RedeemedToken> {
    const { breaker, doubt } = this.#state(what);
    try {
      if (breaker.error !== undefined && breaker.deadVersion === credentialVersion(used)) throw breaker.error;
      const credential = await this.#deps.credentials.reread(what.application);
      let last = failure;
      if (credentialVersion(credential) !== credentialVersion(used)) {
        const reply = await this.#deps.redeemer.redeem(redemptionOf(what, credential));
        if (reply.ok) return reply.token;
        last = reply.failure;
      }
      throw await this.#verdict(what, credential, last);
    } finally {
      doubt.settle();
    }
  }

  async #verdict(what: What, credential: Credential, failure: EntraFailure): Promise<BrokerError> {
    if (failure.reach === 'transient') return transientError(failure);
    const isCanary = what.tenantId === this.#settings.partnerTenantId;
    const canary = isCanary ? failure : await this.#canaryFailure(what, credential, failure);
    if (canary === undefined || canary.reach === 'tenant' || canary.reach === 'request') return tenantError(failure);
    if (canary.reach === 'transient') return transientError(canary);
    const error = credentialError(canary);
    const { application, grant } = what;
    const opened = this.#state(what).breaker.open(error, credentialVersion(credential));
    if (opened) this.#deps.log.log('error', 'credential.dead', { application, grant, ...errorFields(error) });
    return error;
  }

  async #canaryFailure(what: What, credential: Credential, failure: EntraFailure): Promise<EntraFailure | undefined> {
    const passedAtMs = this.#canaryPassed.get(this.#canaryKey(what, credential));
    const recent = passedAtMs !== undefined && this.#deps.clock.nowMs() - passedAtMs < canaryLifeMs;
    if (recent && failure.reach === 'ambiguous') return undefined;
    const reply = await this.#canary(what, credential);
    return reply.ok ? undefined : reply.failure;
  }

  /** Redeems for the partner's own tenant, past the queue: while it is out, the queue may be full of the same failure. */
  #canary(what: What, credential: Credential): Promise<TokenReply> {
    const key = this.#canaryKey(what, credential);
    return this.#canaries.run(key, async () => {
      const { partnerTenantId, canaryResource } = this.#settings;
      const reply = await this.#deps.redeemer.redeem(
        redemptionOf({ ...what, tenantId: partnerTenantId, resourceIdentifier: canaryResource }, credential),
      );
      if (reply.ok) {
        this.#canaryPassed.clear();
        this.#canaryPassed.set(key, this.#deps.clock.nowMs());
      }
      return reply;
    });
  }

  #canaryKey(what: What, credential: Credential): string {
    return `${what.application} ${what.grant} ${credentialVersion(credential)}`;
  }

  /** One request in the queue; a credential in doubt holds it back, one that died while it waited stops it. */
  #send(what: What, credential: Credential, signal: AbortSignal): Promise<TokenReply> {
    const { breaker, doubt } = this.#state(what);
    return this.#settings.limiter.run(async () => {
      await doubt.cleared();
      if (breaker.error !== undefined && breaker.deadVersion === credentialVersion(credential)) throw breaker.error;
      const reply = await this.#deps.redeemer.redeem(redemptionOf(what, credential), signal);
      // Raised before the place in the queue is free for the next one; settled by whoever confirms it.
      if (isDoubtful(reply)) doubt.raise();
      return reply;
    }, signal);
  }

  #state(what: Pick<What, 'application' | 'grant'>): CredentialState {
    const key = `${what.application} ${what.grant}`;
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    const state = { breaker: new CredentialBreaker(this.#deps.clock), doubt: new Doubt() };
    this.#states.set(key, state);
    return state;
  }
}

/** What is known of one application's credential for one grant. */
interface CredentialState {
  readonly breaker: CredentialBreaker;
  readonly doubt: Doubt;
}

const isDoubtful = (reply: TokenReply): boolean =>
  !reply.ok && (reply.failure.reach === 'credential' || reply.failure.reach === 'ambiguous');

function redemptionOf(what: What, credential: Credential): Redemption {
  const { tenantId, resourceIdentifier, correlationId } = what;
  const common = {
    tenantId,
    resourceIdentifier,
    correlationId,
    clientId: credential.client.clientId,
    clientCredential: credential.client.credential,
  };
  if (what.grant === 'application') return { ...common, grant: { kind: 'application' } };
  if (credential.refreshToken === undefined) {
    throw new BrokerError('credential_missing', `The application "${what.application}" has no refresh token yet.`);
  }
  return { ...common, grant: { kind: 'delegated', refreshToken: credential.refreshToken.secret } };
}
