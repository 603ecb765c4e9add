import type { Clock } from '../core/clock.ts';
import { BrokerError } from '../core/errors.ts';
import type { TenantId } from '../core/identifiers.ts';
import type { Credential, TokenRequest } from '../core/secrets.ts';
import { SingleFlight } from '../core/single-flight.ts';
import type { Redeemer, Redemption } from '../microsoft/redeemer.ts';
import type { EntraFailure, TokenReply } from '../microsoft/token-reply.ts';
import { credentialVersion } from './credential/cached-credentials.ts';

/** The part of a token request that a redemption needs. */
export type RedemptionRequest = Pick<TokenRequest, 'tenantId' | 'grant' | 'application' | 'correlationId'> & {
  readonly resourceIdentifier: string;
};

/** The tenant and the resource that a token is for. */
export type RedemptionTarget = Pick<RedemptionRequest, 'tenantId' | 'resourceIdentifier'>;

/**
 * Builds the redemption of a request with a credential.
 * @throws BrokerError `credential_missing` if the grant is delegated and there is no refresh token yet.
 */
export function redemptionOf(request: RedemptionRequest, credential: Credential): Redemption {
  const { tenantId, resourceIdentifier, correlationId } = request;
  const { clientId, credential: clientCredential } = credential.client;
  const common = { tenantId, resourceIdentifier, correlationId, clientId, clientCredential };
  if (request.grant === 'application') return { ...common, grant: { kind: 'application' } };
  if (credential.refreshToken === undefined) {
    throw new BrokerError('credential_missing', `The application "${request.application}" has no refresh token yet.`);
  }
  return { ...common, grant: { kind: 'delegated', refreshToken: credential.refreshToken.secret } };
}

/**
 * How long a successful canary is reused. It is reused only for failures that usually concern one tenant, so that a run
 * over many such tenants does not send one canary each. A failure that names the credential always sends a new canary,
 * because the credential may have failed since.
 */
const successLifeMs = 5_000;
/** Minimum time between two canaries if the first failed transiently. A longer Retry-After takes precedence. */
const transientLifeMs = 2_000;

/** The target of the canary. */
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

/** Tests whether a credential works at all: redeems it for the partner's own tenant, outside the request queue. */
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

  get resourceIdentifier(): string {
    return this.#settings.canaryResource;
  }

  /** Whether a request has the same target as the canary. */
  isCanaryTarget(target: RedemptionTarget): boolean {
    return this.isPartnerTenant(target) && target.resourceIdentifier === this.#settings.canaryResource;
  }

  isPartnerTenant({ tenantId }: RedemptionTarget): boolean {
    return tenantId === this.#settings.partnerTenantId;
  }

  /**
   * Checks whether a failure in some tenant also occurs in the partner's own tenant.
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
      if (last.failure === undefined && failure.reach === 'ambiguous' && ageMs < successLifeMs) return undefined;
      if (last.failure?.reach === 'transient' && ageMs < waitMsOf(last.failure)) return last.failure;
    }
    const reply = await this.send(request, credential);
    return reply.ok ? undefined : reply.failure;
  }

  /** Sends a canary to the partner's own tenant and records its outcome. */
  async send(request: RedemptionRequest, credential: Credential): Promise<TokenReply> {
    const { partnerTenantId: tenantId, canaryResource: resourceIdentifier } = this.#settings;
    const reply = await this.sendTo({ tenantId, resourceIdentifier }, request, credential);
    const failure = reply.ok ? undefined : reply.failure;
    const version = credentialVersion(credential);
    this.#outcomes.set(keyOf(request), { failure, atMs: this.#deps.clock.nowMs(), version });
    return reply;
  }

  /** Sends a canary to another target, for failures that do not occur in the partner's own tenant. Records nothing. */
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
  Math.max(transientLifeMs, (retryAfterSeconds ?? 0) * 1000);
