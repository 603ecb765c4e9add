import { minuteMs } from '../core/durations.ts';
import type { Clock } from '../core/clock.ts';
import type { EntraFailure } from '../microsoft/token-reply.ts';
import type { TenantId } from '../core/identifiers.ts';

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
export class WidespreadFailures {
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
export const isHiddenFromCanary = ({ logFields }: Pick<EntraFailure, 'logFields'>): boolean => {
  const { aadsts } = logFields;
  return typeof aadsts === 'number' && hiddenFromCanary.has(aadsts);
};
