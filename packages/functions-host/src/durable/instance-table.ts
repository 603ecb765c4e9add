import type { LeafAction } from './actions.ts';
import { unconsumedEvents } from './carry-over.ts';
import type { Draft } from './draft.ts';
import { type EventText, historyEvent } from './history.ts';
import {
  type Instance,
  type InstanceRecord,
  isFinal,
  type Message,
  newExecutionId,
  type NewMessage,
  type ParentInstance,
  type RuntimeStatus,
  statusNumbers,
} from './instance.ts';
import type { Journal } from './journal.ts';
import { messageForParent } from './parent-message.ts';
import type { StoredState } from './store.ts';
import type { TurnResult } from './turn.ts';

interface NewInstance {
  readonly instanceId: string;
  readonly name: string;
  readonly version: string | undefined;
  /** JSON text. */
  readonly input: string;
  readonly parent?: ParentInstance;
}

interface TableDeps {
  readonly clock: { nowMs(): number };
  readonly journal: Journal;
  readonly newGuid: () => string;
}

/** All instances with their inboxes. Every change is also written to the journal. */
export class InstanceTable {
  readonly #deps: TableDeps;
  readonly #instances = new Map<string, Instance>();
  #seq = 1;

  constructor(deps: TableDeps) {
    this.#deps = deps;
  }

  load(state: StoredState): void {
    for (const record of state.instances) {
      const history = isFinal(record.status) ? undefined : this.#deps.journal.readHistory(record.instanceId);
      this.#instances.set(record.instanceId, { record, history, openTasks: new Map(), inbox: [] });
    }
    for (const { instanceId, task } of state.tasks) this.#instances.get(instanceId)?.openTasks.set(task.id, task);
    for (const message of state.messages) {
      this.#instances.get(message.instanceId)?.inbox.push(message);
      this.#seq = Math.max(this.#seq, message.seq + 1);
    }
  }

  all(): IterableIterator<Instance> {
    return this.#instances.values();
  }

  get(instanceId: string): Instance | undefined {
    return this.#instances.get(instanceId);
  }

  isRunning(instanceId: string, executionId: string): boolean {
    const record = this.#instances.get(instanceId)?.record;
    return record !== undefined && record.executionId === executionId && !isFinal(record.status);
  }

  /** The complete history. Reads it from the store if it is not in memory. */
  history(instance: Instance): readonly EventText[] {
    return instance.history ?? this.#deps.journal.readHistory(instance.record.instanceId);
  }

