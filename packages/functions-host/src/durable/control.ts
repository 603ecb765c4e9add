import { historyEvent } from './history.ts';
import type { InstanceTable } from './instance-table.ts';
import { type Instance, isControl, type Message, type NewMessage } from './instance.ts';
import { messageForParent } from './parent-message.ts';

/** The control message to process next. While an instance is suspended, only control messages are processed. */
export function nextControl({ record, inbox }: Instance): Message | undefined {
  if (record.status === 'Suspended') return inbox.find((message) => isControl(message));
  const first = inbox[0];
  return first && isControl(first) ? first : undefined;
}

/**
 * Applies a terminate, suspend or resume message.
 * @returns the message for the parent orchestration, if the instance has ended and has a parent.
 */
export function applyControl(table: InstanceTable, instance: Instance, message: Message): NewMessage | undefined {
  table.consume(instance, [message]);
  switch (message.kind) {
    case 'suspend':
      table.applyControlTurn(instance, 'Suspended', (nowMs) => [
        historyEvent('ExecutionSuspended', -1, nowMs, { Reason: message.reason }),
      ]);
      return undefined;
    case 'resume':
      table.applyControlTurn(instance, 'Running', (nowMs) => [
        historyEvent('ExecutionResumed', -1, nowMs, { Reason: message.reason }),
      ]);
      return undefined;
    case 'terminate':
      table.applyControlTurn(
        instance,
        'Terminated',
        (nowMs) => [historyEvent('ExecutionTerminated', -1, nowMs, { Input: message.reason })],
        JSON.stringify(message.reason),
      );
      return messageForParent(instance);
    default:
      throw new Error(`${message.kind} is not a control message`);
  }
}
