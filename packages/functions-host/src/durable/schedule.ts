import { ActionRefusedError } from './action-refused-error.ts';
import type { LeafAction } from './actions.ts';
import type { Draft } from './draft.ts';
import { releaseLocks, requestLocks, sendOperation } from './entity-actions.ts';
import type { ActivityTask, SubOrchestrationTask } from './instance.ts';
import { jsonText } from './json-text.ts';
import { missingFunction } from './missing-function.ts';
import { chunkEndMs, openAttempt, openHttp, openTimer } from './open-tasks.ts';
import { firstAttempt } from './retry.ts';

/** What scheduling needs from the app and from host.json. */
export interface ScheduleRules {
  /** Whether the app has this function. Ignores case. */
  readonly hasFunction: (kind: 'activity' | 'orchestration', name: string) => boolean;
  readonly defaultVersion: string | undefined;
  /** Whether events such as TaskScheduled include the input. By default they do not, to keep histories small. */
  readonly storeInputs: boolean;
  readonly newGuid: () => string;
}

/**
 * Carries out a new action: assigns its task id, records its event and opens its task.
 * @param index position of the action in the complete list. A later cancellation refers to it.
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
      sendOperation(draft, action, rules.newGuid());
      return;
    case 8:
      scheduleHttp(draft, action);
      return;
    case 13:
      requestLocks(draft, action);
      return;
    case 14:
      releaseLocks(draft, true);
      return;
    case 4: // continueAsNew and waitForExternalEvent take no task id and record no event.
    case 6:
      return;
    default: {
      const type = JSON.stringify((action as { actionType: unknown }).actionType);
      throw new ActionRefusedError(`The local host does not support the action type ${type}.`);
    }
  }
}

function scheduleActivity(draft: Draft, rules: ScheduleRules, action: LeafAction & { actionType: 0 | 1 }): void {
  const name = action.functionName;
  if (!rules.hasFunction('activity', name)) throw new ActionRefusedError(missingFunction(name, 'activity'));
  // The library sends a string input as JSON text already. Other values arrive unchanged.
  const input = typeof action.input === 'string' ? action.input : jsonText(action.input);
  const task: ActivityTask = { kind: 'activity', id: draft.takeId(), name, input };
  const retry = action.actionType === 1 ? { retry: firstAttempt(action.retryOptions, draft.nowMs) } : {};
  openAttempt(draft, { ...task, ...retry }, { run: true, storeInput: rules.storeInputs });
}

function scheduleSubOrchestration(
  draft: Draft,
  rules: ScheduleRules,
  action: LeafAction & { actionType: 2 | 3 },
): void {
  const name = action.functionName;
  if (!rules.hasFunction('orchestration', name)) throw new ActionRefusedError(missingFunction(name, 'orchestrator'));
  const task: SubOrchestrationTask = {
    kind: 'sub',
    id: draft.takeId(),
    name,
    instanceId: action.instanceId ?? '',
    ownId: Boolean(action.instanceId),
    input: jsonText(action.input) ?? 'null',
    version: action.version ?? rules.defaultVersion,
  };
  const retry = action.actionType === 3 ? { retry: firstAttempt(action.retryOptions, draft.nowMs) } : {};
  openAttempt(draft, { ...task, ...retry }, { run: true, storeInput: rules.storeInputs });
}

function scheduleTimer(draft: Draft, action: LeafAction & { actionType: 5 }, index: number): void {
  const finalFireAtMs = Date.parse(action.fireAt);
  if (Number.isNaN(finalFireAtMs)) throw new ActionRefusedError('A timer was created with an invalid date.');
  const id = draft.takeId();
  openTimer(draft, {
    kind: 'timer',
    id,
    fireAtMs: chunkEndMs(draft, finalFireAtMs),
    next: { kind: 'code', action: index, finalFireAtMs },
  });
}

function scheduleHttp(draft: Draft, { httpRequest }: LeafAction & { actionType: 8 }): void {
  if (httpRequest.tokenSource) {
    throw new ActionRefusedError(
      'callHttp with a token source needs a managed identity, which the local host does not have.',
    );
  }
  openHttp(draft, { kind: 'http', id: draft.takeId(), request: httpRequest });
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
