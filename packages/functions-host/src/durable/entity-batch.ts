import type { Invoker } from '../app/invoker.ts';
import type { RegisteredFunction } from '../app/registry.ts';
import { type NamedData, triggerOf } from '../app/rpc.ts';
import { type EntityRecord, parseEntityId, type QueuedOperation } from './entity.ts';
import { missingFunction } from './missing-function.ts';

/** The library's result of one batch (`EntityState`). States, inputs and results are JSON texts. */
export interface EntityResult {
  readonly entityExists: boolean;
  readonly entityState?: string | null;
  readonly results: readonly { readonly isError: boolean; readonly result?: string }[];
  readonly signals: readonly {
    readonly target: { readonly name: string; readonly key: string };
    readonly name: string;
    readonly input?: string;
  }[];
}

export interface EntityBatchDeps {
  readonly invoker: Pick<Invoker, 'invoke'>;
  readonly findEntity: (name: string) => RegisteredFunction | undefined;
  readonly extraInputs: (target: RegisteredFunction) => NamedData[];
}

/** Runs operations of one entity in order. All of them fail if the function does not exist or throws. */
export async function runBatch(
  deps: EntityBatchDeps,
  record: EntityRecord,
  batch: readonly QueuedOperation[],
): Promise<EntityResult> {
  const self = parseEntityId(record.entityId);
  const target = deps.findEntity(self.name);
  if (!target) return failAll(record, batch, missingFunction(self.name, 'entity'));
  const input = {
    self,
    exists: record.exists,
    state: record.state ?? null,
    batch: batch.map(({ message: { requestId, operation, input, caller } }) => ({
      id: requestId,
      name: operation,
      input,
      isSignal: caller === undefined,
    })),
  };
  const trigger = { name: triggerOf(target.metadata).name, data: { string: JSON.stringify(input) } };
  const outcome = await deps.invoker.invoke(target, { inputData: [trigger, ...deps.extraInputs(target)] });
  const prefix = `Entity function '${target.metadata.name}' failed: `;
  if (!outcome.ok) return failAll(record, batch, `${prefix}${outcome.error.message}`);
  const result = JSON.parse(outcome.response.returnValue?.json ?? 'null') as Partial<EntityResult> | null;
  if (!Array.isArray(result?.results))
    return failAll(record, batch, `${prefix}it did not return an entity result. Register it with durable-functions.`);
  return { entityExists: false, signals: [], results: [], ...result };
}

function failAll(record: EntityRecord, batch: readonly QueuedOperation[], message: string): EntityResult {
  const results = batch.map(() => ({ isError: true, result: JSON.stringify(message) }));
  return { entityExists: record.exists, entityState: record.state ?? null, results, signals: [] };
}

/** The response to the caller of an operation. For a response with `exceptionType` the library throws. */
export function responseJson(result: EntityResult['results'][number] | undefined): string {
  return JSON.stringify({ result: result?.result, ...(result?.isError ? { exceptionType: 'Error' } : {}) });
}
