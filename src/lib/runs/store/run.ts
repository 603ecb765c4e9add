import type { RequestedTenants } from '../../access/tenants/selected-tenants.ts';
import type { Actor, Caller } from '../../core/caller.ts';
import { BrokerError, type ErrorCode } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import type { ParameterValues } from '../../core/parameters.ts';
import type { TenantNumbers } from '../history/tenant-numbers.ts';
import type { TenantTrace } from '../job/tenant-trace.ts';

/** Identifies one run: `job@window`. It is also the orchestration's instance id, so a window has at most one run. */
export type RunId = string;

/**
 * Durable storage providers accept ids of up to 100 ASCII characters. This leaves room for the suffix of batches, whose
 * ids are `{runId}:r1:b0`. No window ends like that, so that no run has the id of another run's batch.
 */
export const windowPattern = /^(?!.*:[rR]\d+:[bB]\d+$)[A-Za-z0-9][A-Za-z0-9:._-]{0,45}$/;
/** The rule of {@link windowPattern}, as the end of a sentence about a window. */
export const windowRule =
  '1 to 46 letters, digits and ":._-", starts with a letter or digit, and does not end like ":r1:b0"';
/** Also accepts windows that older builds accepted. */
const runIdPattern = /^([a-z][a-z0-9-]{0,39})@([A-Za-z0-9][A-Za-z0-9:._-]{0,45})$/;

/** The window of a scheduled run is its UTC minute: `2026-11-24T05:00Z`. */
export const scheduledWindow = (scheduledAtMs: number): string =>
  `${new Date(scheduledAtMs).toISOString().slice(0, 16)}Z`;

/** Whether a window has the form reserved for timers. */
export const isScheduledWindow = (window: string): boolean => /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}Z$/i.test(window);

/** The window of a run that a caller requested. Unique for a unique id. */
export const manualWindow = (uniqueId: string): string => `manual-${uniqueId}`;

/** @throws BrokerError request_invalid for a window that cannot be part of a run id. */
export function runIdOf(job: string, window: string): RunId {
  if (windowPattern.test(window)) return `${job}@${window}`;
  throw new BrokerError('request_invalid', `A window is ${windowRule}.`);
}

/** Splits a run id into its parts; undefined if `value` is not a run id. */
export function parseRunId(value: string): { readonly job: string; readonly window: string } | undefined {
  const [, job, window] = runIdPattern.exec(value) ?? [];
  return job === undefined || window === undefined ? undefined : { job, window };
}

export const runStatuses = ['pending', 'running', 'completed', 'failed', 'cancelled'] as const;
/** `completed`: every tenant was attempted, whatever the outcome. `failed`: the run as a whole could not continue. */
export type RunStatus = (typeof runStatuses)[number];

export const isEnded = (status: RunStatus): boolean => status !== 'pending' && status !== 'running';

/** `retrying`: failed transiently; a later round tries again. The other outcomes are final. */
export const tenantOutcomes = ['succeeded', 'failed', 'skipped', 'retrying'] as const;
export type TenantOutcome = (typeof tenantOutcomes)[number];

/** Longest Retry-After that a run waits for, in seconds. Beyond it the next scheduled run tries again. */
export const longestRetryAfterSeconds = 900;

/** The name under which queries run. No job has it. */
export const queryJob = 'query';

/** Who asked for a query, as the token proved at the start. The rules for this caller decide about each request. */
export interface Asker extends Caller {
  /** What the program called itself (`User-Agent`). */
  readonly client?: string | undefined;
  /** Of the request that started the query. The audit entries of its requests have it too. Absent in earlier versions. */
  readonly correlationId?: string | undefined;
}

/** The request that starts a run. */
export interface RunRequest {
  /** Tenant ids; absent: all delegated tenants. */
  readonly tenants?: readonly TenantId[] | undefined;
  /** Limits these tenants further. Resolved when the run is planned. */
  readonly choice?: RequestedTenants | undefined;
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Of a query. Absent: the run is one of a job. */
  readonly asker?: Asker | undefined;
}

