import type { EntityMessage } from './entity.ts';
import type { EventText } from './history.ts';
import type { Instance, NewMessage, OpenTask } from './instance.ts';

/** What is done once a turn is in the store. */
export type Effect =
  | { readonly kind: 'run'; readonly task: OpenTask }
  | { readonly kind: 'cancelTimer'; readonly id: number }
  | { readonly kind: 'entity'; readonly entityId: string; readonly message: EntityMessage }
  | { readonly kind: 'message'; readonly message: NewMessage };

/** Timers longer than `maximumShortMs` are split into pieces of `intervalMs`, by the library and here alike. */
export interface TimerLimits {
  readonly maximumShortMs: number;
  readonly intervalMs: number;
}

const dayMs = 86_400_000;

/** Those of the Azure Storage provider: a queue message cannot be hidden for more than a week. */
export const azureTimerLimits: TimerLimits = { maximumShortMs: 6 * dayMs, intervalMs: 3 * dayMs };

/** A turn in the making: nothing of it touches the instance until the orchestrator function has answered. */
export class Draft {
  readonly instance: Instance;
  /** The turn's time, milliseconds since 1970: later than that of any turn before and of any timer fired in it. */
  readonly nowMs: number;
  /** Events that the orchestrator function gets to see in this turn. */
  readonly incoming: EventText[] = [];
  /** Events that record what it asked for. */
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

  takeId(): number {
    const id = this.nextId;
    this.nextId += 1;
    return id;
  }

  find(id: number): OpenTask | undefined {
    return this.opened.get(id) ?? (this.closed.has(id) ? undefined : this.instance.openTasks.get(id));
  }

  /** @param run false: the task is open, but nothing is done for it (its end is known already). */
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

  /** Every open task, those of earlier turns first. */
  openTasks(): OpenTask[] {
    const earlier = [...this.instance.openTasks.values()].filter(({ id }) => !this.closed.has(id));
    return [...earlier, ...this.opened.values()];
  }
}
