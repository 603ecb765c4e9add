import type { Clock } from '../clock.ts';
import type { EntraFailure } from '../entra/judge-token-reply.ts';
import type { TenantId } from '../identifiers.ts';

/**
 * Failures of the credential that its own tenant does not see, so that the canary says nothing about them: delegated
 * administration blocked for risk in the home tenant (530034), an application that is not multi-tenant (50194), the
 * partner's own outbound cross-tenant policy (500212).
 */
const awayOnly: ReadonlySet<number> = new Set([530034, 50194, 500212]);

/** One tenant may have a reason of its own; three in a short time have ours. */
const enoughTenants = 3;
const withinMs = 600_000;

/** Tells a failure that shows at every customer from one that shows at one. */
export class EverywhereFailures {
  readonly #clock: Clock;
  readonly #seen = new Map<number, Map<TenantId, number>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes the failure. @returns whether it has now been met in enough tenants to be the credential's. */
  note(failure: EntraFailure, tenantId: TenantId): boolean {
    const aadsts = failure.logFields['aadsts'];
    if (typeof aadsts !== 'number' || !awayOnly.has(aadsts)) return false;
    const nowMs = this.#clock.nowMs();
    const recent = [...(this.#seen.get(aadsts) ?? [])].filter(([, atMs]) => nowMs - atMs < withinMs);
    const tenants = new Map([...recent, [tenantId, nowMs] as const].slice(-enoughTenants));
    this.#seen.set(aadsts, tenants);
    return tenants.size >= enoughTenants;
  }
}

/** Whether the code and advice of the failure stand although the canary passed. */
export const isAwayOnly = (failure: EntraFailure): boolean => {
  const aadsts = failure.logFields['aadsts'];
  return typeof aadsts === 'number' && awayOnly.has(aadsts);
};
