import { historyEvent } from './history.ts';
import type { InstanceTable } from './instance-table.ts';
import type { Instance, Message, NewMessage } from './instance.ts';

/** Terminates, suspends or resumes. @returns the message for the parent when the instance ended. */
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
      return table.answerParent(instance);
    default:
      throw new Error(`${message.kind} is no control message`);
  }
}
