import { dayMs, minuteMs } from '../../core/durations.ts';
import type { Clock } from '../../core/clock.ts';
import { errorFields, type Logger } from '../../core/log.ts';
import type { Job, JobRegistry } from '../job/job.ts';
import type { Orchestrations } from '../../core/orchestrations.ts';
import { isEnded, type Run } from '../store/run.ts';
import type { RunId } from '../store/run-id.ts';
import type { Runs } from '../store/runs.ts';

export interface PurgeRunsDeps {
  readonly jobs: JobRegistry;
  readonly runs: Pick<Runs, 'log' | 'results' | 'history'>;
  readonly orchestrations: Orchestrations;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long runs and their results are kept, in days. */
  readonly retentionDays: number;
  /** Whether an operator has disabled the job's timer. */
  readonly timerIsOff: (job: string) => boolean;
}

/** How long the platform's histories are kept. Run records hold the results; histories only help to analyse faults. */
const historyDays = 14;
/**
 * How long the history of results is kept, in days: a year, and a month to compare it with the year before. Longer if runs are
 * kept longer.
 */
const historyOfResultsDays = 400;
/** Time for deleting runs, to stay within the function's time limit of ten minutes. The next call continues. */
const maxMs = 8 * minuteMs;

/**
 * Deletes runs older than the retention time, then the platform's histories. Rows are deleted first and the run's
 * record last, so that the next purge can continue an interrupted one. Active runs are kept, and so is the latest run
 * of each timer: a monthly job must not look new to `startMissed`.
 * @returns how many runs and histories were deleted.
 */
export async function purgeRuns(deps: PurgeRunsDeps): Promise<{ runs: number; histories: number }> {
  const nowMs = deps.clock.nowMs();
  const all = await deps.runs.log.list({ limit: Number.MAX_SAFE_INTEGER });
  const lastOfTimers = new Set(deps.jobs.list().map((job) => lastOfTimer(deps, all, job)));
  const oldestMs = nowMs - deps.retentionDays * dayMs;
  const old = all.filter((run) => run.createdAtMs < oldestMs && isEnded(run.status) && !lastOfTimers.has(run.runId));
  let [runs, left] = [0, old.length];
  for (const { runId } of old.toReversed()) {
    if (deps.clock.nowMs() - nowMs >= maxMs) break;
    left -= 1;
    try {
      await deps.runs.results.remove(runId);
      await deps.runs.log.remove(runId);
      runs += 1;
    } catch (thrown) {
      deps.log.log('error', 'run.purge_failed', { runId, ...errorFields(thrown) });
    }
  }
  const histories = await deps.orchestrations.purge(nowMs - Math.min(historyDays, deps.retentionDays) * dayMs);
  await purgeHistory(deps, nowMs - Math.max(historyOfResultsDays, deps.retentionDays) * dayMs);
  if (runs + histories + left > 0) deps.log.log('info', 'run.purged', { runs, histories, left });
  return { runs, histories };
}

async function purgeHistory({ runs, log }: PurgeRunsDeps, startedBeforeMs: number): Promise<void> {
  try {
    const purged = await runs.history.purge(startedBeforeMs);
    if (purged > 0) log.log('info', 'history.purged', { runs: purged });
  } catch (thrown) {
    log.log('error', 'history.purge_failed', errorFields(thrown));
  }
}

/** @param runs newest first. */
function lastOfTimer(deps: PurgeRunsDeps, runs: readonly Run[], { name, schedule }: Job): RunId | undefined {
  if (schedule === undefined || deps.timerIsOff(name)) return undefined;
  return runs.find(({ job, startedBy }) => job === name && startedBy === 'timer')?.runId;
}
