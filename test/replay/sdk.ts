/** The only access to internals of `durable-functions`, which has no test kit before version 4. */
import { createRequire } from 'node:module';
import { InvocationContext } from '@azure/functions';
import type { OrchestrationHandler } from 'durable-functions';

export type HistoryEvent = Readonly<Record<string, unknown>> & { readonly EventType: number };

/** The state of an orchestrator after a turn: all actions since its start. */
export interface TurnResult {
  readonly isDone: boolean;
  readonly actions: readonly Action[];
  readonly output: unknown;
  readonly customStatus: unknown;
}

export interface Action {
  readonly actionType: number;
  readonly functionName?: string;
  readonly instanceId?: string;
  readonly input?: unknown;
  readonly fireAt?: string;
  readonly isCanceled?: boolean;
  readonly externalEventName?: string;
  readonly compoundActions?: readonly Action[];
  readonly retryOptions?: {
    readonly firstRetryIntervalInMilliseconds: number;
    readonly maxNumberOfAttempts: number;
    readonly backoffCoefficient?: number;
  };
}

interface Executor {
  listen(): (
    trigger: unknown,
    context: unknown,
  ) => Promise<{ isDone: boolean; actions: Action[][]; output: unknown; customStatus: unknown }>;
}

const load = createRequire(import.meta.url);
const { Orchestrator } = load('durable-functions/lib/src/orchestrations/Orchestrator.js') as {
  Orchestrator: new (handler: OrchestrationHandler) => Executor;
};

/** Runs one turn on the SDK's executor: the whole history in, the actions out. As in the platform, everything passes as JSON text. */
export async function replay(
  handler: OrchestrationHandler,
  instanceId: string,
  input: unknown,
  history: readonly HistoryEvent[],
): Promise<TurnResult> {
  const revive = (name: string, value: unknown): unknown => (name === 'Timestamp' ? new Date(value as string) : value);
  const trigger = {
    history: JSON.parse(JSON.stringify(history), revive) as unknown,
    input: JSON.parse(JSON.stringify(input ?? null)) as unknown,
    instanceId,
    isReplaying: false,
    parentInstanceId: null,
    upperSchemaVersion: 1,
    upperSchemaVersionNew: 2,
    longRunningTimerIntervalDuration: '3.00:00:00',
    maximumShortTimerDuration: '6.00:00:00',
    defaultHttpAsyncRequestSleepTimeMillseconds: 30_000,
  };
  const state = await new Orchestrator(handler).listen()(trigger, new InvocationContext({ functionName: 'test' }));
  const told = JSON.parse(JSON.stringify(state)) as {
    isDone: boolean;
    actions: Action[][];
    output: unknown;
    customStatus: unknown;
  };
  return { isDone: told.isDone, actions: told.actions.flat(), output: told.output, customStatus: told.customStatus };
}

export const eventTypes = {
  executionStarted: 0,
  taskScheduled: 4,
  taskCompleted: 5,
  taskFailed: 6,
  subCreated: 7,
  subCompleted: 8,
  subFailed: 9,
  timerCreated: 10,
  timerFired: 11,
  orchestratorStarted: 12,
  orchestratorCompleted: 13,
  eventRaised: 15,
} as const;

export const actionTypes = {
  activity: 0,
  activityWithRetry: 1,
  sub: 2,
  timer: 5,
  externalEvent: 6,
  any: 11,
  all: 12,
} as const;
