import { stackOf } from '../runtime/errors.ts';
import type { HostLog } from '../runtime/host-log.ts';
import { type EntityBatchDeps, type EntityResult, responseJson, runBatch } from './entity-batch.ts';
import { type Entity, nextLockMessage, nextOperations } from './entity-queue.ts';
import { entityIdOf, type EntityMessage, type QueuedEntityMessage, type QueuedOperation } from './entity.ts';
import type { NewMessage } from './instance.ts';
import type { Journal } from './journal.ts';
import type { Recovery } from './recovery.ts';
import type { StoredState } from './store.ts';

interface EntityEngineDeps extends EntityBatchDeps {
  readonly clock: { nowMs(): number };
  readonly log: HostLog;
  readonly journal: Journal;
  readonly newGuid: () => string;
  readonly maxConcurrent: number;
  /** Largest number of operations per invocation. */
  readonly maxBatch: number;
  /** Delivers a response to an orchestration. */
  readonly deliver: (message: NewMessage) => void;
  readonly commit: () => void;
  readonly isRunning: (instanceId: string, executionId: string) => boolean;
}

/**
 * Runs entities: one batch at a time per entity, with operations in order. A lock request visits the entities of a
 * critical section one after another.
 */
export class EntityEngine {
  readonly #deps: EntityEngineDeps;
  readonly #entities = new Map<string, Entity>();
  readonly #ready = new Set<Entity>();
  readonly #running = new Set<Entity>();
  #seq = 1;
  #scheduled = false;
  #stopped = false;
  #recovery: Recovery | undefined;

  constructor(deps: EntityEngineDeps) {
    this.#deps = deps;
  }

  load(state: StoredState): void {
    for (const record of state.entities) this.#entities.set(record.entityId, { record, queue: [] });
    for (const message of state.entityMessages) {
      this.#entity(message.entityId).queue.push(message);
      this.#seq = Math.max(this.#seq, message.seq + 1);
    }
  }

  /** Processes the restored queues when their messages are visible. */
  start(recovery: Recovery): void {
    this.#recovery = recovery;
    for (const entity of this.#entities.values())
      if (entity.queue.length > 0) recovery.whenVisible(entity, () => this.#wake(entity));
  }

  stop(): void {
    this.#stopped = true;
  }

  /** The state of an entity as JSON text, or undefined when the entity does not exist. */
  read(entityId: string): string | undefined {
    const record = this.#entities.get(entityId)?.record;
    return record?.exists ? (record.state ?? 'null') : undefined;
  }

  /** Adds a message to the queue of an entity. The next commit stores it. */
  send(entityId: string, message: EntityMessage): void {
    const entity = this.#entity(entityId);
    const queued = { seq: this.#seq, entityId, message };
    this.#seq += 1;
    entity.queue.push(queued);
    this.#deps.journal.addEntityMessage(queued);
    this.#wake(entity);
  }

  #entity(entityId: string): Entity {
    const existing = this.#entities.get(entityId);
    if (existing) return existing;
    const record = { entityId, exists: false, state: undefined, lockedBy: undefined, updatedAtMs: 0 };
    const created: Entity = { record, queue: [] };
    this.#entities.set(entityId, created);
    return created;
  }

  #wake(entity: Entity): void {
    if (this.#recovery?.isHeld(entity) === true) return;
    // A running entity checks its queue again when its batch ends.
    if (!this.#running.has(entity)) this.#ready.add(entity);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#fillSlots();
    });
  }

  #fillSlots(): void {
    for (const entity of this.#ready) {
      if (this.#stopped || this.#running.size >= this.#deps.maxConcurrent) return;
      this.#ready.delete(entity);
      this.#running.add(entity);
      void this.#processQueue(entity)
        .catch((error: unknown) =>
          this.#deps.log('critical', 'system', `Entity ${entity.record.entityId} failed: ${stackOf(error)}`),
        )
        .then(() => this.#onIdle(entity));
    }
  }

  #onIdle(entity: Entity): void {
    const { record, queue } = entity;
    this.#running.delete(entity);
    if (!record.exists && queue.length === 0 && record.lockedBy === undefined) {
      this.#entities.delete(record.entityId);
      this.#deps.journal.saveEntity(record.entityId, undefined);
    }
    this.#deps.commit();
    this.#fillSlots();
  }

  /** Runs batches until no message in the queue can be processed now. */
  async #processQueue(entity: Entity): Promise<void> {
    while (!this.#stopped) {
      this.#processLockMessages(entity);
      const batch = nextOperations(entity, this.#deps.maxBatch);
      if (batch.length === 0) return;
      this.#apply(entity, batch, await runBatch(this.#deps, entity.record, batch));
    }
  }

  /** Acquires and releases the lock as the queue requests. */
  #processLockMessages(entity: Entity): void {
    const { record } = entity;
    for (let next = nextLockMessage(entity); next; next = nextLockMessage(entity)) {
      const { message } = next;
      this.#remove(entity, [next]);
      if (message.kind === 'release') {
        // A release by another owner belongs to a critical section that was never entered.
        if (record.lockedBy === message.owner) record.lockedBy = undefined;
      } else if (
        message.kind === 'lock' &&
        this.#deps.isRunning(message.caller.instanceId, message.caller.executionId)
      ) {
        record.lockedBy = message.caller.instanceId;
        this.#forwardLock(record.entityId, message);
      }
      this.#deps.journal.saveEntity(record.entityId, record);
    }
  }

  /** Sends the lock request to the next entity, or the response to the orchestration after the last one. */
  #forwardLock(entityId: string, lock: EntityMessage & { kind: 'lock' }): void {
    const nextEntity = lock.lockSet[lock.lockSet.indexOf(entityId) + 1];
    if (nextEntity !== undefined) this.send(nextEntity, lock);
    else this.#deps.deliver({ kind: 'eventRaised', ...lock.caller, name: lock.requestId, input: '{"result":"null"}' });
  }

  #apply(entity: Entity, batch: readonly QueuedOperation[], result: EntityResult): void {
    const { record } = entity;
    record.exists = result.entityExists;
    record.state = result.entityExists ? (result.entityState ?? undefined) : undefined;
    record.updatedAtMs = this.#deps.clock.nowMs();
    this.#deps.journal.saveEntity(record.entityId, record);
    this.#remove(entity, batch);
    for (const [index, { message }] of batch.entries()) {
      const response = result.results[index];
      if (message.caller) {
        const input = responseJson(response);
        this.#deps.deliver({ kind: 'eventRaised', ...message.caller, name: message.requestId, input });
      }
      if (response?.isError) {
        const text = `Operation ${message.operation} of ${record.entityId} failed: ${response.result ?? ''}`;
        this.#deps.log('error', 'system', text);
      }
    }
    for (const { target, name, input } of result.signals) {
      const requestId = this.#deps.newGuid();
      this.send(entityIdOf(target.name, target.key), {
        kind: 'operation',
        requestId,
        operation: name,
        input: input || undefined,
        caller: undefined,
      });
    }
    this.#deps.commit();
  }

  #remove(entity: Entity, messages: readonly QueuedEntityMessage[]): void {
    const removed = new Set(messages);
    for (const { seq } of removed) this.#deps.journal.removeEntityMessage(seq);
    entity.queue = entity.queue.filter((message) => !removed.has(message));
  }
}
