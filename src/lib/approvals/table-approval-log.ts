import type { TableClient, TableEntity, TransactionAction } from '@azure/data-tables';
import * as z from 'zod';
import { BrokerError } from '../core/errors.ts';
import { safeParse } from '../core/json.ts';
import { errorFields, type Logger } from '../core/log.ts';
import { parseJson } from '../core/outbound.ts';
import {
  createdTable,
  isStorageConflict,
  isStorageMissing,
  storageCall,
  unlessConflict,
  unlessMissing,
} from '../core/rows/table.ts';
import { approvalRow, partitionKey, readApproval } from './approval-entity.ts';
import type { ApprovalLog, ApprovalPage, ApprovalQuery, Creation, StoredApproval } from './approval-log.ts';
import { type Approval, askerKeyOf, endsOf, rowKeyOf, rowPrefixAt } from './approval.ts';

/** An open record of an asker. */
interface OpenSlot {
  readonly id: string;
  /** When it expires, if nobody decides. */
  readonly untilMs: number;
}

const schema = z.array(z.object({ id: z.string(), untilMs: z.number() }));

/** Reads the open records in the row of an asker. An unreadable row counts as none: it limits only the number. */
function readSlots(row: Readonly<Record<string, unknown>> | undefined): readonly OpenSlot[] {
  const text = row?.['open'];
  const parsed = safeParse(schema, typeof text === 'string' ? parseJson(text) : []);
  return parsed.success ? parsed.data : [];
}

/** The columns of the row of an asker. */
const slotsOf = (open: readonly OpenSlot[], nowMs: number): { open: string; askedAt: string } => ({
  open: JSON.stringify(open),
  askedAt: new Date(nowMs).toISOString(),
});

/** Limit of "Performing entity group transactions" (Azure Table storage). */
const maxPerTransaction = 100;

type PurgedTable = Pick<TableClient, 'listEntities' | 'submitTransaction' | 'deleteEntity'>;

/**
 * Deletes the records of requests made before a time, and then the rows that only refer to such. Those have the time of the
 * latest request in `askedAt`. In this order no record loses its reference, and a reference without its record means nothing.
 * @returns the number of deleted records.
 * @throws the storage SDK's error. Rows deleted before the failure stay deleted.
 */
async function purgeApprovals(table: PurgedTable, beforeMs: number): Promise<number> {
  const before = new Date(beforeMs).toISOString();
  const partition = `PartitionKey eq '${partitionKey}'`;
  const deleted = await purgeRows(
    table,
    `${partition} and RowKey ge '${rowPrefixAt(beforeMs - 1_000)}' and RowKey lt 'r.'`,
  );
  await purgeReferences(table, `${partition} and RowKey ge 'd-' and RowKey lt 'd.' and askedAt lt '${before}'`);
  await purgeReferences(table, `${partition} and RowKey ge 's-' and RowKey lt 's.' and askedAt lt '${before}'`);
  return deleted;
}

/** Each only as it was read: the caller may ask again at the same moment, and the row then refers to the new record. */
async function purgeReferences(table: PurgedTable, filter: string): Promise<void> {
  for await (const { rowKey, etag } of table.listEntities({ queryOptions: { filter } })) {
    if (rowKey === undefined) continue;
    try {
      await table.deleteEntity(partitionKey, rowKey, { etag });
    } catch (thrown) {
      if (!isStorageConflict(thrown) && !isStorageMissing(thrown)) throw thrown;
    }
  }
}

async function purgeRows(table: PurgedTable, filter: string): Promise<number> {
  let deleted = 0;
  const query = { queryOptions: { filter, select: ['PartitionKey', 'RowKey'] } };
  for await (const page of table.listEntities(query).byPage({ maxPageSize: maxPerTransaction })) {
    const rows = page.flatMap(({ rowKey }) => (rowKey === undefined ? [] : [rowKey]));
    deleted += await deleteRows(table, rows);
  }
  return deleted;
}

