import type { Clock } from '../runtime/clock.ts';
import { credentialVersion } from '../credential/cached-credentials.ts';
import type { Credential } from '../model/credential.ts';
import type { EntraFailure } from '../entra/judge-token-reply.ts';
import type { BrokerError } from '../model/errors.ts';
import { errorFields, type Logger } from '../runtime/log.ts';
import type { Canary } from './canary.ts';
import { CredentialBreaker } from './credential-breaker.ts';
import { CheckGate } from './check-gate.ts';
import { isHiddenFromCanary, WidespreadFailures } from './widespread-failures.ts';
import { credentialError, tenantError, transientError } from './failures.ts';
import type { RedemptionRequest } from './redemption-request.ts';

/** The state of one application's credential for one grant. Classifies its failures. */
export class CredentialState {
  readonly breaker: CredentialBreaker;
  readonly gate = new CheckGate();
  readonly #deps: { readonly canary: Canary; readonly log: Logger };
  readonly #widespread: WidespreadFailures;

  constructor(deps: { readonly canary: Canary; readonly clock: Clock; readonly log: Logger }) {
    this.#deps = deps;
    this.breaker = new CredentialBreaker(deps.clock);
    this.#widespread = new WidespreadFailures(deps.clock);
  }

  /** Records that a token was issued. */
  recordSuccess(request: RedemptionRequest): void {
    if (!this.#deps.canary.isPartnerTenant(request)) this.#widespread.recordSuccess(request);
  }

  /** Classifies a failure as transient, of the tenant, or of the credential. A failure of the credential is confirmed. */
  async classify(request: RedemptionRequest, credential: Credential, failure: EntraFailure): Promise<BrokerError> {
    if (failure.reach === 'transient') return transientError(failure);
    const { canary } = this.#deps;
    if (this.#widespread.recordFailure(failure, request.tenantId))
      return this.#classifyByCustomers(request, credential, failure);
    const inPartnerTenant = canary.isCanaryTarget(request) ? failure : await canary.check(request, credential, failure);
    if (inPartnerTenant === undefined || inPartnerTenant.reach === 'tenant' || inPartnerTenant.reach === 'request')
      return tenantError(failure);
    return inPartnerTenant.reach === 'transient' ? transientError(inPartnerTenant) : credentialError(inPartnerTenant);
  }

  /** Classifies a failure that is hidden from the canary: tries the customer tenant that last received a token. */
  async #classifyByCustomers(
    request: RedemptionRequest,
    credential: Credential,
    failure: EntraFailure,
  ): Promise<BrokerError> {
    const { lastSuccess } = this.#widespread;
    if (lastSuccess === undefined) return credentialError(failure);
    const reply = await this.#deps.canary.sendTo(lastSuccess, request, credential);
    if (!reply.ok)
      return reply.failure.reach === 'transient' ? transientError(reply.failure) : credentialError(failure);
    this.#widespread.recordSuccess(lastSuccess);
    return tenantError(failure);
  }

  /** Opens the breaker for a confirmed failure of the credential. */
  declareDead(request: RedemptionRequest, credential: Credential, error: BrokerError): void {
    const { application, grant } = request;
    const probeTarget = isHiddenFromCanary(error) ? (this.#widespread.lastSuccess ?? request) : undefined;
    if (!this.breaker.open(error, credentialVersion(credential), probeTarget)) return;
    this.#deps.log.log('error', 'credential.dead', { application, grant, ...errorFields(error) });
  }

  /** Whether a dead credential may be used again: a probe succeeded, or the store has another version. */
  async hasRecovered(request: RedemptionRequest, credential: Credential, probe: boolean): Promise<boolean> {
    const { canary } = this.#deps;
    const { probeTarget, deadVersion } = this.breaker;
    const replaced = credentialVersion(credential) !== deadVersion;
    if (probeTarget === undefined) return replaced || (probe && (await canary.send(request, credential)).ok);
    if (!replaced && !probe) return false;
    // A request for a customer tenant probes that tenant: the tenants that reported the failure may have other reasons.
    const target = canary.isPartnerTenant(request) ? probeTarget : request;
    const { ok } = await canary.sendTo(target, request, credential);
    if (ok) this.#widespread.recordSuccess(target);
    else this.breaker.stayOpen(credentialVersion(credential));
    return ok;
  }
}
