import type { Clock } from '../../core/clock.ts';
import { type ErrorCode, errorTable, toBrokerError } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { errorFields, type Logger } from '../../core/log.ts';
import type { HistoryTenant } from '../history/tenant-numbers.ts';
import {
  isEnded,
  type OutcomeCounts,
  type PlannedTenant,
  queryJob,
  type Run,
  type RunId,
  type RunStatus,
  type RunStop,
  type TenantCounts,
  type TenantRun,
} from '../store/run.ts';
import { recordDeleted, type Runs } from '../store/runs.ts';
import { planDeleted } from '../store/stored-plan.ts';

interface KeepHistoryDeps {
  readonly log: Logger;
  readonly runs: Pick<Runs, 'log' | 'history'>;
}

/** How a run ends. */
interface RunEnding {
  readonly run: Run;
  readonly status: RunStatus;
  /** Planned tenants that have no record. */
  readonly notAttempted: readonly TenantId[];
}

/**
 * Counts the outcomes of a run that ends, and keeps the numbers of its rows in the history. Queries have no history, because
 * each asks something else. A history that cannot be written does not keep the run from ending.
 * @throws BrokerError storage_unavailable if the records cannot be read.
 */
async function keepHistory({ log, runs }: KeepHistoryDeps, ending: RunEnding): Promise<OutcomeCounts> {
  const { run, status, notAttempted } = ending;
  const counts = { succeeded: 0, failed: 0, skipped: 0, retrying: 0 };
  const tenants = new Map(
    notAttempted.map((tenantId): [TenantId, HistoryTenant] => [
      tenantId,
      { tenantId, outcome: 'not_attempted', rows: 0 },
    ]),
  );
  for await (const { outcome, ...tenant } of runs.log.numbers(run.runId)) {
    counts[outcome] += 1;
    if (outcome !== 'retrying') tenants.set(tenant.tenantId, { ...tenant, outcome });
  }
  if (run.job === queryJob || status === 'pending' || status === 'running') return counts;
  const { runId, job, window, createdAtMs, startedAtMs = createdAtMs, scope, startedBy, parameters } = run;
  const isScheduled = startedBy === 'timer';
  try {
    await runs.history.add({ runId, job, window, startedAtMs, status, scope, isScheduled, parameters }, [
      ...tenants.values(),
    ]);
  } catch (thrown) {
    log.log('error', 'run.history_failed', { runId, ...errorFields(thrown) });
  }
  return counts;
}

export interface FinishRunInput {
  readonly runId: RunId;
  /** Why the orchestration stopped early, if it did. */
  readonly stoppedBy?: RunStop | undefined;
  /** Why tenants of the last round have no record, if an activity reported it. */
  readonly lostBy?: ErrorCode | undefined;
}

export interface FinishRunDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly runs: Pick<Runs, 'log' | 'results' | 'stops' | 'history'>;
}

/** Output of the activity `finish-run`, and so of the orchestration. */
export interface FinishRunResult {
  readonly status: RunStatus;
  readonly tenants: TenantCounts;
}

/**
 * Closes the run's record: every tenant gets a final result and the counts become final. Idempotent, even after a
 * first call that stopped half-way.
 * @throws BrokerError storage_unavailable; the orchestration retries the activity.
 */
