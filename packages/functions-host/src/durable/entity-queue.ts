import type { EntityRecord, QueuedEntityMessage, QueuedOperation } from './entity.ts';

export interface Entity {
  readonly record: EntityRecord;
  queue: QueuedEntityMessage[];
}

/**
 * The operations that can run in one batch now. While the entity is locked, these are the operations of the lock's
 * owner. Otherwise these are all operations before the next lock request.
 */
export function nextOperations({ record, queue }: Entity, maxCount: number): QueuedOperation[] {
  const batch: QueuedOperation[] = [];
  for (const queued of queue) {
    if (queued.message.kind !== 'operation') {
      if (record.lockedBy === undefined) break;
      continue;
    }
    if (record.lockedBy !== undefined && queued.message.caller?.instanceId !== record.lockedBy) continue;
    batch.push(queued as QueuedOperation);
    if (batch.length >= maxCount) break;
  }
  return batch;
}

/**
 * The lock request or release to process next. While the entity is not locked, this is the head of the queue, unless
 * that is an operation. Otherwise it is the owner's release, after the owner's operations.
 */
export function nextLockMessage(entity: Entity): QueuedEntityMessage | undefined {
  const { lockedBy } = entity.record;
  if (lockedBy === undefined) {
    const head = entity.queue[0];
    return head?.message.kind === 'operation' ? undefined : head;
  }
  if (nextOperations(entity, 1).length > 0) return undefined;
  return entity.queue.find(({ message }) => message.kind === 'release' && message.owner === lockedBy);
}