export const scopeOf = ({ tenants, choice }: RunRequest): Run['scope'] =>
  tenants === undefined && choice === undefined ? 'all' : 'selected';

/** Why a run ended early: a failure that affects every tenant. */
export interface RunStop {
  readonly code: ErrorCode;
  readonly detail: string;
}

export interface TenantCounts {
  readonly total: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Excluded by configuration, or without a licence for the job's service. */
  readonly skipped: number;
  /** Not attempted because the run was stopped or cancelled. */
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
  /** Who acted through the application. Absent for a timer, and in a record of an earlier version. */
  readonly starter?: Actor | undefined;
  /**
   * Of the request that started the run, in the logs and in the audit entry if a tool of an agent sent it. Absent for a timer,
   * and in a record of an earlier version.
   */
  readonly correlationId?: string | undefined;
  readonly createdAtMs: number;
  /** `selected`: only requested tenants. Comparisons ignore such runs. */
  readonly scope: 'all' | 'selected';
  readonly startedAtMs?: number | undefined;
  readonly finishedAtMs?: number | undefined;
  /** Final once the run has ended. While the run is active only `total` is valid. */
  readonly tenants: TenantCounts;
  readonly stoppedBy?: RunStop | undefined;
  readonly cancelRequestedAtMs?: number | undefined;
  /** What was missing or outdated in the tenant list that the plan was made from. */
  readonly warnings?: readonly string[] | undefined;
  /** With the defaults that were applied. Only `RunLog.find` returns them. Absent in a record of an earlier version. */
  readonly parameters?: ParameterValues | undefined;
  /**
   * The tenants as the caller asked for them. Only `RunLog.find` returns them. Absent if nothing limits the run, for a rerun,
   * if the text is too long to show, and in a record of an earlier version.
   */
  readonly asked?: RequestedTenants | undefined;
  /** Path and query of the request that a query sends in each tenant. Absent for a job. */
  readonly query?: string | undefined;
  /** SHA-256 of the stored plan. A plan with another digest is not used. */
  readonly planDigest?: string | undefined;
}

/** The record of one tenant in a run. */
export interface TenantRun {
  readonly tenantId: TenantId;
  readonly name: string;
  readonly outcome: TenantOutcome;
  readonly code?: ErrorCode | undefined;
  readonly detail?: string | undefined;
  /** The round that produced the record, from 1. Later rounds retry transient failures. 0: decided without an attempt. */
  readonly round: number;
  /** Number of attempts, if different from `round`: a record that closes an open tenant has a higher round. */
  readonly attempts?: number | undefined;
  readonly rows: number;
  /** Set if Microsoft Graph has more rows than these. `detail` says why they are missing. */
  readonly more?: true | undefined;
  /** Name of the stored rows of the valid attempt; absent without rows. */
  readonly rowsName?: string | undefined;
  readonly columns: readonly string[];
  /** Of the rows, for the history. Lists leave them out. Absent without rows, and for a query. */
  readonly numbers?: TenantNumbers | undefined;
  /** With `retrying`: the peer's Retry-After, in seconds after `finishedAtMs`. */
  readonly retryAfterSeconds?: number | undefined;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  /** What the job logged and threw. Only `RunLog.findTenant` returns it. */
  readonly trace?: TenantTrace | undefined;
}

/** A tenant that the run will attempt. */
export interface PlannedTenant {
  readonly tenantId: TenantId;
  readonly name: string;
  readonly defaultDomain?: string | undefined;
}

/** The plan of a run, fixed before the first tenant. Activities refer to a tenant by its index in `attempt`. */
export interface RunPlan {
  readonly job: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Of a query. */
  readonly asker?: Asker | undefined;
  readonly attempt: readonly PlannedTenant[];
  /** Unreachable and excluded tenants: decided without an attempt. */
  readonly decided: readonly TenantRun[];
  /** Warnings of the tenant list that the plan was made from. */
  readonly warnings?: readonly string[] | undefined;
}
