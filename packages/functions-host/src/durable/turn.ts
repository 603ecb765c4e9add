import type { InvocationOutcome } from '../app/invoker.ts';
import { ActionRefusedError } from './action-refused-error.ts';
import { flattenActions, type LeafAction, type OrchestratorState, stateOfFailure } from './actions.ts';
import { applyMessage, defaultPollMs } from './apply-message.ts';
import type { Draft } from './draft.ts';
import { releaseLocks } from './entity-actions.ts';
import { type EventText, historyEvent, unplayed } from './history.ts';
import type { Message, RuntimeStatus } from './instance.ts';
import { jsonText } from './json-text.ts';
import { cancelTimers, scheduleAction, type ScheduleRules } from './schedule.ts';

/** The end of an orchestration. `output` is JSON text. */
interface TurnEnd {
  readonly status: RuntimeStatus;
  readonly output: string;
}

export interface TurnResult {
  readonly customStatus: string | undefined;
  /** All actions since the start of the execution. */
  readonly actions: readonly LeafAction[];
  readonly end: TurnEnd | undefined;
  /** The input of the next execution as JSON text, if the orchestration continues as new. */
  readonly continueAsNew: string | undefined;
  /** Whether the orchestrator function has returned but tasks are open. The framework waits until they have ended. */
  readonly waitsForOpenTasks: boolean;
}

/** Applies the messages to the draft. @returns false when none of them adds an event. */
export function applyMessages(draft: Draft, messages: readonly Message[]): boolean {
  for (const message of messages) applyMessage(draft, message);
  return draft.incoming.length > 0;
}

/** The value of the orchestration trigger as JSON text: the complete history and the new events of this turn. */
export function turnInput(draft: Draft, past: readonly EventText[]): string {
  const { record } = draft.instance;
  const started = historyEvent('OrchestratorStarted', -1, draft.nowMs);
  const newEvents = [started, ...draft.incoming].map((event) => unplayed(event));
  const { maximumShortMs, intervalMs } = draft.timerLimits;
  const rest = JSON.stringify({
    instanceId: record.instanceId,
    isReplaying: past.length > 0,
    parentInstanceId: record.parent?.instanceId ?? null,
    upperSchemaVersion: 1,
    upperSchemaVersionNew: 3,
    longRunningTimerIntervalDuration: timeSpan(intervalMs),
    maximumShortTimerDuration: timeSpan(maximumShortMs),
    defaultHttpAsyncRequestSleepTimeMillseconds: defaultPollMs,
  });
  return `{"history":[${[...past, ...newEvents].join(',')}],"input":${record.input},${rest.slice(1)}`;
}

/** A duration in the TimeSpan format of .NET: `d.hh:mm:ss.fffffff`. */
function timeSpan(ms: number): string {
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  const fraction = String(Math.floor(ms % 1000)).padStart(3, '0');
  return `${Math.floor(ms / 86_400_000)}.${two((ms / 3_600_000) % 24)}:${two((ms / 60_000) % 60)}:${two((ms / 1000) % 60)}.${fraction}0000`;
}

/** Applies the result of the orchestrator function to the draft. */
export function applyOutcome(
  draft: Draft,
  rules: ScheduleRules & { maxActions: number },
  outcome: InvocationOutcome,
): TurnResult {
  const { record } = draft.instance;
  const { state, error } = readOutcome(outcome);
  const actions = flattenActions(state);
  let failure = error;
  try {
    if (actions.length > rules.maxActions)
      throw new ActionRefusedError(`Maximum amount of orchestration actions (${rules.maxActions}) has been reached.`);
    for (let index = record.emittedActions; index < actions.length; index += 1) {
      scheduleAction(draft, rules, actions[index] as LeafAction, index);
    }
  } catch (refused) {
    if (!(refused instanceof ActionRefusedError)) throw refused;
    failure ??= refused.message;
  }
  cancelTimers(draft, actions);
  const result = { customStatus: jsonText(state.customStatus), actions, end: undefined, continueAsNew: undefined };
  if (failure === undefined && !state.isDone) return { ...result, waitsForOpenTasks: false };
  if (draft.openCount > 0) return { ...result, waitsForOpenTasks: true };
  releaseLocks(draft, false);
  const continueAsNew = actions.find((action) => action.actionType === 4);
  if (failure === undefined && continueAsNew) {
    return { ...result, waitsForOpenTasks: false, continueAsNew: JSON.stringify(continueAsNew.input ?? null) };
  }
  const end: TurnEnd =
    failure === undefined
      ? { status: 'Completed', output: JSON.stringify(state.output ?? null) }
      : { status: 'Failed', output: JSON.stringify(`Orchestrator function '${record.name}' failed: ${failure}`) };
  return { ...result, waitsForOpenTasks: false, end };
}

const emptyState: OrchestratorState = { isDone: false, actions: [[]] };

/** The state that the library returned, or an empty one, and the error of the orchestrator function. */
function readOutcome(outcome: InvocationOutcome): { state: OrchestratorState; error: string | undefined } {
  if (outcome.ok) {
    const text = outcome.response.returnValue?.json ?? outcome.response.returnValue?.string;
    const state = text === undefined ? undefined : (JSON.parse(text) as OrchestratorState);
    if (!state || !Array.isArray(state.actions))
      return {
        state: emptyState,
        error: 'The function did not return an orchestrator state. Register it with durable-functions.',
      };
    return { state, error: state.error };
  }
  // An error without a message does not appear in the state. The platform would wait forever; the host fails the
  // orchestration instead.
  const state = stateOfFailure(outcome.error.message);
  return state
    ? { state, error: state.error || 'An error without a message was thrown.' }
    : { state: emptyState, error: outcome.error.message || 'An error without a message was thrown.' };
}
