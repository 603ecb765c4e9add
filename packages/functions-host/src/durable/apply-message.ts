import { isoTime } from '../runtime/clock.ts';
import type { DurableHttpRequest } from './actions.ts';
import type { Draft } from './draft.ts';
import { historyEvent } from './history.ts';
import type { HttpTask, Instance, Message, OpenTask, RetryState, TimerTask } from './instance.ts';
import { retryDelayMs, retryExpired } from './retry.ts';
import { chunkEndMs, openAttempt, openHttp, openTimer } from './schedule.ts';

/** The library's defaultHttpAsyncRequestSleepTimeMillseconds, sent with every turn. */
export const defaultPollMs = 30_000;

interface PolledReply {
  readonly statusCode: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Whether processing this message makes the library give out task ids by itself, before orchestrator code runs on:
 * a failed attempt (its retry timer), a fired retry timer (the next attempt), a fired chunk of a long timer, a 202
 * that is polled. Such a message must open its turn, or ids would be given out in another order than here.
 */
export function takesIds(instance: Instance, message: Message): boolean {
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

/** The messages of the next turn; the rest stays in the inbox. `start` and events need no open task. */
export function takeBatch(instance: Instance): Message[] {
  const batch: Message[] = [];
  for (const message of instance.inbox) {
    if (message.kind === 'terminate' || message.kind === 'suspend' || message.kind === 'resume') break;
    if (batch.length > 0 && takesIds(instance, message)) break;
    batch.push(message);
  }
  return batch;
}

/** Turns one message into what the orchestrator function will see; a message for a task that is gone leaves no trace. */
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
      if (message.kind === 'taskCompleted') completed(draft, task, message.result);
      else if (message.kind === 'taskFailed') failed(draft, task, message);
      else if (task.kind === 'timer') fired(draft, task);
      return;
    }
    default:
      throw new Error(`a ${message.kind} message is not for orchestrator code`);
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

function completed(draft: Draft, task: OpenTask, result: string): void {
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

function failed(
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

function fired(draft: Draft, task: TimerTask): void {
  draft.incoming.push(
    historyEvent('TimerFired', -1, draft.nowMs, { TimerId: task.id, FireAt: isoTime(task.fireAtMs) }),
  );
  const { next } = task;
  if (next.kind === 'attempt') {
    nextAttempt(draft, next);
  } else if (next.kind === 'poll') {
    openHttp(draft, next.task);
  } else if (next.kind === 'code' && next.finalFireAtMs > draft.nowMs) {
    openTimer(draft, { ...task, id: draft.takeId(), fireAtMs: chunkEndMs(draft, next.finalFireAtMs) });
  }
}

function nextAttempt(draft: Draft, { task, failure }: TimerTask['next'] & { kind: 'attempt' }): void {
  const { instanceId, executionId } = draft.instance.record;
  const id = draft.takeId();
  const retry: RetryState = { ...task.retry, attempt: task.retry.attempt + 1 };
  // Past retryTimeout no attempt may begin, yet the library counts to the last one: fail it without running anything.
  const run = !retryExpired(retry, draft.nowMs);
  openAttempt(draft, { ...task, id, retry }, run);
  if (!run)
    draft.effects.push({
      kind: 'message',
      message: { kind: 'taskFailed', instanceId, executionId, taskId: id, ...failure },
    });
}

/** The 202 that is to be polled, as the library judges it, with the pause it will take. */
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
