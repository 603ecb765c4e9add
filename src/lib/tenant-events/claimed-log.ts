import { hash } from 'node:crypto';
import type { TableClient, TransactionAction } from '@azure/data-tables';
import { type Clock, isoTime, minuteMs } from '../core/clock.ts';
import { parseTenantId, type TenantId } from '../core/identifiers.ts';
import type { Logger } from '../core/log.ts';
import { parseJson } from '../core/outbound.ts';
import { isStorageConflict, isStorageMissing, storageCall, unlessMissing } from '../core/rows/table.ts';
import { isObject } from '../core/objects.ts';
import {
  ClaimLost,
  type LogClaim,
  type LogHead,
  type PendingEvent,
  type TenantChange,
  type TenantState,
} from './event-log.ts';
import { type DerivedEvent, type EventDetails, type EventKind, eventKinds, type TenantEvent } from './tenant-event.ts';

/*
 * The table has one partition, so that the state of a tenant, its events and the head are one transaction:
 *   head            who writes, and the newest place
 *   s-TENANT        the state that the events of the tenant have told
 *   e-PLACE         an event; places count down, so that the newest comes first
 *   t-TENANT-PLACE  the same event again, for the page of a tenant
 */

export const partitionKey = 'events';
const headKey = 'head';
export const statePrefix = 's-';

type Columns = Readonly<Record<string, unknown>>;

const highest = 999_999_999_999;
/** Sorts later places first. */
export const placeKey = (sequence: number): string => String(highest - sequence).padStart(12, '0');

const stateKey = (tenantId: TenantId): string => `${statePrefix}${tenantId}`;
export const eventKey = (sequence: number): string => `e-${placeKey(sequence)}`;
export const tenantEventKey = (tenantId: TenantId, sequence: number): string => `t-${tenantId}-${placeKey(sequence)}`;

export const stateRow = (tenantId: TenantId, state: TenantState) => ({
  partitionKey,
  rowKey: stateKey(tenantId),
  state: JSON.stringify(state),
});

export const tenantOfStateRow = (rowKey: string | undefined): TenantId | undefined =>
  parseTenantId(rowKey?.slice(statePrefix.length));

/** Undefined if the text is no state. Somebody may have changed it by hand. */
export function readState(text: unknown): TenantState | undefined {
  const value = typeof text === 'string' ? parseJson(text) : undefined;
  if (!isObject(value)) return undefined;
  const { name, isListed, isExcluded, access } = value;
  const isState =
    typeof name === 'string' &&
    typeof isListed === 'boolean' &&
    typeof isExcluded === 'boolean' &&
    (access === 'never' || access === 'open' || access === 'lost');
  return isState ? (value as unknown as TenantState) : undefined;
}

/** The event at a place. Its id follows from what it says and from its place. */
function placedEvent(
  derived: DerivedEvent,
  { tenantId, name, sequence, atMs }: { tenantId: TenantId; name: string; sequence: number; atMs: number },
): TenantEvent {
  const id = hash('sha256', JSON.stringify([tenantId, sequence, derived]), 'hex').slice(0, 32);
  return { id, sequence, atMs, tenantId, tenantName: name, ...derived };
}

/** Both rows of an event. @param state after it, if no other event was written with it later. */
function eventRows(event: TenantEvent, state: TenantState | undefined) {
  const { id, sequence, atMs, tenantId, tenantName, kind, ...details } = event;
  const columns = { id, sequence, at: isoTime(atMs), tenantId, tenantName, kind, details: JSON.stringify(details) };
  return [
    { partitionKey, rowKey: eventKey(sequence), ...columns, ...(state ? { state: JSON.stringify(state) } : {}) },
    { partitionKey, rowKey: tenantEventKey(tenantId, sequence), ...columns },
  ];
}

/** The keys of both rows of an event, that of the log last. Of a row that names no tenant, its own key. */
export function keysOfEvent({ rowKey, tenantId, sequence }: Columns & { readonly rowKey: string }): readonly string[] {
  const tenant = parseTenantId(tenantId);
  return [...(tenant && typeof sequence === 'number' ? [tenantEventKey(tenant, sequence)] : []), rowKey];
}

const kinds: ReadonlySet<string> = new Set(eventKinds);

/** Undefined if the row is no event, such as one of a later version with a kind that this one does not know. */
export function readEvent(row: Columns): TenantEvent | undefined {
  const { id, sequence, at, tenantId, tenantName, kind, details } = row;
  const [tenant, atMs] = [parseTenantId(tenantId), Date.parse(String(at))];
  const more = typeof details === 'string' ? parseJson(details) : undefined;
  const isEvent = typeof id === 'string' && typeof sequence === 'number' && typeof kind === 'string' && kinds.has(kind);
  if (!isEvent || tenant === undefined || Number.isNaN(atMs) || !isObject(more)) return undefined;
  return {
    id,
    sequence,
    atMs,
    tenantId: tenant,
    tenantName: typeof tenantName === 'string' ? tenantName : tenant,
    kind: kind as EventKind,
    ...(more as EventDetails),
  };
}

/** Who may write until when, and the last write. */
interface ClaimColumns {
  readonly claimId: string;
  readonly claimedUntilMs: number;
  readonly commitId: string;
}

