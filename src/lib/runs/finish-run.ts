import type { Clock } from '../clock.ts';
import { BrokerError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { isEnded, type Run, type RunStatus, type RunStop, type TenantCounts } from './run.ts';
import type { RunId } from './run-id.ts';
import type { RunLog } from './run-log.ts';
import type { RunStops } from './run-stops.ts';

export interface FinishRunInput {
  readonly runId: RunId;
  /** Why the orchestration itself gave up, where it did. */
  readonly stoppedBy?: RunStop | undefined;
}

export interface FinishRunDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly runLog: RunLog;
  readonly stops: RunStops;
}

/** Output of the activity `finish-run`, and so of the orchestration. */
export interface FinishRunResult {
  readonly status: RunStatus;
  readonly tenants: TenantCounts;
}

/**
 * Closes the record: what was still to be retried has failed, the counts become final. Repeating it changes nothing.
 * @throws BrokerError storage_unavailable; the orchestration repeats it.
 */
export async function finishRun(deps: FinishRunDeps, input: FinishRunInput): Promise<FinishRunResult> {
  const run = await deps.runLog.find(input.runId);
  if (run === undefined) throw new BrokerError('run_not_found', `The record of the run ${input.runId} is gone.`);
  if (isEnded(run.status)) return { status: run.status, tenants: run.tenants };
  for await (const tenant of deps.runLog.tenants(input.runId, 'retrying')) {
    await deps.runLog.recordTenant(input.runId, { ...tenant, outcome: 'failed', round: tenant.round + 1 });
  }
  const { succeeded, failed, skipped } = await deps.runLog.countTenants(input.runId);
  const { total } = run.tenants;
  const tenants = {
    total,
    succeeded,
    failed,
    skipped,
    notAttempted: Math.max(0, total - succeeded - failed - skipped),
  };
  const stoppedBy = run.stoppedBy ?? input.stoppedBy;
  const status = statusOf(run, stoppedBy, tenants);
  await deps.runLog.change(input.runId, {
    status,
    tenants,
    finishedAtMs: deps.clock.nowMs(),
    ...(stoppedBy === undefined ? {} : { stoppedBy }),
  });
  deps.stops.forget(input.runId);
  deps.log.log(status === 'failed' ? 'error' : 'info', 'run.finished', {
    runId: input.runId,
    status,
    ...tenants,
    stoppedBy: stoppedBy?.code,
  });
  return { status, tenants };
}

function statusOf(run: Run, stoppedBy: RunStop | undefined, tenants: TenantCounts): RunStatus {
  if (stoppedBy !== undefined) return 'failed';
  // A cancellation that came after the last tenant has cancelled nothing.
  if (run.cancelRequestedAtMs !== undefined && (tenants.notAttempted > 0 || run.startedAtMs === undefined))
    return 'cancelled';
  return 'completed';
}
