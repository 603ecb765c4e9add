import type { TableClient } from '@azure/data-tables';
import type { Caller } from '../../core/caller.ts';
import { type Clock, minuteMs } from '../../core/clock.ts';
import { BrokerError } from '../../core/errors.ts';
import { Columns, dateTime, type Fields, text } from '../../core/rows/columns.ts';
import { type Keys, Table } from '../../core/rows/table.ts';
import { isEnded, type RunId, type RunLog } from './run.ts';

/** Active queries of one caller. All runs share the slots of an instance for tenants, so further ones would keep jobs waiting. */
const maxActive = 4;

/** A slot whose run has no record yet is kept for this long: the record follows at once, or its process died. */
const startMs = minuteMs;

type Holder = Pick<Caller, 'applicationId' | 'objectId'>;

export interface QuerySlotsDeps {
  /** The client of the table. The table is created on first use. */
  readonly table: () => Promise<TableClient>;
  readonly runLog: Pick<RunLog, 'find'>;
  readonly clock: Clock;
}

const columns = new Columns({ runId: text.or(''), takenAtMs: dateTime.or(0) });
type Slot = Fields<typeof columns>;

/**
 * The slots for active queries of each caller. Each slot is a row that only one of several requests can write, so a caller
 * that starts many queries at the same moment, on any instances, gets as many as it may have. The end of a run frees its
 * slot: nothing is written then.
 */
export class QuerySlots {
  readonly #deps: QuerySlotsDeps;
  readonly #table: Table;

  constructor(deps: QuerySlotsDeps) {
    this.#deps = deps;
    this.#table = new Table(() => deps.table());
  }

  /**
   * Takes a slot for a query that starts next.
   * @throws BrokerError busy if the caller has as many active queries as it may have; storage_unavailable.
   */
  async take(holder: Holder, runId: RunId): Promise<void> {
    const others: RunId[] = [];
    // Keys must not contain a slash ("Understanding the Table service data model").
    const partitionKey = `${holder.applicationId}@${holder.objectId}`;
    for (let index = 0; index < maxActive; index += 1) {
      const held = await this.#takeAt({ partitionKey, rowKey: String(index) }, runId);
      if (held === undefined) return;
      others.push(held);
    }
    throw new BrokerError(
      'busy',
      `A caller has at most ${maxActive} active queries. Wait until one of these ends, or cancel it: ${others.join(', ')}.`,
    );
  }

  /** @returns the run that holds the slot; undefined if it is taken for this run now. */
  async #takeAt(key: Keys, runId: RunId): Promise<RunId | undefined> {
    for (;;) {
      const row = await this.#table.find(key);
      const slot = row && columns.decode(row);
      // The SDK repeats a request that got no answer, so this call may have taken it already.
      if (slot?.runId === runId) return undefined;
      if (slot !== undefined && (await this.#isHeld(slot))) return slot.runId;
      const taken = { ...key, ...columns.encode({ runId, takenAtMs: this.#deps.clock.nowMs() }) };
      if ((await this.#table.putIfUnchanged(taken, row?.etag)) !== undefined) return undefined;
    }
  }

  async #isHeld({ runId, takenAtMs }: Slot): Promise<boolean> {
    const run = await this.#deps.runLog.find(runId);
    // Both ways, so that a slot is not kept for long by a clock that was set back.
    return run === undefined ? Math.abs(this.#deps.clock.nowMs() - takenAtMs) < startMs : !isEnded(run.status);
  }
}
