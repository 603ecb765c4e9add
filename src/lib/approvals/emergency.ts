import { LRUCache } from 'lru-cache';
import type { Caller, Justification } from '../core/caller.ts';
import { BrokerError } from '../core/errors.ts';
import type { TenantId } from '../core/identifiers.ts';
import { type Notice, type Notifier, quoted } from '../notices/notice.ts';
import { type Clock, DeadlineError, withDeadline } from '../core/clock.ts';
import { errorFields, scrub } from '../core/log.ts';
import type { ApprovalRequester } from './approval-log.ts';

/** After a notice, the same caller, rule and tenant send no other for this long. Log and audit have every use. */
const quietMs = 10 * 60_000;
/** Storage that does not answer must not delay an emergency for longer. */
const longestWaitMs = 3_000;

/** What is done in an emergency. */
export interface Emergency {
  readonly rule: string;
  readonly reason: string;
  readonly tenantId: TenantId;
  /** The alias of the resource. */
  readonly resource: string;
  /** A method and path, or "a token". */
  readonly request: string;
}

/** After this many notices of one caller and rule within the quiet time, one notice announces that more tenants follow. */
const mostTenants = 5;

/** The tenants whose notices were sent for one caller and rule. */
interface Announced {
  readonly sinceMs: number;
  readonly tenants: Set<TenantId>;
}

/** Tells people that a rule for emergencies is used. */
export class EmergencyNotices {
  readonly #deps: { readonly notifier: Notifier; readonly clock: Clock };
  readonly #announced = new LRUCache<string, Announced>({ max: 1_000 });

  constructor(deps: { readonly notifier: Notifier; readonly clock: Clock }) {
    this.#deps = deps;
  }

  /**
   * Logs the use of the rule, which an alert rule looks for, and sends a notice, at most every ten minutes for one caller,
   * rule and tenant. The one for the sixth tenant is the last: it says that more may follow. Waits up to three seconds until the
   * notice is stored. Never throws.
   */
  async announce(emergency: Emergency, { caller, log }: Pick<ApprovalRequester, 'caller' | 'log'>): Promise<void> {
    const { clock, notifier } = this.#deps;
    const { tenantId } = emergency;
    log.log('warn', 'emergency.served', { ...emergency, caller: caller.applicationId, object: caller.objectId });
    const { tenants } = this.#announcedTo(`${caller.applicationId}/${caller.objectId}/${emergency.rule}`);
    if (tenants.has(tenantId) || tenants.size > mostTenants) return;
    tenants.add(tenantId);
    try {
      const notice = noticeOf(emergency, { caller, atMs: clock.nowMs(), moreFollow: tenants.size > mostTenants });
      await withDeadline(clock, longestWaitMs, () => notifier.send(notice));
    } catch (thrown) {
      // A notice that is late may still arrive. One that failed is sent with the next use.
      if (!(thrown instanceof DeadlineError)) tenants.delete(tenantId);
      log.log('error', 'emergency.not_announced', { rule: emergency.rule, tenantId, ...errorFields(thrown) });
    }
  }

  #announcedTo(key: string): Announced {
    const nowMs = this.#deps.clock.nowMs();
    const announced = this.#announced.get(key);
    if (announced !== undefined && Math.abs(nowMs - announced.sinceMs) < quietMs) return announced;
    const fresh = { sinceMs: nowMs, tenants: new Set<TenantId>() };
    this.#announced.set(key, fresh);
    return fresh;
  }
}

/** The key has the time in steps, so that uses on several instances are one notice. */
function noticeOf(
  { rule, reason, tenantId, resource, request }: Emergency,
  { caller, atMs, moreFollow }: { readonly caller: Caller; readonly atMs: number; readonly moreFollow: boolean },
): Notice {
  const { objectId, applicationId } = caller;
  const name = quoted(caller.name);
  const step = Math.floor(atMs / quietMs);
  const more = moreFollow
    ? ` It has used the rule for ${mostTenants + 1} tenants within ${quietMs / 60_000} minutes. Notices about more tenants are left out.`
    : '';
  return {
    kind: 'emergency.used',
    key: [applicationId, objectId, rule, tenantId, step, moreFollow].join(' '),
    severity: 'critical',
    tenantId,
    atMs,
    title: `Emergency rule used: ${rule}`,
    text: `${name} uses a rule for emergencies.${more} Find out whether the emergency is real: \`ptb audit --break-glass\` lists what was done.`,
    facts: [
      { name: 'Reason', value: quoted(reason) },
      { name: 'Caller', value: `${name} (${objectId})` },
      { name: 'Application', value: applicationId },
      { name: 'Tenant', value: tenantId },
      { name: 'Resource', value: resource },
      { name: 'First request', value: quoted(request) },
    ],
  };
}

/**
 * The reason for using a rule for emergencies.
 * @throws BrokerError reason_required if the caller has not declared an emergency, or without a reason.
 */
export function emergencyReason(rule: string, { breakGlass, reason }: Justification): string {
  if (breakGlass === true && reason !== undefined) return scrub(reason);
  throw new BrokerError('reason_required', `Only the rule "${rule}" allows the request, and it is for emergencies.`, {
    logFields: { rule },
  });
}
