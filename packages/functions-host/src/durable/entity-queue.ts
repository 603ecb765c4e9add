import type { EntityRecord, QueuedEntityMessage } from './entity.ts';
import type { Operation } from './entity-batch.ts';

export interface Entity {
  readonly record: EntityRecord;
  queue: QueuedEntityMessage[];
}

/** The operations that may run together now: while locked only those of the owner, else all up to the next lock. */
export function takeOperations({ record, queue }: Entity, most: number): Operation[] {
  const batch: Operation[] = [];
  for (const queued of queue) {
    if (queued.message.kind !== 'operation') {
      if (record.lockedBy === undefined) break;
      continue;
    }
    if (record.lockedBy !== undefined && queued.message.caller?.instanceId !== record.lockedBy) continue;
    batch.push(queued as Operation);
    if (batch.length >= most) break;
  }
  return batch;
}

/**
 * The request for or release of a lock that is next: at the head of the queue while nobody holds the lock, else the
 * holder's release once its operations are done. Everybody else waits.
 */
export function nextLockMessage(entity: Entity): QueuedEntityMessage | undefined {
  const { lockedBy } = entity.record;
  if (lockedBy === undefined) {
    const head = entity.queue[0];
    return head?.message.kind === 'operation' ? undefined : head;
  }
  if (takeOperations(entity, 1).length > 0) return undefined;
  return entity.queue.find(({ message }) => message.kind === 'release' && message.owner === lockedBy);
}
