import type { Clock } from '../runtime/clock.ts';
import { Alarms } from '../runtime/alarms.ts';
import type { Effect } from './draft.ts';
import type { EntityMessage } from './entity.ts';
import type { Instance, NewMessage, OpenTask, SubOrchestrationTask, TaskOutcome, TimerTask } from './instance.ts';
import type { InstanceTable } from './instance-table.ts';
import type { TaskRunner } from './task-runner.ts';

export interface EffectsDeps {
  readonly clock: Clock;
  readonly table: InstanceTable;
  readonly tasks: TaskRunner;
  readonly deliver: (message: NewMessage) => void;
  readonly sendToEntity: (entityId: string, message: EntityMessage) => void;
}

/** Carries out what turns ask for: what belongs to the same transaction at once, the rest after the commit. */
export class Effects {
  readonly #deps: EffectsDeps;
  readonly #alarms: Alarms;
  readonly #cancelTimer = new Map<string, () => void>();
  #afterCommit: (() => void)[] = [];

  constructor(deps: EffectsDeps) {
    this.#deps = deps;
    this.#alarms = new Alarms(deps.clock);
  }

  prepare(instance: Instance, effect: Effect): void {
    switch (effect.kind) {
      case 'message':
        this.#deps.deliver(effect.message);
        return;
      case 'entity':
        this.#deps.sendToEntity(effect.entityId, effect.message);
        return;
      case 'cancelTimer':
        this.#disarm(instance, effect.id);
        return;
      default:
        if (effect.task.kind === 'sub') this.#startChild(instance, effect.task);
        else this.takeUp(instance, effect.task);
    }
  }

  /** Runs an activity or HTTP call, or arms a timer, after the next commit. A child runs by itself. */
  takeUp(instance: Instance, task: OpenTask): void {
    if (task.kind === 'timer') this.#afterCommit.push(() => this.#arm(instance, task));
    else if (task.kind !== 'sub') {
      this.#afterCommit.push(() =>
        this.#deps.tasks.run(task, instance.record.instanceId, this.#answer(instance, task)),
      );
    }
  }

  /** To be called when the store has everything. */
  committed(): void {
    const actions = this.#afterCommit;
    this.#afterCommit = [];
    for (const action of actions) action();
  }

  /** Before an instance is ended from outside: its timers do not ring, its critical section is left. */
  abandon(instance: Instance): void {
    const { record } = instance;
    for (const id of instance.openTasks.keys()) this.#disarm(instance, id);
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

  #answer(instance: Instance, { id: taskId }: OpenTask): (outcome: TaskOutcome) => void {
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

  #arm(instance: Instance, task: TimerTask): void {
    const { instanceId, executionId } = instance.record;
    const key = timerKey(instance, task.id);
    const cancel = this.#alarms.set(task.fireAtMs, () => {
      this.#cancelTimer.delete(key);
      this.#deps.deliver({ kind: 'timerFired', instanceId, executionId, taskId: task.id });
    });
    this.#cancelTimer.set(key, cancel);
  }

  #disarm(instance: Instance, id: number): void {
    const key = timerKey(instance, id);
    this.#cancelTimer.get(key)?.();
    this.#cancelTimer.delete(key);
  }
}

const timerKey = ({ record }: Instance, id: number): string => `${record.executionId} ${id}`;
