/** The orchestration that waits for the response of an entity. */
interface EntityCaller {
  readonly instanceId: string;
  readonly executionId: string;
}

/** A message to an entity. `requestId` is the name of the event that carries the response. */
export type EntityMessage =
  | {
      readonly kind: 'operation';
      readonly requestId: string;
      readonly operation: string;
      /** JSON text. */
      readonly input: string | undefined;
      /** Undefined for a signal, which gets no response. */
      readonly caller: EntityCaller | undefined;
    }
  | {
      readonly kind: 'lock';
      readonly requestId: string;
      /** All entities of the critical section in sorted order, so that two sections cannot deadlock. */
      readonly lockSet: readonly string[];
      readonly caller: EntityCaller;
    }
  | { readonly kind: 'release'; readonly owner: string };

/** A message that an entity has not processed yet. */
export interface QueuedEntityMessage {
  readonly seq: number;
  readonly entityId: string;
  readonly message: EntityMessage;
}

/** An operation in the queue of an entity. */
export type QueuedOperation = QueuedEntityMessage & { readonly message: EntityMessage & { kind: 'operation' } };

/** The stored part of an entity. */
export interface EntityRecord {
  readonly entityId: string;
  exists: boolean;
  /** JSON text. */
  state: string | undefined;
  /** Instance id of the orchestration whose critical section holds the lock. */
  lockedBy: string | undefined;
  updatedAtMs: number;
}

/** The id that the framework uses: `@name@key` with the name in lower case. */
export const entityIdOf = (name: string, key: string): string => `@${name.toLowerCase()}@${key}`;

export function parseEntityId(entityId: string): { name: string; key: string } {
  const at = entityId.indexOf('@', 1);
  return { name: entityId.slice(1, at), key: entityId.slice(at + 1) };
}
