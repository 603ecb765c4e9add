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
  type RuntimeStatus,
  statusNumbers,
} from './instance.ts';
import type { Journal } from './journal.ts';
import { instanceOf, newRecord, type NewInstance } from './new-instance.ts';
import { messageForParent } from './parent-message.ts';
import type { StoredState } from './store.ts';
import type { TurnResult } from './turn.ts';

/** The other hosts on the hub, as far as the instances of this one concern them. */
export interface HubView {
  /** Whether this host runs the instance. */
  runs(instanceId: string): boolean;
  /** The committed state of an instance that may not be in memory. */
  find(instanceId: string): InstanceRecord | undefined;
}

interface TableDeps {
  readonly clock: { nowMs(): number };
  readonly journal: Journal;
  readonly newGuid: () => string;
  /** Set if several hosts share the store. Then only running instances are in memory. */
  readonly hub?: HubView | undefined;
}

/** All instances of this host with their inboxes. Every change is also written to the journal. */
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
    this.#seq = state.firstSeq ?? this.#seq;
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
    const { hub, journal, clock, newGuid } = this.#deps;
    const existing = this.#instances.get(options.instanceId) ?? this.#stored(options.instanceId);
    if (existing && !replaceRunning && !isFinal(existing.record.status)) return undefined;
    if (existing) this.delete(existing);
    const record = newRecord(options, clock.nowMs(), newGuid);
    const instance = instanceOf(record);
    if (hub?.runs(record.instanceId) !== false) this.#instances.set(record.instanceId, instance);
    journal.createInstance(record);
    return instance;
  }

  delete(instance: Instance): void {
    this.consume(instance, instance.inbox);
    this.#instances.delete(instance.record.instanceId);
    this.#deps.journal.deleteInstance(instance.record.instanceId);
  }

  /**
   * Adds a message to an inbox.
   * @returns the instance, or undefined when it does not exist, has ended, or is another host's.
   */
  deliver(message: NewMessage): Instance | undefined {
    if (this.#deps.hub?.runs(message.instanceId) === false) {
      this.#deps.journal.post({ message, delayMs: 0 });
      return undefined;
    }
    const instance = this.#instances.get(message.instanceId) ?? this.#adopt(message.instanceId);
    if (!instance || isFinal(instance.record.status)) return undefined;
    const numbered = { ...message, seq: this.#seq } as Message;
    this.#seq += 1;
    instance.inbox.push(numbered);
    this.#deps.journal.addMessage(numbered);
    return instance;
  }

  /** Drops an instance that has ended from memory. It stays in the store. */
  forget(instance: Instance): void {
    this.#instances.delete(instance.record.instanceId);
  }

  #stored(instanceId: string): Instance | undefined {
    const record = this.#deps.hub?.find(instanceId);
    return record && instanceOf(record);
  }

  /** Takes over an instance that another host has created and that has not started. */
  #adopt(instanceId: string): Instance | undefined {
    const instance = this.#stored(instanceId);
    if (instance && !isFinal(instance.record.status)) this.#instances.set(instanceId, instance);
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
