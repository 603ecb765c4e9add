import type { Clock } from '../../../lib/clock.ts';
import type { Invoker } from '../app/invoker.ts';
import type { RegisteredFunction } from '../app/registry.ts';
import { type NamedData, triggerOf } from '../app/rpc.ts';
import type { DurableSettings } from '../host-json.ts';
import type { HostLog } from '../options.ts';
import { repeatedAction } from './actions.ts';
import { Alarms } from './alarms.ts';
import { takeBatch } from './completions.ts';
import { Draft, type Effect, type TimerLimits } from './draft.ts';
import type { EntityEngine } from './entity-engine.ts';
import {
  type Instance,
  isFinal,
  type Message,
  type NewMessage,
  type OpenTask,
  type SubOrchestrationTask,
  type TaskOutcome,
} from './instance.ts';
import { InstanceTable } from './instance-table.ts';
import type { Journal } from './journal.ts';
import { applyControl } from './control.ts';
import type { TaskRunner } from './task-runner.ts';
import { applyMessages, applyOutcome, turnInput, type TurnResult } from './turn.ts';
import { versionAllowed } from './versions.ts';

export interface EngineDeps {
  readonly clock: Clock;
  readonly log: HostLog;
  readonly settings: DurableSettings;
  readonly invoker: Invoker;
  readonly journal: Journal;
  readonly findFunction: (
    kind: 'activity' | 'orchestration' | 'entity',
    name: string,
  ) => RegisteredFunction | undefined;
  readonly extraInputs: (target: RegisteredFunction) => NamedData[];
  readonly newGuid: () => string;
  readonly timerLimits?: TimerLimits;
}

/**
 * The orchestration dispatcher: gives every instance its turns, one at a time, each with all that has arrived, and
 * carries out what the turn asked for once it is in the store.
 */
export class Engine {
  readonly deps: EngineDeps;
  readonly table: InstanceTable;
  readonly alarms: Alarms;
  entities!: EntityEngine;
  tasks!: TaskRunner;
  readonly #ready = new Set<Instance>();
  readonly #cancelTimer = new Map<string, () => void>();
  readonly #warned = new Set<string>();
  #afterCommit: (() => void)[] = [];
  #running = 0;
  #pumping = false;
  #stopped = false;

  constructor(deps: EngineDeps) {
    this.deps = deps;
    this.table = new InstanceTable(deps);
    this.alarms = new Alarms(deps.clock);
  }

  /** Puts a message into an instance's inbox. It is durable with the next commit. A message for nobody is dropped. */
  deliver(message: NewMessage): void {
    const instance = this.table.deliver(message);
    if (instance) this.wake(instance);
  }

  /** Commits, then does what must not happen before: tell the caller, run activities, arm timers. */
  commit(): void {
    this.deps.journal.commit();
    const actions = this.#afterCommit;
    this.#afterCommit = [];
    for (const action of actions) action();
  }

  wake(instance: Instance): void {
    if (!instance.busy) this.#ready.add(instance);
    this.#schedulePump();
  }

  /** Takes up what was open when the store was written: tasks run again, timers are armed, inboxes are read. */
  resume(): void {
    for (const instance of this.table.all()) {
      if (isFinal(instance.record.status)) continue;
      const answered = new Set(instance.inbox.map((message) => ('taskId' in message ? message.taskId : -1)));
      for (const task of instance.openTasks.values()) {
        if (task.kind !== 'sub' && !answered.has(task.id)) this.#afterCommit.push(() => this.#runTask(instance, task));
      }
      if (instance.inbox.length > 0) this.wake(instance);
    }
    this.commit();
  }

  stop(): void {
    this.#stopped = true;
    this.alarms.stop();
    this.tasks.stop();
  }

  #schedulePump(): void {
    if (this.#pumping || this.#stopped) return;
    this.#pumping = true;
    // One turn of the event loop lets everything that completes now reach the same turn: a replay costs as much as
    // the history is long, so few big turns beat many small ones.
    setImmediate(() => {
      this.#pumping = false;
      this.#pump();
    });
  }

