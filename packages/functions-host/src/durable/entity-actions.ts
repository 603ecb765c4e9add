import { ActionRefusedError } from './action-refused-error.ts';
import type { LeafAction } from './actions.ts';
import type { Draft } from './draft.ts';
import { entityIdOf } from './entity.ts';
import { historyEvent } from './history.ts';
import { jsonText } from './json-text.ts';

/** Calls or signals an entity. @param requestId the name of the event that carries the response. */
export function sendOperation(draft: Draft, action: LeafAction & { actionType: 7 | 9 }, requestId: string): void {
  const { instanceId, executionId } = draft.instance.record;
  const signal = action.actionType === 9;
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

/** Requests the locks of a critical section. Entities are locked in sorted order. @throws ActionRefusedError */
export function requestLocks(draft: Draft, action: LeafAction & { actionType: 13 }): void {
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

/**
 * Releases the locks of the orchestration.
 * @param record whether the history gets an event for each release. The end of an orchestration releases its locks
 * without events.
 */
export function releaseLocks(draft: Draft, record: boolean): void {
  const owner = draft.instance.record.instanceId;
  for (const entityId of draft.locks) {
    const fields = { InstanceId: entityId, Name: 'release', Input: JSON.stringify({ parent: owner }) };
    if (record) draft.outgoing.push(historyEvent('EventSent', draft.takeId(), draft.nowMs, fields));
    draft.effects.push({ kind: 'entity', entityId, message: { kind: 'release', owner } });
  }
  draft.locks = [];
}
