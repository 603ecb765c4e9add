import type { RegisteredFunction } from '../app/registry.ts';
import { type NamedData, triggerOf } from '../app/rpc.ts';
import {
  type EntityCaller,
  entityIdOf,
  type EntityMessage,
  type EntityRecord,
  parseEntityId,
  type QueuedEntityMessage,
} from './entity.ts';
import { isFinal } from './instance.ts';
import type { Engine } from './engine.ts';
import type { StoredState } from './store.ts';

interface Entity {
  readonly record: EntityRecord;
  queue: QueuedEntityMessage[];
  busy: boolean;
}

type Operation = QueuedEntityMessage & { readonly message: EntityMessage & { kind: 'operation' } };

/** The library's answer to one batch (`EntityState`). Texts are JSON. */
interface EntityResult {
  readonly entityExists: boolean;
  readonly entityState?: string | null;
  readonly results: readonly { readonly isError: boolean; readonly result?: string }[];
  readonly signals: readonly {
    readonly target: { readonly name: string; readonly key: string };
    readonly name: string;
    readonly input?: string;
  }[];
}

/** Entities: one batch at a time each, operations in order, critical sections by passing a lock along. */
export class EntityEngine {
  readonly #engine: Engine;
  readonly #entities = new Map<string, Entity>();
  readonly #ready = new Set<Entity>();
  #seq = 1;
  #running = 0;
  #stopped = false;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  load(state: StoredState): void {
    for (const record of state.entities) this.#entities.set(record.entityId, { record, queue: [], busy: false });
    for (const message of state.entityMessages) {
      this.#entity(message.entityId).queue.push(message);
      this.#seq = Math.max(this.#seq, message.seq + 1);
    }
  }

  resume(): void {
    for (const entity of this.#entities.values()) if (entity.queue.length > 0) this.#wake(entity);
  }

  stop(): void {
    this.#stopped = true;
  }

  /** The state of an entity as JSON text, or undefined when it does not exist. */
  read(entityId: string): string | undefined {
    const record = this.#entities.get(entityId)?.record;
    return record?.exists ? (record.state ?? 'null') : undefined;
  }

  /** Puts a message into an entity's queue; durable with the next commit. */
  send(entityId: string, message: EntityMessage): void {
    const entity = this.#entity(entityId);
    const queued = { seq: this.#seq, entityId, message };
    this.#seq += 1;
    entity.queue.push(queued);
    this.#engine.deps.journal.addEntityMessage(queued);
    this.#wake(entity);
  }

  #entity(entityId: string): Entity {
    const known = this.#entities.get(entityId);
    if (known) return known;
    const record: EntityRecord = { entityId, exists: false, state: undefined, lockedBy: undefined, updatedAtMs: 0 };
    const made: Entity = { record, queue: [], busy: false };
    this.#entities.set(entityId, made);
    return made;
  }

  #wake(entity: Entity): void {
    if (this.#ready.size === 0) setImmediate(() => this.#pump());
    this.#ready.add(entity);
  }

  #pump(): void {
    for (const entity of this.#ready) {
      if (this.#stopped || this.#running >= this.#engine.deps.settings.maxConcurrentEntityFunctions) break;
      this.#ready.delete(entity);
      if (entity.busy) continue;
      entity.busy = true;
      this.#running += 1;
      void this.#process(entity).then(
        () => this.#ended(entity),
        (error: unknown) => {
          this.#engine.deps.log(
            'critical',
            'system',
            `Entity ${entity.record.entityId} broke: ${error instanceof Error ? error.stack : String(error)}`,
          );
          this.#ended(entity);
        },
      );
    }
  }

  #ended(entity: Entity): void {
    this.#running -= 1;
    entity.busy = false;
    const { record } = entity;
    if (!record.exists && entity.queue.length === 0 && record.lockedBy === undefined) {
      this.#entities.delete(record.entityId);
      this.#engine.deps.journal.saveEntity(record.entityId, undefined);
    }
    this.#engine.commit();
    if (this.#ready.size > 0) setImmediate(() => this.#pump());
  }

  /** Works until the queue holds nothing that may run now. */
  async #process(entity: Entity): Promise<void> {
    for (;;) {
      const { record } = entity;
      this.#passLocks(entity);
      const batch = this.#takeOperations(entity);
      if (batch.length === 0 || this.#stopped) return;
      const target = this.#engine.deps.findFunction('entity', parseEntityId(record.entityId).name);
      const result = target ? await this.#run(entity, target, batch) : this.#missing(record, batch);
      this.#apply(entity, batch, result);
    }
  }

  /** Takes or gives up the lock as the head of the queue asks, and sends the request on to the next entity. */
  #passLocks(entity: Entity): void {
    const { record } = entity;
    for (;;) {
      const next = entity.queue.find(({ message }) =>
        record.lockedBy === undefined
          ? true
          : message.kind === 'release' && message.owner === record.lockedBy && !this.#hasOwnOperation(entity),
      );
      if (!next || next.message.kind === 'operation') return;
      this.#remove(entity, [next]);
      if (next.message.kind === 'release') {
        // A release by somebody who holds nothing is left over from a section that was never entered.
        if (record.lockedBy === next.message.owner) record.lockedBy = undefined;
      } else if (this.#isAlive(next.message.caller)) {
        record.lockedBy = next.message.caller.instanceId;
        this.#grant(record.entityId, next.message);
      }
      this.#engine.deps.journal.saveEntity(record.entityId, record);
    }
  }

  #isAlive({ instanceId, executionId }: EntityCaller): boolean {
    const record = this.#engine.table.get(instanceId)?.record;
    return record !== undefined && !isFinal(record.status) && record.executionId === executionId;
  }

  #hasOwnOperation(entity: Entity): boolean {
    return this.#takeOperations(entity).length > 0;
  }

  #grant(entityId: string, lock: EntityMessage & { kind: 'lock' }): void {
    const following = lock.lockSet[lock.lockSet.indexOf(entityId) + 1];
    if (following !== undefined) this.send(following, lock);
    else
      this.#engine.deliver({ kind: 'eventRaised', ...lock.caller, name: lock.requestId, input: '{"result":"null"}' });
  }

  /** The operations that may run together now: while locked only those of the owner, else all up to the next lock. */
  #takeOperations({ record, queue }: Entity): Operation[] {
    const batch: Operation[] = [];
    for (const queued of queue) {
      const { message } = queued;
      if (record.lockedBy === undefined && message.kind !== 'operation') break;
      if (message.kind !== 'operation') continue;
      if (record.lockedBy !== undefined && message.caller?.instanceId !== record.lockedBy) continue;
      batch.push(queued as Operation);
      if (batch.length >= this.#engine.deps.settings.maxEntityOperationBatchSize) break;
    }
    return batch;
  }

  async #run(entity: Entity, target: RegisteredFunction, batch: readonly Operation[]): Promise<EntityResult> {
    const { record } = entity;
    const input = {
      self: parseEntityId(record.entityId),
      exists: record.exists,
      state: record.state ?? null,
      batch: batch.map(({ message }) => ({
        id: message.requestId,
        name: message.operation,
        input: message.input,
        isSignal: message.caller === undefined,
      })),
    };
    const inputData: NamedData[] = [
      { name: triggerOf(target.metadata).name, data: { string: JSON.stringify(input) } },
      ...this.#engine.deps.extraInputs(target),
    ];
    const outcome = await this.#engine.deps.invoker.invoke(target, { inputData });
    const text = outcome.ok ? (outcome.response.returnValue?.json ?? 'null') : 'null';
    const result = JSON.parse(text) as EntityResult | null;
    if (result) return result;
    const said = outcome.ok ? 'it did not answer as an entity' : outcome.error.message;
    return this.#failed(record, batch, `Entity function '${target.metadata.name}' failed: ${said}`);
  }

  #missing(record: EntityRecord, batch: readonly Operation[]): EntityResult {
    const { name } = parseEntityId(record.entityId);
    this.#engine.deps.log(
      'warning',
      'system',
      `There is no entity function '${name}'; operations on ${record.entityId} fail.`,
    );
    return this.#failed(
      record,
      batch,
      `The function '${name}' doesn't exist, is disabled, or is not an entity function.`,
    );
  }

  #failed(record: EntityRecord, batch: readonly Operation[], message: string): EntityResult {
    const results = batch.map(() => ({ isError: true, result: JSON.stringify(message) }));
    return { entityExists: record.exists, entityState: record.state ?? null, results, signals: [] };
  }

  #apply(entity: Entity, batch: readonly Operation[], result: EntityResult): void {
    const { record } = entity;
    record.exists = result.entityExists;
    record.state = result.entityExists ? (result.entityState ?? undefined) : undefined;
    record.updatedAtMs = this.#engine.deps.clock.nowMs();
    this.#engine.deps.journal.saveEntity(record.entityId, record);
    this.#remove(entity, batch);
    for (const [index, { message }] of batch.entries()) {
      const answer = result.results[index];
      if (message.caller === undefined) {
        if (answer?.isError)
          this.#engine.deps.log(
            'error',
            'system',
            `Operation ${message.operation} of ${record.entityId} failed: ${answer.result ?? ''}`,
          );
        continue;
      }
      const input = JSON.stringify({ result: answer?.result, ...(answer?.isError ? { exceptionType: 'Error' } : {}) });
      this.#engine.deliver({ kind: 'eventRaised', ...message.caller, name: message.requestId, input });
    }
    for (const { target, name, input } of result.signals) {
      const message = {
        kind: 'operation',
        requestId: this.#engine.deps.newGuid(),
        operation: name,
        input: input || undefined,
        caller: undefined,
      } as const;
      this.send(entityIdOf(target.name, target.key), message);
    }
    this.#engine.commit();
  }

  #remove(entity: Entity, messages: readonly QueuedEntityMessage[]): void {
    const gone = new Set(messages);
    for (const { seq } of gone) this.#engine.deps.journal.removeEntityMessage(seq);
    entity.queue = entity.queue.filter((message) => !gone.has(message));
  }
}