async function deleteRows(table: Pick<TableClient, 'submitTransaction'>, rowKeys: readonly string[]): Promise<number> {
  if (rowKeys.length === 0) return 0;
  try {
    await table.submitTransaction(rowKeys.map((rowKey): TransactionAction => ['delete', { partitionKey, rowKey }]));
    return rowKeys.length;
  } catch (thrown) {
    if (!isStorageMissing(thrown)) throw thrown;
    // Another instance may purge too. One missing row fails the whole transaction, so halve it to isolate the row.
    if (rowKeys.length === 1) return 0;
    const middle = rowKeys.length >> 1;
    return (await deleteRows(table, rowKeys.slice(0, middle))) + (await deleteRows(table, rowKeys.slice(middle)));
  }
}

export const approvalsTable = 'Approvals';

/** The part of the SDK's client that is used here. */
export type ApprovalTable = Pick<
  TableClient,
  'createTable' | 'getEntity' | 'updateEntity' | 'deleteEntity' | 'submitTransaction' | 'listEntities'
>;

type Row = Readonly<Record<string, unknown>> & { readonly etag?: string };

/** Attempts at a new record while other requests of the same asker write theirs. */
const attempts = 5;
/** Rows that one query looks at, at most: with filters, storage returns a page after 1,000 rows even if none matches. */
const maxReplies = 10;

/**
 * Approvals in one table with one partition, so that each change is one transaction. Beside the records it has a row for
 * each digest, with the id of its latest record, and one for each asker, with its open records: two requests at the same
 * moment make one record, and cannot exceed the limit together.
 */
export class TableApprovalLog implements ApprovalLog {
  readonly #table: () => Promise<ApprovalTable>;
  readonly #log: Logger;

  /** @param table returns the table's client. The table is created on first use. */
  constructor(table: () => Promise<ApprovalTable>, log: Logger) {
    this.#log = log;
    this.#table = createdTable(table);
  }

  async find(id: string): Promise<StoredApproval | undefined> {
    const rowKey = rowKeyOf(id);
    const row = rowKey === undefined ? undefined : await this.#get(rowKey);
    return row && stored(row);
  }

