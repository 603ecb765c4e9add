import type { TableClient, TransactionAction } from '@azure/data-tables';
import { minuteMs } from '../core/durations.ts';
import type { TenantId } from '../core/identifiers.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import { isStorageConflict, isStorageMissing, storageCall, unlessMissing } from '../core/rows/table.ts';
import { ClaimLost, type LogClaim, type LogHead, type PendingEvent, type TenantChange } from './event-log.ts';
import {
  eventKey,
  eventRows,
  headKey,
  headRow,
  partitionKey,
  placedEvent,
  readEvent,
  readHead,
  readState,
  statePrefix,
  stateRow,
  tenantOfStateRow,
} from './event-rows.ts';
import type { TenantState } from './tenant-state.ts';

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