export async function finishRun(deps: FinishRunDeps, input: FinishRunInput): Promise<FinishRunResult> {
  const { runId } = input;
  const run = await deps.runs.log.find(runId);
  if (run === undefined) throw recordDeleted(runId);
  if (isEnded(run.status)) return { status: run.status, tenants: run.tenants };
  const open = await openTenants(deps, run);
  const { status, stoppedBy } = endOf(run, input.stoppedBy, open);
  // Record the reason before closing tenants: a repeated call that finds no open tenants must reach the same status.
  if (stoppedBy !== undefined && run.stoppedBy === undefined) await deps.runs.log.change(runId, { stoppedBy });
  const waiting = new Set(open.retrying.map(({ tenantId }) => tenantId));
  for (const record of closed(open, status, input.lostBy ?? 'internal', deps.clock.nowMs())) {
    // The list of tenants has no traces, and the record is replaced as a whole. A tenant without a record has none.
    const trace = waiting.has(record.tenantId)
      ? (await deps.runs.log.findTenant(runId, record.tenantId))?.trace
      : undefined;
    await deps.runs.log.recordTenant(runId, { ...record, trace });
  }
  const missing = status === 'completed' ? [] : open.missing.map(({ tenantId }) => tenantId);
  // Before the run is closed, because a repeated call changes nothing then.
  const { succeeded, failed, skipped } = await keepHistory(deps, { run, status, notAttempted: missing });
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

/** Tenants of the run that have no final result. */
interface OpenTenants {
  readonly retrying: readonly TenantRun[];
  /** Planned tenants without any record. */
  readonly missing: readonly PlannedTenant[];
  /** Number of tenants that an earlier call already closed as cancelled. */
  readonly cancelled: number;
  readonly lastRound: number;
  /** Set if somebody changed or deleted the stored plan, so that the missing tenants are unknown. */
  readonly planChanged: RunStop | undefined;
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
  const plan = await readPlan(deps, run, recorded.size);
  const missing = plan.attempt.filter(({ tenantId }) => !recorded.has(tenantId));
  return { retrying, missing, cancelled, lastRound, planChanged: plan.changed };
}

/** The planned tenants, or why the stored plan cannot tell them. */
async function readPlan(
  deps: FinishRunDeps,
  run: Run,
  recorded: number,
): Promise<{ readonly attempt: readonly PlannedTenant[]; readonly changed?: RunStop }> {
  if (run.startedAtMs === undefined) return { attempt: [] };
  try {
    const plan = await deps.runs.results.plan(run);
    if (plan !== undefined) return plan;
    // A run whose tenants all have a record needs no plan.
    if (recorded >= run.tenants.total) return { attempt: [] };
    throw planDeleted(run.runId);
  } catch (thrown) {
    const { code, detail } = toBrokerError(thrown);
    if (code !== 'plan_changed') throw thrown;
    return { attempt: [], changed: { code, detail } };
  }
}

/** Determines the final status. A stop or cancellation after the last tenant finished has no effect. */
function endOf(
  run: Run,
  stoppedBy: RunStop | undefined,
  open: OpenTenants,
): { status: RunStatus; stoppedBy?: RunStop } {
  if (run.stoppedBy !== undefined) return { status: 'failed', stoppedBy: run.stoppedBy };
  if (open.planChanged !== undefined) return { status: 'failed', stoppedBy: open.planChanged };
  const left = open.retrying.length + open.missing.length + open.cancelled;
  if (run.startedAtMs !== undefined && left === 0) return { status: 'completed' };
  if (run.cancelRequestedAtMs !== undefined) return { status: 'cancelled' };
  return stoppedBy === undefined ? { status: 'completed' } : { status: 'failed', stoppedBy };
}

/**
 * Returns the final records of open tenants. A tenant that waited for a retry has failed. A tenant without a record has
 * failed if the run completed, because a completed run has a result for every tenant. In a stopped or cancelled run it
 * was not attempted and gets no record.
 */
function closed(open: OpenTenants, status: RunStatus, lostBy: ErrorCode, nowMs: number): TenantRun[] {
  const waiting = open.retrying.map((tenant): TenantRun => {
    const reason: Partial<TenantRun> =
      status === 'cancelled'
        ? {
            code: 'run_cancelled',
            detail: `The run was cancelled before the next attempt. Last failure: ${errorTable[tenant.code ?? 'internal'].title}.`,
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
        detail: 'The tenant was attempted, but its result could not be recorded. The log contains the cause.',
        // A round above all others, so that a late activity cannot overwrite this record.
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
