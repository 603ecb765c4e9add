import type { Instance, NewMessage } from './instance.ts';

/** The outcome of an ended instance as a message for the orchestration that called it, if there is one. */
export function messageForParent({ record }: Instance): NewMessage | undefined {
  const { parent } = record;
  if (!parent) return undefined;
  const target = { instanceId: parent.instanceId, executionId: parent.executionId, taskId: parent.taskId };
  const output = record.output ?? 'null';
  if (record.status === 'Completed') return { kind: 'taskCompleted', ...target, result: output };
  return { kind: 'taskFailed', ...target, reason: String(JSON.parse(output)), details: '' };
}
