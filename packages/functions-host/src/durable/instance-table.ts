import type { Draft } from './draft.ts';
import { unconsumedEvents } from './carry-over.ts';
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
import type { LeafAction } from './actions.ts';
import type { StoredState } from './store.ts';
import type { TurnResult } from './turn.ts';

export interface NewInstance {
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

/** All instances with their inboxes, and every change of them, each written to the journal as it happens. */
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

  /** The whole history, from the store where it is only there. */
  history(instance: Instance): readonly EventText[] {
    return instance.history ?? this.#deps.journal.readHistory(instance.record.instanceId);
  }

  /** @returns undefined when an instance of that id has not ended, unless `replaceRunning`. */
  create(wanted: NewInstance, replaceRunning = false): Instance | undefined {
    const present = this.#instances.get(wanted.instanceId);
    if (present && !replaceRunning && !isFinal(present.record.status)) return undefined;
    if (present) this.delete(present);
    const nowMs = this.#deps.clock.nowMs();
    const record: InstanceRecord = {
      instanceId: wanted.instanceId,
      executionId: newExecutionId(this.#deps.newGuid),
      name: wanted.name,
      version: wanted.version,
      input: wanted.input,
      output: undefined,
      customStatus: undefined,
      status: 'Pending',
      createdAtMs: nowMs,
      updatedAtMs: nowMs,
      parent: wanted.parent,
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

  /** @returns the instance, or undefined when there is none that could still take the message. */
  deliver(message: NewMessage): Instance | undefined {
    const instance = this.#instances.get(message.instanceId);
    if (!instance || isFinal(instance.record.status)) return undefined;
    const numbered = { ...message, seq: this.#seq } as Message;
    this.#seq += 1;
    instance.inbox.push(numbered);
    this.#deps.journal.addMessage(numbered);
    return instance;
  }

  /** The terminate, suspend or resume that comes next; while suspended the others wait behind it. */
  nextControl({ record, inbox }: Instance): Message | undefined {
    if (record.status === 'Suspended') return inbox.find(({ kind }) => kind === 'resume' || kind === 'terminate');
    const first = inbox[0];
    return first && (first.kind === 'terminate' || first.kind === 'suspend' || first.kind === 'resume')
      ? first
      : undefined;
  }

  /** Takes processed messages out of the inbox. */
  consume(instance: Instance, messages: readonly Message[]): void {
    const gone = new Set(messages);
    for (const { seq } of gone) this.#deps.journal.removeMessage(seq);
    instance.inbox = instance.inbox.filter((message) => !gone.has(message));
  }

  /** Makes a turn part of the instance. @returns whether the orchestration ended with it. */
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

  /** A turn without orchestrator code: suspension, resumption, termination. */
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

  /** Ends the instance as failed without running it. @returns the message for its parent. */
  fail(instance: Instance, reason: string): NewMessage | undefined {
    this.applyControlTurn(instance, 'Failed', () => [], JSON.stringify(reason));
    return this.answerParent(instance);
  }

  /** What an ended child tells the orchestration that called it. */
  answerParent({ record }: Instance): NewMessage | undefined {
    const { parent } = record;
    if (!parent) return undefined;
    const common = { instanceId: parent.instanceId, executionId: parent.executionId, taskId: parent.taskId };
    const output = record.output ?? 'null';
    if (record.status === 'Completed') return { kind: 'taskCompleted', ...common, result: output };
    return { kind: 'taskFailed', ...common, reason: String(JSON.parse(output)), details: '' };
  }

  #append(instance: Instance, nowMs: number, events: readonly EventText[], end: TurnResult['end']): void {
    const { record } = instance;
    const ending = end
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
      ...ending,
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
      // A stored history is read again when somebody asks for it.
      if (this.#deps.journal.durable) instance.history = undefined;
    }
    this.#deps.journal.saveInstance(record);
  }

  #closeTask(instance: Instance, id: number): void {
    instance.openTasks.delete(id);
    this.#deps.journal.closeTask(instance.record.instanceId, id);
  }

  /** A fresh history under a new execution id; events that nobody waited for yet come along. */
  #continueAsNew(instance: Instance, input: string, actions: readonly LeafAction[], nowMs: number): void {
    const { record } = instance;
    const carried = unconsumedEvents(instance.history ?? [], actions);
    const waiting = instance.inbox;
    this.consume(instance, waiting);
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
    for (const { seq: _seq, ...message } of waiting) this.deliver(message);
  }
}
