import { Alarms } from '../runtime/alarms.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Effect } from './draft.ts';
import type { EntityMessage } from './entity.ts';
import type { Instance, NewMessage, OpenTask, SubOrchestrationTask, TaskOutcome, TimerTask } from './instance.ts';
import type { InstanceTable } from './instance-table.ts';
import type { TaskRunner } from './task-runner.ts';

interface EffectsDeps {
  readonly clock: Clock;
  readonly table: InstanceTable;
  readonly tasks: TaskRunner;
  readonly deliver: (message: NewMessage) => void;
  readonly sendToEntity: (entityId: string, message: EntityMessage) => void;
  /** Hands timers, activities and HTTP requests to the hub, in the same transaction. Absent if this host has its own store. */
  readonly post?:
    | ((instance: Instance, task: Exclude<OpenTask, SubOrchestrationTask>, nowMs: number) => void)
    | undefined;
}

/**
 * Carries out the effects of turns. Effects that belong to the same transaction happen immediately, all others after
 * the commit.
 */
export class Effects {
  readonly #deps: EffectsDeps;
  readonly #alarms: Alarms;
  readonly #cancelTimer = new Map<string, () => void>();
  #afterCommit: (() => void)[] = [];

  constructor(deps: EffectsDeps) {
    this.#deps = deps;
    this.#alarms = new Alarms(deps.clock);
  }

  /**
   * Carries out an effect, or schedules it for the time after the commit.
   * @param nowMs time of the turn.
   */
  apply(instance: Instance, effect: Effect, nowMs: number): void {
    switch (effect.kind) {
      case 'message':
        this.#deps.deliver(effect.message);
        return;
      case 'entity':
        this.#deps.sendToEntity(effect.entityId, effect.message);
        return;
      case 'cancelTimer':
        this.#cancel(instance, effect.id);
        return;
      default:
        if (effect.task.kind === 'sub') this.#startChild(instance, effect.task);
        else if (this.#deps.post) this.#deps.post(instance, effect.task, nowMs);
        else this.startAfterCommit(instance, effect.task);
    }
  }

  /** Starts a timer, an activity or an HTTP call after the next commit. Does nothing for a sub-orchestration. */
  startAfterCommit(instance: Instance, task: OpenTask): void {
    if (task.kind === 'timer') this.#afterCommit.push(() => this.#startTimer(instance, task));
    else if (task.kind !== 'sub') {
      this.#afterCommit.push(() =>
        this.#deps.tasks.run(task, instance.record.instanceId, this.#deliverOutcome(instance, task)),
      );
    }
  }

  /** Starts everything that waits for the commit. Call it after each commit. */
  onCommitted(): void {
    const actions = this.#afterCommit;
    this.#afterCommit = [];
    for (const action of actions) action();
  }

  /** Cancels the timers and releases the locks of an instance that ends without a turn of its own. */
  release(instance: Instance): void {
    const { record } = instance;
    for (const id of instance.openTasks.keys()) this.#cancel(instance, id);
    for (const entityId of record.locks)
      this.#deps.sendToEntity(entityId, { kind: 'release', owner: record.instanceId });
    record.locks = [];
  }

  stop(): void {
    this.#alarms.stop();
  }

  #startChild(parent: Instance, task: SubOrchestrationTask): void {
    const { instanceId, executionId, name } = parent.record;
    const child = this.#deps.table.create({ ...task, parent: { instanceId, executionId, name, taskId: task.id } });
    if (child) {
      this.#deps.deliver({ kind: 'start', instanceId: task.instanceId });
      return;
    }
    const reason = `An Orchestration instance with the id ${task.instanceId} already exists and has not ended.`;
    this.#deps.deliver({ kind: 'taskFailed', instanceId, executionId, taskId: task.id, reason, details: '' });
  }

  #deliverOutcome(instance: Instance, { id: taskId }: OpenTask): (outcome: TaskOutcome) => void {
    const { instanceId, executionId } = instance.record;
    return (outcome) => {
      if (outcome.ok) {
        this.#deps.deliver({ kind: 'taskCompleted', instanceId, executionId, taskId, result: outcome.result });
        return;
      }
      const { ok: _ok, ...failure } = outcome;
      this.#deps.deliver({ kind: 'taskFailed', instanceId, executionId, taskId, ...failure });
    };
  }

  #startTimer(instance: Instance, task: TimerTask): void {
    const { instanceId, executionId } = instance.record;
    const key = timerKey(instance, task.id);
    const cancel = this.#alarms.set(task.fireAtMs, () => {
      this.#cancelTimer.delete(key);
      this.#deps.deliver({ kind: 'timerFired', instanceId, executionId, taskId: task.id });
    });
    this.#cancelTimer.set(key, cancel);
  }

  #cancel(instance: Instance, id: number): void {
    const key = timerKey(instance, id);
    this.#cancelTimer.get(key)?.();
    this.#cancelTimer.delete(key);
  }
}

const timerKey = ({ record }: Instance, id: number): string => `${record.executionId} ${id}`;
