import type { TableClient } from '@azure/data-tables';
import { type ErrorCode, isErrorCode } from '../../core/errors.ts';
import { parseTenantId, type TenantId } from '../../core/identifiers.ts';
import { defined } from '../../core/objects.ts';
import { createdTable, storageCall, unlessConflict, unlessMissing } from '../../core/rows/table.ts';

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
  readonly failure?: JournalFailure;
  /** The last customer that is recorded to have received a token, and the identifier of its resource. */
  readonly witness?: JournalWitness;
  /** Whether Partner Center last found MFA in the token. */
  readonly mfaProbe?: { readonly atMs: number; readonly compliant: boolean };
  /** Names the keys of the application that the vault did not hold at the last daily care, if there were any. */
  readonly unknownKeys?: string;
}

export interface JournalWitness {
  readonly tenantId: TenantId;
  readonly resourceIdentifier: string;
}

export interface JournalFailure {
  readonly atMs: number;
  readonly code: ErrorCode;
  readonly detail: string;
}

/** The state of each credential, kept across restarts. All methods throw BrokerError storage_unavailable. */
export interface CredentialJournal {
  read(application: string): Promise<JournalEntry>;
  recordRotation(application: string, atMs: number): Promise<void>;
  recordFailure(application: string, failure: JournalFailure): Promise<void>;
  recordWitness(application: string, witness: JournalWitness): Promise<void>;
  recordMfaProbe(application: string, probe: NonNullable<JournalEntry['mfaProbe']>): Promise<void>;
  /** @param keys empty if the vault holds all of them. */
  recordUnknownKeys(application: string, keys: string): Promise<void>;
  /** @returns whether this call changed the state. Of several instances, only that one announces the change. */
  changeState(application: string, state: CredentialState, atMs: number): Promise<boolean>;
}

const partitionKey = 'credential';
export const journalTable = 'CredentialJournal';

type Table = Pick<TableClient, 'createTable' | 'getEntity' | 'upsertEntity' | 'updateEntity' | 'createEntity'>;
type Entity = Readonly<Record<string, unknown>>;

/** The journal in Azure Table storage. It has one row per application; the row key is the application's name. */
export class TableCredentialJournal implements CredentialJournal {
  readonly #open: () => Promise<Table>;
  readonly #createdTable: () => Promise<Table>;

  /** @param open returns the table's client. The table is created before the first write. */
  constructor(open: () => Promise<Table>) {
    this.#open = open;
    this.#createdTable = createdTable(open);
  }

  async read(application: string): Promise<JournalEntry> {
    return readEntry(await this.#get(application));
  }

  recordRotation(application: string, atMs: number): Promise<void> {
    return this.#merge(application, { rotatedAt: new Date(atMs) });
  }

  recordFailure(application: string, { atMs, code, detail }: JournalFailure): Promise<void> {
    return this.#merge(application, { failedAt: new Date(atMs), failureCode: code, failureDetail: detail });
  }

  recordWitness(application: string, { tenantId, resourceIdentifier }: JournalWitness): Promise<void> {
    return this.#merge(application, { witnessTenantId: tenantId, witnessResource: resourceIdentifier });
  }

  recordMfaProbe(application: string, { atMs, compliant }: NonNullable<JournalEntry['mfaProbe']>): Promise<void> {
    return this.#merge(application, { mfaProbedAt: new Date(atMs), mfaCompliant: compliant });
  }

  recordUnknownKeys(application: string, keys: string): Promise<void> {
    return this.#merge(application, { unknownKeys: keys });
  }

  async changeState(application: string, state: CredentialState, atMs: number): Promise<boolean> {
    const found = await this.#get(application);
    const current = found && readEntry(found).state;
    if (current?.status === state.status && current.thresholdDays === state.thresholdDays) return false;
    const entity = {
      partitionKey,
      rowKey: application,
      status: state.status,
      // A merge keeps properties that are absent here, so 0 stands for "no threshold".
      thresholdDays: state.thresholdDays ?? 0,
      stateSince: new Date(atMs),
    };
    return guarded(async () => {
      const table = await this.#createdTable();
      const etag = found?.['etag'];
      // False if another instance has changed the state. It announces the change.
      return unlessConflict(() =>
        typeof etag === 'string' ? table.updateEntity(entity, 'Merge', { etag }) : table.createEntity(entity),
      );
    });
  }

  #get(application: string): Promise<Entity | undefined> {
    return guarded(async () => {
      const table = await this.#open();
      return unlessMissing<Entity>(() => table.getEntity(partitionKey, application));
    });
  }

  #merge(application: string, properties: Record<string, Date | string | boolean>): Promise<void> {
    return guarded(async () => {
      const table = await this.#createdTable();
      await table.upsertEntity({ partitionKey, rowKey: application, ...properties }, 'Merge');
    });
  }
}

const guarded = <T>(work: () => Promise<T>): Promise<T> =>
  storageCall(work, 'The credential journal cannot be read or written.');

function readEntry(entity: Entity | undefined): JournalEntry {
  if (entity === undefined) return {};
  const status = healthStatuses.find((each) => each === entity['status']);
  const thresholdDays = Number(entity['thresholdDays'] ?? 0);
  const [stateSince, rotatedAt, failedAt, mfaProbedAt] = ['stateSince', 'rotatedAt', 'failedAt', 'mfaProbedAt'].map(
    (name) => msOf(entity[name]),
  );
  const witnessTenantId = parseTenantId(entity['witnessTenantId']);
  const witnessResource = entity['witnessResource'];
  const [code, detail, unknownKeys] = [entity['failureCode'], entity['failureDetail'], entity['unknownKeys']];
  return defined({
    state:
      status === undefined || stateSince === undefined
        ? undefined
        : { status, sinceMs: stateSince, ...(thresholdDays > 0 ? { thresholdDays } : {}) },
    rotatedAtMs: rotatedAt,
    failure:
      failedAt === undefined || !isErrorCode(code)
        ? undefined
        : { atMs: failedAt, code, detail: typeof detail === 'string' ? detail : '' },
    witness:
      witnessTenantId === undefined || typeof witnessResource !== 'string'
        ? undefined
        : { tenantId: witnessTenantId, resourceIdentifier: witnessResource },
    mfaProbe: mfaProbedAt === undefined ? undefined : { atMs: mfaProbedAt, compliant: entity['mfaCompliant'] === true },
    unknownKeys: typeof unknownKeys === 'string' && unknownKeys !== '' ? unknownKeys : undefined,
  });
}

const msOf = (value: unknown): number | undefined => (value instanceof Date ? value.getTime() : undefined);
