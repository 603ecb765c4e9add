import type { HistoryTenant } from '../history/result-history.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { errorFields, type Logger } from '../../core/log.ts';
import { queryJob, type Run, type RunStatus } from '../store/run.ts';
import type { OutcomeCounts } from '../store/run-log.ts';
import type { Runs } from '../store/runs.ts';

export interface KeepHistoryDeps {
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
export async function keepHistory({ log, runs }: KeepHistoryDeps, ending: RunEnding): Promise<OutcomeCounts> {
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
