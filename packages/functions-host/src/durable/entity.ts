/** The orchestration that waits for an entity's answer. */
export interface EntityCaller {
  readonly instanceId: string;
  readonly executionId: string;
}

/** What an entity is sent. `requestId` names the event that carries the answer. */
export type EntityMessage =
  | {
      readonly kind: 'operation';
      readonly requestId: string;
      readonly operation: string;
      /** JSON text. */
      readonly input: string | undefined;
      /** Undefined for a signal: nobody waits. */
      readonly caller: EntityCaller | undefined;
    }
  | {
      readonly kind: 'lock';
      readonly requestId: string;
      /** Every entity of the critical section in one fixed order, so that two sections cannot block each other. */
      readonly lockSet: readonly string[];
      readonly caller: EntityCaller;
    }
  | { readonly kind: 'release'; readonly owner: string };

export interface QueuedEntityMessage {
  readonly seq: number;
  readonly entityId: string;
  readonly message: EntityMessage;
}

export interface EntityRecord {
  readonly entityId: string;
  exists: boolean;
  /** JSON text. */
  state: string | undefined;
  /** The instance id of the orchestration in whose critical section it is. */
  lockedBy: string | undefined;
  updatedAtMs: number;
}

/** `@name@key` with the name in lower case, as the framework identifies an entity. */
export const entityIdOf = (name: string, key: string): string => `@${name.toLowerCase()}@${key}`;

export function parseEntityId(entityId: string): { name: string; key: string } {
  const at = entityId.indexOf('@', 1);
  return { name: entityId.slice(1, at), key: entityId.slice(at + 1) };
}
