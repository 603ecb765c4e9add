import type { Invoker } from '../app/invoker.ts';
import type { RegisteredFunction } from '../app/registry.ts';
import { type NamedData, triggerOf } from '../app/rpc.ts';
import { type EntityMessage, type EntityRecord, parseEntityId, type QueuedEntityMessage } from './entity.ts';

export type Operation = QueuedEntityMessage & { readonly message: EntityMessage & { kind: 'operation' } };

/** The library's answer to one batch (`EntityState`). Texts are JSON. */
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

/** Runs operations of one entity in order. Without a function, or when it throws, every one of them fails. */
export async function runBatch(
  deps: EntityBatchDeps,
  record: EntityRecord,
  batch: readonly Operation[],
): Promise<EntityResult> {
  const self = parseEntityId(record.entityId);
  const target = deps.findEntity(self.name);
  if (!target)
    return allFailed(
      record,
      batch,
      `The function '${self.name}' doesn't exist, is disabled, or is not an entity function.`,
    );
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
  const failed = `Entity function '${target.metadata.name}' failed: `;
  if (!outcome.ok) return allFailed(record, batch, `${failed}${outcome.error.message}`);
  const result = JSON.parse(outcome.response.returnValue?.json ?? 'null') as Partial<EntityResult> | null;
  if (!Array.isArray(result?.results)) return allFailed(record, batch, `${failed}it did not answer as an entity.`);
  return { entityExists: false, signals: [], results: [], ...result };
}

function allFailed(record: EntityRecord, batch: readonly Operation[], message: string): EntityResult {
  const results = batch.map(() => ({ isError: true, result: JSON.stringify(message) }));
  return { entityExists: record.exists, entityState: record.state ?? null, results, signals: [] };
}

/** What the caller of an operation gets: the library turns `exceptionType` into a throw. */
export function answerJson(result: EntityResult['results'][number] | undefined): string {
  return JSON.stringify({ result: result?.result, ...(result?.isError ? { exceptionType: 'Error' } : {}) });
}
