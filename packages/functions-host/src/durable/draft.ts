import type { EntityMessage } from './entity.ts';
import type { EventText } from './history.ts';
import type { Instance, NewMessage, OpenTask } from './instance.ts';

/** Work that a turn requests. It starts after the turn is committed to the store. */
export type Effect =
  | { readonly kind: 'run'; readonly task: OpenTask }
  | { readonly kind: 'cancelTimer'; readonly id: number }
  | { readonly kind: 'entity'; readonly entityId: string; readonly message: EntityMessage }
  | { readonly kind: 'message'; readonly message: NewMessage };

/** The library and the host both split timers longer than `maximumShortMs` into chunks of `intervalMs`. */
export interface TimerLimits {
  readonly maximumShortMs: number;
  readonly intervalMs: number;
}

const dayMs = 86_400_000;

/** The limits of the Azure Storage provider, which cannot hide a queue message for more than a week. */
const azureTimerLimits: TimerLimits = { maximumShortMs: 6 * dayMs, intervalMs: 3 * dayMs };

/** The changes of a turn in progress. The instance itself changes only after the orchestrator function has returned. */
export class Draft {
  readonly instance: Instance;
  /** Time of the turn, milliseconds since 1970. Not earlier than any previous turn or any timer fired in this one. */
  readonly nowMs: number;
  /** Events that the orchestrator function receives in this turn. */
  readonly incoming: EventText[] = [];
  /** Events that record the actions of the orchestrator function. */
  readonly outgoing: EventText[] = [];
  readonly effects: Effect[] = [];
  readonly opened = new Map<number, OpenTask>();
  readonly closed = new Set<number>();
  nextId: number;
  locks: string[];
  readonly timerLimits: TimerLimits;

  constructor(instance: Instance, nowMs: number, timerLimits: TimerLimits = azureTimerLimits) {
    this.instance = instance;
    this.nowMs = nowMs;
    this.timerLimits = timerLimits;
    this.nextId = instance.record.nextId;
    this.locks = [...instance.record.locks];
  }

  /** The next task id. */
  takeId(): number {
    const id = this.nextId;
    this.nextId += 1;
    return id;
  }

  /** An open task by id. */
  find(id: number): OpenTask | undefined {
    return this.opened.get(id) ?? (this.closed.has(id) ? undefined : this.instance.openTasks.get(id));
  }

  /** @param run whether the task starts. Pass false for a task whose outcome is already known. */
  open(task: OpenTask, run = true): void {
    this.opened.set(task.id, task);
    if (run) this.effects.push({ kind: 'run', task });
  }

  close(id: number): void {
    if (!this.opened.delete(id)) this.closed.add(id);
  }

  get openCount(): number {
    return this.instance.openTasks.size - this.closed.size + this.opened.size;
  }

  /** All open tasks. Those of earlier turns come first. */
  openTasks(): OpenTask[] {
    const earlier = [...this.instance.openTasks.values()].filter(({ id }) => !this.closed.has(id));
    return [...earlier, ...this.opened.values()];
  }
}
