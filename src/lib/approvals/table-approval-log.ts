import type { TableClient, TableEntity, TransactionAction } from '@azure/data-tables';
import { BrokerError } from '../core/errors.ts';
import { errorFields, type Logger } from '../core/log.ts';
import { createdTable } from '../core/rows/created-table.ts';
import { isStorageConflict, isStorageMissing, storageCall, unlessConflict, unlessMissing } from '../core/rows/table.ts';
import { type Approval, askerKeyOf, endsOf } from './approval.ts';
import { approvalRow, partitionKey, readApproval } from './approval-entity.ts';
import { rowKeyOf, rowPrefixAt } from './approval-id.ts';
import type { ApprovalLog, ApprovalPage, ApprovalQuery, Creation, StoredApproval } from './approval-log.ts';
import { purgeApprovals } from './purge-approvals.ts';
import { type OpenSlot, readSlots, slotsOf } from './open-slots.ts';

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
