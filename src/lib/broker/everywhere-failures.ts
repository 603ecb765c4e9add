import { minuteMs } from '../model/durations.ts';
import type { Clock } from '../runtime/clock.ts';
import type { EntraFailure } from '../entra/judge-token-reply.ts';
import type { TenantId } from '../model/identifiers.ts';
import type { Place } from './redemption-of.ts';

/**
 * Failures of the credential that its own tenant does not see, so that the canary says nothing about them: delegated
 * administration blocked for risk in the home tenant (530034), an application that is not multi-tenant (50194), the
 * partner's own outbound cross-tenant policy (500212). The last one may also name single organisations ("Cross-tenant
 * access overview", organizational settings), and is then theirs alone.
 */
const awayOnly: ReadonlySet<number> = new Set([530034, 50194, 500212]);

/** One tenant may have a reason of its own; three in a short time, and no token elsewhere meanwhile, have ours. */
const enoughTenants = 3;
const withinMs = 10 * minuteMs;

/** Tells a failure that shows at every customer from one that shows at some, for one application and grant. */
export class EverywhereFailures {
  readonly #clock: Clock;
  /** Where each number was met, and when. */
  readonly #seen = new Map<number, Map<TenantId, number>>();
  #witness: Place | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Where a customer's token was had last: while one can be had there, nothing fails everywhere. */
  get witness(): Place | undefined {
    return this.#witness;
  }

  /** A token was had for a customer. */
  worked({ tenantId, resourceIdentifier }: Place): void {
    this.#witness = { tenantId, resourceIdentifier };
    this.#seen.clear();
  }

  /** Notes the failure. @returns whether it has now been met in enough tenants to be suspected everywhere. */
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
export const isAwayOnly = ({ logFields }: Pick<EntraFailure, 'logFields'>): boolean => {
  const { aadsts } = logFields;
  return typeof aadsts === 'number' && awayOnly.has(aadsts);
};
