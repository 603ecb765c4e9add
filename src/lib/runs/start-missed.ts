import { BrokerError } from '../model/errors.ts';
import type { Job } from './job.ts';
import { type RunId, runIdOf, scheduledWindow } from './run-id.ts';
import { startRun, type StartRunDeps } from './start-run.ts';

export interface StartMissedDeps extends StartRunDeps {
  /** Whether an operator has switched the job's timer off. */
  readonly timerIsOff: (job: string) => boolean;
  /** Since when this process works with the jobs that it has. */
  readonly upSinceMs: number;
}

/** How far back a window is still worth a run: yesterday's report is no news when today's comes. */
const reachMs = 6 * 3_600_000;
/** The timer itself comes first. */
const graceMs = 2 * 60_000;

/**
 * Starts the latest scheduled window of a job when its timer could not: the platform does not repeat a failed timer.
 * @returns the run, or undefined when there is nothing to do.
 * @throws BrokerError as startRun does.
 */
export async function startMissed(deps: StartMissedDeps, job: Job): Promise<RunId | undefined> {
  const nowMs = deps.clock.nowMs();
  const scheduledAtMs = job.schedule?.latestAtMs(nowMs);
  if (scheduledAtMs === undefined || nowMs - scheduledAtMs < graceMs || nowMs - scheduledAtMs > reachMs)
    return undefined;
  if (deps.timerIsOff(job.name)) return undefined;
  const window = scheduledWindow(scheduledAtMs);
  if ((await deps.runs.log.find(runIdOf(job.name, window))) !== undefined) return undefined;
  if (!(await wasHere(deps, job, scheduledAtMs))) return undefined;
  try {
    const runId = await startRun(deps, { job: job.name, window, startedBy: 'timer' });
    deps.log.log('warn', 'run.missed_start', { runId });
    return runId;
  } catch (thrown) {
    if (thrown instanceof BrokerError && thrown.code === 'run_conflict') return undefined;
    throw thrown;
  }
}

/**
 * Whether the job was here when its time came: the first run of a new one is for its next time, not for one before it.
 * A process that was up by then had its timer, and may have been woken by it; otherwise an earlier run of the timer
 * tells.
 */
async function wasHere(deps: StartMissedDeps, job: Job, scheduledAtMs: number): Promise<boolean> {
  if (deps.upSinceMs <= scheduledAtMs + graceMs) return true;
  const earlier = await deps.runs.log.list({ job: job.name, limit: Number.MAX_SAFE_INTEGER });
  return earlier.some(({ startedBy }) => startedBy === 'timer');
}
