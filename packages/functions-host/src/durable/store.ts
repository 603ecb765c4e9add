import type { EntityRecord, QueuedEntityMessage } from './entity.ts';
import type { EventText } from './history.ts';
import type { InstanceRecord, Message, OpenTask } from './instance.ts';

/** Everything that changed since the last commit. An undefined value means that the row goes. */
export interface ChangeSet {
  readonly instances: Map<string, InstanceRecord | undefined>;
  /** Events to append per instance; `reset` removes what was there. */
  readonly history: Map<string, { reset: boolean; events: EventText[] }>;
  /** Per instance and task id. */
  readonly tasks: Map<string, Map<number, OpenTask | undefined>>;
  readonly messages: Map<number, Message | undefined>;
  readonly entities: Map<string, EntityRecord | undefined>;
  readonly entityMessages: Map<number, QueuedEntityMessage | undefined>;
  /** Free-form values of the host: keys, timer schedules. */
  readonly values: Map<string, string>;
}

export interface StoredState {
  readonly instances: readonly InstanceRecord[];
  readonly tasks: readonly { instanceId: string; task: OpenTask }[];
  /** In the order in which they came. */
  readonly messages: readonly Message[];
  readonly entities: readonly EntityRecord[];
  readonly entityMessages: readonly QueuedEntityMessage[];
}

/** Where the host keeps what must outlive it. Every call is synchronous: a commit is done when it returns. */
export interface Store {
  load(): StoredState;
  readHistory(instanceId: string): EventText[];
  readValue(key: string): string | undefined;
  /** All or nothing, also when the process is killed meanwhile. */
  commit(changes: ChangeSet): void;
  close(): void;
}
