import type { TenantId } from '../core/identifiers.ts';
import type { DerivedEvent, EventKind, TenantEvent } from './tenant-event.ts';
import type { TenantState } from './tenant-state.ts';

export interface EventQuery {
  /** Only events of this tenant. */
  readonly tenantId?: TenantId | undefined;
  /** Only events of tenants for which this returns true. */
  readonly isChosen?: ((tenantId: TenantId) => boolean) | undefined;
  readonly kind?: EventKind | undefined;
  readonly sinceMs?: number | undefined;
  /** Only events after this place in the log. */
  readonly after?: number | undefined;
  /** From the previous page: events before this place. */
  readonly before?: number | undefined;
  readonly limit: number;
}

/** Events, the newest first. */
export interface EventPage {
  readonly events: readonly TenantEvent[];
  /** The place before which the next page begins. Absent on the last page. */
  readonly before?: number;
  /** When the lists were last compared completely. Absent before the first time. */
  readonly readAtMs?: number;
}

/** What the log knows of itself. */
export interface LogHead {
  /** The place of the newest event. */
  readonly sequence: number;
  /** The place up to which events are announced. */
  readonly announced: number;
  /** When the first complete read ended. Until then a tenant that is not known yet is no news. */
  readonly baselineAtMs?: number;
  /** When the lists were last compared completely. */
  readonly readAtMs?: number;
}

/** A new state of a tenant, and what has happened. */
export interface TenantChange {
  readonly tenantId: TenantId;
  readonly state: TenantState;
  readonly events: readonly DerivedEvent[];
}

/** A state, as it was when the event at this place was told. */
export interface ToldState {
  readonly tenantId: TenantId;
  readonly sequence: number;
  readonly state: TenantState;
}

/** An event that is to be announced. */
export interface PendingEvent {
  readonly event: TenantEvent;
  /** With the last of the events that were written together: the state after them. */
  readonly state?: TenantState;
}

/** Another instance has taken the claim over. What it wrote holds, and nothing of this instance was written since. */
export class ClaimLost extends Error {
  override readonly name = 'ClaimLost';
}

/**
 * The right to write to the log. Every write fails if another instance has written since. All methods throw ClaimLost, and
 * BrokerError storage_unavailable.
 */
export interface LogClaim {
  readonly head: LogHead;
  /** Undefined for a tenant whose row cannot be read. */
  states(): Promise<ReadonlyMap<TenantId, TenantState | undefined>>;
  /** Writes each change with its events in one transaction, in this order. After a failure, the first ones are written. */
  commit(changes: readonly TenantChange[]): Promise<void>;
  /** Events that are not announced, the oldest first. */
  pending(): Promise<readonly PendingEvent[]>;
  update(head: Partial<LogHead>): Promise<void>;
  release(): Promise<void>;
}

/** The events of all tenants in one order. Every method throws BrokerError storage_unavailable. */
export interface EventLog {
  /** @returns undefined while another instance has the claim. A claim that is not renewed lapses after five minutes. */
  claim(): Promise<LogClaim | undefined>;
  query(query: EventQuery): Promise<EventPage>;
  /** Deletes events from before a time. @returns their number. */
  purge(beforeMs: number): Promise<number>;
}

/**
 * What people were told, in a place of its own: a log that was restored from a copy does not know what it has told since.
 * Every method throws BrokerError storage_unavailable.
 */
export interface ToldStates {
  /** The place of the newest event that was told. */
  newest(): Promise<number>;
  /** The states of all tenants with events after this place. */
  after(sequence: number): Promise<readonly ToldState[]>;
  /** Notes what was told. The place of the newest event is written last. */
  note(told: readonly ToldState[], newest: number): Promise<void>;
}
