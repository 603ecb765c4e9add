import type { TenantId } from '../model/identifiers.ts';
import type { Run, RunPlan, RunRequest, TenantOutcome, TenantRun } from './run.ts';
import type { RunId } from './run-id.ts';

/** What may change in a run's record. */
export type RunChange = Partial<
  Pick<Run, 'status' | 'startedAtMs' | 'finishedAtMs' | 'tenants' | 'stoppedBy' | 'cancelRequestedAtMs' | 'warnings'>
>;

/** How many tenants of a run have which outcome. */
export type OutcomeCounts = Readonly<Record<TenantOutcome, number>>;

export interface RunFilter {
  readonly job?: string;
  /** Only runs that are pending or running. */
  readonly active?: boolean;
  readonly createdBeforeMs?: number;
  readonly limit: number;
}

/** The records of runs and of their tenants. Every method throws BrokerError `storage_unavailable` when storage fails. */
export interface RunLog {
  /** Claims the run: atomic, so of many starts of one window one succeeds. @returns false when the record exists. */
  create(
    run: Pick<Run, 'runId' | 'job' | 'window' | 'startedBy' | 'createdAtMs'>,
    request: RunRequest,
  ): Promise<boolean>;
  find(runId: RunId): Promise<Run | undefined>;
  /** What was asked when the run was started. */
  request(runId: RunId): Promise<RunRequest | undefined>;
  /** Newest first. */
  list(filter: RunFilter): Promise<readonly Run[]>;
  change(runId: RunId, change: RunChange): Promise<void>;
  /** Deletes the records of the tenants, then that of the run; what was deleted before does no harm. */
  remove(runId: RunId): Promise<void>;

  /** Writes records, over those of earlier rounds, never over one of the same or a later round. @returns the record that counts. */
  recordTenant(runId: RunId, record: TenantRun): Promise<TenantRun>;
  /** Writes many at once; repeating it changes nothing. */
  recordTenants(runId: RunId, records: readonly TenantRun[]): Promise<void>;
  findTenant(runId: RunId, tenantId: TenantId): Promise<TenantRun | undefined>;
  tenants(runId: RunId, outcome?: TenantOutcome): AsyncIterable<TenantRun>;
  countTenants(runId: RunId): Promise<OutcomeCounts>;
}

/** The larger things of a run: its plan and its rows. Throws as RunLog does. */
export interface RunResults {
  /** Stores the plan, unless there is one. @returns the plan that counts. */
  putPlan(runId: RunId, plan: RunPlan): Promise<RunPlan>;
  /** @returns undefined when the run has no plan (yet). */
  plan(runId: RunId): Promise<RunPlan | undefined>;
  /** @param rowsName is new with every attempt: of several at once, the record says whose rows count. */
  putRows(runId: RunId, rowsName: string, jsonLines: string): Promise<void>;
  /** JSON Lines as stored, in pieces of any size. */
  rows(runId: RunId, rowsName: string): AsyncIterable<string>;
  /** Deletes everything of the run. */
  remove(runId: RunId): Promise<void>;
}
