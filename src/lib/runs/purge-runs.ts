import type { Clock } from '../clock.ts';
import { errorFields, type Logger } from '../log.ts';
import type { Orchestrations } from './orchestrations.ts';
import { isEnded } from './run.ts';
import type { RunLog, RunResults } from './run-log.ts';

export interface PurgeRunsDeps {
  readonly runLog: RunLog;
  readonly results: RunResults;
  readonly orchestrations: Orchestrations;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long runs and their results are kept, days. */
  readonly retentionDays: number;
}

const dayMs = 24 * 3_600_000;
/** The platform's histories tell an operator nothing that the run's own records do not; they are kept for faults. */
const historyDays = 14;
/** Per call, so that a first purge after a long time does not outlive the function's time limit; the next goes on. */
const mostRuns = 500;

/**
 * Deletes runs that are older than the retention, rows first and the run's own record last, so that a purge that dies
 * is taken up by the next; then the platform's histories. Runs that go on are left alone.
 * @returns how many runs and histories were deleted.
 */
export async function purgeRuns(deps: PurgeRunsDeps): Promise<{ runs: number; histories: number }> {
  const nowMs = deps.clock.nowMs();
  const old = await deps.runLog.list({
    createdBeforeMs: nowMs - deps.retentionDays * dayMs,
    limit: Number.MAX_SAFE_INTEGER,
  });
  let runs = 0;
  for (const { runId, status } of old.toReversed().slice(0, mostRuns)) {
    if (!isEnded(status)) continue;
    try {
      await deps.results.remove(runId);
      await deps.runLog.remove(runId);
      runs += 1;
    } catch (thrown) {
      deps.log.log('error', 'run.purge_failed', { runId, ...errorFields(thrown) });
    }
  }
  const histories = await deps.orchestrations.purge(nowMs - Math.min(historyDays, deps.retentionDays) * dayMs);
  if (runs + histories > 0) deps.log.log('info', 'run.purged', { runs, histories });
  return { runs, histories };
}
