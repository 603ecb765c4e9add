import { type Clock, minuteMs } from '../core/clock.ts';
import { BrokerError, type ErrorCode, errorTable } from '../core/errors.ts';
import type { TenantId } from '../core/identifiers.ts';
import { errorFields } from '../core/log.ts';
import type { Credential } from '../core/secrets.ts';
import type { EntraFailure, TokenReply } from '../microsoft/token-reply.ts';
import type { Canary, RedemptionRequest, RedemptionTarget } from './canary.ts';
import { credentialVersion } from './credential/cached-credentials.ts';
import { type WitnessDeps, Witnesses } from './witnesses.ts';

/**
 * AADSTS numbers of failures that may concern the credential although the canary in the partner tenant succeeds:
 * delegated administration blocked for risk in the partner tenant (530034), an application that is not multi-tenant
 * (50194), the partner's own outbound cross-tenant policy (500212). That policy may also name single organisations
 * ("Cross-tenant access overview", organizational settings), and then concerns only those.
 */
const hiddenFromCanary: ReadonlySet<number> = new Set([530034, 50194, 500212]);

/**
 * One tenant may have its own reason for a failure. The credential is suspected when this many tenants report the failure
 * within this time, and no customer tenant received a token in between.
 */
const suspectedFromTenants = 3;
const withinMs = 10 * minuteMs;

/** Distinguishes failures for all customer tenants from failures for some, for one application and grant. */
class WidespreadFailures {
  readonly #clock: Clock;
  /** Time of the last report, by AADSTS number and tenant. */
  readonly #seen = new Map<number, Map<TenantId, number>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Records that a token was issued for a customer tenant. */
  clear(): void {
    this.#seen.clear();
  }

