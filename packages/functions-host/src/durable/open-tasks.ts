import { isoTime } from '../runtime/clock.ts';
import type { Draft } from './draft.ts';
import { historyEvent } from './history.ts';
import type { ActivityTask, HttpTask, Instance, Message, SubOrchestrationTask, TimerTask } from './instance.ts';

interface AttemptOptions {
  /** Whether the attempt starts. */
  readonly run: boolean;
  /** Whether the event includes the input. */
  readonly storeInput?: boolean;
}

/** Records and opens one attempt of an activity or sub-orchestration. A child without an id of its own gets a new one. */
export function openAttempt(
  draft: Draft,
  task: ActivityTask | SubOrchestrationTask,
  { run, storeInput = false }: AttemptOptions,
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

/** Records and opens an HTTP request. In the history it is a built-in activity. */
export function openHttp(draft: Draft, task: HttpTask): void {
  draft.outgoing.push(
    historyEvent('TaskScheduled', task.id, draft.nowMs, { Name: 'BuiltIn::HttpActivity', Version: null }),
  );
  draft.open(task);
}

/** Records and opens a timer. */
export function openTimer(draft: Draft, task: TimerTask): void {
  draft.outgoing.push(historyEvent('TimerCreated', task.id, draft.nowMs, { FireAt: isoTime(task.fireAtMs) }));
  draft.open(task);
}

/** When the next chunk of a timer ends. A short timer has one chunk. */
export function chunkEndMs(draft: Draft, finalFireAtMs: number): number {
  const { maximumShortMs, intervalMs } = draft.timerLimits;
  return finalFireAtMs - draft.nowMs > maximumShortMs ? draft.nowMs + intervalMs : finalFireAtMs;
}

/**
 * The latest time for which a timer was set that these messages report as fired, milliseconds since 1970. The clock of this
 * host may be behind the one that set it.
 */
export function lastFireAtMs({ openTasks }: Instance, messages: readonly Message[]): number {
  let last = 0;
  for (const message of messages) {
    const task = message.kind === 'timerFired' ? openTasks.get(message.taskId) : undefined;
    if (task?.kind === 'timer') last = Math.max(last, task.fireAtMs);
  }
  return last;
}
