import type { TableClient, TransactionAction } from '@azure/data-tables';
import * as z from 'zod';
import { isoTime } from '../core/clock.ts';
import { parseTenantId } from '../core/identifiers.ts';
import { column, Columns, json, oneOf, text, time } from '../core/rows/columns.ts';
import { type Row, Table } from '../core/rows/table.ts';
import { type Notice, type NoticeKind, severities } from './notice.ts';
import { type Backlog, type Delivery, noticeId, type Outbox, type TargetState } from './outbox.ts';
import { type TargetName, targetNames } from './target.ts';

export const noticesTable = 'Notices';

const partitionKey = 'notices';

/** 13 digits until the year 2286, so that the order of texts is that of times. */
const sortable = (ms: number): string => String(Math.max(0, Math.trunc(ms))).padStart(13, '0');

const keyOf = (kind: string, target: TargetName, ms?: number, id?: string): string =>
  [kind, target, ...(ms === undefined ? [''] : [sortable(ms)]), ...(id === undefined ? [] : [id])].join('-');

const noticeKey = (id: string): string => `n-${id}`;
const stateKey = (target: TargetName): string => `t-${target}`;
/** The row key of a delivery, or the prefix of all. */
const deliveryKey = (target: TargetName, addedAtMs?: number, id?: string): string => keyOf('w', target, addedAtMs, id);
/** The row key of a delivery that was given up, or a prefix. */
const givenUpKey = (target: TargetName, atMs?: number, id?: string): string => keyOf('g', target, atMs, id);

const noticeColumns = new Columns({
  // Another version of the app may know other kinds.
  kind: column((value) => (typeof value === 'string' ? (value as NoticeKind) : undefined)),
  key: text,
  severity: oneOf(severities),
  tenantId: column(parseTenantId).lenient(),
  tenantName: text.optional(),
  atMs: time,
  title: text,
  text,
  facts: json<Notice['facts']>(z.array(z.object({ name: z.string(), value: z.string() }))),
  link: text.optional(),
});

const deliveryColumns = new Columns({
  target: oneOf(targetNames),
  noticeId: text,
  kind: text.or(''),
  severity: oneOf(severities).or('warning'),
  addedAtMs: time,
  attempts: column((value) => (Number.isInteger(value) ? Number(value) : undefined)),
  nextAtMs: time,
  claimedUntilMs: time,
  reason: text,
});

const stateColumns = new Columns({
  addressDigest: text,
  stoppedAtMs: time.optional(),
  pausedUntilMs: time.optional(),
});

const deliveryRow = (delivery: Omit<Delivery, 'version'>) => ({
  partitionKey,
  rowKey: deliveryKey(delivery.target, delivery.addedAtMs, delivery.noticeId),
  ...deliveryColumns.encode(delivery),
});

/** Health reads the backlog, so it must not take long. */
const mostCounted = 1_000;

/**
 * The outbox in one table with one partition, so that a notice and its deliveries are one transaction. Deliveries of a target
 * are listed by the prefix of their row keys, in the order of time. Rows that this version cannot read are passed over.
 */
export class TableOutbox implements Outbox {
  readonly #table: Table;

  /** @param open returns the table's client. The table is created on first use. */
  constructor(open: () => Promise<TableClient>) {
    this.#table = new Table(open);
  }

  add(notice: Notice, targets: readonly TargetName[], nowMs: number): Promise<boolean> {
    const id = noticeId(notice);
    const row = {
      partitionKey,
      rowKey: noticeKey(id),
      ...noticeColumns.encode(notice),
      addedAt: isoTime(nowMs),
    };
    const waiting = targets.map((target): TransactionAction => {
      const times = { addedAtMs: nowMs, nextAtMs: nowMs, claimedUntilMs: 0 };
      const { kind, severity } = notice;
      return ['create', deliveryRow({ target, noticeId: id, kind, severity, attempts: 0, reason: '', ...times })];
    });
    return this.#table.submitIfUnchanged([['create', row], ...waiting]);
  }

  async find(id: string): Promise<Notice | undefined> {
    const row = await this.#find(noticeKey(id));
    return row && noticeColumns.decode(row);
  }

  waiting(target: TargetName): AsyncIterable<Delivery> {
    return this.#deliveries(between(deliveryKey(target)));
  }

  async change({ version: before, ...columns }: Delivery): Promise<Delivery | undefined> {
    const version = await this.#table.putIfUnchanged(deliveryRow(columns), before);
    return version === undefined ? undefined : { ...columns, version };
  }

  async remove({ target, addedAtMs, noticeId: id }: Delivery): Promise<void> {
    await this.#table.remove({ partitionKey, rowKey: deliveryKey(target, addedAtMs, id) });
  }

  giveUp(delivery: Delivery, nowMs: number): Promise<boolean> {
    const { rowKey, ...row } = deliveryRow(delivery);
    const givenUp = { ...row, rowKey: givenUpKey(delivery.target, nowMs, delivery.noticeId) };
    return this.#table.submitIfUnchanged([
      // The library deletes the row whatever its version.
      ['delete', { partitionKey, rowKey }],
      ['upsert', givenUp, 'Replace'],
    ]);
  }

  async state(target: TargetName): Promise<TargetState | undefined> {
    const row = await this.#find(stateKey(target));
    return row && stateColumns.decode(row);
  }

  setState(target: TargetName, state: TargetState): Promise<void> {
    return this.#table.put({ partitionKey, rowKey: stateKey(target), ...stateColumns.encode(state) });
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
    // Notices, what was given up, and what waits for a target that is no more. The states of targets ("t-") stay.
    for (const range of [between('n-'), between('g-'), between('w-')])
      await this.#table.removeRange(`${range} and addedAt lt '${isoTime(beforeMs)}'`);
  }

  async *#deliveries(filter: string): AsyncGenerator<Delivery, void, undefined> {
    for await (const row of this.#table.rows({ filter })) {
      const delivery = deliveryColumns.decode(row);
      if (delivery !== undefined) yield { ...delivery, version: row.etag };
    }
  }

  #find(rowKey: string): Promise<Row | undefined> {
    return this.#table.find({ partitionKey, rowKey });
  }
}

/** The filter for row keys with a prefix. "~" is behind all characters of the keys. */
const between = (prefix: string, from = prefix): string =>
  `PartitionKey eq '${partitionKey}' and RowKey ge '${from}' and RowKey lt '${prefix}~'`;

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
