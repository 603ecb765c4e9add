import { type Instance, type InstanceRecord, newExecutionId, type ParentInstance } from './instance.ts';

export interface NewInstance {
  readonly instanceId: string;
  readonly name: string;
  readonly version: string | undefined;
  /** JSON text. */
  readonly input: string;
  readonly parent?: ParentInstance;
}

/** A new instance that has not started. */
export function newRecord(options: NewInstance, nowMs: number, newGuid: () => string): InstanceRecord {
  return {
    instanceId: options.instanceId,
    executionId: newExecutionId(newGuid),
    name: options.name,
    version: options.version,
    input: options.input,
    output: undefined,
    customStatus: undefined,
    status: 'Pending',
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    parent: options.parent,
    nextId: 0,
    emittedActions: 0,
    lastTurnMs: 0,
    locks: [],
  };
}

/** An instance without history, tasks and messages. */
export const instanceOf = (record: InstanceRecord): Instance => ({
  record,
  history: [],
  openTasks: new Map(),
  inbox: [],
});
