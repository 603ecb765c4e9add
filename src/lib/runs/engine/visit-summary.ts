import type { ErrorCode } from '../../core/errors.ts';
import type { RunId } from '../store/run-id.ts';
import type { TenantRunResult } from './tenant-run.ts';

/** Input of the activity `visit-tenants`. The history stores it, so it is small and contains no secrets. */
export interface VisitTenantsInput {
  readonly runId: RunId;
  /** Indexes in the plan's `attempt`. */
  readonly indexes: readonly number[];
  /** From 1. */
  readonly round: number;
  /** Whether this is the last round, in which a transient failure is final. */
  readonly last: boolean;
  /** External event for the run when an instance has taken the activity. Absent: the run does not wait for it. */
  readonly takenEvent?: string | undefined;
}

/** What an orchestration needs to know of visited tenants. The history stores it. */
export interface VisitSummary {
  /** Indexes of the tenants to retry. */
  readonly retry: readonly number[];
  /** The longest Retry-After of these tenants, in seconds. */
  readonly retryAfterSeconds: number;
  /** Why some tenants were not attempted. */
  readonly stopCode?: ErrorCode | undefined;
  /** Why some attempted tenants have no record. */
  readonly lostBy?: ErrorCode | undefined;
}

/** Output of the activity. Empty members are absent, because most tenants need none. */
export interface TenantsVisitResult extends Pick<VisitSummary, 'stopCode' | 'lostBy'> {
  readonly retry?: readonly number[] | undefined;
  readonly retryAfterSeconds?: number | undefined;
  /** Indexes of the tenants for which the activity had no time. */
  readonly left?: readonly number[] | undefined;
}

/** @param results of the tenants with these indexes, in the same order. */
export function summaryOf(indexes: readonly number[], results: readonly TenantRunResult[]): VisitSummary {
  const stopCode = results.find(({ outcome }) => outcome === 'not_attempted')?.code;
  const lostBy = results.find(({ outcome, unrecorded }) => unrecorded === true && outcome !== 'retrying')?.code;
  return {
    retry: indexes.filter((_, place) => results[place]?.outcome === 'retrying'),
    retryAfterSeconds: Math.max(0, ...results.map((result) => result.retryAfterSeconds ?? 0)),
    ...(stopCode === undefined ? {} : { stopCode }),
    ...(lostBy === undefined ? {} : { lostBy }),
  };
}
