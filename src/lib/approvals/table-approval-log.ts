import type { TableClient } from '@azure/data-tables';
import * as z from 'zod';
import { hourMs, isoTime } from '../core/clock.ts';
import { BrokerError } from '../core/errors.ts';
import { errorFields, type Logger } from '../core/log.ts';
import { Columns, json, text, time } from '../core/rows/columns.ts';
import { wrongContinuation } from '../core/rows/continuation.ts';
import { type Keys, keysOf, putAction, readPage, type Row, Table, untilWritten } from '../core/rows/table.ts';
import { approvalRow, partitionKey, readApproval } from './approval-entity.ts';
import type { ApprovalLog, ApprovalPage, ApprovalQuery, Creation, StoredApproval } from './approval-log.ts';
import { type Approval, askerKeyOf, endsOf, rowKeyOf, rowPrefixAt } from './approval.ts';

/** An open record of an asker. */
interface OpenSlot {
  readonly id: string;
  /** When it expires, if nobody decides. */
  readonly untilMs: number;
}

/** The row of an asker. One that cannot be read has no open records: it limits only their number. */
const slotColumns = new Columns({
  open: json(z.array(z.object({ id: z.string(), untilMs: z.number() }))).or([]),
  askedAtMs: time.or(0),
  /** How often it has asked in the hour of `askedAtMs`. */
  asks: json(z.number()).or(0),
});
/** The row of a digest: its latest record. */
const latestColumns = new Columns({ id: text.lenient(), askedAtMs: time.or(0) });

export const approvalsTable = 'Approvals';

/** Attempts at a new record while other requests of the same asker write theirs. */
const attempts = 5;

/**
 * Approvals in one table with one partition, so that each change is one transaction. Beside the records it has a row for
 * each digest, with the id of its latest record, and one for each asker, with its open records: two requests at the same
 * moment make one record, and cannot exceed the limit together.
 */
export class TableApprovalLog implements ApprovalLog {
  readonly #table: Table;
  readonly #log: Logger;

  /** @param table returns the table's client. The table is created on first use. */
  constructor(table: () => Promise<TableClient>, log: Logger) {
    this.#log = log;
    this.#table = new Table(table);
  }

  async find(id: string): Promise<StoredApproval | undefined> {
    const rowKey = rowKeyOf(id);
    const row = rowKey === undefined ? undefined : await this.#table.find({ partitionKey, rowKey });
    return row && stored(row);
  }

