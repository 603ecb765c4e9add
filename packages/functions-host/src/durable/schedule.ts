import { isoTime } from '../runtime/clock.ts';
import type { LeafAction } from './actions.ts';
import type { Draft } from './draft.ts';
import { entityIdOf } from './entity.ts';
import { historyEvent } from './history.ts';
import type { ActivityTask, HttpTask, SubOrchestrationTask, TimerTask } from './instance.ts';
import { firstAttempt } from './retry.ts';

/** What scheduling needs to know of the app and its host.json. */
export interface ScheduleRules {
  /** Whether the app has such a function, compared without case. */
  readonly hasFunction: (kind: 'activity' | 'orchestration', name: string) => boolean;
  readonly defaultVersion: string | undefined;
  /** Whether TaskScheduled and the like carry the input. They do not by default: histories would hold it twice. */
  readonly storeInputs: boolean;
  readonly newGuid: () => string;
}

/** An action that the platform refuses: the orchestration fails with this message. */
export class ActionRefusedError extends Error {
  override readonly name = 'ActionRefusedError';
}

/**
 * Carries out one new action: takes its task id, records its event, opens its task.
 * @param index of the action in the whole list, by which its later cancellation is recognised.
 * @throws ActionRefusedError
 */
export function scheduleAction(draft: Draft, rules: ScheduleRules, action: LeafAction, index: number): void {
  switch (action.actionType) {
    case 0:
    case 1:
      scheduleActivity(draft, rules, action);
      return;
    case 2:
    case 3:
      scheduleSubOrchestration(draft, rules, action);
      return;
    case 5:
      scheduleTimer(draft, action, index);
      return;
    case 7:
    case 9:
      sendOperation(draft, rules, action);
      return;
    case 8:
      if (action.httpRequest.tokenSource) {
        throw new ActionRefusedError(
          'callHttp with a token source needs a managed identity, which the local host does not have.',
        );
      }
      openHttp(draft, { kind: 'http', id: draft.takeId(), request: action.httpRequest });
      return;
    case 13:
      requestLocks(draft, action);
      return;
    case 14:
      releaseLocks(draft, () => draft.takeId());
      return;
    case 4: // continueAsNew and waiting for an event take no id and leave no event.
    case 6:
      return;
    default:
      throw new ActionRefusedError(
        `The local host does not know the action type ${JSON.stringify((action as { actionType: unknown }).actionType)}.`,
      );
  }
}

function scheduleActivity(draft: Draft, rules: ScheduleRules, action: LeafAction & { actionType: 0 | 1 }): void {
  const name = action.functionName;
  if (!rules.hasFunction('activity', name)) throw new ActionRefusedError(missing(name, 'an activity'));
  // The library has made JSON text of a string already; everything else arrives as it is.
  const input = typeof action.input === 'string' ? action.input : jsonText(action.input);
  const task: ActivityTask = { kind: 'activity', id: draft.takeId(), name, input };
  openAttempt(
    draft,
    action.actionType === 1 ? { ...task, retry: firstAttempt(action.retryOptions, draft.nowMs) } : task,
    true,
    rules.storeInputs,
  );
}

function scheduleSubOrchestration(
  draft: Draft,
  rules: ScheduleRules,
  action: LeafAction & { actionType: 2 | 3 },
): void {
  const name = action.functionName;
  if (!rules.hasFunction('orchestration', name)) throw new ActionRefusedError(missing(name, 'an orchestrator'));
  const task: SubOrchestrationTask = {
    kind: 'sub',
    id: draft.takeId(),
    name,
    instanceId: action.instanceId ?? '',
    ownId: Boolean(action.instanceId),
    input: jsonText(action.input) ?? 'null',
    version: action.version ?? rules.defaultVersion,
  };
  openAttempt(
    draft,
    action.actionType === 3 ? { ...task, retry: firstAttempt(action.retryOptions, draft.nowMs) } : task,
    true,
    rules.storeInputs,
  );
}

/** Records and opens one attempt of an activity or sub-orchestration; a child without an id of its own gets a new one. */
export function openAttempt(
  draft: Draft,
  task: ActivityTask | SubOrchestrationTask,
  run: boolean,
  storeInput = false,
): void {
  const input = storeInput ? { Input: task.input ?? null } : {};
  if (task.kind === 'activity') {
    draft.outgoing.push(
      historyEvent('TaskScheduled', task.id, draft.nowMs, { Name: task.name, Version: null, ...input }),
    );
    draft.open(task, run);
    return;
  }
  const instanceId = task.ownId ? task.instanceId : `${draft.instance.record.executionId}:${task.id}`;
  const fields = { Name: task.name, InstanceId: instanceId, Version: task.version ?? null, ...input };
  draft.outgoing.push(historyEvent('SubOrchestrationInstanceCreated', task.id, draft.nowMs, fields));
  draft.open({ ...task, instanceId }, run);
}

