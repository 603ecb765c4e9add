import type { Clock } from '../runtime/clock.ts';
import type { Invoker } from '../app/invoker.ts';
import type { RegisteredFunction } from '../app/registry.ts';
import { type NamedData, triggerOf } from '../app/rpc.ts';
import type { DurableSettings } from '../app/host-json.ts';
import type { HostLog } from '../options.ts';
import { repeatedAction } from './actions.ts';
import { Advice } from './warnings.ts';
import type { HttpFetch } from './call-http.ts';
import { takeBatch } from './apply-message.ts';
import { applyControl } from './control.ts';
import { Dispatcher } from './dispatcher.ts';
import { Draft, type TimerLimits } from './draft.ts';
import { Effects } from './effects.ts';
import { EntityEngine } from './entity-engine.ts';
import { type Instance, isFinal, type Message, type NewMessage } from './instance.ts';
import { InstanceTable } from './instance-table.ts';
import type { Journal } from './journal.ts';
import type { StoredState } from './store.ts';
import { TaskRunner } from './task-runner.ts';
import { applyMessages, applyOutcome, turnInput, type TurnResult } from './turn.ts';
import { versionAllowed } from './versions.ts';

export type DurableKind = 'activity' | 'orchestration' | 'entity';

export interface EngineDeps {
  readonly clock: Clock;
  readonly log: HostLog;
  readonly settings: DurableSettings;
  readonly invoker: Pick<Invoker, 'invoke'>;
  readonly journal: Journal;
  /** The function of that kind and name, compared without case. */
  readonly findFunction: (kind: DurableKind, name: string) => RegisteredFunction | undefined;
  /** Values of a function's input bindings beside the trigger. */
  readonly extraInputs: (target: RegisteredFunction) => NamedData[];
  readonly fetch: HttpFetch;
  readonly newGuid: () => string;
  /** Those of the Azure Storage provider when absent. */
  readonly timerLimits?: TimerLimits;
}

/**
 * Durable orchestrations: gives every instance its turns, each with all that has arrived, and carries out what a turn
 * asked for once it is in the store.
 */
export class Engine {
  readonly deps: EngineDeps;
  readonly table: InstanceTable;
  readonly entities: EntityEngine;
  readonly #tasks: TaskRunner;
  readonly #effects: Effects;
  readonly #dispatcher: Dispatcher;
  readonly #advice: Advice;