  async current(digest: string): Promise<StoredApproval | undefined> {
    const { id } = latestOf(await this.#table.find(latestKey(digest)));
    return id === undefined ? undefined : this.find(id);
  }

  create(approval: Approval, replaces: string | undefined, maxOpen: number, maxHourly: number): Promise<Creation> {
    const { id, subject, askedAtMs } = approval;
    const [digestKey, askerKey] = [
      latestKey(subject.digest),
      { partitionKey, rowKey: `s-${askerKeyOf(approval.asker)}` },
    ];
    return untilWritten<Creation>(
      attempts,
      async () => {
        const latest = await this.#table.find(digestKey);
        const latestId = latestOf(latest).id;
        if (latestId === id) return 'created';
        // A row that names a record that was purged names nothing.
        if (latestId !== undefined && latestId !== replaces && (await this.find(latestId)) !== undefined)
          return 'outrun';
        const slots = await this.#table.find(askerKey);
        const asker = slotColumns.decode(slots ?? {}) ?? { open: [], askedAtMs: 0, asks: 0 };
        const asks = hourOf(asker.askedAtMs) === hourOf(askedAtMs) ? asker.asks : 0;
        if (asks >= maxHourly) return 'often';
        const open = await this.#open(asker.open, askedAtMs, maxOpen);
        if (open.length >= maxOpen) return 'full';
        const taken = [...open, { id, untilMs: endsOf(approval).expiresAtMs }];
        const isWritten = await this.#table.submitIfUnchanged([
          ['create', approvalRow(approval)],
          putAction({ ...digestKey, ...latestColumns.encode({ id, askedAtMs }) }, latest?.etag),
          putAction({ ...askerKey, ...slotColumns.encode({ open: taken, askedAtMs, asks: asks + 1 }) }, slots?.etag),
        ]);
        return isWritten ? 'created' : undefined;
      },
      () => {
        throw new BrokerError('caller_throttled', 'Other requests of this caller for approvals are under way.', {
          retryAfterSeconds: 1,
        });
      },
    );
  }

  async change(approval: Approval, version: string): Promise<boolean> {
    return (await this.#table.putIfUnchanged(approvalRow(approval), version)) !== undefined;
  }

  async list({ statuses, askerKey, tenantIds, sinceMs, limit, after }: ApprovalQuery): Promise<ApprovalPage> {
    const afterKey = after === undefined ? 'r-' : rowKeyOf(after);
    if (afterKey === undefined) throw wrongContinuation('is not valid');
    const filter = [
      `PartitionKey eq '${partitionKey}'`,
      `RowKey gt '${afterKey}'`,
      `RowKey lt '${sinceMs === undefined ? 'r.' : `${rowPrefixAt(sinceMs)}.`}'`,
      ...(statuses === undefined ? [] : [`(${statuses.map((status) => `status eq '${status}'`).join(' or ')})`]),
      ...(askerKey === undefined ? [] : [`asker eq '${askerKey}'`]),
    ].join(' and ');
    const { items, last } = await readPage(
      this.#table.pages({ filter }, { size: limit + 1 }),
      limit,
      (row) => this.#readable(row),
      ({ approval }) => tenantIds === undefined || tenantIds.has(approval.subject.tenantId),
    );
    return { approvals: items, ...(last && { continuation: last.approval.id }) };
  }

  async *unsettled(sinceMs: number): AsyncGenerator<StoredApproval, void, undefined> {
    const filter = `PartitionKey eq '${partitionKey}' and RowKey gt 'r-' and RowKey lt '${rowPrefixAt(sinceMs)}.' and endRecorded eq false`;
    for await (const row of this.#table.rows({ filter })) {
      const found = this.#readable(row);
      if (found !== undefined) yield found;
    }
  }

  /**
   * Deletes the records, and then the rows that only refer to such. Those have the time of the latest request in `askedAt`.
   * In this order no record loses its reference, and a reference without its record means nothing.
   */
  async purge(beforeMs: number): Promise<number> {
    const partition = `PartitionKey eq '${partitionKey}'`;
    const records = `${partition} and RowKey ge '${rowPrefixAt(beforeMs - 1_000)}' and RowKey lt 'r.'`;
    const removed = await this.#table.removeRange(records);
    for (const kind of ['d', 's']) {
      const filter = `${partition} and RowKey ge '${kind}-' and RowKey lt '${kind}.' and askedAt lt '${isoTime(beforeMs)}'`;
      // Each only as it was read: the caller may ask again at the same moment, and the row then refers to the new record.
      for await (const row of this.#table.rows({ filter })) await this.#table.remove(keysOf(row), row.etag);
    }
    return removed;
  }

  /** The records of an asker that still wait. One that was decided is looked at only if the asker has no place left. */
  async #open(slots: readonly OpenSlot[], nowMs: number, maxOpen: number): Promise<readonly OpenSlot[]> {
    const waiting = slots.filter(({ untilMs }) => untilMs > nowMs);
    if (waiting.length < maxOpen) return waiting;
    const records = await Promise.all(waiting.map(({ id }) => this.find(id)));
    return waiting.filter((_, index) => records[index]?.approval.status === 'pending');
  }

  /** One row that cannot be read must not hide the others. A later version of the broker may have written it. */
  #readable(row: Row): StoredApproval | undefined {
    try {
      return stored(row);
    } catch (thrown) {
      this.#log.log('error', 'approval.unreadable', { rowKey: row.rowKey, ...errorFields(thrown) });
      return undefined;
    }
  }
}

const hourOf = (ms: number): number => Math.floor(ms / hourMs);

const latestKey = (digest: string): Keys => ({ partitionKey, rowKey: `d-${digest}` });
const latestOf = (row: Row | undefined): { readonly id?: string } => latestColumns.decode(row ?? {}) ?? {};
const stored = (row: Row): StoredApproval => ({ approval: readApproval(row), version: row.etag });
