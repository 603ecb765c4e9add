import type { Clock } from '../runtime/clock.ts';
import { BrokerError, type ErrorCode, errorTable } from '../model/errors.ts';
import type { Logger } from '../runtime/log.ts';
import {
  isEnded,
  type PlannedTenant,
  type Run,
  type RunStatus,
  type RunStop,
  type TenantCounts,
  type TenantRun,
} from './run.ts';
import type { RunId } from './run-id.ts';
import type { Runs } from './runs.ts';

export interface FinishRunInput {
  readonly runId: RunId;
  /** Why the orchestration itself gave up, where it did. */
  readonly stoppedBy?: RunStop | undefined;
  /** Why tenants of the last round have no record, where an activity knew. */
  readonly lostBy?: ErrorCode | undefined;
}

export interface FinishRunDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly runs: Pick<Runs, 'log' | 'results' | 'stops'>;
}

/** Output of the activity `finish-run`, and so of the orchestration. */
export interface FinishRunResult {
  readonly status: RunStatus;
  readonly tenants: TenantCounts;
}

/**
 * Closes the record: no tenant is left open, the counts become final. Repeating it changes nothing, also when the first
 * time died half-way.
 * @throws BrokerError storage_unavailable; the orchestration repeats it.
 */
export async function finishRun(deps: FinishRunDeps, input: FinishRunInput): Promise<FinishRunResult> {
  const { runId } = input;
  const run = await deps.runs.log.find(runId);
  if (run === undefined) throw new BrokerError('run_not_found', `The record of the run ${runId} is gone.`);
  if (isEnded(run.status)) return { status: run.status, tenants: run.tenants };
  const open = await openTenants(deps, run);
  const { status, stoppedBy } = endOf(run, input.stoppedBy, open);
  // On record before any tenant is closed: a repetition that finds none open must come to the same end.
  if (stoppedBy !== undefined && run.stoppedBy === undefined) await deps.runs.log.change(runId, { stoppedBy });
  for (const record of closed(open, status, input.lostBy ?? 'internal', deps.clock.nowMs()))
    await deps.runs.log.recordTenant(runId, record);
  const { succeeded, failed, skipped } = await deps.runs.log.countTenants(runId);
  const { total } = run.tenants;
  const notAttempted = Math.max(0, total - succeeded - failed - skipped);
  const tenants = { total, succeeded, failed, skipped, notAttempted };
  await deps.runs.log.change(runId, { status, tenants, finishedAtMs: deps.clock.nowMs() });
  deps.runs.stops.forget(runId);
  deps.log.log(status === 'failed' ? 'error' : 'info', 'run.finished', {
    runId,
    status,
    ...tenants,
    stoppedBy: stoppedBy?.code,
  });
  return { status, tenants };
}

/** Tenants of the run without a final result. */
interface OpenTenants {
  readonly retrying: readonly TenantRun[];
  /** Planned, and without any record. */
  readonly missing: readonly PlannedTenant[];
  /** Closed by a cancellation, in an earlier attempt to finish. */
  readonly cancelled: number;
  readonly lastRound: number;
}

async function openTenants(deps: FinishRunDeps, run: Run): Promise<OpenTenants> {
  const recorded = new Set<string>();
  const retrying: TenantRun[] = [];
  let cancelled = 0;
  let lastRound = 1;
  for await (const record of deps.runs.log.tenants(run.runId)) {
    recorded.add(record.tenantId);
    lastRound = Math.max(lastRound, record.round);
    if (record.outcome === 'retrying') retrying.push(record);
    if (record.code === 'run_cancelled') cancelled += 1;
  }
  const planned = run.startedAtMs === undefined ? [] : ((await deps.runs.results.plan(run.runId))?.attempt ?? []);
  return { retrying, missing: planned.filter(({ tenantId }) => !recorded.has(tenantId)), cancelled, lastRound };
}

/** How the run ends. What came after the last tenant was done has neither stopped nor cancelled anything. */
function endOf(
  run: Run,
  stoppedBy: RunStop | undefined,
  open: OpenTenants,
): { status: RunStatus; stoppedBy?: RunStop } {
  if (run.stoppedBy !== undefined) return { status: 'failed', stoppedBy: run.stoppedBy };
  const left = open.retrying.length + open.missing.length + open.cancelled;
  if (run.startedAtMs !== undefined && left === 0) return { status: 'completed' };
  if (run.cancelRequestedAtMs !== undefined) return { status: 'cancelled' };
  return stoppedBy === undefined ? { status: 'completed' } : { status: 'failed', stoppedBy };
}

/**
 * The last records of open tenants. What waited to be tried again has failed. A tenant that has no record although
 * nothing kept the run from it has failed, too: a completed run owes each tenant a result. In a run that was stopped or
 * cancelled it was not attempted.
 */
function closed(open: OpenTenants, status: RunStatus, lostBy: ErrorCode, nowMs: number): TenantRun[] {
  const waiting = open.retrying.map((tenant): TenantRun => {
    const reason: Partial<TenantRun> =
      status === 'cancelled'
        ? {
            code: 'run_cancelled',
            detail: `Cancelled before it was tried again; the last attempt: ${errorTable[tenant.code ?? 'internal'].title}.`,
          }
        : {};
    const { round } = tenant;
    return { ...tenant, ...reason, retryAfterSeconds: undefined, outcome: 'failed', round: round + 1, attempts: round };
  });
  const lost = status !== 'completed' ? [] : open.missing;
  return [
    ...waiting,
    ...lost.map(
      ({ tenantId, name }): TenantRun => ({
        tenantId,
        name,
        outcome: 'failed',
        code: lostBy,
        detail: 'It was visited, but its result could not be recorded; the log says why.',
        // Above all rounds, so that no straggler writes over it.
        round: open.lastRound + 1,
        attempts: open.lastRound,
        rows: 0,
        columns: [],
        startedAtMs: nowMs,
        finishedAtMs: nowMs,
      }),
    ),
  ];
}
