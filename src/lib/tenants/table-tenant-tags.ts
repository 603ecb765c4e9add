import type { TableClient, TransactionAction } from '@azure/data-tables';
import { type Clock, isoTime, minuteMs, withDeadline } from '../core/clock.ts';
import { parseTenantId, type TenantId } from '../core/identifiers.ts';
import { readTags, type StoredTags, type TagChange, type TagList, type TenantTags } from './tags.ts';
import { KeptCopy } from '../core/kept-copy.ts';
import { errorFields, type Logger } from '../core/log.ts';
import {
  createdTable,
  isRowMissing,
  isStorageConflict,
  storageCall,
  storageItems,
  unlessMissing,
} from '../core/rows/table.ts';

type Table = Pick<TableClient, 'createTable' | 'getEntity' | 'listEntities' | 'submitTransaction'>;

export const tenantTagsTable = 'TenantTags';
/** One partition, so that a change and the mark that tells of it are one transaction. */
const partitionKey = 'tags';
/** The row that every change replaces. As long as it is the same, no other row has changed. */
const markKey = 'mark';

/** How soon an instance sees a change by another one. It reads one row as often, and all only after a change. */
const freshMs = 10_000;
/** How long tags are used while storage does not answer. A tag that was taken away must not open anything for longer. */
const usableMs = minuteMs;
/** After this time all rows are read again, because somebody may have changed one by hand. */
const rereadMs = 10 * minuteMs;
const retryMs = 2_000;
const readTimeoutMs = 5_000;

interface ReadList extends TagList {
  readonly mark: string | undefined;
  readonly readAtMs: number;
}

export interface TableTenantTagsDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly newId: () => string;
  readonly background?: (work: () => void) => void;
}

/** Stores one row per tenant. Keeps the whole table in memory. */
export class TableTenantTags implements TenantTags {
  readonly #deps: TableTenantTagsDeps;
  readonly #table: () => Promise<Table>;
  readonly #copy: KeptCopy<ReadList>;

  /** @param open returns the table's client. The table is created on first use. */
  constructor(open: () => Promise<Table>, deps: TableTenantTagsDeps) {
    this.#deps = deps;
    this.#table = createdTable(open);
    this.#copy = new KeptCopy(deps, {
      freshMs: () => freshMs,
      usableMs,
      pauseMs: () => retryMs,
      onKept: (failure) => deps.log.log('warn', 'tags.kept_old', errorFields(failure)),
    });
  }

  async current(): Promise<TagList> {
    return (await this.#copy.get(() => this.#read())).value;
  }

  async stored(tenantId: TenantId): Promise<StoredTags> {
    return storageCall(async () => {
      const row = await this.#find(tenantId);
      if (row === undefined) return { tags: [], etag: undefined };
      const tags = tagsIn(row);
      if (tags === undefined) throw new TypeError('The record of the tags cannot be read.');
      return { tags, etag: row.etag };
    }, 'The tags of the tenant cannot be read.');
  }

  async replace({ tenantId, tags, changedBy }: TagChange, etag: string | undefined): Promise<boolean> {
    const changedAt = isoTime(this.#deps.clock.nowMs());
    const changeId = this.#deps.newId();
    const row = { partitionKey, rowKey: tenantId, tags: tags.join(' '), changedAt, changedBy, changeId };
    const mark = { partitionKey, rowKey: markKey, mark: changeId };
    const actions: TransactionAction[] = [
      etag === undefined ? ['create', row] : ['update', row, 'Replace', { etag }],
      ['upsert', mark, 'Replace'],
    ];
    const isStored = await storageCall(async () => {
      try {
        await (await this.#table()).submitTransaction(actions);
        return true;
      } catch (thrown) {
        if (!isStorageConflict(thrown)) throw thrown;
        // If the reply was lost, the storage library sends the transaction again, and it conflicts with itself.
        return (await this.#find(tenantId))?.['changeId'] === changeId;
      }
    }, 'The tags could not be stored.');
    if (isStored) await this.#see(changeId);
    return isStored;
  }

  async #find(rowKey: string, abortSignal?: AbortSignal) {
    const table = await this.#table();
    return unlessMissing(() => table.getEntity(partitionKey, rowKey, abortSignal && { abortSignal }), isRowMissing);
  }

  /** Reads until this instance knows a change of its own. A read that was under way may be from before it. */
  async #see(mark: string): Promise<void> {
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const kept = await this.#copy.get(() => this.#read(), { freshMs: 0 }).catch(() => undefined);
      if (kept?.value.mark === mark) return;
    }
  }

  #read(): Promise<ReadList> {
    return withDeadline(this.#deps.clock, readTimeoutMs, (signal) =>
      storageCall(() => this.#readChanges(signal), 'The tags of the tenants cannot be read.'),
    );
  }

  async #readChanges(abortSignal: AbortSignal): Promise<ReadList> {
    const table = await this.#table();
    const nowMs = this.#deps.clock.nowMs();
    // Before the rows: a change that comes in between is then seen by the next read.
    const mark = (await this.#find(markKey, abortSignal))?.['mark'];
    const known = this.#copy.peek()?.value;
    if (known !== undefined && known.mark === mark && Math.abs(nowMs - known.readAtMs) < rereadMs) return known;
    const byTenant = new Map<TenantId, readonly string[] | undefined>();
    for await (const row of storageItems(table.listEntities({ abortSignal }))) {
      const tenantId = parseTenantId(row.rowKey);
      if (tenantId === undefined) continue;
      const tags = tagsIn(row);
      if (tags === undefined) this.#deps.log.log('warn', 'tags.record_unreadable', { tenantId });
      byTenant.set(tenantId, tags);
    }
    return { byTenant, mark: typeof mark === 'string' ? mark : undefined, readAtMs: nowMs };
  }
}

function tagsIn(row: Readonly<Record<string, unknown>>): readonly string[] | undefined {
  const text = row['tags'];
  if (typeof text !== 'string') return undefined;
  const read = readTags(text.split(' ').filter((tag) => tag !== ''));
  return 'tags' in read ? read.tags : undefined;
}
