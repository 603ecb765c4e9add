import type { Clock } from '../runtime/clock.ts';
import { credentialVersion } from '../credential/cached-credentials.ts';
import type { Credential } from '../model/credential.ts';
import type { EntraFailure, TokenReply } from '../entra/judge-token-reply.ts';
import type { Redeemer } from '../entra/redeemer.ts';
import type { TenantId } from '../model/identifiers.ts';
import { SingleFlight } from '../runtime/single-flight.ts';
import { redemptionOf, type RedemptionRequest, type RedemptionTarget } from './redemption-request.ts';

/**
 * How long a successful canary proves that the credential works. It counts only against failures that usually concern
 * one tenant, and only for so long that a run over many such tenants does not send a canary for each. A failure that
 * names the credential needs a canary of its own: the credential may have failed since.
 */
const passedLifeMs = 5_000;
/** Minimum time between two canaries if the first got no verdict and Entra asked for no longer pause. */
const undecidedLifeMs = 2_000;

export interface CanarySettings {
  readonly partnerTenantId: TenantId;
  /** Identifier of the resource of the canary: one that every application may use in the partner tenant. */
  readonly canaryResource: string;
}

interface Outcome {
  /** Undefined: the canary succeeded. */
  readonly failure: EntraFailure | undefined;
  readonly atMs: number;
  /** Version of the credential: the outcome does not count for another one. */
  readonly version: string;
}

/** Shows whether a credential works at all, with a redemption for the partner's own tenant that skips the queue. */
export class Canary {
  readonly #deps: { readonly redeemer: Redeemer; readonly clock: Clock };
  readonly #settings: CanarySettings;
  readonly #flights = new SingleFlight<TokenReply>();
  /** The last outcome by application and grant. */
  readonly #outcomes = new Map<string, Outcome>();

  constructor(deps: { readonly redeemer: Redeemer; readonly clock: Clock }, settings: CanarySettings) {
    this.#deps = deps;
    this.#settings = settings;
  }

  /** Whether a request has the same target as the canary. */
  isCanaryTarget(target: RedemptionTarget): boolean {
    return this.isPartnerTenant(target) && target.resourceIdentifier === this.#settings.canaryResource;
  }

  isPartnerTenant({ tenantId }: RedemptionTarget): boolean {
    return tenantId === this.#settings.partnerTenantId;
  }

  /**
   * Checks a failure in some tenant against the partner's own.
   * @returns the failure in the partner tenant; undefined if the credential works there.
   */
  async check(
    request: RedemptionRequest,
    credential: Credential,
    failure: EntraFailure,
  ): Promise<EntraFailure | undefined> {
    const last = this.#outcomes.get(keyOf(request));
    if (last !== undefined && last.version === credentialVersion(credential)) {
      const ageMs = this.#deps.clock.nowMs() - last.atMs;
      if (last.failure === undefined && failure.reach === 'ambiguous' && ageMs < passedLifeMs) return undefined;
      if (last.failure?.reach === 'transient' && ageMs < waitMsOf(last.failure)) return last.failure;
    }
    const reply = await this.send(request, credential);
    return reply.ok ? undefined : reply.failure;
  }

  async send(request: RedemptionRequest, credential: Credential): Promise<TokenReply> {
    const { partnerTenantId: tenantId, canaryResource: resourceIdentifier } = this.#settings;
    const reply = await this.sendTo({ tenantId, resourceIdentifier }, request, credential);
    const failure = reply.ok ? undefined : reply.failure;
    this.#outcomes.set(keyOf(request), {
      failure,
      atMs: this.#deps.clock.nowMs(),
      version: credentialVersion(credential),
    });
    return reply;
  }

  /** The same for another tenant, for failures that the partner's own tenant does not show. */
  sendTo(
    { tenantId, resourceIdentifier }: RedemptionTarget,
    request: RedemptionRequest,
    credential: Credential,
  ): Promise<TokenReply> {
    const key = `${keyOf(request)} ${credentialVersion(credential)} ${tenantId} ${resourceIdentifier}`;
    return this.#flights.run(key, () =>
      this.#deps.redeemer.redeem(redemptionOf({ ...request, tenantId, resourceIdentifier }, credential)),
    );
  }
}

const keyOf = ({ application, grant }: Pick<RedemptionRequest, 'application' | 'grant'>): string =>
  `${application} ${grant}`;

const waitMsOf = ({ retryAfterSeconds }: EntraFailure): number =>
  Math.max(undecidedLifeMs, (retryAfterSeconds ?? 0) * 1000);
