import { isoTime } from '../runtime/clock.ts';
import type { DurableHttpRequest } from './actions.ts';
import type { Draft } from './draft.ts';
import { historyEvent } from './history.ts';
import {
  type HttpTask,
  type Instance,
  isControl,
  type Message,
  type OpenTask,
  type RetryState,
  type TimerTask,
} from './instance.ts';
import { chunkEndMs, openAttempt, openHttp, openTimer } from './open-tasks.ts';
import { retryDelayMs, retryExpired } from './retry.ts';

/** Sent to the library with every turn as defaultHttpAsyncRequestSleepTimeMillseconds. */
export const defaultPollMs = 30_000;

interface PolledReply {
  readonly statusCode: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Whether this message makes the library assign task ids before orchestrator code continues. This holds for a failed
 * attempt (its retry timer), a fired retry timer (the next attempt), a fired chunk of a long timer, and a 202 that is
 * polled. Such a message must be the first of its turn. Otherwise the library and the host would assign ids in
 * different orders.
 */
function consumesTaskIds(instance: Instance, message: Message): boolean {
  if (message.kind !== 'taskFailed' && message.kind !== 'timerFired' && message.kind !== 'taskCompleted') return false;
  const task = instance.openTasks.get(message.taskId);
  if (!task) return false;
  if (message.kind === 'taskFailed') return 'retry' in task && task.retry !== undefined;
  if (message.kind === 'taskCompleted') return task.kind === 'http' && pollOf(task, message.result) !== undefined;
  if (task.kind !== 'timer') return false;
  return (
    task.next.kind === 'attempt' ||
    task.next.kind === 'lastAttempt' ||
    (task.next.kind === 'code' && task.next.finalFireAtMs > task.fireAtMs)
  );
}

/** The messages of the next turn. Later messages stay in the inbox. */
export function nextBatch(instance: Instance): Message[] {
  const batch: Message[] = [];
  for (const message of instance.inbox) {
    if (isControl(message)) break;
    if (batch.length > 0 && consumesTaskIds(instance, message)) break;
    batch.push(message);
  }
  return batch;
}

/**
 * Adds the events to the draft that the orchestrator function receives for this message. A message for a task that is
 * no longer open adds none.
 */
export function applyMessage(draft: Draft, message: Message): void {
  const { record } = draft.instance;
  switch (message.kind) {
    case 'start':
      draft.incoming.push(executionStarted(draft));
      return;
    case 'eventRaised':
      if (message.executionId !== undefined && message.executionId !== record.executionId) return;
      draft.incoming.push(historyEvent('EventRaised', -1, draft.nowMs, { Name: message.name, Input: message.input }));
      return;
    case 'taskCompleted':
    case 'taskFailed':
    case 'timerFired': {
      const task = message.executionId === record.executionId ? draft.find(message.taskId) : undefined;
      if (!task) return;
      draft.close(task.id);
      if (message.kind === 'taskCompleted') applyCompletion(draft, task, message.result);
      else if (message.kind === 'taskFailed') applyFailure(draft, task, message);
      else if (task.kind === 'timer') applyTimerFired(draft, task);
      return;
    }
    default:
      throw new Error(`orchestrator code cannot receive a ${message.kind} message`);
  }
}

function executionStarted({ instance: { record }, nowMs }: Draft): string {
  const { parent } = record;
  return historyEvent('ExecutionStarted', -1, nowMs, {
    Name: record.name,
    Input: record.input,
    Version: record.version ?? null,
    OrchestrationInstance: { InstanceId: record.instanceId, ExecutionId: record.executionId },
    ParentInstance: parent
      ? {
          Name: parent.name,
          TaskScheduleId: parent.taskId,
          OrchestrationInstance: { InstanceId: parent.instanceId, ExecutionId: parent.executionId },
        }
      : null,
  });
}

function applyCompletion(draft: Draft, task: OpenTask, result: string): void {
  const name = task.kind === 'sub' ? 'SubOrchestrationInstanceCompleted' : 'TaskCompleted';
  draft.incoming.push(historyEvent(name, -1, draft.nowMs, { TaskScheduledId: task.id, Result: result }));
  const poll = task.kind === 'http' ? pollOf(task, result) : undefined;
  if (!poll) return;
  const timerId = draft.takeId();
  const request: HttpTask = { kind: 'http', id: draft.takeId(), request: poll.request };
  openTimer(draft, {
    kind: 'timer',
    id: timerId,
    fireAtMs: draft.nowMs + poll.delayMs,
    next: { kind: 'poll', task: request },
  });
}

function applyFailure(
  draft: Draft,
  task: OpenTask,
  { reason, details, failureDetails }: Message & { kind: 'taskFailed' },
): void {
  const name = task.kind === 'sub' ? 'SubOrchestrationInstanceFailed' : 'TaskFailed';
  draft.incoming.push(
    historyEvent(name, -1, draft.nowMs, {
      TaskScheduledId: task.id,
      Reason: reason,
      Details: details,
      ...(failureDetails === undefined ? {} : { FailureDetails: failureDetails }),
    }),
  );
  if ((task.kind !== 'activity' && task.kind !== 'sub') || !task.retry) return;
  const last = task.retry.attempt >= task.retry.options.maxNumberOfAttempts;
  const delayMs = retryExpired(task.retry, draft.nowMs) ? 0 : retryDelayMs(task.retry);
  openTimer(draft, {
    kind: 'timer',
    id: draft.takeId(),
    fireAtMs: draft.nowMs + delayMs,
    next: last
      ? { kind: 'lastAttempt' }
      : { kind: 'attempt', task: { ...task, retry: task.retry }, failure: { reason, details } },
  });
}

function applyTimerFired(draft: Draft, task: TimerTask): void {
  draft.incoming.push(
    historyEvent('TimerFired', -1, draft.nowMs, { TimerId: task.id, FireAt: isoTime(task.fireAtMs) }),
  );
  const { next } = task;
  if (next.kind === 'attempt') {
    startNextAttempt(draft, next);
  } else if (next.kind === 'poll') {
    openHttp(draft, next.task);
  } else if (next.kind === 'code' && next.finalFireAtMs > draft.nowMs) {
    openTimer(draft, { ...task, id: draft.takeId(), fireAtMs: chunkEndMs(draft, next.finalFireAtMs) });
  }
}

function startNextAttempt(draft: Draft, { task, failure }: TimerTask['next'] & { kind: 'attempt' }): void {
  const { instanceId, executionId } = draft.instance.record;
  const id = draft.takeId();
  const retry: RetryState = { ...task.retry, attempt: task.retry.attempt + 1 };
  // After retryTimeout no attempt may start, but the library still counts attempts up to the last one. The remaining
  // attempts fail without running.
  const run = !retryExpired(retry, draft.nowMs);
  openAttempt(draft, { ...task, id, retry }, { run });
  if (!run)
    draft.effects.push({
      kind: 'message',
      message: { kind: 'taskFailed', instanceId, executionId, taskId: id, ...failure },
    });
}

/** The next request and its delay, if the library will poll this response (a 202 with a location). */
function pollOf(task: HttpTask, result: string): { request: DurableHttpRequest; delayMs: number } | undefined {
  if (task.request.asynchronousPatternEnabled === false) return undefined;
  const reply = JSON.parse(result) as PolledReply;
  const header = (name: string): string | undefined =>
    Object.entries(reply.headers ?? {}).find(([key]) => key.toLowerCase() === name)?.[1];
  const location = header('location');
  if (reply.statusCode !== 202 || !location) return undefined;
  const retryAfter = header('retry-after');
  return {
    request: { ...task.request, method: 'GET', uri: new URL(location, task.request.uri).href, content: null },
    delayMs: retryAfter ? Number(retryAfter) * 1000 || 0 : defaultPollMs,
  };
}
