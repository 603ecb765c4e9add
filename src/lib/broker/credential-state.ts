import type { Clock } from '../runtime/clock.ts';
import { credentialVersion } from '../credential/cached-credentials.ts';
import type { Credential } from '../model/credential.ts';
import type { EntraFailure } from '../entra/judge-token-reply.ts';
import type { BrokerError } from '../model/errors.ts';
import { errorFields, type Logger } from '../runtime/log.ts';
import type { Canary } from './canary.ts';
import { CredentialBreaker } from './credential-breaker.ts';
import { Doubt } from './doubt.ts';
import { EverywhereFailures, isAwayOnly } from './everywhere-failures.ts';
import { credentialError, tenantError, transientError } from './failures.ts';
import type { What } from './redemption-of.ts';

/** What is known of one application's credential for one grant, and what a failure says of it. */
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

  /** A token was had. */
  worked(what: What): void {
    if (!this.#deps.canary.isHome(what)) this.#everywhere.worked(what);
  }

  /** Whose a failure is: the tenant's, nobody's, or the credential's. One of scope credential is confirmed. */
  async verdict(what: What, credential: Credential, failure: EntraFailure): Promise<BrokerError> {
    if (failure.reach === 'transient') return transientError(failure);
    const { canary } = this.#deps;
    if (this.#everywhere.note(failure, what.tenantId)) return this.#verdictAway(what, credential, failure);
    const home = canary.is(what) ? failure : await canary.against(what, credential, failure);
    if (home === undefined || home.reach === 'tenant' || home.reach === 'request') return tenantError(failure);
    return home.reach === 'transient' ? transientError(home) : credentialError(home);
  }

  /** The same where home sees nothing: a customer whose token was had before speaks for the credential. */
  async #verdictAway(what: What, credential: Credential, failure: EntraFailure): Promise<BrokerError> {
    const { witness } = this.#everywhere;
    if (witness === undefined) return credentialError(failure);
    const reply = await this.#deps.canary.sendTo(witness, what, credential);
    if (!reply.ok)
      return reply.failure.reach === 'transient' ? transientError(reply.failure) : credentialError(failure);
    this.#everywhere.worked(witness);
    return tenantError(failure);
  }

  /** Opens the breaker with a confirmed failure. */
  declareDead(what: What, credential: Credential, error: BrokerError): void {
    const { application, grant } = what;
    const away = isAwayOnly(error) ? (this.#everywhere.witness ?? what) : undefined;
    if (!this.breaker.open(error, credentialVersion(credential), away)) return;
    this.#deps.log.log('error', 'credential.dead', { application, grant, ...errorFields(error) });
  }

  /** Whether a dead credential may be used again: when a probe says so, or it is another one than the one that died. */
  async worksAgain(what: What, credential: Credential, probe: boolean): Promise<boolean> {
    const { canary } = this.#deps;
    const { away, deadVersion } = this.breaker;
    const replaced = credentialVersion(credential) !== deadVersion;
    if (away === undefined) return replaced || (probe && (await canary.send(what, credential)).ok);
    if (!replaced && !probe) return false;
    // Whoever asks for a customer's token probes there: those who reported the failure may have reasons of their own.
    const place = canary.isHome(what) ? away : what;
    const { ok } = await canary.sendTo(place, what, credential);
    if (ok) this.#everywhere.worked(place);
    else this.breaker.stayOpen(credentialVersion(credential));
    return ok;
  }
}
