import type { EntityRecord, QueuedEntityMessage } from './entity.ts';
import type { EventText } from './history.ts';
import type { InstanceRecord, Message, OpenTask } from './instance.ts';

/** The changes since the last commit. An undefined value deletes the row. */
export interface ChangeSet {
  readonly instances: Map<string, InstanceRecord | undefined>;
  /** Events to append per instance. `reset` deletes the earlier events first. */
  readonly history: Map<string, { reset: boolean; events: EventText[] }>;
  /** By instance id and task id. */
  readonly tasks: Map<string, Map<number, OpenTask | undefined>>;
  readonly messages: Map<number, Message | undefined>;
  readonly entities: Map<string, EntityRecord | undefined>;
  readonly entityMessages: Map<number, QueuedEntityMessage | undefined>;
  /** Other values of the host: keys and the status of timer schedules. */
  readonly values: Map<string, string>;
}

export interface StoredState {
  readonly instances: readonly InstanceRecord[];
  readonly tasks: readonly { instanceId: string; task: OpenTask }[];
  /** In the order of arrival. */
  readonly messages: readonly Message[];
  readonly entities: readonly EntityRecord[];
  readonly entityMessages: readonly QueuedEntityMessage[];
}

/** Keeps the state of the host across restarts. All calls are synchronous: a commit is complete when it returns. */
export interface Store {
  load(): StoredState;
  readHistory(instanceId: string): EventText[];
  readValue(key: string): string | undefined;
  /** Writes all changes or none, even if the process is killed. */
  commit(changes: ChangeSet): void;
  close(): void;
}