  constructor(deps: EngineDeps) {
    this.deps = deps;
    this.#advice = new Advice(deps.log);
    this.table = new InstanceTable(deps);
    this.#tasks = new TaskRunner({
      ...deps,
      findActivity: (name) => deps.findFunction('activity', name),
      maxConcurrent: deps.settings.maxConcurrentActivityFunctions,
    });
    const deliver = (message: NewMessage): void => this.deliver(message);
    this.entities = new EntityEngine({
      ...deps,
      findEntity: (name) => deps.findFunction('entity', name),
      maxConcurrent: deps.settings.maxConcurrentEntityFunctions,
      maxBatch: deps.settings.maxEntityOperationBatchSize,
      deliver,
      commit: () => this.commit(),
      isRunning: (instanceId, executionId) => this.table.isRunning(instanceId, executionId),
    });
    this.#effects = new Effects({
      clock: deps.clock,
      table: this.table,
      tasks: this.#tasks,
      deliver,
      sendToEntity: (entityId, message) => this.entities.send(entityId, message),
    });
    this.#dispatcher = new Dispatcher({
      maxConcurrent: deps.settings.maxConcurrentOrchestratorFunctions,
      turn: (instance) => this.#turn(instance),
      afterRound: () => this.commit(),
      onError: ({ record }, error) => {
        const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
        deps.log('critical', 'system', `A turn of ${record.instanceId} broke: ${said}`, record.name);
      },
    });
  }

  /** Takes over what a store holds. To be called before {@link start}. */
  load(state: StoredState): void {
    this.table.load(state);
    this.entities.load(state);
  }

  /** Takes up what was open when the store was written: tasks run again, timers are armed, inboxes are read. */
  start(): void {
    for (const instance of this.table.all()) {
      if (isFinal(instance.record.status)) continue;
      const answered = new Set(instance.inbox.map((message) => ('taskId' in message ? message.taskId : -1)));
      for (const task of instance.openTasks.values()) if (!answered.has(task.id)) this.#effects.takeUp(instance, task);
      if (instance.inbox.length > 0) this.#dispatcher.wake(instance);
    }
    this.entities.start();
    this.commit();
  }

  /** Begins nothing more; what runs may end and is remembered when it does so before the store is closed. */
  stop(): void {
    this.#dispatcher.stop();
    this.#effects.stop();
    this.#tasks.stop();
    this.entities.stop();
  }

  /** Puts a message into an instance's inbox. It is durable with the next commit. A message for nobody is dropped. */
  deliver(message: NewMessage): void {
    const instance = this.table.deliver(message);
    if (instance) this.#dispatcher.wake(instance);
  }

  /** Commits, then does what must not happen before: run activities, arm timers. */
  commit(): void {
    this.deps.journal.commit();
    this.#effects.committed();
  }

  async #turn(instance: Instance): Promise<boolean> {
    const { record } = instance;
    if (isFinal(record.status)) return false;
    const control = this.table.nextControl(instance);
    if (control) {
      if (control.kind === 'terminate') this.#effects.abandon(instance);
      this.#answer(applyControl(this.table, instance, control));
      return true;
    }
    if (record.status === 'Suspended' || !this.#versionFits(instance)) return false;
    const batch = takeBatch(instance);
    const nowMs = Math.max(Math.floor(this.deps.clock.nowMs()), record.lastTurnMs);
    const draft = new Draft(instance, nowMs, this.deps.timerLimits);
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
      hasFunction: (kind: DurableKind, name: string) => deps.findFunction(kind, name) !== undefined,
      defaultVersion: deps.settings.defaultVersion,
      storeInputs: deps.settings.storeInputsInOrchestrationHistory,
      newGuid: deps.newGuid,
      maxActions: deps.settings.maxOrchestrationActions,
    };
    const target = deps.findFunction('orchestration', record.name);
    if (!target) {
      const said = `The function '${record.name}' doesn't exist, is disabled, or is not an orchestrator function.`;
      return applyOutcome(draft, rules, { ok: false, error: new Error(said) });
    }
    const trigger = { name: triggerOf(target.metadata).name, data: { string: turnInput(draft, history ?? []) } };
    const outcome = await deps.invoker.invoke(target, { inputData: [trigger, ...deps.extraInputs(target)] });
    const repeated = outcome.ok ? repeatedAction(outcome.raw) : undefined;
    if (repeated) this.#advice.repeatedTask(draft.instance, repeated);
    return applyOutcome(draft, rules, outcome);
  }

  #apply(draft: Draft, batch: readonly Message[], result: TurnResult): void {
    const { instance } = draft;
    if (result.waitsForOpenTasks) this.#advice.openTasks(instance, draft.openCount);
    for (const effect of draft.effects) this.#effects.prepare(instance, effect);
    const ended = this.table.applyTurn(draft, batch, result);
    this.#answer(ended ? this.table.answerParent(instance) : undefined);
  }

  #answer(message: NewMessage | undefined): void {
    if (message) this.deliver(message);
    this.commit();
  }

  #versionFits(instance: Instance): boolean {
    const { record } = instance;
    const { versionMatchStrategy, versionFailureStrategy, defaultVersion } = this.deps.settings;
    if (versionAllowed(versionMatchStrategy, record.version, defaultVersion)) return true;
    const said = `has version ${record.version}, which this host (${defaultVersion}) does not run by versionMatchStrategy ${versionMatchStrategy}.`;
    this.#advice.version(instance, said);
    if (versionFailureStrategy === 'Fail') {
      this.#effects.abandon(instance);
      this.#answer(this.table.fail(instance, `VersionMismatch: the orchestration ${said}`));
    }
    return false;
  }
}
