import type { Caller } from '../../core/caller.ts';
import type { TenantId } from '../../core/identifiers.ts';
import type { ExportFormat } from '../reading/page-position.ts';
import type { Run, RunId, RunPlan, RunRequest, TenantOutcome, TenantRun } from './run.ts';
import type { RowText } from '../job/row.ts';
import type { PlannedRun, StoredPlan } from './stored-plan.ts';

/** The fields of a run's record that may change. */
export type RunChange = Partial<
  Pick<
    Run,
    | 'status'
    | 'startedAtMs'
    | 'finishedAtMs'
    | 'tenants'
    | 'stoppedBy'
    | 'cancelRequestedAtMs'
    | 'warnings'
    | 'planDigest'
  >
>;

/** Number of tenants per outcome. */
export type OutcomeCounts = Readonly<Record<TenantOutcome, number>>;

export interface RunFilter {
  readonly job?: string;
  /** Only runs that are pending or running. */
  readonly active?: boolean;
  /** Only runs that this person or service principal started through this application. */
  readonly starter?: Pick<Caller, 'applicationId' | 'objectId'>;
  readonly createdBeforeMs?: number;
  readonly limit: number;
}

/** What is known of a run before it starts. */
export type NewRun = Pick<
  Run,
  'runId' | 'job' | 'window' | 'startedBy' | 'starter' | 'correlationId' | 'createdAtMs' | 'asked' | 'query'
>;

/** Stores the records of runs and their tenants. Every method throws BrokerError `storage_unavailable`. */
export interface RunLog {
  /** Creates the run's record atomically: only one start per window succeeds. @returns false if the record exists. */
  create(run: NewRun, request: RunRequest): Promise<boolean>;
  find(runId: RunId): Promise<Run | undefined>;
  /** The request that started the run. */
  request(runId: RunId): Promise<RunRequest | undefined>;
  /** Newest first. */
  list(filter: RunFilter): Promise<readonly Run[]>;
  /** All runs, in the order of the storage. A run that is created meanwhile may be missing. */
  runs(filter: Omit<RunFilter, 'limit'>): AsyncIterable<Run>;
  change(runId: RunId, change: RunChange): Promise<void>;
  /** Deletes the tenants' records, then the run's record. Idempotent. */
  remove(runId: RunId): Promise<void>;

  /** Writes a record unless one of the same or a later round exists. @returns the record that is now stored. */
  recordTenant(runId: RunId, record: TenantRun): Promise<TenantRun>;
  /** Writes many records in batches. Idempotent. */
  recordTenants(runId: RunId, records: readonly TenantRun[]): Promise<void>;
  /** The record with its trace. */
  findTenant(runId: RunId, tenantId: TenantId): Promise<TenantRun | undefined>;
  /** The record without its trace, which is most of what is stored. */
  findOutcome(runId: RunId, tenantId: TenantId): Promise<TenantRun | undefined>;
  /** The records of these tenants without their traces, in any order. A tenant without a record has none. */
  findOutcomes(runId: RunId, tenantIds: readonly TenantId[]): Promise<readonly TenantRun[]>;
  /** The records without their traces. */
  tenants(runId: RunId, outcome?: TenantOutcome): AsyncIterable<TenantRun>;
  countTenants(runId: RunId): Promise<OutcomeCounts>;
  /** What the history keeps of each tenant. */
  numbers(runId: RunId): AsyncIterable<Pick<TenantRun, 'tenantId' | 'outcome' | 'rows' | 'numbers'>>;
}

/** Formats of the exports that are stored when a run ends. */
export type StoredFormat = Exclude<ExportFormat, 'json'>;

/** Stores the large parts of a run: its plan, its rows and its exports. Throws the same errors as RunLog. */
export interface RunResults {
  /** Stores the plan unless one exists. @returns the stored plan. */
  putPlan(runId: RunId, plan: RunPlan): Promise<StoredPlan>;
  /**
   * @returns undefined if the run has no plan.
   * @throws BrokerError plan_changed if the plan is not the one whose digest the run's record has.
   */
  plan(run: PlannedRun): Promise<StoredPlan | undefined>;
  /** @param rowsName unique per attempt. If attempts overlap, the tenant's record names the valid rows. */
  putRows(runId: RunId, rowsName: string, jsonLines: RowText): Promise<void>;
  /**
   * Yields the stored JSON Lines in chunks of any size.
   * @param fromByte where to start. Beyond the end there is nothing.
   */
  rows(runId: RunId, rowsName: string, fromByte?: number): AsyncIterable<string>;
  /** Stores an export, compressed, in bounded memory. It replaces an earlier one when it is whole, and never before. */
  putExport(runId: RunId, format: StoredFormat, text: AsyncIterable<string>): Promise<void>;
  /** Yields the text of a stored export in chunks of any size. */
  export(runId: RunId, format: StoredFormat): AsyncIterable<string>;
  /** Deletes all blobs of the run. */
  remove(runId: RunId): Promise<void>;
}
