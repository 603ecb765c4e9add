import type { DurableSettings } from '../app/host-json.ts';
import type { Invoker } from '../app/invoker.ts';
import type { RegisteredFunction } from '../app/registry.ts';
import { type NamedData, triggerOf } from '../app/rpc.ts';
import type { Clock } from '../runtime/clock.ts';
import { stackOf } from '../runtime/errors.ts';
import type { HostLog } from '../runtime/host-log.ts';
import { repeatedAction } from './actions.ts';
import { nextBatch } from './apply-message.ts';
import type { HttpFetch } from './call-http.ts';
import { applyControl, nextControl } from './control.ts';
import { Dispatcher } from './dispatcher.ts';
import { Draft, type TimerLimits } from './draft.ts';
import { Effects } from './effects.ts';
import { EntityEngine } from './entity-engine.ts';
import { type Instance, isFinal, type Message, type NewMessage, type OpenTask } from './instance.ts';
import { type HubView, InstanceTable } from './instance-table.ts';
import type { Journal } from './journal.ts';
import { missingFunction } from './missing-function.ts';
import { lastFireAtMs } from './open-tasks.ts';
import { messageForParent } from './parent-message.ts';
import { postTask } from './hub/post-task.ts';
import { type LostWork, Recovery } from './recovery.ts';
import type { StoredState } from './store.ts';
import { TaskRunner } from './task-runner.ts';
import { applyMessages, applyOutcome, turnInput, type TurnResult } from './turn.ts';
import { versionAllowed } from './versions.ts';
import { OrchestrationWarnings } from './warnings.ts';

type DurableKind = 'activity' | 'orchestration' | 'entity';

export interface EngineDeps {
  readonly clock: Clock;
  readonly log: HostLog;
  readonly settings: DurableSettings;
  readonly invoker: Pick<Invoker, 'invoke'>;
  readonly journal: Journal;
  /** Finds a function by trigger and name. Ignores the case of the name. */
  readonly findFunction: (kind: DurableKind, name: string) => RegisteredFunction | undefined;
  /** Values of the function's input bindings other than the trigger. */
  readonly extraInputs: (target: RegisteredFunction) => NamedData[];
  readonly fetch: HttpFetch;
  readonly newGuid: () => string;
  /** Set if several hosts share the store. */
  readonly hub?: HubView;
  /** Defaults to the limits of the Azure Storage provider. */
  readonly timerLimits?: TimerLimits;
}

/**
 * Runs durable orchestrations. Each turn of an instance processes all messages that have arrived. The effects of a
 * turn start after the turn is committed to the store.
 */
export class Engine {
  readonly deps: EngineDeps;
  readonly table: InstanceTable;
  readonly entities: EntityEngine;
  readonly #tasks: TaskRunner;
  readonly #effects: Effects;
  readonly #dispatcher: Dispatcher;
  readonly #warnings: OrchestrationWarnings;
  #recovery: Recovery;

