import type { InvocationOutcome } from '../app/invoker.ts';
import { type LeafAction, flattenActions, type OrchestratorState, stateOfFailure } from './actions.ts';
import { applyMessage, defaultPollMs } from './apply-message.ts';
import type { Draft } from './draft.ts';
import { type EventText, historyEvent, unplayed } from './history.ts';
import type { Message, RuntimeStatus } from './instance.ts';
import { ActionRefusedError, cancelTimers, releaseLocks, scheduleAction, type ScheduleRules } from './schedule.ts';

/** How an orchestration ended in a turn. `output` is JSON text. */
export interface TurnEnd {
  readonly status: RuntimeStatus;
  readonly output: string;
}

export interface TurnResult {
  readonly customStatus: string | undefined;
  /** All actions so far. */
  readonly actions: readonly LeafAction[];
  readonly end: TurnEnd | undefined;
  /** The input of the next generation (JSON text), when the orchestration continues as new. */
  readonly continueAsNew: string | undefined;
  /** The orchestrator function has returned, but tasks are open: the framework lets them end first. */
  readonly waitsForOpenTasks: boolean;
}

/** Puts the messages into the draft. @returns false when none of them concerns the instance any more. */
export function applyMessages(draft: Draft, messages: readonly Message[]): boolean {
  for (const message of messages) applyMessage(draft, message);
  return draft.incoming.length > 0;
}

/** The orchestration trigger's value: the whole history and what this turn adds to it, as one JSON text. */
export function turnInput(draft: Draft, past: readonly EventText[]): string {
  const { record } = draft.instance;
  const started = historyEvent('OrchestratorStarted', -1, draft.nowMs);
  const fresh = [started, ...draft.incoming].map((event) => unplayed(event));
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
  return `{"history":[${[...past, ...fresh].join(',')}],"input":${record.input},${rest.slice(1)}`;
}

/** A duration in .NET's TimeSpan form: `d.hh:mm:ss.fffffff`. */
function timeSpan(ms: number): string {
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  const fraction = String(Math.floor(ms % 1000)).padStart(3, '0');
  return `${Math.floor(ms / 86_400_000)}.${two((ms / 3_600_000) % 24)}:${two((ms / 60_000) % 60)}:${two((ms / 1000) % 60)}.${fraction}0000`;
}

/** Carries out what the orchestrator function answered. */
export function applyOutcome(
  draft: Draft,
  rules: ScheduleRules & { maxActions: number },
  outcome: InvocationOutcome,
): TurnResult {
  const { record } = draft.instance;
  const { state, error } = judge(outcome);
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
  const result = {
    customStatus: jsonOrUndefined(state.customStatus),
    actions,
    end: undefined,
    continueAsNew: undefined,
  };
  if (failure === undefined && !state.isDone) return { ...result, waitsForOpenTasks: false };
  if (draft.openCount > 0) return { ...result, waitsForOpenTasks: true };
  releaseLocks(draft, undefined);
  const again = actions.find((action) => action.actionType === 4);
  if (failure === undefined && again) {
    return { ...result, waitsForOpenTasks: false, continueAsNew: JSON.stringify(again.input ?? null) };
  }
  const end: TurnEnd =
    failure === undefined
      ? { status: 'Completed', output: JSON.stringify(state.output ?? null) }
      : { status: 'Failed', output: JSON.stringify(`Orchestrator function '${record.name}' failed: ${failure}`) };
  return { ...result, waitsForOpenTasks: false, end };
}

const jsonOrUndefined = (value: unknown): string | undefined =>
  value === undefined || value === null ? undefined : JSON.stringify(value);

const nothing: OrchestratorState = { isDone: false, actions: [[]] };

function judge(outcome: InvocationOutcome): { state: OrchestratorState; error: string | undefined } {
  if (outcome.ok) {
    const text = outcome.response.returnValue?.json ?? outcome.response.returnValue?.string;
    const state = text === undefined ? undefined : (JSON.parse(text) as OrchestratorState);
    if (!state || !Array.isArray(state.actions))
      return {
        state: nothing,
        error: 'The function did not answer as an orchestrator; register it with durable-functions.',
      };
    return { state, error: state.error };
  }
  // An error without a message leaves no trace in the state; the platform would wait for ever, we say so instead.
  const state = stateOfFailure(outcome.error.message);
  return state
    ? { state, error: state.error || 'An error without a message was thrown.' }
    : { state: nothing, error: outcome.error.message || 'An error without a message was thrown.' };
}
