import type { TableClient } from '@azure/data-tables';
import { type ErrorCode, isErrorCode } from '../../core/errors.ts';
import { parseTenantId, type TenantId } from '../../core/identifiers.ts';
import { column, Columns, dateTime, flag, group, oneOf, text } from '../../core/rows/columns.ts';
import { type Row, Table } from '../../core/rows/table.ts';

/** Health of an application's credential. `degraded`: it works, but needs attention. `down`: it does not work. */
export const healthStatuses = ['ok', 'degraded', 'down'] as const;
export type HealthStatus = (typeof healthStatuses)[number];

/** The state that alert rules see: the status and, if an expiry is near, the threshold that was passed. */
export interface CredentialState {
  readonly status: HealthStatus;
  /** The threshold that was passed last: 30, 14, 7 or 1 days before the expiry. */
  readonly thresholdDays?: number;
}

/** The last events of a credential. Contains no secrets. */
export interface JournalEntry {
  readonly state?: CredentialState & { readonly sinceMs: number };
  /** When the last successful rotation obtained its refresh token. */
  readonly rotatedAtMs?: number;
  /** The last failed rotation. */
  readonly failure?: { readonly atMs: number; readonly code: ErrorCode; readonly detail: string };
  /** The last customer that is recorded to have received a token, and the identifier of its resource. */
  readonly witness?: JournalWitness;
  /** Whether Partner Center last found MFA in the token. */
  readonly mfaProbe?: { readonly atMs: number; readonly compliant: boolean };
  /** Names the keys of the application that the vault did not hold at the last daily care. Empty is recorded as absent. */
  readonly unknownKeys?: string;
}

export interface JournalWitness {
  readonly tenantId: TenantId;
  readonly resourceIdentifier: string;
}

/** The state of each credential, kept across restarts. All methods throw BrokerError storage_unavailable. */
export interface CredentialJournal {
  read(application: string): Promise<JournalEntry>;
  /** Replaces what the entry says about each of these. */
  record(application: string, happened: Omit<JournalEntry, 'state'>): Promise<void>;
  /** @returns whether this call changed the state. Of several instances, only that one announces the change. */
  changeState(application: string, state: CredentialState, atMs: number): Promise<boolean>;
}

const partitionKey = 'credential';
export const journalTable = 'CredentialJournal';

const columns = new Columns({
  state: group({
    status: oneOf(healthStatuses),
    // A merge keeps properties that are absent, so 0 stands for "no threshold".
    thresholdDays: column((value) => (typeof value === 'number' && value > 0 ? value : undefined)).lenient(),
    sinceMs: dateTime.as('stateSince'),
  }).lenient(),
  rotatedAtMs: dateTime.lenient(),
  failure: group({
    atMs: dateTime.as('failedAt'),
    code: column((value) => (isErrorCode(value) ? value : undefined)).as('failureCode'),
    detail: text.or('').as('failureDetail'),
  }).lenient(),
  witness: group({
    tenantId: column(parseTenantId).as('witnessTenantId'),
    resourceIdentifier: text.as('witnessResource'),
  }).lenient(),
  mfaProbe: group({ atMs: dateTime.as('mfaProbedAt'), compliant: flag.or(false).as('mfaCompliant') }).lenient(),
  unknownKeys: column((value) => (typeof value === 'string' && value !== '' ? value : undefined)).lenient(),
});

/** The journal in Azure Table storage. It has one row per application; the row key is the application's name. */
export class TableCredentialJournal implements CredentialJournal {
  readonly #table: Table;

  constructor(open: () => Promise<TableClient>) {
    this.#table = new Table(open, 'The credential journal cannot be read or written.');
  }

  async read(application: string): Promise<JournalEntry> {
    return entryOf(await this.#find(application));
  }

  record(application: string, happened: Omit<JournalEntry, 'state'>): Promise<void> {
    return this.#table.put(rowOf(application, happened), 'Merge');
  }

  async changeState(application: string, state: CredentialState, sinceMs: number): Promise<boolean> {
    const found = await this.#find(application);
    const current = entryOf(found).state;
    if (current?.status === state.status && current.thresholdDays === state.thresholdDays) return false;
    const row = rowOf(application, {
      state: { status: state.status, thresholdDays: state.thresholdDays ?? 0, sinceMs },
    });
    // False if another instance has changed the state. It announces the change.
    return (await this.#table.putIfUnchanged(row, found?.etag, { mode: 'Merge' })) !== undefined;
  }

  #find(application: string): Promise<Row | undefined> {
    return this.#table.find({ partitionKey, rowKey: application });
  }
}

const entryOf = (row: Row | undefined): JournalEntry => (row && columns.decode(row)) ?? {};

const rowOf = (application: string, entry: JournalEntry) => ({
  partitionKey,
  rowKey: application,
  ...columns.encode(entry),
});
