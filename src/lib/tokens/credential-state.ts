import type { BrokerError } from '../core/errors.ts';
import { errorFields } from '../core/log.ts';
import type { Credential } from '../core/secrets.ts';
import type { EntraFailure } from '../microsoft/token-reply.ts';
import type { Canary, RedemptionRequest, RedemptionTarget } from './canary.ts';
import {
  CredentialBreaker,
  credentialError,
  isHiddenFromCanary,
  tenantError,
  transientError,
  WidespreadFailures,
} from './credential-breaker.ts';
import { credentialVersion } from './credential/cached-credentials.ts';
import { type WitnessDeps, Witnesses } from './witnesses.ts';

/**
 * Holds back the requests of a credential while a failure that may concern the credential is being checked. Otherwise
 * each free slot would send one more request that fails in the same way.
 */
export class CheckGate {
  /** Number of checks in progress. */
  #checks = 0;
  #gate: { promise: Promise<void>; resolve(): void } | undefined;

  get isClosed(): boolean {
    return this.#gate !== undefined;
  }

  /** Closes the gate for one check. Each call needs one call of {@link endCheck}. */
  beginCheck(): void {
    this.#checks += 1;
    this.#gate ??= Promise.withResolvers<void>();
  }

  /** Opens the gate if this was the last check in progress. */
  endCheck(): void {
    this.#checks -= 1;
    if (this.#checks > 0) return;
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  /** Resolves once no check is in progress, at once if there is none. */
  async opened(): Promise<void> {
    while (this.#gate !== undefined) await this.#gate.promise;
  }
}

/** What the witnesses show. `unclear` carries a transient failure, if there was one. */
interface Testimony {
  readonly kind: 'works' | 'fails' | 'unclear';
  readonly transient?: EntraFailure | undefined;
}

/** Number of witnesses with the same failure that confirm it. Fewer confirm it if there are no more. */
const confirmations = 3;

/** The state of one application's credential for one grant. Classifies its failures. */
export class CredentialState {
  readonly breaker: CredentialBreaker;
  readonly gate = new CheckGate();
  readonly #deps: WitnessDeps & { readonly canary: Canary };
  readonly #widespread: WidespreadFailures;
  readonly #witnesses: Witnesses;

  constructor(deps: WitnessDeps & { readonly canary: Canary }, application: string) {
    this.#deps = deps;
    this.breaker = new CredentialBreaker(deps.clock);
    this.#widespread = new WidespreadFailures(deps.clock);
    this.#witnesses = new Witnesses(deps, { application, canaryResource: deps.canary.resourceIdentifier });
  }

  /** Records that a token was issued. */
  recordSuccess(request: RedemptionTarget): void {
    if (this.#deps.canary.isPartnerTenant(request)) return;
    this.#widespread.clear();
    this.#witnesses.recordSuccess(request);
  }

  /** Classifies a failure as transient, of the tenant, or of the credential. A failure of the credential is confirmed. */
  async classify(request: RedemptionRequest, credential: Credential, failure: EntraFailure): Promise<BrokerError> {
    if (failure.reach === 'transient') return transientError(failure);
    const { canary } = this.#deps;
    if (isHiddenFromCanary(failure)) this.#witnesses.recordFailure(request.tenantId);
    if (this.#widespread.recordFailure(failure, request.tenantId)) {
      // It is hidden from the canary, so customers are tried that have not reported it.
      const testimony = await this.#askWitnesses(request, credential, failure.logFields['aadsts']);
      if (testimony.kind === 'fails') return credentialError(failure);
      const { transient } = testimony;
      return testimony.kind === 'works' || transient === undefined ? tenantError(failure) : transientError(transient);
    }
    const inPartnerTenant = canary.isCanaryTarget(request) ? failure : await canary.check(request, credential, failure);
    if (inPartnerTenant === undefined || inPartnerTenant.reach === 'tenant' || inPartnerTenant.reach === 'request')
      return tenantError(failure);
    return inPartnerTenant.reach === 'transient' ? transientError(inPartnerTenant) : credentialError(inPartnerTenant);
  }

  /** Asks customers one after the other, until one receives a token or enough of them report the same failure. */
  async #askWitnesses(request: RedemptionRequest, credential: Credential, aadsts: unknown): Promise<Testimony> {
    let same = 0;
    let transient: EntraFailure | undefined;
    for (const target of await this.#witnesses.choose()) {
      const reply = await this.#deps.canary.sendTo(target, request, credential);
      if (reply.ok) {
        this.recordSuccess(target);
        return { kind: 'works' };
      }
      if (reply.failure.reach === 'transient') transient = reply.failure;
      // Another failure, such as a missing consent, shows nothing.
      if (reply.failure.logFields['aadsts'] === aadsts) same += 1;
      if (same >= confirmations) break;
    }
    return same > 0 ? { kind: 'fails' } : { kind: 'unclear', transient };
  }

  /** Opens the breaker for a confirmed failure of the credential. */
  declareDead(request: RedemptionRequest, credential: Credential, error: BrokerError): void {
    const { application, grant } = request;
    if (!this.breaker.open(error, credentialVersion(credential))) return;
    this.#deps.log.log('error', 'credential.dead', { application, grant, ...errorFields(error) });
  }

  /**
   * Whether a dead credential may be used again: a probe succeeded, or the store has another version. The tenant of the
   * probe does not depend on the request that causes it.
   */
  async hasRecovered(request: RedemptionRequest, credential: Credential, probe: boolean): Promise<boolean> {
    const { breaker } = this;
    const replaced = credentialVersion(credential) !== breaker.deadVersion;
    const { error } = breaker;
    if (error !== undefined && isHiddenFromCanary(error)) {
      if (!replaced && !probe) return false;
      const { kind } = await this.#askWitnesses(request, credential, error.logFields['aadsts']);
      if (kind === 'fails' && probe) breaker.recordFailedProbe(credentialVersion(credential));
      else if (kind === 'fails') breaker.stayOpen(credentialVersion(credential));
      return kind === 'works';
    }
    if (replaced) return true;
    if (!probe) return false;
    const { ok } = await this.#deps.canary.send(request, credential);
    if (!ok) breaker.recordFailedProbe(credentialVersion(credential));
    return ok;
  }
}