  async current(digest: string): Promise<StoredApproval | undefined> {
    const id = (await this.#get(latestKey(digest)))?.['id'];
    return typeof id === 'string' ? this.find(id) : undefined;
  }

  async create(approval: Approval, replaces: string | undefined, maxOpen: number): Promise<Creation> {
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      const latest = await this.#get(latestKey(approval.subject.digest));
      if (latest?.['id'] === approval.id) return 'created';
      // A row that names a record that was purged names nothing.
      if (latest !== undefined && latest['id'] !== replaces && (await this.find(String(latest['id']))) !== undefined)
        return 'outrun';
      const slotsRow = await this.#get(slotsKey(approval));
      const open = await this.#open(readSlots(slotsRow), approval.askedAtMs, maxOpen);
      if (open.length >= maxOpen) return 'full';
      const slots = [...open, { id: approval.id, untilMs: endsOf(approval).expiresAtMs }];
      const actions: TransactionAction[] = [
        ['create', approvalRow(approval)],
        written(latest, {
          partitionKey,
          rowKey: latestKey(approval.subject.digest),
          id: approval.id,
          askedAt: new Date(approval.askedAtMs).toISOString(),
        }),
        written(slotsRow, { partitionKey, rowKey: slotsKey(approval), ...slotsOf(slots, approval.askedAtMs) }),
      ];
      if (await this.#submit(actions)) return 'created';
    }
    throw new BrokerError('caller_throttled', 'Other requests of this caller for approvals are under way.', {
      retryAfterSeconds: 1,
    });
  }

  async change(approval: Approval, version: string): Promise<boolean> {
    return storageCall(async () => {
      try {
        await (await this.#table()).updateEntity(approvalRow(approval), 'Replace', { etag: version });
        return true;
      } catch (thrown) {
        if (isStorageConflict(thrown) || isStorageMissing(thrown)) return false;
        throw thrown;
      }
    });
  }

  async list({ statuses, askerKey, tenantIds, sinceMs, limit, after }: ApprovalQuery): Promise<ApprovalPage> {
    const afterKey = after === undefined ? undefined : rowKeyOf(after);
    if (after !== undefined && afterKey === undefined)
      throw new BrokerError('request_invalid', 'The continuation is not valid. Send the one from the previous page.');
    const filter = [
      `PartitionKey eq '${partitionKey}'`,
      `RowKey gt '${afterKey ?? 'r-'}'`,
      `RowKey lt '${sinceMs === undefined ? 'r.' : `${rowPrefixAt(sinceMs)}.`}'`,
      ...(statuses === undefined ? [] : [`(${statuses.map((status) => `status eq '${status}'`).join(' or ')})`]),
      ...(askerKey === undefined ? [] : [`asker eq '${askerKey}'`]),
    ].join(' and ');
    return storageCall(async () => {
      const pages = (await this.#table()).listEntities({ queryOptions: { filter } }).byPage({ maxPageSize: limit });
      const approvals: StoredApproval[] = [];
      let last: string | undefined;
      let replies = 0;
      for await (const page of pages) {
        replies += 1;
        for (const row of page) {
          const found = this.#readable(row);
          if (found === undefined) continue;
          last = found.approval.id;
          if (tenantIds === undefined || tenantIds.has(found.approval.subject.tenantId)) approvals.push(found);
          if (approvals.length >= limit) return { approvals, continuation: last };
        }
        if (page.continuationToken === undefined) return { approvals };
        if (replies >= maxReplies && last !== undefined) return { approvals, continuation: last };
      }
      return { approvals };
    });
  }

  async *unsettled(sinceMs: number): AsyncGenerator<StoredApproval, void, undefined> {
    const filter = `PartitionKey eq '${partitionKey}' and RowKey gt 'r-' and RowKey lt '${rowPrefixAt(sinceMs)}.' and endRecorded eq false`;
    const rows = await storageCall(async () => (await this.#table()).listEntities({ queryOptions: { filter } }));
    const found: StoredApproval[] = [];
    await storageCall(async () => {
      for await (const row of rows) found.push(...[this.#readable(row)].filter((each) => each !== undefined));
    });
    yield* found;
  }

  async purge(beforeMs: number): Promise<number> {
    return storageCall(async () => purgeApprovals(await this.#table(), beforeMs));
  }

  /** The records of an asker that still wait. One that was decided is looked at only if the asker has no place left. */
  async #open(slots: readonly OpenSlot[], nowMs: number, maxOpen: number): Promise<readonly OpenSlot[]> {
    const waiting = slots.filter(({ untilMs }) => untilMs > nowMs);
    if (waiting.length < maxOpen) return waiting;
    const records = await Promise.all(waiting.map(({ id }) => this.find(id)));
    return waiting.filter((_, index) => records[index]?.approval.status === 'pending');
  }

  /** One row that cannot be read must not hide the others. A later version of the broker may have written it. */
  #readable(row: object): StoredApproval | undefined {
    try {
      return stored(row);
    } catch (thrown) {
      this.#log.log('error', 'approval.unreadable', {
        rowKey: String(Reflect.get(row, 'rowKey')),
        ...errorFields(thrown),
      });
      return undefined;
    }
  }

  #get(rowKey: string): Promise<Row | undefined> {
    return storageCall(async () => {
      const table = await this.#table();
      return unlessMissing<Row>(() => table.getEntity(partitionKey, rowKey));
    });
  }

  /** @returns false if a row was written by another request since it was read. */
  #submit(actions: TransactionAction[]): Promise<boolean> {
    return storageCall(() => unlessConflict(async () => (await this.#table()).submitTransaction(actions)));
  }
}

const latestKey = (digest: string): string => `d-${digest}`;
const slotsKey = ({ asker }: Approval): string => `s-${askerKeyOf(asker)}`;

/** Creates the row, or replaces the version that was read. */
const written = (before: Row | undefined, row: TableEntity): TransactionAction =>
  before?.etag === undefined ? ['create', row] : ['update', row, 'Replace', { etag: before.etag }];

function stored(row: object): StoredApproval {
  const etag: unknown = Reflect.get(row, 'etag');
  return { approval: readApproval(row), version: String(etag) };
}