  #pump(): void {
    for (const instance of this.#ready) {
      if (this.#stopped || this.#running >= this.deps.settings.maxConcurrentOrchestratorFunctions) break;
      this.#ready.delete(instance);
      instance.busy = true;
      this.#running += 1;
      void this.#turn(instance).then(
        (worked) => this.#turnEnded(instance, worked),
        (error: unknown) => {
          this.deps.log(
            'critical',
            'system',
            `A turn of ${instance.record.instanceId} broke: ${error instanceof Error ? error.stack : String(error)}`,
          );
          this.#turnEnded(instance, false);
        },
      );
    }
    this.commit();
  }

  #turnEnded(instance: Instance, worked: boolean): void {
    this.#running -= 1;
    instance.busy = false;
    if (worked && instance.inbox.length > 0) this.wake(instance);
    if (this.#ready.size > 0) this.#schedulePump();
  }

  /** @returns false when there was nothing that could be done now. */
  async #turn(instance: Instance): Promise<boolean> {
    const { record } = instance;
    if (isFinal(record.status)) {
      this.table.consume(instance, instance.inbox);
      return false;
    }
    const control = this.table.nextControl(instance);
    if (control) {
      if (control.kind === 'terminate') this.#abandon(instance);
      this.#answer(applyControl(this.table, instance, control));
      return true;
    }
    if (record.status === 'Suspended' || !this.#versionFits(instance)) return false;
    const batch = takeBatch(instance);
    const draft = new Draft(
      instance,
      Math.max(Math.floor(this.deps.clock.nowMs()), record.lastTurnMs),
      this.deps.timerLimits,
    );
    if (!applyMessages(draft, batch)) {
      this.table.consume(instance, batch);
      return batch.length > 0;
    }
    const result = await this.#replay(draft);
    // Purged or replaced while it ran: there is nobody left to tell.
    if (this.table.get(record.instanceId) === instance) this.#apply(draft, batch, result);
    return true;
  }

  async #replay(draft: Draft): Promise<TurnResult> {
    const { deps } = this;
    const { record, history } = draft.instance;
    const rules = {
      hasFunction: (kind: 'activity' | 'orchestration', name: string) => deps.findFunction(kind, name) !== undefined,
      defaultVersion: deps.settings.defaultVersion,
      storeInputs: deps.settings.storeInputsInOrchestrationHistory,
      newGuid: deps.newGuid,
      maxActions: deps.settings.maxOrchestrationActions,
    };
    const target = deps.findFunction('orchestration', record.name);
    if (!target) {
      const error = new Error(
        `The function '${record.name}' doesn't exist, is disabled, or is not an orchestrator function.`,
      );
      return applyOutcome(draft, rules, { ok: false, error });
    }
    const outcome = await deps.invoker.invoke(target, {
      inputData: [
        { name: triggerOf(target.metadata).name, data: { string: turnInput(draft, history ?? []) } },
        ...deps.extraInputs(target),
      ],
    });
    if (outcome.ok) this.#warnOfRepeatedTask(draft.instance, outcome.raw);
    return applyOutcome(draft, rules, outcome);
  }

  #apply(draft: Draft, batch: readonly Message[], result: TurnResult): void {
    const { instance } = draft;
    if (result.waitsForOpenTasks) {
      this.#warnOnce(
        instance,
        'open',
        `has returned, but ends only when its ${draft.openCount} open task(s) do. Cancel timers that are not needed.`,
      );
    }
    for (const effect of draft.effects) this.#prepare(instance, effect);
    const ended = this.table.applyTurn(draft, batch, result);
    this.#answer(ended ? this.table.answerParent(instance) : undefined);
  }

  /** Effects that are part of the same transaction happen now, the others after it. */
  #prepare(instance: Instance, effect: Effect): void {
    switch (effect.kind) {
      case 'message':
        this.deliver(effect.message);
        return;
      case 'entity':
        this.entities.send(effect.entityId, effect.message);
        return;
      case 'cancelTimer':
        this.#disarm(instance, effect.id);
        return;
      default:
        if (effect.task.kind === 'sub') this.#startChild(instance, effect.task);
        else this.#afterCommit.push(() => this.#runTask(instance, effect.task));
    }
  }

  #startChild(parent: Instance, task: SubOrchestrationTask): void {
    const { instanceId, executionId, name } = parent.record;
    const child = this.table.create({ ...task, parent: { instanceId, executionId, name, taskId: task.id } });
    if (child) {
      this.deliver({ kind: 'start', instanceId: task.instanceId });
      return;
    }
    const reason = `An Orchestration instance with the id ${task.instanceId} already exists and has not ended.`;
    this.deliver({ kind: 'taskFailed', instanceId, executionId, taskId: task.id, reason, details: '' });
  }

  #runTask(instance: Instance, task: OpenTask): void {
    const { instanceId, executionId } = instance.record;
    if (task.kind === 'timer') {
      const ring = (): void => {
        this.#cancelTimer.delete(key);
        this.deliver({ kind: 'timerFired', instanceId, executionId, taskId: task.id });
      };
      const key = `${instanceId} ${task.id}`;
      this.#cancelTimer.set(key, this.alarms.set(task.fireAtMs, ring));
    } else if (task.kind !== 'sub') {
      this.tasks.run(task, instanceId, (outcome: TaskOutcome) => {
        const { ok, ...rest } = outcome;
        const common = { instanceId, executionId, taskId: task.id };
        this.deliver(
          ok
            ? { kind: 'taskCompleted', ...common, result: outcome.result }
            : ({ kind: 'taskFailed', ...common, ...rest } as NewMessage),
        );
      });
    }
  }

  #disarm(instance: Instance, id: number): void {
    const key = `${instance.record.instanceId} ${id}`;
    this.#cancelTimer.get(key)?.();
    this.#cancelTimer.delete(key);
  }

  /** Before an instance is ended from outside: its timers do not ring, its critical section is left. */
  #abandon(instance: Instance): void {
    for (const id of instance.openTasks.keys()) this.#disarm(instance, id);
    for (const entityId of instance.record.locks)
      this.entities.send(entityId, { kind: 'release', owner: instance.record.instanceId });
    instance.record.locks = [];
  }

  #answer(message: NewMessage | undefined): void {
    if (message) this.deliver(message);
    this.commit();
  }

  #versionFits(instance: Instance): boolean {
    const { record } = instance;
    const { settings } = this.deps;
    if (versionAllowed(settings.versionMatchStrategy, record.version, settings.defaultVersion)) return true;
    const said = `has version ${record.version}, which this host (${settings.defaultVersion}) does not run by versionMatchStrategy ${settings.versionMatchStrategy}.`;
    this.#warnOnce(instance, 'version', said);
    if (settings.versionFailureStrategy === 'Fail') {
      this.#abandon(instance);
      this.#answer(this.table.fail(instance, `VersionMismatch: the orchestration ${said}`));
    }
    return false;
  }

  #warnOfRepeatedTask(instance: Instance, raw: unknown): void {
    const action = repeatedAction(raw);
    if (!action) return;
    const what =
      'functionName' in action
        ? `"${action.functionName}"`
        : action.actionType === 5
          ? 'a timer'
          : 'an entity or HTTP call';
    this.#warnOnce(
      instance,
      'repeated',
      `yields the task for ${what} a second time inside Task.any or Task.all. It is scheduled again, as in Azure, and later results may reach the wrong task (azure-functions-durable-js issue 574).`,
    );
  }

  #warnOnce({ record }: Instance, topic: string, said: string): void {
    const key = `${topic} ${record.instanceId}`;
    if (this.#warned.has(key)) return;
    this.#warned.add(key);
    this.deps.log('warning', 'system', `Orchestration ${record.instanceId} (${record.name}) ${said}`, record.name);
  }
}
