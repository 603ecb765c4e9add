import type { TableClient } from '@azure/data-tables';
import type { Caller } from '../../core/caller.ts';
import { type Clock, minuteMs } from '../../core/clock.ts';
import { BrokerError } from '../../core/errors.ts';
import { createdTable, isRowMissing, storageCall, unlessConflict, unlessMissing } from '../../core/rows/table.ts';
import { isEnded, type RunId } from './run.ts';
import type { RunLog } from './run-log.ts';

/** Active queries of one caller. All runs share the places of an instance, so further ones would keep jobs waiting. */
const maxActive = 4;

/** A slot whose run has no record yet is kept for this long: the record follows at once, or its process died. */
const startMs = minuteMs;

type Holder = Pick<Caller, 'applicationId' | 'objectId'>;
type Table = Pick<TableClient, 'createTable' | 'getEntity' | 'createEntity' | 'updateEntity'>;

export interface QuerySlotsDeps {
  /** The client of the table. The table is created on first use. */
  readonly table: () => Promise<Table>;
  readonly runLog: Pick<RunLog, 'find'>;
  readonly clock: Clock;
}

interface Slot {
  readonly etag: string;
  readonly runId: RunId;
  readonly takenAtMs: number;
}

/**
 * The places for active queries of each caller. Each place is a row that only one of several requests can write, so a caller
 * that starts many queries at the same moment, on any instances, gets as many as it may have. The end of a run frees its
 * place: nothing is written then.
 */
export class QuerySlots {
  readonly #deps: QuerySlotsDeps;
  readonly #table: () => Promise<Table>;

  constructor(deps: QuerySlotsDeps) {
    this.#deps = deps;
    this.#table = createdTable(() => deps.table());
  }

  /**
   * Takes a place for a query that starts next.
   * @throws BrokerError busy if the caller has as many active queries as it may have; storage_unavailable.
   */
  async take(holder: Holder, runId: RunId): Promise<void> {
    const others: RunId[] = [];
    for (let place = 0; place < maxActive; place += 1) {
      const held = await this.#takeAt({ partitionKey: partitionOf(holder), rowKey: String(place) }, runId);
      if (held === undefined) return;
      others.push(held);
    }
    throw new BrokerError(
      'busy',
      `A caller has at most ${maxActive} active queries. Wait until one of these ends, or cancel it: ${others.join(', ')}.`,
    );
  }

  /** @returns the run that holds the place; undefined if it is taken for this run now. */
  async #takeAt(key: Key, runId: RunId): Promise<RunId | undefined> {
    for (;;) {
      const slot = await this.#find(key);
      // The SDK repeats a request that got no answer, so this call may have taken it already.
      if (slot?.runId === runId) return undefined;
      if (slot !== undefined && (await this.#isHeld(slot))) return slot.runId;
      if (await this.#write(key, runId, slot)) return undefined;
    }
  }

  async #isHeld({ runId, takenAtMs }: Slot): Promise<boolean> {
    const run = await this.#deps.runLog.find(runId);
    // Both ways, so that a place is not kept for long by a clock that was set back.
    return run === undefined ? Math.abs(this.#deps.clock.nowMs() - takenAtMs) < startMs : !isEnded(run.status);
  }

  #find({ partitionKey, rowKey }: Key): Promise<Slot | undefined> {
    return storageCall(async () => {
      const table = await this.#table();
      const row = await unlessMissing(() => table.getEntity(partitionKey, rowKey), isRowMissing);
      if (row === undefined) return undefined;
      const { etag, runId, takenAt } = row;
      const takenAtMs = takenAt instanceof Date ? takenAt.getTime() : 0;
      return { etag, runId: typeof runId === 'string' ? runId : '', takenAtMs };
    });
  }

  /** @returns false if another request was faster. */
  #write(key: Key, runId: RunId, over: Slot | undefined): Promise<boolean> {
    const entity = { ...key, runId, takenAt: new Date(this.#deps.clock.nowMs()) };
    return storageCall(async () => {
      const table = await this.#table();
      return unlessConflict(() =>
        over === undefined ? table.createEntity(entity) : table.updateEntity(entity, 'Replace', { etag: over.etag }),
      );
    });
  }
}

interface Key {
  readonly partitionKey: string;
  readonly rowKey: string;
}

/** Keys must not contain a slash ("Understanding the Table service data model"). */
const partitionOf = ({ applicationId, objectId }: Holder): string => `${applicationId}@${objectId}`;
