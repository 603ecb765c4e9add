import { hourMs, minuteMs } from '../model/durations.ts';
import { BrokerError } from '../model/errors.ts';
import type { Job } from './job.ts';
import { type RunId, runIdOf, scheduledWindow } from './run-id.ts';
import { startRun, type StartRunDeps } from './start-run.ts';

export interface StartMissedDeps extends StartRunDeps {
  /** Whether an operator has disabled the job's timer. */
  readonly timerIsOff: (job: string) => boolean;
  /** When this process started with its current jobs. */
  readonly upSinceMs: number;
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
  const nowMs = deps.clock.nowMs();
  const scheduledAtMs = job.schedule?.latestAtMs(nowMs);
  if (scheduledAtMs === undefined || nowMs - scheduledAtMs < graceMs || nowMs - scheduledAtMs > maxAgeMs)
    return undefined;
  if (deps.timerIsOff(job.name)) return undefined;
  const window = scheduledWindow(scheduledAtMs);
  if ((await deps.runs.log.find(runIdOf(job.name, window))) !== undefined) return undefined;
  if (!(await wasDeployed(deps, job, scheduledAtMs))) return undefined;
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
 * Whether the job was already deployed at its scheduled time. A new job first runs at its next scheduled time, not at
 * an earlier one. A process that was up by then had the timer; otherwise an earlier run by the timer is the evidence.
 */
async function wasDeployed(deps: StartMissedDeps, job: Job, scheduledAtMs: number): Promise<boolean> {
  if (deps.upSinceMs <= scheduledAtMs + graceMs) return true;
  const earlier = await deps.runs.log.list({ job: job.name, limit: Number.MAX_SAFE_INTEGER });
  return earlier.some(({ startedBy }) => startedBy === 'timer');
}
