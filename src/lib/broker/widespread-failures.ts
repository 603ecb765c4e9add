import { minuteMs } from '../model/durations.ts';
import type { Clock } from '../runtime/clock.ts';
import type { EntraFailure } from '../entra/judge-token-reply.ts';
import type { TenantId } from '../model/identifiers.ts';
import type { RedemptionTarget } from './redemption-request.ts';

/**
 * Failures of the credential that the partner's own tenant does not show, so that the canary passes: delegated
 * administration blocked for risk in the partner tenant (530034), an application that is not multi-tenant (50194), the
 * partner's own outbound cross-tenant policy (500212). That policy may also name single organisations ("Cross-tenant
 * access overview", organizational settings), and then concerns only them.
 */
const hiddenFromCanary: ReadonlySet<number> = new Set([530034, 50194, 500212]);

/**
 * One tenant may have a reason of its own. If three report the failure in a short time, and no other tenant gets a
 * token meanwhile, the reason is the credential.
 */
const enoughTenants = 3;
const withinMs = 10 * minuteMs;

/** Tells a failure at all customers from a failure at some, for one application and grant. */
export class EverywhereFailures {
  readonly #clock: Clock;
  /** When each tenant last reported each number. */
  readonly #seen = new Map<number, Map<TenantId, number>>();
  #lastSuccess: RedemptionTarget | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Where a token for a customer was last issued. While that works, the failure does not concern all customers. */
  get lastSuccess(): RedemptionTarget | undefined {
    return this.#lastSuccess;
  }

  /** A token was issued for a customer. */
  recordSuccess({ tenantId, resourceIdentifier }: RedemptionTarget): void {
    this.#lastSuccess = { tenantId, resourceIdentifier };
    this.#seen.clear();
  }

  /** Records the failure. @returns whether enough tenants have reported it to suspect the credential. */
  recordFailure(failure: EntraFailure, tenantId: TenantId): boolean {
    const aadsts = failure.logFields['aadsts'];
    if (typeof aadsts !== 'number' || !hiddenFromCanary.has(aadsts)) return false;
    const nowMs = this.#clock.nowMs();
    const recent = [...(this.#seen.get(aadsts) ?? [])].filter(([, atMs]) => nowMs - atMs < withinMs);
    const tenants = new Map([...recent, [tenantId, nowMs] as const].slice(-enoughTenants));
    this.#seen.set(aadsts, tenants);
    return tenants.size >= enoughTenants;
  }
}

/** Whether a failure may be the credential's although the canary passed: its code and advice are kept. */
export const isHiddenFromCanary = ({ logFields }: Pick<EntraFailure, 'logFields'>): boolean => {
  const { aadsts } = logFields;
  return typeof aadsts === 'number' && hiddenFromCanary.has(aadsts);
};
