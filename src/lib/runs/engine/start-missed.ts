import { hourMs, minuteMs } from '../../core/durations.ts';
import { BrokerError } from '../../core/errors.ts';
import type { Job } from '../job/job.ts';
import { type RunId, runIdOf, scheduledWindow } from '../store/run-id.ts';
import type { Runs } from '../store/runs.ts';
import { startRun, type StartRunDeps } from './start-run.ts';

export interface StartMissedDeps extends StartRunDeps {
  /** Whether an operator has disabled the job's timer. */
  readonly timerIsOff: (job: string) => boolean;
  readonly runs: Pick<Runs, 'log' | 'schedules'>;
}

/** Oldest window that is still started late. An older report would soon be superseded by the next one. */
const maxAgeMs = 6 * hourMs;
/** Time that the timer itself gets to start the run. */
const graceMs = 2 * minuteMs;

/**
 * Starts the latest scheduled window of a job if its timer failed to. The platform does not retry a failed timer.
 * @returns the started run, or undefined if nothing was missed.
 * @throws BrokerError the errors of startRun.
 */
export async function startMissed(deps: StartMissedDeps, job: Job): Promise<RunId | undefined> {
  if (job.schedule === undefined || deps.timerIsOff(job.name)) return undefined;
  const nowMs = deps.clock.nowMs();
  // Also when nothing was missed, so that the time is stored long before the first window.
  const firstSeenMs = await deps.runs.schedules.firstSeenMs(job.name, () => firstEvidenceMs(deps, job.name, nowMs));
  const scheduledAtMs = job.schedule.latestAtMs(nowMs);
  if (scheduledAtMs === undefined || nowMs - scheduledAtMs < graceMs || nowMs - scheduledAtMs > maxAgeMs)
    return undefined;
  // A new job first runs at its next scheduled time, not at an earlier one.
  if (firstSeenMs > scheduledAtMs + graceMs) return undefined;
  const window = scheduledWindow(scheduledAtMs);
  if ((await deps.runs.log.find(runIdOf(job.name, window))) !== undefined) return undefined;
  try {
    const runId = await startRun(deps, { job: job.name, window, startedBy: 'timer' });
    deps.log.log('warn', 'run.missed_start', { runId });
    return runId;
  } catch (thrown) {
    if (thrown instanceof BrokerError && thrown.code === 'run_conflict') return undefined;
    throw thrown;
  }
}

/** When the timer of a job first ran, or now. Versions of the app before the schedule log left only the runs. */
async function firstEvidenceMs({ runs }: StartMissedDeps, job: string, nowMs: number): Promise<number> {
  const earlier = await runs.log.list({ job, limit: Number.MAX_SAFE_INTEGER });
  return earlier.findLast(({ startedBy }) => startedBy === 'timer')?.createdAtMs ?? nowMs;
}
