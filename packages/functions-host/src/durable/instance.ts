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
  /** The task of the parent that waits for this one. */
  readonly taskId: number;
}

/** What a task goes through when it may be tried again. `attempt` counts from 1. */
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
  /** The caller chose the id, so every attempt has the same one. */
  readonly ownId: boolean;
  readonly input: string;
  readonly version: string | undefined;
  readonly retry?: RetryState;
}

export type RetryingTask = (ActivityTask | SubOrchestrationTask) & { readonly retry: RetryState };

export interface HttpTask {
  readonly kind: 'http';
  readonly id: number;
  readonly request: DurableHttpRequest;
}

export interface TimerTask {
  readonly kind: 'timer';
  readonly id: number;
  readonly fireAtMs: number;
  /** What the timer is for: orchestrator code, a further chunk of a long timer, the next attempt, the next poll. */
  readonly next:
    | { readonly kind: 'code'; readonly action: number; readonly finalFireAtMs: number }
    | { readonly kind: 'attempt'; readonly task: RetryingTask; readonly failure: { reason: string; details: string } }
    | { readonly kind: 'lastAttempt' }
    | { readonly kind: 'poll'; readonly task: HttpTask };
}

/** A task that an orchestration waits for. Its instance does not end while there is one. */
export type OpenTask = ActivityTask | SubOrchestrationTask | HttpTask | TimerTask;

/** How an activity or a durable HTTP call ended. `result` is JSON text. */
export type TaskOutcome =
  | { readonly ok: true; readonly result: string }
  | { readonly ok: false; readonly reason: string; readonly details: string; readonly failureDetails?: unknown };

/** Something that happened and that an instance has not processed yet. */
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
      /** An entity's answer is for one execution only; an event of the user is for the instance. */
      readonly executionId?: string;
    }
  | { readonly kind: 'terminate' | 'suspend' | 'resume'; readonly reason: string }
);

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
export type NewMessage = DistributiveOmit<Message, 'seq'>;

/** The part of an instance that is listed, and stored as one row. */
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
  /** The next task id. The library counts in step (see turn.ts). */
  nextId: number;
  /** Actions of the library's list that were carried out already. */
  emittedActions: number;
  /** Of the last OrchestratorStarted: time in an orchestration never runs backwards. */
  lastTurnMs: number;
  /** Entities whose lock this orchestration holds, in the order of acquisition. */
  locks: string[];
}

export interface Instance {
  readonly record: InstanceRecord;
  /** Undefined for an ended instance whose history is only in the store. */
  history: EventText[] | undefined;
  readonly openTasks: Map<number, OpenTask>;
  inbox: Message[];
}

/** `executionId` distinguishes the runs of one instance id: 32 hexadecimal digits, as .NET prints a GUID with "N". */
export const newExecutionId = (random: () => string): string => random().replaceAll('-', '');

// Of the extension's DurableClient: no path separators, no query, no control characters, 100 characters.
const forbiddenInId = /[/\\?#\p{Cc}]/u;

/** Why the id is not allowed, or undefined. */
export function instanceIdFault(id: string): string | undefined {
  if (id.startsWith('@')) return 'Orchestration instance ids must not start with @.';
  if (forbiddenInId.test(id)) return 'Orchestration instance ids must not contain /, \\, #, ?, or control characters.';
  if (id.length > 100) return 'Instance ID lengths must not exceed 100 characters.';
  return undefined;
}
