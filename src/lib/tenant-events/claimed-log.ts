import { hash } from 'node:crypto';
import type { TableEntity, TransactionAction } from '@azure/data-tables';
import * as z from 'zod';
import { type Clock, minuteMs } from '../core/clock.ts';
import { parseTenantId, type TenantId } from '../core/identifiers.ts';
import { safeParse } from '../core/json.ts';
import type { Logger } from '../core/log.ts';
import { parseJson } from '../core/outbound.ts';
import { column, Columns, json, number, oneOf, type Properties, text, time } from '../core/rows/columns.ts';
import { type Keys, putAction, type Row, type Table } from '../core/rows/table.ts';
import { ClaimLost, type LogHead, type PendingEvent, type TenantChange, type TenantState } from './event-log.ts';
import { type DerivedEvent, type EventDetails, eventKinds } from './tenant-event.ts';

/*
 * The table has one partition, so that the state of a tenant, its events and the head are one transaction:
 *   head            who writes, and the newest place
 *   s-TENANT        the state that the events of the tenant have told
 *   e-PLACE         an event; places count down, so that the newest comes first
 *   t-TENANT-PLACE  the same event again, for the page of a tenant
 */

export const partitionKey = 'events';
const headKey = { partitionKey, rowKey: 'head' };
export const statePrefix = 's-';

const highest = 999_999_999_999;
/** Sorts later places first. */
export const placeKey = (sequence: number): string => String(highest - sequence).padStart(12, '0');

export const eventKey = (sequence: number): string => `e-${placeKey(sequence)}`;
export const tenantEventKey = (tenantId: TenantId, sequence: number): string => `t-${tenantId}-${placeKey(sequence)}`;

const stateSchema = z.object({
  name: z.string(),
  isListed: z.boolean(),
  isExcluded: z.boolean(),
  access: z.enum(['never', 'open', 'lost']),
});
/** A state as JSON. Somebody may have changed it by hand. */
export const state = column(
  (value) => {
    const read = typeof value === 'string' ? parseJson(value) : undefined;
    return safeParse(stateSchema, read).success ? (read as TenantState) : undefined;
  },
  (told) => JSON.stringify(told),
);
export const stateColumns = new Columns({ state });

export const stateKey = (tenantId: TenantId): string => `${statePrefix}${tenantId}`;
export const tenantOfStateRow = ({ rowKey }: Pick<Row, 'rowKey'>): TenantId | undefined =>
  parseTenantId(rowKey?.slice(statePrefix.length));

/** Of both rows of an event. */
const eventColumns = new Columns({
  id: text,
  sequence: number,
  atMs: time,
  tenantId: column(parseTenantId),
  tenantName: text.lenient(),
  // A later version may know other kinds.
  kind: oneOf(eventKinds),
  details: json(z.record(z.string(), z.unknown()) as z.ZodType<EventDetails>),
  /** After the event, if no other event was written with it later. Only in the row of the log. */
  state: state.lenient(),
});

/** Undefined if the row is no event. */
export function readEvent(row: Properties): PendingEvent | undefined {
  const read = eventColumns.decode(row);
  if (read === undefined) return undefined;
  const { details, state: told, tenantName = read.tenantId, ...event } = read;
  return { event: { ...event, tenantName, ...details }, ...(told && { state: told }) };
}

/** Both rows of an event at a place. Its id follows from what it says and from its place. */
function eventRows(
  derived: DerivedEvent,
  place: { readonly tenantId: TenantId; readonly tenantName: string; readonly sequence: number; readonly atMs: number },
  told: TenantState | undefined,
): TableEntity[] {
  const { tenantId, sequence } = place;
  const { kind, ...details } = derived;
  const id = hash('sha256', JSON.stringify([tenantId, sequence, derived]), 'hex').slice(0, 32);
  const fields = { id, ...place, kind, details };
  return [
    { partitionKey, rowKey: eventKey(sequence), ...eventColumns.encode({ ...fields, state: told }) },
    { partitionKey, rowKey: tenantEventKey(tenantId, sequence), ...eventColumns.encode(fields) },
  ];
}

/** The keys of both rows of an event, that of the log last. Of a row that names no tenant, its own key. */
export function keysOfEvent({ rowKey = '', tenantId, sequence }: Partial<Row>): readonly Keys[] {
  const tenant = parseTenantId(tenantId);
  const others = tenant && typeof sequence === 'number' ? [tenantEventKey(tenant, sequence)] : [];
  return [...others, rowKey].map((key) => ({ partitionKey, rowKey: key }));
}

const place = column((value) => (typeof value === 'number' && value >= 0 ? value : undefined)).or(0);

/** Of the head: places and times, who may write until when, and the last write. */
export const headColumns = new Columns({
  sequence: place,
  announced: place,
  baselineAtMs: time.lenient(),
  readAtMs: time.lenient(),
  claimId: text.or(''),
  claimedUntilMs: time.or(0),
  commitId: text.or(''),
});

