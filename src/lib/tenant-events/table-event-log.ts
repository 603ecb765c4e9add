import type { TransactionAction } from '@azure/data-tables';
import { isoTime, minuteMs } from '../core/clock.ts';
import { createdTable, isStorageMissing, storageCall } from '../core/rows/table.ts';
import {
  type ClaimDeps,
  ClaimedLog,
  claimMs,
  eventKey,
  type EventTable,
  keysOfEvent,
  partitionKey,
  placeKey,
  readEvent,
  readStoredHead,
  tenantEventKey,
} from './claimed-log.ts';
import { ClaimLost, type EventLog, type EventPage, type EventQuery, type LogClaim } from './event-log.ts';
import type { TenantEvent } from './tenant-event.ts';

export const tenantEventsTable = 'TenantEvents';

/** Difference between two clocks up to which a time in the future counts. */
const clockToleranceMs = 5 * minuteMs;
/** Replies of storage for one page, at most: if none of many events is of a chosen tenant, the page is empty. */
const maxReplies = 10;
const maxPerReply = 1000;
/** Each event has two rows. */
const purgedPerTransaction = 50;

/** The log in one table with one partition. */
export class TableEventLog implements EventLog {
  readonly #table: () => Promise<EventTable>;
  readonly #deps: ClaimDeps;

  /** @param open returns the table's client. The table is created on first use. */
  constructor(open: () => Promise<EventTable>, deps: ClaimDeps) {
    this.#deps = deps;
    this.#table = createdTable(open);
  }

  async claim(): Promise<LogClaim | undefined> {
    const table = await storageCall(this.#table);
    const stored = await storageCall(() => readStoredHead(table));
    const leftMs = (stored?.claimedUntilMs ?? 0) - this.#deps.clock.nowMs();
    // A claim that lasts longer was written before a clock was set back.
    if (leftMs > 0 && leftMs <= claimMs + clockToleranceMs) return undefined;
    const claim = new ClaimedLog(table, this.#deps, stored);
    try {
      await claim.take();
      return claim;
    } catch (thrown) {
      if (thrown instanceof ClaimLost) return undefined;
      throw thrown;
    }
  }

  query(query: EventQuery): Promise<EventPage> {
    return storageCall(async () => {
      const table = await this.#table();
      const [page, head] = await Promise.all([this.#page(table, query), readStoredHead(table)]);
      return { ...page, ...(head?.readAtMs === undefined ? {} : { readAtMs: head.readAtMs }) };
    }, 'The events of the tenants cannot be read.');
  }

  async #page(table: EventTable, query: EventQuery): Promise<Omit<EventPage, 'readAtMs'>> {
    const { limit, isChosen } = query;
    // Storage cannot choose tenants. Otherwise one more than is asked for, which tells whether there is another page.
    const maxPageSize = isChosen === undefined ? Math.min(maxPerReply, limit + 1) : maxPerReply;
    const pages = table.listEntities({ queryOptions: { filter: filterOf(query) } }).byPage({ maxPageSize });
    const events: TenantEvent[] = [];
    let last: number | undefined;
    let replies = 0;
    for await (const page of pages) {
      replies += 1;
      for (const row of page) {
        const event = readEvent(row);
        if (event === undefined) {
          this.#deps.log.log('warn', 'tenant_events.unreadable', { rowKey: row.rowKey });
          continue;
        }
        const isWanted = isChosen === undefined || isChosen(event.tenantId);
        if (isWanted && events.length === limit && last !== undefined) return { events, before: last };
        if (isWanted) events.push(event);
        last = event.sequence;
      }
      if (page.continuationToken === undefined) return { events };
      if (replies >= maxReplies && last !== undefined) return { events, before: last };
    }
    return { events };
  }

  async purge(beforeMs: number): Promise<number> {
    return storageCall(async () => {
      const table = await this.#table();
      const filter = `PartitionKey eq '${partitionKey}' and RowKey ge 'e-' and RowKey lt 'e.' and at lt '${isoTime(beforeMs)}'`;
      let deleted = 0;
      const rows = table.listEntities({ queryOptions: { filter } }).byPage({ maxPageSize: purgedPerTransaction });
      for await (const page of rows) {
        const keys = page.map(({ rowKey = '', ...row }) => keysOfEvent({ ...row, rowKey }));
        deleted += await deleteEvents(table, keys);
      }
      return deleted;
    });
  }
}

function filterOf({ tenantId, kind, sinceMs, after, before }: EventQuery): string {
  const key = (sequence: number): string =>
    tenantId === undefined ? eventKey(sequence) : tenantEventKey(tenantId, sequence);
  const start = tenantId === undefined ? 'e-' : `t-${tenantId}-`;
  return [
    `PartitionKey eq '${partitionKey}'`,
    `RowKey gt '${before === undefined ? start : key(before)}'`,
    `RowKey lt '${after === undefined ? `${start}${placeKey(0)}` : key(after)}'`,
    ...(kind === undefined ? [] : [`kind eq '${kind}'`]),
    // Texts in this format sort like times.
    ...(sinceMs === undefined ? [] : [`at ge '${isoTime(sinceMs)}'`]),
  ].join(' and ');
}

/** @param events the keys of the rows of each event. */
async function deleteEvents(table: EventTable, events: readonly (readonly string[])[]): Promise<number> {
  const [first = [], ...others] = events;
  if (first.length === 0) return 0;
  const actions = events.flat().map((rowKey): TransactionAction => ['delete', { partitionKey, rowKey }]);
  try {
    await table.submitTransaction(actions);
    return events.length;
  } catch (thrown) {
    if (!isStorageMissing(thrown)) throw thrown;
    // Another instance may purge too. One missing row fails the whole transaction, so halve it to isolate the row.
    if (others.length === 0) return deleteEvents(table, [first.slice(1)]);
    const middle = events.length >> 1;
    return (await deleteEvents(table, events.slice(0, middle))) + (await deleteEvents(table, events.slice(middle)));
  }
}
