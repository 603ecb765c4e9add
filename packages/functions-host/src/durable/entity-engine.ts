import type { HostLog } from '../options.ts';
import { answerJson, type EntityBatchDeps, type EntityResult, type Operation, runBatch } from './entity-batch.ts';
import { entityIdOf, type EntityMessage, type QueuedEntityMessage } from './entity.ts';
import { type Entity, nextLockMessage, takeOperations } from './entity-queue.ts';
import type { NewMessage } from './instance.ts';
import type { Journal } from './journal.ts';
import type { StoredState } from './store.ts';

export interface EntityEngineDeps extends EntityBatchDeps {
  readonly clock: { nowMs(): number };
  readonly log: HostLog;
  readonly journal: Journal;
  readonly newGuid: () => string;
  readonly maxConcurrent: number;
  /** Operations per invocation. */
  readonly maxBatch: number;
  /** Gives an answer to an orchestration. */
  readonly deliver: (message: NewMessage) => void;
  readonly commit: () => void;
  readonly isRunning: (instanceId: string, executionId: string) => boolean;
}

/** Entities: one batch at a time each, operations in order, critical sections by passing a lock along. */
export class EntityEngine {
  readonly #deps: EntityEngineDeps;
  readonly #entities = new Map<string, Entity>();
  readonly #ready = new Set<Entity>();
  readonly #running = new Set<Entity>();
  #seq = 1;
  #scheduled = false;
  #stopped = false;

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

  start(): void {
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
    this.#deps.journal.addEntityMessage(queued);
    this.#wake(entity);
  }

  #entity(entityId: string): Entity {
    const known = this.#entities.get(entityId);
    if (known) return known;
    const record = { entityId, exists: false, state: undefined, lockedBy: undefined, updatedAtMs: 0 };
    const made: Entity = { record, queue: [] };
    this.#entities.set(entityId, made);
    return made;
  }

  #wake(entity: Entity): void {
    // One that is running looks into its queue again by itself.
    if (!this.#running.has(entity)) this.#ready.add(entity);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#fill();
    });
  }

  #fill(): void {
    for (const entity of this.#ready) {
      if (this.#stopped || this.#running.size >= this.#deps.maxConcurrent) return;
      this.#ready.delete(entity);
      this.#running.add(entity);
      void this.#work(entity)
        .catch((error: unknown) => {
          const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
          this.#deps.log('critical', 'system', `Entity ${entity.record.entityId} broke: ${said}`);
        })
        .then(() => this.#ended(entity));
    }
  }

  #ended(entity: Entity): void {
    const { record, queue } = entity;
    this.#running.delete(entity);
    if (!record.exists && queue.length === 0 && record.lockedBy === undefined) {
      this.#entities.delete(record.entityId);
      this.#deps.journal.saveEntity(record.entityId, undefined);
    }
    this.#deps.commit();
    this.#fill();
  }

  /** Works until the queue holds nothing that may run now. */
  async #work(entity: Entity): Promise<void> {
    while (!this.#stopped) {
      this.#passLocks(entity);
      const batch = takeOperations(entity, this.#deps.maxBatch);
      if (batch.length === 0) return;
      this.#apply(entity, batch, await runBatch(this.#deps, entity.record, batch));
    }
  }

  /** Takes or gives up the lock as the queue asks, and sends a request on to the next entity of its section. */
  #passLocks(entity: Entity): void {
    const { record } = entity;
    for (let next = nextLockMessage(entity); next; next = nextLockMessage(entity)) {
      const { message } = next;
      this.#remove(entity, [next]);
      if (message.kind === 'release') {
        // A release by somebody who holds nothing is left over from a section that was never entered.
        if (record.lockedBy === message.owner) record.lockedBy = undefined;
      } else if (
        message.kind === 'lock' &&
        this.#deps.isRunning(message.caller.instanceId, message.caller.executionId)
      ) {
        record.lockedBy = message.caller.instanceId;
        this.#grant(record.entityId, message);
      }
      this.#deps.journal.saveEntity(record.entityId, record);
    }
  }

  #grant(entityId: string, lock: EntityMessage & { kind: 'lock' }): void {
    const following = lock.lockSet[lock.lockSet.indexOf(entityId) + 1];
    if (following !== undefined) this.send(following, lock);
    else this.#deps.deliver({ kind: 'eventRaised', ...lock.caller, name: lock.requestId, input: '{"result":"null"}' });
  }

  #apply(entity: Entity, batch: readonly Operation[], result: EntityResult): void {
    const { record } = entity;
    record.exists = result.entityExists;
    record.state = result.entityExists ? (result.entityState ?? undefined) : undefined;
    record.updatedAtMs = this.#deps.clock.nowMs();
    this.#deps.journal.saveEntity(record.entityId, record);
    this.#remove(entity, batch);
    for (const [index, { message }] of batch.entries()) {
      const answer = result.results[index];
      if (message.caller)
        this.#deps.deliver({
          kind: 'eventRaised',
          ...message.caller,
          name: message.requestId,
          input: answerJson(answer),
        });
      if (answer?.isError) {
        this.#deps.log(
          'error',
          'system',
          `Operation ${message.operation} of ${record.entityId} failed: ${answer.result ?? ''}`,
        );
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
    const gone = new Set(messages);
    for (const { seq } of gone) this.#deps.journal.removeEntityMessage(seq);
    entity.queue = entity.queue.filter((message) => !gone.has(message));
  }
}
