import { dayMs, hourMs } from '../../core/durations.ts';
import { errorFields } from '../../core/log.ts';
import { announceRun, type AnnounceRunDeps } from './announce-run.ts';
import { exportRun, type ExportRunDeps } from '../reading/export-run.ts';
import { type FinishRunDeps, finishRun } from './finish-run.ts';
import { isEnded, type Run } from '../store/run.ts';
import { startMissed, type StartMissedDeps } from './start-missed.ts';
import { resumeRun } from './start-run.ts';
import { once } from '../../core/once.ts';

export type WatchRunsDeps = StartMissedDeps & FinishRunDeps & AnnounceRunDeps & ExportRunDeps;

/** The watchdog's actions, as run ids. */
export interface Watched {
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
    await announceRun(deps, { runId: run.runId });
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
