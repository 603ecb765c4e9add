import type { Instance, OpenTask, SubOrchestrationTask } from '../instance.ts';
import type { Journal } from '../journal.ts';

/**
 * Hands a task to the hub. A timer is a message that is hidden for as long as the timer runs: only the clock of the hub
 * measures this time, whichever host runs the instance then.
 * @param nowMs time of the turn. The time of an orchestration never goes back, so it may be ahead of the clock of this host.
 */
export function postTask(
  journal: Journal,
  { record }: Instance,
  task: Exclude<OpenTask, SubOrchestrationTask>,
  nowMs: number,
): void {
  const { instanceId, executionId } = record;
  if (task.kind === 'timer') {
    const message = { kind: 'timerFired', instanceId, executionId, taskId: task.id } as const;
    journal.post({ message, delayMs: Math.max(0, task.fireAtMs - nowMs) });
  } else journal.addWork({ instanceId, executionId, task });
}
