import type { TableClient } from '@azure/data-tables';
import { isAhead, isoTime } from '../core/clock.ts';
import { Columns, number } from '../core/rows/columns.ts';
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
  state,
  stateKey,
  statePrefix,
  tenantEventKey,
  tenantOfStateRow,
} from './claimed-log.ts';
import { ClaimLost, type EventPage, type EventQuery, type ToldState } from './event-log.ts';
import type { TenantEvent } from './tenant-event.ts';

export const tenantEventsTable = 'TenantEvents';

/** The events of all tenants in one order. Every method throws BrokerError storage_unavailable. */
export class TableEventLog {
  readonly #table: Table;
  readonly #deps: ClaimDeps;

  constructor(open: () => Promise<TableClient>, deps: ClaimDeps) {
    this.#deps = deps;
    this.#table = new Table(open);
  }

  /** @returns undefined while another instance has the claim. A claim that is not renewed lapses after five minutes. */
  async claim(): Promise<ClaimedLog | undefined> {
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

  /** Deletes events from before a time. @returns their number. */
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

export const toldStatesTable = 'TenantEventsTold';

const toldPartition = 'told';
const newestKey = { partitionKey: toldPartition, rowKey: 'newest' };
const toldColumns = new Columns({ state, sequence: number });

/**
 * What people were told, in a place of its own: a log that was restored from a copy does not know what it has told since. One
 * row for each tenant that had an event, and one with the newest place. Every method throws BrokerError storage_unavailable.
 */
export class TableToldStates {
  readonly #table: Table;

  constructor(open: () => Promise<TableClient>) {
    this.#table = new Table(open);
  }

  /** The place of the newest event that was told. */
  async newest(): Promise<number> {
    const sequence = (await this.#table.find(newestKey))?.['sequence'];
    return typeof sequence === 'number' ? sequence : 0;
  }

  /** The states of all tenants with events after this place. */
  async after(sequence: number): Promise<readonly ToldState[]> {
    const filter = `PartitionKey eq '${toldPartition}' and RowKey ge '${statePrefix}' and RowKey lt 's.' and sequence gt ${sequence}`;
    const found: ToldState[] = [];
    for await (const row of this.#table.rows({ filter })) {
      const [tenantId, told] = [tenantOfStateRow(row), toldColumns.decode(row)];
      if (tenantId !== undefined && told !== undefined) found.push({ tenantId, ...told });
    }
    return found;
  }

  /** Notes what was told. The place of the newest event is written last. */
  async note(told: readonly ToldState[], newest: number): Promise<void> {
    // The latest state of each tenant: a transaction may name a row once.
    const latest = new Map(told.map((each) => [stateKey(each.tenantId), toldColumns.encode(each)]));
    await this.#table.putAll([...latest].map(([rowKey, row]) => ({ partitionKey: toldPartition, rowKey, ...row })));
    await this.#table.put({ ...newestKey, sequence: newest });
  }
}