  /**
   * Creates an instance, and deletes an existing one with the same id.
   * @param replaceRunning whether the existing instance may be deleted before it has ended.
   * @returns undefined when the existing instance may not be deleted.
   */
  create(options: NewInstance, replaceRunning = false): Instance | undefined {
    const existing = this.#instances.get(options.instanceId);
    if (existing && !replaceRunning && !isFinal(existing.record.status)) return undefined;
    if (existing) this.delete(existing);
    const nowMs = this.#deps.clock.nowMs();
    const record: InstanceRecord = {
      instanceId: options.instanceId,
      executionId: newExecutionId(this.#deps.newGuid),
      name: options.name,
      version: options.version,
      input: options.input,
      output: undefined,
      customStatus: undefined,
      status: 'Pending',
      createdAtMs: nowMs,
      updatedAtMs: nowMs,
      parent: options.parent,
      nextId: 0,
      emittedActions: 0,
      lastTurnMs: 0,
      locks: [],
    };
    const instance: Instance = { record, history: [], openTasks: new Map(), inbox: [] };
    this.#instances.set(record.instanceId, instance);
    this.#deps.journal.saveInstance(record);
    return instance;
  }

  delete(instance: Instance): void {
    this.consume(instance, instance.inbox);
    this.#instances.delete(instance.record.instanceId);
    this.#deps.journal.deleteInstance(instance.record.instanceId);
  }

  /**
   * Adds a message to an inbox.
   * @returns the instance, or undefined when it does not exist or has ended.
   */
  deliver(message: NewMessage): Instance | undefined {
    const instance = this.#instances.get(message.instanceId);
    if (!instance || isFinal(instance.record.status)) return undefined;
    const numbered = { ...message, seq: this.#seq } as Message;
    this.#seq += 1;
    instance.inbox.push(numbered);
    this.#deps.journal.addMessage(numbered);
    return instance;
  }

  /** Removes processed messages from the inbox. */
  consume(instance: Instance, messages: readonly Message[]): void {
    const removed = new Set(messages);
    for (const { seq } of removed) this.#deps.journal.removeMessage(seq);
    instance.inbox = instance.inbox.filter((message) => !removed.has(message));
  }

  /** Applies a turn to its instance. @returns whether the orchestration has ended. */
  applyTurn(draft: Draft, batch: readonly Message[], result: TurnResult): boolean {
    const { instance } = draft;
    const { record } = instance;
    this.consume(instance, batch);
    Object.assign(record, {
      nextId: draft.nextId,
      emittedActions: result.actions.length,
      customStatus: result.customStatus,
      locks: draft.locks,
      status: 'Running',
    });
    for (const id of draft.closed) this.#closeTask(instance, id);
    for (const task of draft.opened.values()) {
      instance.openTasks.set(task.id, task);
      this.#deps.journal.openTask(record.instanceId, task);
    }
    this.#append(instance, draft.nowMs, [...draft.incoming, ...draft.outgoing], result.end);
    if (result.continueAsNew !== undefined)
      this.#continueAsNew(instance, result.continueAsNew, result.actions, draft.nowMs);
    return result.end !== undefined;
  }

  /** Applies a turn without orchestrator code: suspend, resume, terminate or fail. */
  applyControlTurn(
    instance: Instance,
    status: RuntimeStatus,
    events: (nowMs: number) => EventText[],
    output?: string,
  ): void {
    const nowMs = Math.max(Math.floor(this.#deps.clock.nowMs()), instance.record.lastTurnMs);
    instance.record.status = status;
    this.#append(instance, nowMs, events(nowMs), output === undefined ? undefined : { status, output });
  }

  /** Ends the instance as failed without running it. @returns the message for its parent, if it has one. */
  fail(instance: Instance, reason: string): NewMessage | undefined {
    this.applyControlTurn(instance, 'Failed', () => [], JSON.stringify(reason));
    return messageForParent(instance);
  }

  #append(instance: Instance, nowMs: number, events: readonly EventText[], end: TurnResult['end']): void {
    const { record } = instance;
    const endEvents = end
      ? [
          historyEvent('ExecutionCompleted', -1, nowMs, {
            OrchestrationStatus: statusNumbers[end.status],
            Result: end.output,
          }),
        ]
      : [];
    const turn = [
      historyEvent('OrchestratorStarted', -1, nowMs),
      ...events,
      ...endEvents,
      historyEvent('OrchestratorCompleted', -1, nowMs),
    ];
    instance.history?.push(...turn);
    this.#deps.journal.appendHistory(record.instanceId, turn);
    record.lastTurnMs = nowMs;
    record.updatedAtMs = nowMs;
    if (end) {
      record.status = end.status;
      record.output = end.output;
      for (const id of instance.openTasks.keys()) this.#closeTask(instance, id);
      this.consume(instance, instance.inbox);
      // A stored history is read again on request.
      if (this.#deps.journal.durable) instance.history = undefined;
    }
    this.#deps.journal.saveInstance(record);
  }

  #closeTask(instance: Instance, id: number): void {
    instance.openTasks.delete(id);
    this.#deps.journal.closeTask(instance.record.instanceId, id);
  }

  /** Starts a new execution with an empty history. Keeps the messages and external events that were not consumed. */
  #continueAsNew(instance: Instance, input: string, actions: readonly LeafAction[], nowMs: number): void {
    const { record } = instance;
    const carried = unconsumedEvents(instance.history ?? [], actions);
    const unprocessed = instance.inbox;
    this.consume(instance, unprocessed);
    instance.history = [];
    this.#deps.journal.resetHistory(record.instanceId);
    Object.assign(record, {
      executionId: newExecutionId(this.#deps.newGuid),
      input,
      nextId: 0,
      emittedActions: 0,
      updatedAtMs: nowMs,
    });
    this.deliver({ kind: 'start', instanceId: record.instanceId });
    for (const { name, input: eventInput } of carried)
      this.deliver({ kind: 'eventRaised', instanceId: record.instanceId, name, input: eventInput });
    for (const { seq: _seq, ...message } of unprocessed) this.deliver(message);
  }
}
