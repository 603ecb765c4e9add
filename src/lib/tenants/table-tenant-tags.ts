import type { TableClient } from '@azure/data-tables';
import { type Clock, minuteMs, withDeadline } from '../core/clock.ts';
import { parseTenantId, type TenantId } from '../core/identifiers.ts';
import { readTags, type StoredTags, type TagChange, type TagList, type TenantTags } from './tags.ts';
import { BrokerError } from '../core/errors.ts';
import { KeptCopy } from '../core/kept-copy.ts';
import { errorFields, type Logger } from '../core/log.ts';
import { Columns, text, time, words } from '../core/rows/columns.ts';
import { putAction, type Row, Table } from '../core/rows/table.ts';

export const tenantTagsTable = 'TenantTags';
/** One partition, so that a change and the mark that tells of it are one transaction. */
const partitionKey = 'tags';
/** The row that every change replaces. As long as it is the same, no other row has changed. */
const markKey = 'mark';
const columns = new Columns({
  tags: words,
  changedAtMs: time.lenient(),
  changedBy: text.lenient(),
  changeId: text.lenient(),
});

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
  readonly #table: Table;
  readonly #copy: KeptCopy<ReadList>;
  /** Whether a mark was read. Nothing of the broker removes it. */
  #isMarked = false;

  constructor(open: () => Promise<TableClient>, deps: TableTenantTagsDeps) {
    this.#deps = deps;
    this.#table = new Table(open, 'The tags of the tenants cannot be read.');
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
    const unreadable = 'The tags of the tenant cannot be read.';
    const row = await this.#table.saying(unreadable).find({ partitionKey, rowKey: tenantId });
    const tags = row && tagsIn(row);
    if (row !== undefined && tags === undefined) throw new BrokerError('storage_unavailable', unreadable);
    return { tags: tags ?? [], etag: row?.etag };
  }

  async replace({ tenantId, tags, changedBy }: TagChange, etag: string | undefined): Promise<boolean> {
    const table = this.#table.saying('The tags could not be stored.');
    const changeId = this.#deps.newId();
    const key = { partitionKey, rowKey: tenantId };
    const row = { ...key, ...columns.encode({ tags, changedAtMs: this.#deps.clock.nowMs(), changedBy, changeId }) };
    const isStored =
      (await table.submitIfUnchanged([
        putAction(row, etag),
        ['upsert', { partitionKey, rowKey: markKey, mark: changeId }, 'Replace'],
      ])) ||
      // If the reply was lost, the storage library sends the transaction again, and it conflicts with itself.
      (await table.find(key))?.['changeId'] === changeId;
    if (isStored) await this.#see(changeId);
    return isStored;
  }

  /** Reads until this instance knows a change of its own. A read that was under way may be from before it. */
  async #see(mark: string): Promise<void> {
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const kept = await this.#copy.get(() => this.#read(), { freshMs: 0 }).catch(() => undefined);
      if (kept?.value.mark === mark) return;
    }
  }

  #read(): Promise<ReadList> {
    return withDeadline(this.#deps.clock, readTimeoutMs, (signal) => this.#readChanges(signal));
  }

  async #readChanges(abortSignal: AbortSignal): Promise<ReadList> {
    const nowMs = this.#deps.clock.nowMs();
    // Before the rows: a change that comes in between is then seen by the next read.
    const mark = (await this.#table.find({ partitionKey, rowKey: markKey }, { abortSignal }))?.['mark'];
    if (mark === undefined && this.#isMarked) {
      const detail = 'The tags of all tenants were deleted. Set them again, or restore the table TenantTags.';
      throw new BrokerError('storage_unavailable', detail);
    }
    this.#isMarked ||= mark !== undefined;
    const known = this.#copy.peek()?.value;
    if (known !== undefined && known.mark === mark && Math.abs(nowMs - known.readAtMs) < rereadMs) return known;
    const byTenant = new Map<TenantId, readonly string[] | undefined>();
    for await (const row of this.#table.rows({}, abortSignal)) {
      const tenantId = parseTenantId(row.rowKey);
      if (tenantId === undefined) continue;
      const tags = tagsIn(row);
      if (tags === undefined) this.#deps.log.log('warn', 'tags.record_unreadable', { tenantId });
      byTenant.set(tenantId, tags);
    }
    return { byTenant, mark: typeof mark === 'string' ? mark : undefined, readAtMs: nowMs };
  }
}

function tagsIn(row: Row): readonly string[] | undefined {
  const stored = columns.decode(row)?.tags;
  const read = stored && readTags(stored);
  return read !== undefined && 'tags' in read ? read.tags : undefined;
}
