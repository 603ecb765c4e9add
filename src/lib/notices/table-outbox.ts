import type { TableClient, TransactionAction } from '@azure/data-tables';
import { isoTime } from '../core/clock.ts';
import {
  createdTable,
  isRowMissing,
  isStorageConflict,
  storageCall,
  storageItems,
  unlessMissing,
} from '../core/rows/table.ts';
import type { Notice } from './notice.ts';
import { type Backlog, type Delivery, noticeId, type Outbox, type TargetState } from './outbox.ts';
import {
  deliveryKey,
  deliveryRow,
  givenUpKey,
  noticeKey,
  noticeRow,
  partitionKey,
  readDelivery,
  readNotice,
  readState,
  stateKey,
  stateRow,
} from './outbox-rows.ts';
import type { TargetName } from './target.ts';

export const noticesTable = 'Notices';

type Table = Pick<
  TableClient,
  'createTable' | 'getEntity' | 'listEntities' | 'submitTransaction' | 'updateEntity' | 'upsertEntity' | 'deleteEntity'
>;
type Row = Readonly<Record<string, unknown>>;

/** Health reads the backlog, so it must not take long. */
const mostCounted = 1_000;

/**
 * The outbox in one table with one partition, so that a notice and its deliveries are one transaction. Deliveries of a target
 * are listed by the prefix of their row keys, in the order of time.
 */
export class TableOutbox implements Outbox {
  readonly #table: () => Promise<Table>;

  /** @param open returns the table's client. The table is created on first use. */
  constructor(open: () => Promise<Table>) {
    this.#table = createdTable(open);
  }

  add(notice: Notice, targets: readonly TargetName[], nowMs: number): Promise<boolean> {
    const id = noticeId(notice);
    const waiting = targets.map((target): TransactionAction => {
      const times = { addedAtMs: nowMs, nextAtMs: nowMs, claimedUntilMs: 0 };
      return ['create', deliveryRow({ target, noticeId: id, kind: notice.kind, attempts: 0, reason: '', ...times })];
    });
    const actions: TransactionAction[] = [['create', noticeRow(notice, nowMs)], ...waiting];
    return storageCall(async () => {
      try {
        await (await this.#table()).submitTransaction(actions);
        return true;
      } catch (thrown) {
        // A table that is being deleted conflicts as well.
        if (isStorageConflict(thrown) && (await this.#get(noticeKey(id))) !== undefined) return false;
        throw thrown;
      }
    });
  }

  async find(id: string): Promise<Notice | undefined> {
    const row = await this.#get(noticeKey(id));
    return row && readNotice(row);
  }

  waiting(target: TargetName): AsyncIterable<Delivery> {
    return this.#deliveries(between(deliveryKey(target)));
  }

  async change(delivery: Delivery): Promise<Delivery | undefined> {
    const { version: etag, ...columns } = delivery;
    let version: string | undefined;
    const isChanged = await unlessChanged(async () => {
      ({ etag: version } = await (await this.#table()).updateEntity(deliveryRow(columns), 'Replace', { etag }));
    });
    return isChanged && version !== undefined ? { ...columns, version } : undefined;
  }

  async remove({ target, addedAtMs, noticeId: id }: Delivery): Promise<void> {
    await unlessChanged(async () =>
      (await this.#table()).deleteEntity(partitionKey, deliveryKey(target, addedAtMs, id)),
    );
  }

  giveUp(delivery: Delivery, nowMs: number): Promise<boolean> {
    const { version: _, ...columns } = delivery;
    const { rowKey, ...row } = deliveryRow(columns);
    const givenUp = { ...row, rowKey: givenUpKey(delivery.target, nowMs, delivery.noticeId) };
    return unlessChanged(async () =>
      (await this.#table()).submitTransaction([
        // The library deletes the row whatever its version.
        ['delete', { partitionKey, rowKey }],
        ['upsert', givenUp, 'Replace'],
      ]),
    );
  }

  async state(target: TargetName): Promise<TargetState | undefined> {
    const row = await this.#get(stateKey(target));
    return row && readState(row);
  }

  setState(target: TargetName, state: TargetState): Promise<void> {
    return storageCall(async () => {
      await (await this.#table()).upsertEntity(stateRow(target, state), 'Replace');
    });
  }

  async backlog(target: TargetName, sinceMs: number): Promise<Backlog> {
    const [state, oldest, givenUp] = await Promise.all([
      this.state(target),
      first(this.waiting(target)),
      count(this.#deliveries(between(givenUpKey(target), givenUpKey(target, sinceMs)))),
    ]);
    return { state, oldest, givenUp };
  }

  async purge(beforeMs: number): Promise<void> {
    const old = `addedAt lt '${isoTime(beforeMs)}'`;
    // Notices, what was given up, and what waits for a target that is no more. The states of targets ("t-") stay.
    for (const range of [between('n-'), between('g-'), between('w-')]) {
      for await (const { rowKey } of await this.#rows(`${range} and ${old}`)) {
        await unlessChanged(async () => (await this.#table()).deleteEntity(partitionKey, String(rowKey)));
      }
    }
  }

  async *#deliveries(filter: string): AsyncGenerator<Delivery, void, undefined> {
    for await (const row of await this.#rows(filter)) {
      const delivery = readDelivery(row);
      if (delivery !== undefined) yield delivery;
    }
  }

  async #rows(range: string): Promise<AsyncIterable<Row>> {
    const table = await storageCall(() => this.#table());
    return storageItems(
      table.listEntities({ queryOptions: { filter: `PartitionKey eq '${partitionKey}' and ${range}` } }),
    );
  }

  #get(rowKey: string): Promise<Row | undefined> {
    return storageCall(async () => {
      const table = await this.#table();
      return unlessMissing<Row>(() => table.getEntity(partitionKey, rowKey), isRowMissing);
    });
  }
}

/** The filter for row keys with a prefix. "~" is behind all characters of the keys. */
const between = (prefix: string, from = prefix): string => `RowKey ge '${from}' and RowKey lt '${prefix}~'`;

/** @returns false if the row was changed or removed. */
const unlessChanged = (write: () => Promise<unknown>): Promise<boolean> =>
  storageCall(async () => {
    try {
      await write();
      return true;
    } catch (thrown) {
      if (isStorageConflict(thrown) || isRowMissing(thrown)) return false;
      throw thrown;
    }
  });

async function first<T>(items: AsyncIterable<T>): Promise<T | undefined> {
  for await (const item of items) return item;
  return undefined;
}

async function count(items: AsyncIterable<unknown>): Promise<number> {
  let number = 0;
  for await (const _ of items) {
    number += 1;
    if (number >= mostCounted) break;
  }
  return number;
}
