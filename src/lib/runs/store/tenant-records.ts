import type { TableClient, TransactionAction } from '@azure/data-tables';
import type { Clock } from '../../core/clock.ts';
import { DeadlineError, withDeadline } from '../../core/deadline.ts';
import { GroupCommit } from '../../core/rows/group-commit.ts';
import { httpStatusOf } from '../../core/sdk-error.ts';
import {
  isRowMissing,
  isStorageConflict,
  isStorageMissing,
  unlessConflict,
  unlessMissing,
} from '../../core/rows/table.ts';
import type { TenantRun } from './run.ts';
import { readTenantRun, tenantRunEntity } from './run-entity.ts';
import type { RunId } from './run-id.ts';

/**
 * A transaction may have 4 MiB ("Performing entity group transactions", Azure Table storage), and a record with the longest
 * trace has about 80 KiB.
 */
const maxBatch = 25;
/** One insert is in flight, so that records gather. This many do not wait for it: storage may have lost it. */
const sideBySideFrom = 5;
/**
 * Longest wait for a shared insert, and again for a record that is then written alone. The SDK waits for a reply without a
 * limit.
 */
const deadlineMs = 30_000;

type Entity = ReturnType<typeof tenantRunEntity>;

/**
 * Writes records of tenants. Those of a run that arrive during an insert share the next one: one transaction replaces
 * several requests to storage.
 */
export class TenantRecords {
  readonly #table: () => Promise<TableClient>;
  readonly #clock: Clock;
  readonly #inserts: GroupCommit<Entity>;

  constructor(table: () => Promise<TableClient>, clock: Clock) {
    this.#table = table;
    this.#clock = clock;
    this.#inserts = new GroupCommit<Entity>(
      { clock, write: async (entities, signal) => insert(await table(), entities, signal) },
      {
        groupOf: ({ partitionKey }) => partitionKey,
        maxBatch,
        maxWrites: 4,
        sideBySideFrom,
        patienceMs: 0,
        maxWaiting: Number.POSITIVE_INFINITY,
        deadlineMs,
      },
    );
  }

  /**
   * Writes a record unless one of the same or a later round exists.
   * @returns the record that is now stored.
   * @throws DeadlineError, or the failure of the SDK.
   */
  async record(runId: RunId, record: TenantRun): Promise<TenantRun> {
    const entity = tenantRunEntity(runId, record);
    if (await this.#insertWithOthers(entity)) return record;
    return withDeadline(this.#clock, deadlineMs, (signal) => this.#recordAlone(entity, record, signal));
  }

  async #recordAlone(entity: Entity, record: TenantRun, abortSignal: AbortSignal): Promise<TenantRun> {
    const { partitionKey, rowKey } = entity;
    const table = await this.#table();
    for (;;) {
      if (await unlessConflict(() => table.createEntity(entity, { abortSignal }))) return record;
      const found = await unlessMissing(() => table.getEntity(partitionKey, rowKey, { abortSignal }), isRowMissing);
      const earlier = found && readTenantRun(found);
      if (found === undefined || earlier === undefined) continue;
      if (earlier.round >= record.round) return earlier;
      try {
        await table.updateEntity(entity, 'Replace', { etag: found.etag, abortSignal });
        return record;
      } catch (thrown) {
        if (!isStorageConflict(thrown) && !isStorageMissing(thrown)) throw thrown;
      }
    }
  }

  /**
   * @returns false if storage refused the record, or one that shared its transaction. Also false if there was no answer in
   * time: perhaps only the insert before this one has none.
   */
  async #insertWithOthers(entity: Entity): Promise<boolean> {
    try {
      await this.#inserts.commit(entity, 'job');
      return true;
    } catch (thrown) {
      if (thrown instanceof DeadlineError) return false;
      const status = httpStatusOf(thrown);
      if (status !== undefined && status >= 400 && status < 500) return false;
      throw thrown;
    }
  }
}

async function insert(table: TableClient, entities: readonly Entity[], abortSignal: AbortSignal): Promise<void> {
  const [only, ...others] = entities;
  if (only !== undefined && others.length === 0) await table.createEntity(only, { abortSignal });
  else
    await table.submitTransaction(
      entities.map((entity): TransactionAction => ['create', entity]),
      { abortSignal },
    );
}
