import { Alarms } from '../runtime/alarms.ts';
import { type Clock, isoTime } from '../runtime/clock.ts';
import type { HostLog } from '../runtime/host-log.ts';

/** When the messages become visible that a killed host had taken, milliseconds since 1970. */
export interface LostWork {
  /** Messages to orchestrations and entities. */
  readonly controlUntilMs: number;
  /** Activities and durable HTTP calls. */
  readonly activitiesUntilMs: number;
}

interface RecoveryDeps {
  readonly clock: Clock;
  readonly log: HostLog;
  /** How many activities the killed host could have taken. */
  readonly maxActivities: number;
}

/**
 * Holds back the work of a killed host. On Azure Storage a host takes messages from queues; after its death they stay
 * hidden until their visibility timeout has passed. Work that no host had taken starts at once.
 */
export class Recovery {
  readonly #deps: RecoveryDeps;
  readonly #lost: LostWork | undefined;
  readonly #alarms: Alarms;
  readonly #held = new Set<object>();
  #activities = 0;
  #heldActivities = 0;

  /** @param lost undefined after a clean stop, which gives all messages back. */
  constructor(deps: RecoveryDeps, lost: LostWork | undefined) {
    this.#deps = deps;
    this.#lost = lost;
    this.#alarms = new Alarms(deps.clock);
  }

  /** Whether an instance or entity waits for hidden messages. It starts nothing until then. */
  isHeld(owner: object): boolean {
    return this.#held.has(owner);
  }

  /** Calls `resume` when the messages of an instance or entity are visible. */
  whenVisible(owner: object, resume: () => void): void {
    if (!this.#isFuture(this.#lost?.controlUntilMs)) {
      resume();
      return;
    }
    this.#held.add(owner);
    this.#alarms.set(this.#lost?.controlUntilMs ?? 0, () => {
      this.#held.delete(owner);
      resume();
    });
  }

  /** Calls `start` when the message of an activity is visible. Call it in the order in which activities start. */
  whenActivityVisible(start: (held: boolean) => void): void {
    this.#activities += 1;
    if (this.#activities > this.#deps.maxActivities || !this.#isFuture(this.#lost?.activitiesUntilMs)) {
      start(false);
      return;
    }
    this.#heldActivities += 1;
    this.#alarms.set(this.#lost?.activitiesUntilMs ?? 0, () => start(true));
  }

  /** Logs what is held back. */
  report(): void {
    if (!this.#lost || this.#held.size + this.#heldActivities === 0) return;
    const { controlUntilMs, activitiesUntilMs } = this.#lost;
    const parts = [
      ...(this.#heldActivities > 0
        ? [`${this.#heldActivities} activities are hidden until ${isoTime(activitiesUntilMs)}`]
        : []),
      ...(this.#held.size > 0
        ? [`messages to ${this.#held.size} orchestrations and entities are hidden until ${isoTime(controlUntilMs)}`]
        : []),
    ];
    const advice = 'This is the visibility timeout of host.json, as in Azure; --visibility-timeout shortens it.';
    this.#deps.log('warning', 'system', `The previous host was killed: ${parts.join(', ')}. ${advice}`);
  }

  stop(): void {
    this.#alarms.stop();
  }

  #isFuture(atMs: number | undefined): boolean {
    return atMs !== undefined && atMs > this.#deps.clock.nowMs();
  }
}
