import type { Clock } from '../runtime/clock.ts';
import { credentialVersion } from '../credential/cached-credentials.ts';
import type { Credential } from '../model/credential.ts';
import type { EntraFailure, TokenReply } from '../entra/judge-token-reply.ts';
import type { Redeemer } from '../entra/redeemer.ts';
import type { TenantId } from '../model/identifiers.ts';
import { SingleFlight } from '../runtime/single-flight.ts';
import { type Place, redemptionOf, type What } from './redemption-of.ts';

/**
 * How long a canary that worked speaks for the credential: only against failures that are mostly a tenant's own, and
 * only so long that a run over many such tenants does not send one for each. Against a failure that names the
 * credential, only a canary of its own counts: the credential may have died since.
 */
const passedLifeMs = 5_000;
/** A canary that got no verdict is not sent again sooner, unless Entra asked for a longer wait. */
const undecidedLifeMs = 2_000;

export interface CanarySettings {
  readonly partnerTenantId: TenantId;
  /** Identifier of the resource that is asked for: one that every application may have in the partner tenant. */
  readonly canaryResource: string;
}

interface Outcome {
  /** Undefined: it worked. */
  readonly failure: EntraFailure | undefined;
  readonly atMs: number;
  /** Of the credential: an outcome counts for no other. */
  readonly version: string;
}

/** Shows whether a credential works at all: a redemption for the partner's own tenant, past the queue. */
export class Canary {
  readonly #deps: { readonly redeemer: Redeemer; readonly clock: Clock };
  readonly #settings: CanarySettings;
  readonly #flights = new SingleFlight<TokenReply>();
  /** The last one by application and grant. */
  readonly #outcomes = new Map<string, Outcome>();

  constructor(deps: { readonly redeemer: Redeemer; readonly clock: Clock }, settings: CanarySettings) {
    this.#deps = deps;
    this.#settings = settings;
  }

  /** Whether a request is itself what the canary would send. */
  is(place: Place): boolean {
    return this.isHome(place) && place.resourceIdentifier === this.#settings.canaryResource;
  }

  isHome({ tenantId }: Place): boolean {
    return tenantId === this.#settings.partnerTenantId;
  }

  /** What a failure elsewhere means: undefined where the credential works at home, else the failure there. */
  async against(what: What, credential: Credential, failure: EntraFailure): Promise<EntraFailure | undefined> {
    const last = this.#outcomes.get(keyOf(what));
    if (last !== undefined && last.version === credentialVersion(credential)) {
      const ageMs = this.#deps.clock.nowMs() - last.atMs;
      if (last.failure === undefined && failure.reach === 'ambiguous' && ageMs < passedLifeMs) return undefined;
      if (last.failure?.reach === 'transient' && ageMs < waitMsOf(last.failure)) return last.failure;
    }
    const reply = await this.send(what, credential);
    return reply.ok ? undefined : reply.failure;
  }

  async send(what: What, credential: Credential): Promise<TokenReply> {
    const { partnerTenantId: tenantId, canaryResource: resourceIdentifier } = this.#settings;
    const reply = await this.sendTo({ tenantId, resourceIdentifier }, what, credential);
    const failure = reply.ok ? undefined : reply.failure;
    this.#outcomes.set(keyOf(what), {
      failure,
      atMs: this.#deps.clock.nowMs(),
      version: credentialVersion(credential),
    });
    return reply;
  }

  /** The same for another tenant, where the partner's own does not see what is wrong. */
  sendTo({ tenantId, resourceIdentifier }: Place, what: What, credential: Credential): Promise<TokenReply> {
    const key = `${keyOf(what)} ${credentialVersion(credential)} ${tenantId} ${resourceIdentifier}`;
    return this.#flights.run(key, () =>
      this.#deps.redeemer.redeem(redemptionOf({ ...what, tenantId, resourceIdentifier }, credential)),
    );
  }
}

const keyOf = ({ application, grant }: Pick<What, 'application' | 'grant'>): string => `${application} ${grant}`;

const waitMsOf = ({ retryAfterSeconds }: EntraFailure): number =>
  Math.max(undecidedLifeMs, (retryAfterSeconds ?? 0) * 1000);
