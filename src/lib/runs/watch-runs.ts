import { errorFields } from '../runtime/log.ts';
import { announceRun, type AnnounceRunDeps } from './announce-run.ts';
import { type FinishRunDeps, finishRun } from './finish-run.ts';
import { isEnded, type Run } from './run.ts';
import { startMissed, type StartMissedDeps } from './start-missed.ts';
import { resumeRun } from './start-run.ts';
import { once } from './storage-call.ts';

export type WatchRunsDeps = StartMissedDeps & FinishRunDeps & AnnounceRunDeps;

/** What the watchdog found and did, by run id. */
export interface Watched {
  /** Their timer could not start them. */
  readonly started: readonly string[];
  /** Claimed but never begun, or lost by the platform: started (again). */
  readonly resumed: readonly string[];
  /** Their orchestration has failed or does not move: closed. */
  readonly closed: readonly string[];
}

/** Waits between rounds take up to 15 minutes, and the platform's own retries some more. */
const patienceMs = 2 * 3_600_000;
/** So long a run may stand in line behind others. */
const longestStandstillMs = 24 * 3_600_000;
const longestJobSeconds = 3600;
/** Of the runs that ended last, the one that kept a waiting run waiting. */
const lastEnded = 50;

/**
 * Looks after runs that nobody else would: a timer that failed, a start that died half-way, an orchestration that the
 * platform lost or gave up, one that hangs (the storage provider has no dead letters). A failure with one run does not
 * keep it from the others.
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
  const active = await deps.runs.log.list({ active: true, limit: 1000 });
  const progressMs = once(() => latestProgressMs(deps, active));
  for (const run of active) {
    await guarded(deps, { runId: run.runId }, async () => {
      if (await resumeRun(deps, run.runId)) resumed.push(run.runId);
      else if (await closeIfDead(deps, run, progressMs)) closed.push(run.runId);
    });
  }
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
  // Unknown: a start that is under way.
  if (state === 'unknown') return false;
  if (state === 'active') {
    if (!(await hangs(deps, run, progressMs))) return false;
    // Its batches go on until their tenants see that the run has ended.
    await deps.orchestrations.terminate(run.runId, 'no progress');
  } else {
    // It may have finished between the list and this look.
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
 * Whether no tenant of the run has come to its end for longer than one may take, and no other run is in its way: the
 * tenants of all runs stand in one line. Records are read only for runs that are old enough to hang.
 */
async function hangs(deps: WatchRunsDeps, run: Run, progressMs: () => Promise<number>): Promise<boolean> {
  const patience = patienceMs + (deps.jobs.find(run.job)?.timeoutSeconds ?? longestJobSeconds) * 1000;
  const nowMs = deps.clock.nowMs();
  if (nowMs - (run.startedAtMs ?? run.createdAtMs) < patience) return false;
  const standstillMs = nowMs - (await lastSignMs(deps, run));
  if (standstillMs < patience) return false;
  return standstillMs >= longestStandstillMs || nowMs - (await progressMs()) >= patience;
}

/** When the run began, or a tenant of it last came to its end. */
async function lastSignMs(deps: WatchRunsDeps, run: Run): Promise<number> {
  let lastMs = run.startedAtMs ?? run.createdAtMs;
  for await (const { finishedAtMs } of deps.runs.log.tenants(run.runId)) lastMs = Math.max(lastMs, finishedAtMs);
  return lastMs;
}

/** When any run last moved: one that is under way, or one that has ended since. */
async function latestProgressMs(deps: WatchRunsDeps, active: readonly Run[]): Promise<number> {
  const recent = await deps.runs.log.list({ limit: lastEnded });
  let latestMs = Math.max(0, ...recent.map(({ finishedAtMs }) => finishedAtMs ?? 0));
  for (const run of active) latestMs = Math.max(latestMs, await lastSignMs(deps, run));
  return latestMs;
}