  /** Records a failure. Returns whether enough tenants have reported it to suspect the credential. */
  recordFailure(failure: EntraFailure, tenantId: TenantId): boolean {
    const aadsts = failure.logFields['aadsts'];
    if (typeof aadsts !== 'number' || !isHiddenFromCanary(failure)) return false;
    const nowMs = this.#clock.nowMs();
    const recent = [...(this.#seen.get(aadsts) ?? [])].filter(([, atMs]) => nowMs - atMs < withinMs);
    const tenants = new Map([...recent, [tenantId, nowMs] as const].slice(-suspectedFromTenants));
    this.#seen.set(aadsts, tenants);
    return tenants.size >= suspectedFromTenants;
  }
}

/** Whether a failure may concern the credential although the canary succeeded. Such a failure keeps its error code. */
const isHiddenFromCanary = ({ logFields }: Pick<EntraFailure, 'logFields'>): boolean => {
  const { aadsts } = logFields;
  return typeof aadsts === 'number' && hiddenFromCanary.has(aadsts);
};

/** Retry-After while a new client credential replicates between the servers of Entra, seconds. */
const replicationRetrySeconds = 10;

/** Returns the error for a failure of one tenant: the credential works elsewhere, or the reply says so. */
export function tenantError(failure: EntraFailure): BrokerError {
  // A failure that is hidden from the canary keeps its code, because its remedy is in the partner tenant.
  const aboutCredential = errorTable[failure.code].scope === 'credential' && !isHiddenFromCanary(failure);
  if (aboutCredential && failure.code === 'client_credential_rejected')
    // No tenant policy rejects a client credential that works elsewhere, so this server of Entra does not know it yet.
    return new BrokerError(
      'entra_unavailable',
      `The client credential works in the partner tenant. A new one takes about a minute to reach all servers of Entra. Entra replied: ${failure.detail}`,
      { logFields: failure.logFields, retryAfterSeconds: replicationRetrySeconds },
    );
  // If the partner's own tenant issues tokens, a policy of this tenant is the reason for "grant revoked".
  const code: ErrorCode = aboutCredential ? 'interaction_required' : failure.code;
  return new BrokerError(code, failure.detail, {
    logFields: failure.logFields,
    ...(errorTable[code].scope === 'tenant' ? {} : { scope: failure.reach === 'request' ? 'platform' : 'tenant' }),
  });
}

/** Returns the error for a failure of the credential, which the canary or a customer tenant has confirmed. */
export function credentialError(failure: EntraFailure): BrokerError {
  const { code, detail, logFields } = failure;
  const isAboutCredential = errorTable[code].scope === 'credential' || isHiddenFromCanary(failure);
  // If the partner tenant does not know the application, it was deleted or disabled, or its id is wrong. Consent does
  // not help.
  const other = code === 'consent_required' ? 'client_credential_rejected' : 'credential_revoked';
  return new BrokerError(isAboutCredential ? code : other, detail, { logFields, scope: 'credential' });
}

/** Returns the error for a transient failure. Callers must not retry before its `retryAfterSeconds`. */
export function transientError(failure: EntraFailure): BrokerError {
  const loop = failure.logFields['aadsts'] === 50196;
  return new BrokerError(failure.code, failure.detail, {
    logFields: failure.logFields,
    // Entra's loop detection lasts for minutes and sends no Retry-After ("invalid_grant 50196", MSAL throttling page).
    retryAfterSeconds: loop ? 300 : (failure.retryAfterSeconds ?? (failure.code === 'throttled' ? 60 : 5)),
  });
}

/** Whether the reply is a failure that may concern the credential. */
export const needsCheck = (reply: TokenReply): boolean =>
  !reply.ok && (reply.failure.reach === 'credential' || reply.failure.reach === 'ambiguous');

/** Interval between reads of the store while the credential is dead. A new version takes effect within a minute. */
const rereadIntervalMs = 30_000;
/**
 * First and maximum interval between probes with the dead credential itself. They detect failures that end without a new
 * version (an unlocked account, a replicated key). The interval doubles after each failed probe.
 */
const probeInterval = { firstMs: 10_000, maxMs: 900_000 };

interface Dead {
  readonly error: BrokerError;
  /** Version of the credential that failed. Another version may work. */
  version: string;
  nextRereadMs: number;
  nextProbeMs: number;
  probeIntervalMs: number;
}

/**
 * What a request may do now. `proceed`: the credential is not known to be dead. `reread`: read the store. `probe`: read
 * the store and try the credential. `refuse`: fail with the known error.
 */
type NextStep = 'proceed' | 'reread' | 'probe' | 'refuse';

/** Records that a credential is dead, so that requests for other tenants fail without a request to Entra. */
class CredentialBreaker {
  readonly #clock: Clock;
  #dead: Dead | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The failure, while the credential is dead. */
  get error(): BrokerError | undefined {
    return this.#dead?.error;
  }

  /** The version of the credential that failed, while the credential is dead. */
  get deadVersion(): string | undefined {
    return this.#dead?.version;
  }

  /** Claims the next step: of concurrent requests one rereads or probes, and the others are refused. */
  next(): NextStep {
    const dead = this.#dead;
    if (dead === undefined) return 'proceed';
    const nowMs = this.#clock.nowMs();
    const rereadDue = nowMs >= dead.nextRereadMs;
    const probeDue = nowMs >= dead.nextProbeMs;
    if (rereadDue || probeDue) dead.nextRereadMs = nowMs + rereadIntervalMs;
    if (probeDue) {
      dead.nextProbeMs = nowMs + dead.probeIntervalMs;
      return 'probe';
    }
    return rereadDue ? 'reread' : 'refuse';
  }

  /**
   * Records a confirmed failure of the credential.
   * @returns false if the failure of this version was already recorded.
   */
  open(error: BrokerError, version: string): boolean {
    if (this.#dead?.version === version) return false;
    const nowMs = this.#clock.nowMs();
    this.#dead = {
      error,
      version,
      nextRereadMs: nowMs + rereadIntervalMs,
      nextProbeMs: nowMs + probeInterval.firstMs,
      probeIntervalMs: probeInterval.firstMs,
    };
    return true;
  }

  /** Records that a newer version failed as well. */
  stayOpen(version: string): void {
    if (this.#dead !== undefined) this.#dead.version = version;
  }

  /**
   * Records that a probe with this version failed. Only this makes the interval longer; the requests of callers do not.
   * The interval does not restart with a newer version.
   */
  recordFailedProbe(version: string): void {
    const dead = this.#dead;
    if (dead === undefined) return;
    dead.version = version;
    dead.probeIntervalMs = Math.min(dead.probeIntervalMs * 2, probeInterval.maxMs);
    dead.nextProbeMs = this.#clock.nowMs() + dead.probeIntervalMs;
  }

  /** Records that the credential works. */
  close(): void {
    this.#dead = undefined;
  }
}

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