  constructor(deps: EngineDeps) {
    this.deps = deps;
    this.#warnings = new OrchestrationWarnings(deps.log);
    this.table = new InstanceTable(deps);
    this.#recovery = this.#newRecovery(undefined);
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
      post: deps.hub && ((...turn) => postTask(deps.journal, ...turn)),
    });
    this.#dispatcher = new Dispatcher({
      maxConcurrent: deps.settings.maxConcurrentOrchestratorFunctions,
      turn: async (instance) => {
        const worked = await this.#turn(instance);
        if (deps.hub && isFinal(instance.record.status)) this.table.forget(instance);
        return worked;
      },
      afterRound: () => this.commit(),
      onError: ({ record }, error) =>
        deps.log('critical', 'system', `A turn of ${record.instanceId} failed: ${stackOf(error)}`, record.name),
    });
  }

  /**
   * Restores the state of a store. Call it before {@link start}.
   * @param lost set if the host that used the store before was killed.
   */
  load(state: StoredState, lost?: LostWork): void {
    this.#recovery = this.#newRecovery(lost);
    this.table.load(state);
    this.entities.load(state);
  }

  /** Resumes the restored instances: runs open tasks again, starts their timers and processes their inboxes. */
  start(): void {
    for (const instance of this.table.all()) {
      if (isFinal(instance.record.status)) continue;
      const ended = new Set(instance.inbox.map((message) => ('taskId' in message ? message.taskId : -1)));
      for (const task of instance.openTasks.values()) if (!ended.has(task.id)) this.#restart(instance, task);
      if (instance.inbox.length > 0) this.#recovery.whenVisible(instance, () => this.#dispatcher.wake(instance));
    }
    this.entities.start(this.#recovery);
    this.#recovery.report();
    this.commit();
  }

  /** Starts no further work. Results of running work are still stored until the store is closed. */
  stop(): void {
    this.#dispatcher.stop();
    this.#recovery.stop();
    this.#effects.stop();
    this.#tasks.stop();
    this.entities.stop();
  }

  /**
   * Adds a message to the inbox of its instance. The next commit stores it. A message for an instance that has ended or
   * does not exist is dropped.
   */
  deliver(message: NewMessage): void {
    const instance = this.table.deliver(message);
    if (instance && !this.#recovery.isHeld(instance)) this.#dispatcher.wake(instance);
  }

  /** Commits the journal, then starts the activities and timers that wait for the commit. */
  commit(): void {
    this.deps.journal.commit();
    this.#effects.onCommitted();
  }

  #newRecovery(lost: LostWork | undefined): Recovery {
    const { clock, log, settings } = this.deps;
    return new Recovery({ clock, log, maxActivities: settings.maxConcurrentActivityFunctions }, lost);
  }

  #restart(instance: Instance, task: OpenTask): void {
    // The hub still has it.
    if (this.deps.hub) return;
    if (task.kind !== 'activity' && task.kind !== 'http') {
      this.#effects.startAfterCommit(instance, task);
      return;
    }
    this.#recovery.whenActivityVisible((held) => {
      // The instance can have ended in the meantime.
      if (held && instance.openTasks.get(task.id) !== task) return;
      this.#effects.startAfterCommit(instance, task);
      if (held) this.commit();
    });
  }

  async #turn(instance: Instance): Promise<boolean> {
    const { record } = instance;
    if (isFinal(record.status)) return false;
    const control = nextControl(instance);
    if (control) {
      if (control.kind === 'terminate') this.#effects.release(instance);
      this.#deliverAndCommit(applyControl(this.table, instance, control));
      return true;
    }
    if (record.status === 'Suspended' || !this.#checkVersion(instance)) return false;
    const batch = nextBatch(instance);
    const nowMs = Math.max(Math.floor(this.deps.clock.nowMs()), record.lastTurnMs, lastFireAtMs(instance, batch));
    const draft = new Draft(instance, nowMs, this.deps.timerLimits);
    if (!applyMessages(draft, batch)) {
      this.table.consume(instance, batch);
      return batch.length > 0;
    }
    const result = await this.#replay(draft);
    // The result is dropped if the instance was purged or replaced during the turn.
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
      const error = new Error(missingFunction(record.name, 'orchestrator'));
      return applyOutcome(draft, rules, { ok: false, error });
    }
    const trigger = { name: triggerOf(target.metadata).name, data: { string: turnInput(draft, history ?? []) } };
    const outcome = await deps.invoker.invoke(target, { inputData: [trigger, ...deps.extraInputs(target)] });
    const repeated = outcome.ok ? repeatedAction(outcome.raw) : undefined;
    if (repeated) this.#warnings.repeatedTask(draft.instance, repeated);
    return applyOutcome(draft, rules, outcome);
  }

  #apply(draft: Draft, batch: readonly Message[], result: TurnResult): void {
    const { instance } = draft;
    if (result.waitsForOpenTasks) this.#warnings.openTasks(instance, draft.openCount);
    for (const effect of draft.effects) this.#effects.apply(instance, effect, draft.nowMs);
    const ended = this.table.applyTurn(draft, batch, result);
    if (ended) this.#warnings.failed(instance);
    this.#deliverAndCommit(ended ? messageForParent(instance) : undefined);
  }

  #deliverAndCommit(message: NewMessage | undefined): void {
    if (message) this.deliver(message);
    this.commit();
  }

  /** Whether this host may run the instance. Fails the instance if host.json demands it. */
  #checkVersion(instance: Instance): boolean {
    const { record } = instance;
    const { versionMatchStrategy, versionFailureStrategy, defaultVersion } = this.deps.settings;
    if (versionAllowed(versionMatchStrategy, record.version, defaultVersion)) return true;
    const mismatch = `has version ${record.version}, which this host (${defaultVersion}) does not run with versionMatchStrategy ${versionMatchStrategy}.`;
    this.#warnings.version(instance, mismatch);
    if (versionFailureStrategy === 'Fail') {
      this.#effects.release(instance);
      const message = this.table.fail(instance, `VersionMismatch: the orchestration ${mismatch}`);
      this.#warnings.failed(instance);
      this.#deliverAndCommit(message);
    }
    return false;
  }
}
