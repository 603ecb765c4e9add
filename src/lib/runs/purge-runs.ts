import type { Clock } from '../runtime/clock.ts';
import { errorFields, type Logger } from '../runtime/log.ts';
import type { Job, JobRegistry } from './job.ts';
import type { Orchestrations } from './orchestrations.ts';
import { isEnded, type Run } from './run.ts';
import type { RunId } from './run-id.ts';
import type { Runs } from './runs.ts';

export interface PurgeRunsDeps {
  readonly jobs: JobRegistry;
  readonly runs: Pick<Runs, 'log' | 'results'>;
  readonly orchestrations: Orchestrations;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long runs and their results are kept, days. */
  readonly retentionDays: number;
  /** Whether an operator has switched the job's timer off. */
  readonly timerIsOff: (job: string) => boolean;
}

const dayMs = 24 * 3_600_000;
/** The platform's histories tell an operator nothing that the run's own records do not; they are kept for faults. */
const historyDays = 14;
/** Per call, so that a first purge after a long time does not outlive the function's time limit; the next goes on. */
const mostRuns = 500;

/**
 * Deletes runs that are older than the retention, rows first and the run's own record last, so that a purge that dies
 * is taken up by the next; then the platform's histories. Runs that go on are left alone, and the last one of each
 * timer until its next: a job that is started once a month must not look new to `startMissed`.
 * @returns how many runs and histories were deleted.
 */
export async function purgeRuns(deps: PurgeRunsDeps): Promise<{ runs: number; histories: number }> {
  const nowMs = deps.clock.nowMs();
  const all = await deps.runs.log.list({ limit: Number.MAX_SAFE_INTEGER });
  const lastOfTimers = new Set(deps.jobs.list().map((job) => lastOfTimer(deps, all, job)));
  const old = all.filter((run) => run.createdAtMs < nowMs - deps.retentionDays * dayMs && !lastOfTimers.has(run.runId));
  let runs = 0;
  for (const { runId, status } of old.toReversed().slice(0, mostRuns)) {
    if (!isEnded(status)) continue;
    try {
      await deps.runs.results.remove(runId);
      await deps.runs.log.remove(runId);
      runs += 1;
    } catch (thrown) {
      deps.log.log('error', 'run.purge_failed', { runId, ...errorFields(thrown) });
    }
  }
  const histories = await deps.orchestrations.purge(nowMs - Math.min(historyDays, deps.retentionDays) * dayMs);
  if (runs + histories > 0) deps.log.log('info', 'run.purged', { runs, histories });
  return { runs, histories };
}

/** @param runs newest first. */
function lastOfTimer(deps: PurgeRunsDeps, runs: readonly Run[], { name, schedule }: Job): RunId | undefined {
  if (schedule === undefined || deps.timerIsOff(name)) return undefined;
  return runs.find(({ job, startedBy }) => job === name && startedBy === 'timer')?.runId;
}