export interface ClaimDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly newId: () => string;
}

/** A read of 5,000 tenants and its writes take about a minute. Each write renews the claim. */
export const claimMs = 5 * minuteMs;
/** Azure Table storage allows 100 rows in a transaction. One is the head. */
const maxRows = 99;

/** The head with its version. Undefined if the log is empty. */
export async function readHead(table: Table) {
  const row = await table.find(headKey);
  const head = row && headColumns.decode(row);
  return head && { ...head, etag: row.etag };
}

/**
 * Writes to the log for the holder of the claim. Each transaction replaces the head in the version that was read, so that it
 * fails if another instance has written. The order of the log follows from that, and not from any clock. All methods throw
 * ClaimLost, and BrokerError storage_unavailable.
 */
export class ClaimedLog {
  readonly #table: Table;
  readonly #deps: ClaimDeps;
  readonly #claimId: string;
  #head: LogHead;
  #etag: string | undefined;

  /** @param stored the head that was read; undefined if there is none. Call `take` before anything else. */
  constructor(table: Table, deps: ClaimDeps, stored: (LogHead & { readonly etag: string }) | undefined) {
    this.#table = table;
    this.#deps = deps;
    this.#claimId = deps.newId();
    this.#head = stored ?? { sequence: 0, announced: 0 };
    this.#etag = stored?.etag;
  }

  get head(): LogHead {
    return this.#head;
  }

  take(): Promise<void> {
    return this.#write(this.#head, []);
  }

  /** Undefined for a tenant whose row cannot be read. */
  async states(): Promise<ReadonlyMap<TenantId, TenantState | undefined>> {
    const states = new Map<TenantId, TenantState | undefined>();
    for await (const row of this.#rows(statePrefix, 's.')) {
      const tenantId = tenantOfStateRow(row);
      if (tenantId === undefined) continue;
      const read = stateColumns.decode(row);
      if (read === undefined) this.#deps.log.log('warn', 'tenant_events.state_unreadable', { tenantId });
      states.set(tenantId, read?.state);
    }
    return states;
  }

  /** Writes each change with its events in one transaction, in this order. After a failure, the first ones are written. */
  async commit(changes: readonly TenantChange[]): Promise<void> {
    let actions: TransactionAction[] = [];
    let sequence = this.#head.sequence;
    for (const change of changes) {
      if (actions.length + 1 + 2 * change.events.length > maxRows) {
        await this.#write({ ...this.#head, sequence }, actions);
        actions = [];
      }
      actions.push(...this.#actionsOf(change, sequence));
      sequence += change.events.length;
    }
    if (actions.length > 0) await this.#write({ ...this.#head, sequence }, actions);
  }

  /** Events that are not announced, the oldest first. */
  async pending(): Promise<readonly PendingEvent[]> {
    const { sequence, announced } = this.#head;
    if (sequence <= announced) return [];
    const found: PendingEvent[] = [];
    for await (const row of this.#rows(eventKey(sequence), eventKey(announced))) {
      const pending = readEvent(row);
      if (pending === undefined) this.#deps.log.log('error', 'tenant_events.unreadable', { rowKey: row.rowKey });
      else found.push(pending);
    }
    return found.toReversed();
  }

  update(head: Partial<LogHead>): Promise<void> {
    return this.#write({ ...this.#head, ...head }, []);
  }

  release(): Promise<void> {
    return this.#write(this.#head, [], 0);
  }

  #actionsOf({ tenantId, state: told, events }: TenantChange, after: number): TransactionAction[] {
    const atMs = this.#deps.clock.nowMs();
    const rows = events.flatMap((event, index) => {
      const at = { tenantId, tenantName: told.name, sequence: after + 1 + index, atMs };
      return eventRows(event, at, index === events.length - 1 ? told : undefined);
    });
    const stateRow = { partitionKey, rowKey: stateKey(tenantId), ...stateColumns.encode({ state: told }) };
    return [['upsert', stateRow, 'Replace'], ...rows.map((row): TransactionAction => ['create', row])];
  }

  async #write(head: LogHead, actions: readonly TransactionAction[], lifeMs = claimMs): Promise<void> {
    const commitId = this.#deps.newId();
    const claim = { claimId: this.#claimId, claimedUntilMs: this.#deps.clock.nowMs() + lifeMs, commitId };
    const row = { ...headKey, ...headColumns.encode({ ...head, ...claim }) };
    // If a reply was lost, the storage library sends the transaction again, and it conflicts with itself.
    await this.#table.submitIfUnchanged([...actions, putAction(row, this.#etag)]);
    const stored = await readHead(this.#table);
    if (stored?.commitId !== commitId) throw new ClaimLost('Another instance has the claim.');
    this.#head = head;
    this.#etag = stored.etag;
  }

  #rows(from: string, to: string): AsyncIterable<Row> {
    return this.#table.rows({
      filter: `PartitionKey eq '${partitionKey}' and RowKey ge '${from}' and RowKey lt '${to}'`,
    });
  }
}
