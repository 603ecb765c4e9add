import type { ErrorCode } from '../model/errors.ts';
import type { TenantId } from '../model/identifiers.ts';
import type { RunId } from './run-id.ts';

export const runStatuses = ['pending', 'running', 'completed', 'failed', 'cancelled'] as const;
/** `completed`: every tenant was visited, whatever came of it. `failed`: the run as a whole could not go on. */
export type RunStatus = (typeof runStatuses)[number];

export const isEnded = (status: RunStatus): boolean => status !== 'pending' && status !== 'running';

/** `retrying`: failed for a while; the run comes back to it. The other three are final. */
export const tenantOutcomes = ['succeeded', 'failed', 'skipped', 'retrying'] as const;
export type TenantOutcome = (typeof tenantOutcomes)[number];

/** A peer that asks for a longer wait, seconds, gets the next scheduled run: one that waits for hours is stuck to its readers. */
export const longestRetryAfterSeconds = 900;

/** What a run was asked to do. */
export interface RunRequest {
  /** Tenant ids; absent: all delegated tenants. */
  readonly tenants?: readonly TenantId[] | undefined;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** Why a run ended early: a failure that no other tenant could have escaped. */
export interface RunStop {
  readonly code: ErrorCode;
  readonly detail: string;
}

export interface TenantCounts {
  readonly total: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Left out by configuration, or without the licence that the job is about. */
  readonly skipped: number;
  /** Not reached because the run was stopped or cancelled. */
  readonly notAttempted: number;
}

/** The record of a run. */
export interface Run {
  readonly runId: RunId;
  readonly job: string;
  readonly window: string;
  readonly status: RunStatus;
  /** `timer`, or the application id of the caller. */
  readonly startedBy: string;
  readonly createdAtMs: number;
  /** `selected`: only the tenants that were asked for; such a run is no measure for the next. */
  readonly scope: 'all' | 'selected';
  readonly startedAtMs?: number | undefined;
  readonly finishedAtMs?: number | undefined;
  /** Final once the run has ended; while it runs only `total` is true. */
  readonly tenants: TenantCounts;
  readonly stoppedBy?: RunStop | undefined;
  readonly cancelRequestedAtMs?: number | undefined;
  /** What was missing or old in the list of tenants that the run was planned from. */
  readonly warnings?: readonly string[] | undefined;
}

/** The record of one tenant in a run. */
export interface TenantRun {
  readonly tenantId: TenantId;
  readonly name: string;
  readonly outcome: TenantOutcome;
  readonly code?: ErrorCode | undefined;
  readonly detail?: string | undefined;
  /** In which round of the run, from 1: later rounds come back to transient failures. 0: decided without an attempt. */
  readonly round: number;
  /** In how many rounds it was tried, where that is not `round`: a record that closes an open tenant is above its rounds. */
  readonly attempts?: number | undefined;
  readonly rows: number;
  /** Under which name the attempt that counts has stored its rows; absent where there are none. */
  readonly rowsName?: string | undefined;
  readonly columns: readonly string[];
  /** With `retrying`: when the peer said to come back, seconds after `finishedAtMs`. */
  readonly retryAfterSeconds?: number | undefined;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
}

/** A tenant that the run is to visit. */
export interface PlannedTenant {
  readonly tenantId: TenantId;
  readonly name: string;
  readonly defaultDomain?: string | undefined;
}

/** What a run will do, fixed before the first tenant: activities know a tenant by its index in `attempt`. */
export interface RunPlan {
  readonly job: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly attempt: readonly PlannedTenant[];
  /** Tenants that are out of reach or left out: decided without an attempt. */
  readonly decided: readonly TenantRun[];
  /** As in the list of tenants that it was made from. */
  readonly warnings?: readonly string[] | undefined;
}