/** Records and opens an HTTP request, which histories know as a built-in activity. */
export function openHttp(draft: Draft, task: HttpTask): void {
  draft.outgoing.push(
    historyEvent('TaskScheduled', task.id, draft.nowMs, { Name: 'BuiltIn::HttpActivity', Version: null }),
  );
  draft.open(task);
}

export function openTimer(draft: Draft, task: TimerTask): void {
  draft.outgoing.push(historyEvent('TimerCreated', task.id, draft.nowMs, { FireAt: isoTime(task.fireAtMs) }));
  draft.open(task);
}

/** When the next piece of a timer ends: the whole of it when it is short enough. */
export function chunkEndMs(draft: Draft, finalFireAtMs: number): number {
  const { maximumShortMs, intervalMs } = draft.timerLimits;
  return finalFireAtMs - draft.nowMs > maximumShortMs ? draft.nowMs + intervalMs : finalFireAtMs;
}

function scheduleTimer(draft: Draft, action: LeafAction & { actionType: 5 }, index: number): void {
  const finalFireAtMs = Date.parse(action.fireAt);
  if (Number.isNaN(finalFireAtMs)) throw new ActionRefusedError('A timer was created for a date that is none.');
  const id = draft.takeId();
  openTimer(draft, {
    kind: 'timer',
    id,
    fireAtMs: chunkEndMs(draft, finalFireAtMs),
    next: { kind: 'code', action: index, finalFireAtMs },
  });
}

/** Closes the timers that orchestrator code has cancelled since they were created. */
export function cancelTimers(draft: Draft, actions: readonly LeafAction[]): void {
  for (const task of draft.openTasks()) {
    if (task.kind !== 'timer' || task.next.kind !== 'code') continue;
    const action = actions[task.next.action];
    if (action?.actionType !== 5 || !action.isCanceled) continue;
    draft.close(task.id);
    draft.effects.push({ kind: 'cancelTimer', id: task.id });
  }
}

function sendOperation(draft: Draft, rules: ScheduleRules, action: LeafAction & { actionType: 7 | 9 }): void {
  const { instanceId, executionId } = draft.instance.record;
  const signal = action.actionType === 9;
  const requestId = rules.newGuid();
  const input = jsonText(action.input);
  const request = {
    op: action.operation,
    signal,
    input,
    id: requestId,
    parent: instanceId,
    parentExecution: executionId,
  };
  const fields = { InstanceId: action.instanceId, Name: 'op', Input: JSON.stringify(request) };
  draft.outgoing.push(historyEvent('EventSent', draft.takeId(), draft.nowMs, fields));
  draft.effects.push({
    kind: 'entity',
    entityId: action.instanceId,
    message: {
      kind: 'operation',
      requestId,
      operation: action.operation,
      input,
      caller: signal ? undefined : { instanceId, executionId },
    },
  });
}

function requestLocks(draft: Draft, action: LeafAction & { actionType: 13 }): void {
  const { instanceId, executionId } = draft.instance.record;
  const lockSet = action.lockSet.map(({ name, key }) => entityIdOf(name, key)).toSorted();
  const [first] = lockSet;
  if (first === undefined) throw new ActionRefusedError('A critical section needs at least one entity.');
  const request = {
    op: null,
    signal: false,
    id: action.lockRequestId,
    parent: instanceId,
    lockset: action.lockSet,
    pos: 0,
  };
  const fields = { InstanceId: first, Name: 'op', Input: JSON.stringify(request) };
  draft.outgoing.push(historyEvent('EventSent', draft.takeId(), draft.nowMs, fields));
  draft.locks = lockSet;
  draft.effects.push({
    kind: 'entity',
    entityId: first,
    message: { kind: 'lock', requestId: action.lockRequestId, lockSet, caller: { instanceId, executionId } },
  });
}

/** @param takeId where the release is recorded in the history; undefined where the orchestration ends without one. */
export function releaseLocks(draft: Draft, takeId: (() => number) | undefined): void {
  const owner = draft.instance.record.instanceId;
  for (const entityId of draft.locks) {
    const fields = { InstanceId: entityId, Name: 'release', Input: JSON.stringify({ parent: owner }) };
    if (takeId) draft.outgoing.push(historyEvent('EventSent', takeId(), draft.nowMs, fields));
    draft.effects.push({ kind: 'entity', entityId, message: { kind: 'release', owner } });
  }
  draft.locks = [];
}

const jsonText = (value: unknown): string | undefined =>
  value === undefined || value === null ? undefined : JSON.stringify(value);

const missing = (name: string, kind: string): string =>
  `The function '${name}' doesn't exist, is disabled, or is not ${kind} function.`;
