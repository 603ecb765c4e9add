import type { TableClient } from '@azure/data-tables';
import { isAhead, isoTime } from '../core/clock.ts';
import { readPage, type Row, Table } from '../core/rows/table.ts';
import {
  type ClaimDeps,
  ClaimedLog,
  claimMs,
  eventKey,
  keysOfEvent,
  partitionKey,
  placeKey,
  readEvent,
  readHead,
  tenantEventKey,
} from './claimed-log.ts';
import { ClaimLost, type EventLog, type EventPage, type EventQuery, type LogClaim } from './event-log.ts';
import type { TenantEvent } from './tenant-event.ts';

export const tenantEventsTable = 'TenantEvents';

/** The log in one table with one partition. */
export class TableEventLog implements EventLog {
  readonly #table: Table;
  readonly #deps: ClaimDeps;

  /** @param open returns the table's client. The table is created on first use. */
  constructor(open: () => Promise<TableClient>, deps: ClaimDeps) {
    this.#deps = deps;
    this.#table = new Table(open);
  }

  async claim(): Promise<LogClaim | undefined> {
    const stored = await readHead(this.#table);
    if (isAhead(stored?.claimedUntilMs, this.#deps.clock.nowMs(), claimMs)) return undefined;
    const claim = new ClaimedLog(this.#table, this.#deps, stored);
    try {
      await claim.take();
      return claim;
    } catch (thrown) {
      if (thrown instanceof ClaimLost) return undefined;
      throw thrown;
    }
  }

  async query(query: EventQuery): Promise<EventPage> {
    const { limit, isSelected } = query;
    const table = this.#table.saying('The events of the tenants cannot be read.');
    // Storage cannot choose tenants.
    const pages = table.pages({ filter: filterOf(query) }, isSelected === undefined ? { size: limit + 1 } : {});
    const isWanted = ({ tenantId }: TenantEvent): boolean => isSelected === undefined || isSelected(tenantId);
    const [{ items, last }, head] = await Promise.all([
      readPage(pages, limit, (row) => this.#readable(row), isWanted),
      readHead(table),
    ]);
    return {
      events: items,
      ...(last && { before: last.sequence }),
      ...(head?.readAtMs === undefined ? {} : { readAtMs: head.readAtMs }),
    };
  }

  async purge(beforeMs: number): Promise<number> {
    const filter = `PartitionKey eq '${partitionKey}' and RowKey ge 'e-' and RowKey lt 'e.' and at lt '${isoTime(beforeMs)}'`;
    let removed = 0;
    for await (const page of this.#table.pages({ filter })) {
      const rows = await this.#table.removeAll(page.flatMap(keysOfEvent));
      removed += rows.filter(({ rowKey }) => rowKey.startsWith('e-')).length;
    }
    return removed;
  }

  #readable(row: Row): TenantEvent | undefined {
    const event = readEvent(row)?.event;
    if (event === undefined) this.#deps.log.log('warn', 'tenant_events.unreadable', { rowKey: row.rowKey });
    return event;
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
