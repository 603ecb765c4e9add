import type { Clock } from '../runtime/clock.ts';
import { credentialVersion } from '../credential/cached-credentials.ts';
import type { Credential } from '../model/credential.ts';
import type { EntraFailure } from '../entra/judge-token-reply.ts';
import type { BrokerError } from '../model/errors.ts';
import { errorFields, type Logger } from '../runtime/log.ts';
import type { Canary } from './canary.ts';
import { CredentialBreaker } from './credential-breaker.ts';
import { Doubt } from './check-gate.ts';
import { EverywhereFailures, isHiddenFromCanary } from './widespread-failures.ts';
import { credentialError, tenantError, transientError } from './failures.ts';
import type { RedemptionRequest } from './redemption-request.ts';

/** The state of one application's credential for one grant, and the judgement of its failures. */
export class CredentialState {
  readonly breaker: CredentialBreaker;
  readonly doubt = new Doubt();
  readonly #deps: { readonly canary: Canary; readonly log: Logger };
  readonly #everywhere: EverywhereFailures;

  constructor(deps: { readonly canary: Canary; readonly clock: Clock; readonly log: Logger }) {
    this.#deps = deps;
    this.breaker = new CredentialBreaker(deps.clock);
    this.#everywhere = new EverywhereFailures(deps.clock);
  }

  /** A token was issued. */
  recordSuccess(request: RedemptionRequest): void {
    if (!this.#deps.canary.isPartnerTenant(request)) this.#everywhere.recordSuccess(request);
  }

  /** Whether a failure is the tenant's, the credential's or transient. One of scope credential is confirmed. */
  async verdict(request: RedemptionRequest, credential: Credential, failure: EntraFailure): Promise<BrokerError> {
    if (failure.reach === 'transient') return transientError(failure);
    const { canary } = this.#deps;
    if (this.#everywhere.recordFailure(failure, request.tenantId))
      return this.#verdictByCustomers(request, credential, failure);
    const inPartnerTenant = canary.isCanaryTarget(request) ? failure : await canary.check(request, credential, failure);
    if (inPartnerTenant === undefined || inPartnerTenant.reach === 'tenant' || inPartnerTenant.reach === 'request')
      return tenantError(failure);
    return inPartnerTenant.reach === 'transient' ? transientError(inPartnerTenant) : credentialError(inPartnerTenant);
  }

  /**
   * The same for failures that the canary does not see: a customer that got a token before shows whether it still does.
   */
  async #verdictByCustomers(
    request: RedemptionRequest,
    credential: Credential,
    failure: EntraFailure,
  ): Promise<BrokerError> {
    const { lastSuccess } = this.#everywhere;
    if (lastSuccess === undefined) return credentialError(failure);
    const reply = await this.#deps.canary.sendTo(lastSuccess, request, credential);
    if (!reply.ok)
      return reply.failure.reach === 'transient' ? transientError(reply.failure) : credentialError(failure);
    this.#everywhere.recordSuccess(lastSuccess);
    return tenantError(failure);
  }

  /** Opens the breaker with a confirmed failure. */
  declareDead(request: RedemptionRequest, credential: Credential, error: BrokerError): void {
    const { application, grant } = request;
    const probeTarget = isHiddenFromCanary(error) ? (this.#everywhere.lastSuccess ?? request) : undefined;
    if (!this.breaker.open(error, credentialVersion(credential), probeTarget)) return;
    this.#deps.log.log('error', 'credential.dead', { application, grant, ...errorFields(error) });
  }

  /** Whether a dead credential may be used again: if a probe succeeds, or if it is not the version that died. */
  async worksAgain(request: RedemptionRequest, credential: Credential, probe: boolean): Promise<boolean> {
    const { canary } = this.#deps;
    const { probeTarget, deadVersion } = this.breaker;
    const replaced = credentialVersion(credential) !== deadVersion;
    if (probeTarget === undefined) return replaced || (probe && (await canary.send(request, credential)).ok);
    if (!replaced && !probe) return false;
    // A request for a customer probes that customer: those that reported the failure may have reasons of their own.
    const target = canary.isPartnerTenant(request) ? probeTarget : request;
    const { ok } = await canary.sendTo(target, request, credential);
    if (ok) this.#everywhere.recordSuccess(target);
    else this.breaker.stayOpen(credentialVersion(credential));
    return ok;
  }
}
