import type { EntityRecord, QueuedEntityMessage } from './entity.ts';
import type { EventText } from './history.ts';
import type { ActivityTask, HttpTask, InstanceRecord, Message, NewMessage, OpenTask } from './instance.ts';

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
  /** Only on a hub that several hosts share. */
  readonly shared: SharedChanges;
}

/** What a host hands to the other hosts on its hub, and what it has taken from them. */
interface SharedChanges {
  /** Instances that must not exist, or must have ended, when the changes are written. */
  readonly created: Set<string>;
  readonly mail: Mail[];
  readonly takenMail: number[];
  readonly work: Work[];
}

/** A message for whichever host runs the instance, visible after the delay, milliseconds. */
export interface Mail {
  readonly message: NewMessage;
  readonly delayMs: number;
}

/** An activity or an HTTP request for whichever host is free. */
export interface Work {
  readonly instanceId: string;
  readonly executionId: string;
  readonly task: ActivityTask | HttpTask;
}

export interface StoredState {
  readonly instances: readonly InstanceRecord[];
  readonly tasks: readonly { instanceId: string; task: OpenTask }[];
  /** In the order of arrival. */
  readonly messages: readonly Message[];
  readonly entities: readonly EntityRecord[];
  readonly entityMessages: readonly QueuedEntityMessage[];
  /** The number of the next message, if it is not one after the largest of `messages`. */
  readonly firstSeq?: number;
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