const headRow = (head: LogHead, claim: ClaimColumns) => ({
  partitionKey,
  rowKey: headKey,
  sequence: head.sequence,
  announced: head.announced,
  ...(head.baselineAtMs === undefined ? {} : { baselineAt: isoTime(head.baselineAtMs) }),
  ...(head.readAtMs === undefined ? {} : { readAt: isoTime(head.readAtMs) }),
  claimId: claim.claimId,
  claimedUntil: isoTime(claim.claimedUntilMs),
  commitId: claim.commitId,
});

export function readHead(row: Columns): LogHead & ClaimColumns {
  const number = (value: unknown): number => (typeof value === 'number' && value >= 0 ? value : 0);
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  const time = (value: unknown): number | undefined => {
    const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
    return Number.isNaN(ms) ? undefined : ms;
  };
  const [baselineAtMs, readAtMs] = [time(row['baselineAt']), time(row['readAt'])];
  return {
    sequence: number(row['sequence']),
    announced: number(row['announced']),
    ...(baselineAtMs === undefined ? {} : { baselineAtMs }),
    ...(readAtMs === undefined ? {} : { readAtMs }),
    claimId: text(row['claimId']),
    claimedUntilMs: time(row['claimedUntil']) ?? 0,
    commitId: text(row['commitId']),
  };
}

/** The part of the SDK's client that is used here. */
export type EventTable = Pick<TableClient, 'createTable' | 'getEntity' | 'listEntities' | 'submitTransaction'>;

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
export async function readStoredHead(table: EventTable) {
  const row = await unlessMissing(() => table.getEntity(partitionKey, headKey));
  return row && { ...readHead(row), etag: row.etag };
}

/**
 * Writes to the log for the holder of the claim. Each transaction replaces the head in the version that was read, so that it
 * fails if another instance has written. The order of the log follows from that, and not from any clock.
 */
export class ClaimedLog implements LogClaim {
  readonly #table: EventTable;
  readonly #deps: ClaimDeps;
  readonly #claimId: string;
  #head: LogHead;
  #etag: string | undefined;

  /** @param stored the head that was read; undefined if there is none. Call `take` before anything else. */
  constructor(table: EventTable, deps: ClaimDeps, stored: (LogHead & { readonly etag: string }) | undefined) {
    this.#table = table;
    this.#deps = deps;
    this.#claimId = deps.newId();
    this.#head = stored ?? { sequence: 0, announced: 0 };
    this.#etag = stored?.etag;
  }

  get head(): LogHead {
    return this.#head;
  }

  /** @throws ClaimLost if another instance was faster. */
  take(): Promise<void> {
    return this.#write(this.#head, []);
  }

  async states(): Promise<ReadonlyMap<TenantId, TenantState | undefined>> {
    return storageCall(async () => {
      const states = new Map<TenantId, TenantState | undefined>();
      for await (const row of this.#rows(statePrefix, 's.')) {
        const tenantId = tenantOfStateRow(row.rowKey);
        if (tenantId === undefined) continue;
        const state = readState(row['state']);
        if (state === undefined) this.#deps.log.log('warn', 'tenant_events.state_unreadable', { tenantId });
        states.set(tenantId, state);
      }
      return states;
    });
  }

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

  async pending(): Promise<readonly PendingEvent[]> {
    const { sequence, announced } = this.#head;
    if (sequence <= announced) return [];
    return storageCall(async () => {
      const found: PendingEvent[] = [];
      for await (const row of this.#rows(eventKey(sequence), eventKey(announced))) {
        const event = readEvent(row);
        const state = readState(row['state']);
        if (event === undefined) this.#deps.log.log('error', 'tenant_events.unreadable', { rowKey: row.rowKey });
        else found.push({ event, ...(state ? { state } : {}) });
      }
      return found.toReversed();
    });
  }

  update(head: Partial<LogHead>): Promise<void> {
    return this.#write({ ...this.#head, ...head }, []);
  }

  release(): Promise<void> {
    return this.#write(this.#head, [], 0);
  }

  #actionsOf({ tenantId, state, events }: TenantChange, after: number): TransactionAction[] {
    const atMs = this.#deps.clock.nowMs();
    const rows = events.flatMap((event, index) => {
      const placed = placedEvent(event, { tenantId, name: state.name, sequence: after + 1 + index, atMs });
      return eventRows(placed, index === events.length - 1 ? state : undefined);
    });
    return [['upsert', stateRow(tenantId, state), 'Replace'], ...rows.map((row): TransactionAction => ['create', row])];
  }

  async #write(head: LogHead, actions: readonly TransactionAction[], lifeMs = claimMs): Promise<void> {
    const commitId = this.#deps.newId();
    const claim = { claimId: this.#claimId, claimedUntilMs: this.#deps.clock.nowMs() + lifeMs, commitId };
    const row = headRow(head, claim);
    const written: TransactionAction =
      this.#etag === undefined ? ['create', row] : ['update', row, 'Replace', { etag: this.#etag }];
    const stored = await storageCall(async () => {
      try {
        await this.#table.submitTransaction([...actions, written]);
      } catch (thrown) {
        // If a reply was lost, the storage library sends the transaction again, and it conflicts with itself.
        if (!isStorageConflict(thrown) && !isStorageMissing(thrown)) throw thrown;
      }
      return readStoredHead(this.#table);
    });
    if (stored?.commitId !== commitId) throw new ClaimLost('Another instance has the claim.');
    this.#head = head;
    this.#etag = stored.etag;
  }

  #rows(from: string, to: string) {
    const filter = `PartitionKey eq '${partitionKey}' and RowKey ge '${from}' and RowKey lt '${to}'`;
    return this.#table.listEntities({ queryOptions: { filter } });
  }
}
