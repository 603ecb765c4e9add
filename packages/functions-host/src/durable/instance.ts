import type { DurableHttpRequest, RetryOptions } from './actions.ts';
import type { EventText } from './history.ts';

/** `OrchestrationStatus` of DurableTask.Core by name and number. */
export const statusNumbers = {
  Running: 0,
  Completed: 1,
  ContinuedAsNew: 2,
  Failed: 3,
  Canceled: 4,
  Terminated: 5,
  Pending: 6,
  Suspended: 7,
} as const;
export type RuntimeStatus = keyof typeof statusNumbers;

const finalStatuses: ReadonlySet<RuntimeStatus> = new Set<RuntimeStatus>([
  'Completed',
  'Failed',
  'Canceled',
  'Terminated',
]);
export const isFinal = (status: RuntimeStatus): boolean => finalStatuses.has(status);

export interface ParentInstance {
  readonly instanceId: string;
  readonly executionId: string;
  readonly name: string;
  /** The task of the parent that waits for this instance. */
  readonly taskId: number;
}

/** The retry state of a task. `attempt` starts at 1. */
export interface RetryState {
  readonly options: RetryOptions;
  readonly attempt: number;
  readonly firstAttemptMs: number;
}

export interface ActivityTask {
  readonly kind: 'activity';
  readonly id: number;
  readonly name: string;
  /** JSON text, or undefined for no input. */
  readonly input: string | undefined;
  readonly retry?: RetryState;
}

export interface SubOrchestrationTask {
  readonly kind: 'sub';
  readonly id: number;
  readonly name: string;
  readonly instanceId: string;
  /** Whether the caller chose the instance id. All attempts then use the same id. */
  readonly ownId: boolean;
  readonly input: string;
  readonly version: string | undefined;
  readonly retry?: RetryState;
}

type RetryingTask = (ActivityTask | SubOrchestrationTask) & { readonly retry: RetryState };

export interface HttpTask {
  readonly kind: 'http';
  readonly id: number;
  readonly request: DurableHttpRequest;
}

export interface TimerTask {
  readonly kind: 'timer';
  readonly id: number;
  readonly fireAtMs: number;
  /** What happens next: the timer of orchestrator code ends or continues, an attempt starts, or a poll is sent. */
  readonly next:
    | { readonly kind: 'code'; readonly action: number; readonly finalFireAtMs: number }
    | { readonly kind: 'attempt'; readonly task: RetryingTask; readonly failure: { reason: string; details: string } }
    | { readonly kind: 'lastAttempt' }
    | { readonly kind: 'poll'; readonly task: HttpTask };
}

/** A task that has not ended. An instance does not end while it has open tasks. */
export type OpenTask = ActivityTask | SubOrchestrationTask | HttpTask | TimerTask;

/** The outcome of an activity or a durable HTTP call. `result` is JSON text. */
export type TaskOutcome =
  | { readonly ok: true; readonly result: string }
  | { readonly ok: false; readonly reason: string; readonly details: string; readonly failureDetails?: unknown };

/** A message in the inbox of an instance, not processed yet. */
export type Message = { readonly seq: number; readonly instanceId: string } & (
  | { readonly kind: 'start' }
  | { readonly kind: 'taskCompleted'; readonly executionId: string; readonly taskId: number; readonly result: string }
  | {
      readonly kind: 'taskFailed';
      readonly executionId: string;
      readonly taskId: number;
      readonly reason: string;
      readonly details: string;
      readonly failureDetails?: unknown;
    }
  | { readonly kind: 'timerFired'; readonly executionId: string; readonly taskId: number }
  | {
      readonly kind: 'eventRaised';
      readonly name: string;
      readonly input: string | null;
      /** Present on responses of entities, which belong to one execution. External events belong to the instance. */
      readonly executionId?: string;
    }
  | { readonly kind: 'terminate' | 'suspend' | 'resume'; readonly reason: string }
);

/** Whether a message controls the instance instead of reaching orchestrator code. */
export const isControl = ({ kind }: Message): boolean =>
  kind === 'terminate' || kind === 'suspend' || kind === 'resume';

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
export type NewMessage = DistributiveOmit<Message, 'seq'>;

/** The part of an instance that is stored as one row. */
export interface InstanceRecord {
  readonly instanceId: string;
  executionId: string;
  readonly name: string;
  version: string | undefined;
  /** JSON text. */
  input: string;
  output: string | undefined;
  customStatus: string | undefined;
  status: RuntimeStatus;
  readonly createdAtMs: number;
  updatedAtMs: number;
  readonly parent: ParentInstance | undefined;
  /** The next task id. The library assigns the same ids in the same order. */
  nextId: number;
  /** How many actions of the library's list have been carried out. */
  emittedActions: number;
  /** Time of the last OrchestratorStarted event. Time in an orchestration never goes backwards. */
  lastTurnMs: number;
  /** Entities whose lock this orchestration holds, in the order of acquisition. */
  locks: string[];
}

export interface Instance {
  readonly record: InstanceRecord;
  /** Undefined when the instance has ended and its history is only in the store. */
  history: EventText[] | undefined;
  readonly openTasks: Map<number, OpenTask>;
  inbox: Message[];
}

/**
 * Creates an execution id, which distinguishes the executions of one instance id: 32 hexadecimal digits, the GUID
 * format "N" of .NET.
 */
export const newExecutionId = (newGuid: () => string): string => newGuid().replaceAll('-', '');

// The rules of the extension's DurableClient.
const forbiddenInId = /[/\\?#\p{Cc}]/u;

/** Why the id is not valid, or undefined. The texts are those of the extension. */
export function instanceIdError(id: string): string | undefined {
  if (id.startsWith('@')) return 'Orchestration instance ids must not start with @.';
  if (forbiddenInId.test(id)) return 'Orchestration instance ids must not contain /, \\, #, ?, or control characters.';
  if (id.length > 100) return 'Instance ID lengths must not exceed 100 characters.';
  return undefined;
}
