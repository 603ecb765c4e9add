import { LRUCache } from 'lru-cache';
import type { Caller } from '../model/caller.ts';
import { BrokerError } from '../model/errors.ts';
import type { Justification } from '../model/justification.ts';
import type { Notifier } from '../notifications/notice.ts';
import { quoted } from '../notifications/quoted.ts';
import type { Clock } from '../runtime/clock.ts';
import { DeadlineError, withDeadline } from '../runtime/deadline.ts';
import { errorFields, type Logger, scrub } from '../runtime/log.ts';

/** After a notice, the same caller and rule send no other for this long. Log and audit have every use. */
const quietMs = 10 * 60_000;
/** A chat that does not answer must not delay an emergency for longer. */
const longestWaitMs = 3_000;

/** What is done in an emergency. */
export interface Emergency {
  readonly rule: string;
  readonly reason: string;
}

/** Who uses the rule, and the log of that request. */
interface Using {
  readonly caller: Caller;
  readonly log: Logger;
}

/** Tells people that a rule for emergencies is used. */
export class EmergencyNotices {
  readonly #deps: { readonly notifier: Notifier; readonly clock: Clock };
  readonly #told = new LRUCache<string, number>({ max: 1_000 });

  constructor(deps: { readonly notifier: Notifier; readonly clock: Clock }) {
    this.#deps = deps;
  }

  /**
   * Logs the use of the rule, which an alert rule looks for, and sends a notice, at most every ten minutes for one caller and
   * rule. Waits up to three seconds for the chat. Never throws.
   */
  async tell({ rule, reason }: Emergency, { caller, log }: Using): Promise<void> {
    const { clock, notifier } = this.#deps;
    log.log('warn', 'emergency.served', { rule, caller: caller.applicationId, object: caller.objectId, reason });
    const key = `${caller.applicationId}/${caller.objectId}/${rule}`;
    const toldMs = this.#told.get(key);
    if (toldMs !== undefined && Math.abs(clock.nowMs() - toldMs) < quietMs) return;
    this.#told.set(key, clock.nowMs());
    try {
      await withDeadline(clock, longestWaitMs, () =>
        notifier.send({
          severity: 'error',
          title: `Emergency rule used: ${rule}`,
          text: `${caller.name} uses a rule for emergencies. Find out whether the emergency is real: \`ptb audit --break-glass\` lists what was done.`,
          facts: [
            { name: 'Reason', value: quoted(reason) },
            { name: 'Caller', value: `${caller.name} (${caller.objectId})` },
            { name: 'Application', value: caller.applicationId },
          ],
        }),
      );
    } catch (thrown) {
      // A notice that is late may still arrive. One that failed is sent with the next use.
      if (!(thrown instanceof DeadlineError)) this.#told.delete(key);
      log.log('error', 'emergency.not_announced', { rule, ...errorFields(thrown) });
    }
  }
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
