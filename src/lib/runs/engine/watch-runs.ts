import { type Clock, dayMs, hourMs, minuteMs } from '../../core/clock.ts';
import { BrokerError } from '../../core/errors.ts';
import { errorFields, type Logger } from '../../core/log.ts';
import type { Orchestrations } from '../../core/orchestrations.ts';
import { once } from '../../core/single-flight.ts';
import type { Job, JobRegistry } from '../job/job.ts';
import { exportRun, type ExportRunDeps } from '../reading/result-page.ts';
import { isApplyWindow, isEnded, type Run, type RunId, runIdOf, scheduledWindow } from '../store/run.ts';
import type { Runs } from '../store/runs.ts';
import { finishRun, type FinishRunDeps } from './finish-run.ts';
import { resumeRun, startRun, type StartRunDeps } from './start-run.ts';

interface PurgeRunsDeps {
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

interface StartMissedDeps extends StartRunDeps {
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
async function startMissed(deps: StartMissedDeps, job: Job): Promise<RunId | undefined> {
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

type WatchRunsDeps = StartMissedDeps &
  FinishRunDeps &
  ExportRunDeps & {
    /** Announces a run that has ended. */
    readonly announce: (runId: RunId) => Promise<unknown>;
  };

/** The watchdog's actions, as run ids. */
interface Watched {
  /** Runs that their timer failed to start. */
  readonly started: readonly string[];
  /** Runs whose orchestration was never started or was lost, and is now started. */
  readonly resumed: readonly string[];
  /** Runs that were closed because their orchestration failed or made no progress. */
  readonly closed: readonly string[];
}

/** Time without progress that is normal: delays between rounds take up to 15 minutes, and the platform retries too. */
const patienceMs = 2 * hourMs;
/** Longest time that a run may wait behind other runs. */
const maxStandstillMs = dayMs;
const maxJobSeconds = 3600;
const maxApplyMs = 8 * dayMs;
/** Number of recent runs to search for the latest progress. */
const recentRuns = 50;

/**
 * Repairs runs: starts those whose timer failed, resumes those whose start was interrupted or whose orchestration the
 * platform lost, and closes those whose orchestration failed or hangs (the storage provider has no dead-letter queue).
 * A failure with one run does not affect the others.
 */
export async function watchRuns(deps: WatchRunsDeps): Promise<Watched> {
  const started: string[] = [];
  const resumed: string[] = [];
  const closed: string[] = [];
  for (const job of deps.jobs.list()) {
    await guarded(deps, { job: job.name }, async () => {
      const runId = await startMissed(deps, job);
      if (runId !== undefined) started.push(runId);
    });
  }
  const progressMs = once(() => latestProgressMs(deps));
  for await (const run of deps.runs.log.runs({ active: true })) {
    await guarded(deps, { runId: run.runId }, async () => {
      if (await resumeRun(deps, run.runId)) resumed.push(run.runId);
      else if (await closeIfDead(deps, run, progressMs)) closed.push(run.runId);
    });
  }
  // At the end: an export may take ten minutes.
  for (const runId of closed) await exportRun(deps, runId);
  return { started, resumed, closed };
}

async function guarded(deps: WatchRunsDeps, subject: Record<string, string>, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (thrown) {
    deps.log.log('error', 'run.watch_failed', { ...subject, ...errorFields(thrown) });
  }
}

async function closeIfDead(deps: WatchRunsDeps, run: Run, progressMs: () => Promise<number>): Promise<boolean> {
  const state = await deps.orchestrations.state(run.runId);
  // An unknown instance is a start in progress.
  if (state === 'unknown') return false;
  if (state === 'active') {
    if (!(await hangs(deps, run, progressMs))) return false;
    // Its batches continue until their tenant runs see that the run has ended.
    await deps.orchestrations.terminate(run.runId, 'no progress');
  } else {
    // The run may have finished after it was listed.
    const now = await deps.runs.log.find(run.runId);
    if (now === undefined || isEnded(now.status)) return false;
  }
  const detail =
    state === 'active' ? 'The run made no progress and was ended.' : 'The orchestration of the run failed.';
  deps.log.log('error', 'run.closed_by_watchdog', { runId: run.runId, state });
  await finishRun(deps, { runId: run.runId, stoppedBy: { code: 'internal', detail } });
  try {
    await deps.announce(run.runId);
  } catch (thrown) {
    deps.log.log('warn', 'run.not_announced', { runId: run.runId, ...errorFields(thrown) });
  }
  return true;
}

/**
 * Whether no tenant of the run has finished for longer than one may take, and no other run is making progress (all
 * runs share one queue). Records are read only for runs that are old enough to hang.
 */
async function hangs(deps: WatchRunsDeps, run: Run, progressMs: () => Promise<number>): Promise<boolean> {
  // An apply pauses, and waits for people. Its plan expires within a day, and no pause takes longer than five.
  if (isApplyWindow(run.window)) return deps.clock.nowMs() - run.createdAtMs >= maxApplyMs;
  const patience = patienceMs + (deps.jobs.find(run.job)?.timeoutSeconds ?? maxJobSeconds) * 1000;
  const nowMs = deps.clock.nowMs();
  if (nowMs - (run.startedAtMs ?? run.createdAtMs) < patience) return false;
  const standstillMs = nowMs - (await lastProgressMs(deps, run));
  if (standstillMs < patience) return false;
  return standstillMs >= maxStandstillMs || nowMs - (await progressMs()) >= patience;
}

/** When a tenant of the run last finished, or when the run started. */
async function lastProgressMs(deps: WatchRunsDeps, run: Run): Promise<number> {
  let lastMs = run.startedAtMs ?? run.createdAtMs;
  for await (const { finishedAtMs } of deps.runs.log.tenants(run.runId)) lastMs = Math.max(lastMs, finishedAtMs);
  return lastMs;
}

/** When any run last made progress, whether active or ended. The time may be an earlier one if it is recent enough for every run. */
async function latestProgressMs(deps: WatchRunsDeps): Promise<number> {
  const recent = await deps.runs.log.list({ limit: recentRuns });
  let latestMs = Math.max(0, ...recent.map(({ finishedAtMs }) => finishedAtMs ?? 0));
  const enoughMs = deps.clock.nowMs() - patienceMs;
  for await (const run of deps.runs.log.runs({ active: true })) {
    if (latestMs > enoughMs) break;
    latestMs = Math.max(latestMs, await lastProgressMs(deps, run));
  }
  return latestMs;
}
