import { errorFields } from '../log.ts';
import { type FinishRunDeps, finishRun } from './finish-run.ts';
import { isEnded, type Run } from './run.ts';
import { resumeRun, type StartRunDeps } from './start-run.ts';

export type WatchRunsDeps = StartRunDeps & FinishRunDeps;

/** What the watchdog found and did, by run id. */
export interface Watched {
  /** Claimed but never begun, or lost by the platform: started (again). */
  readonly resumed: readonly string[];
  /** Their orchestration has failed or does not move: closed as failed. */
  readonly closed: readonly string[];
}

/** Waits between rounds take up to 15 minutes, and the platform's own retries some more. */
const patienceMs = 2 * 3_600_000;
const longestJobSeconds = 3600;

/**
 * Looks after runs that nobody else would: a start that died half-way, an orchestration that the platform lost or gave
 * up, one that hangs (the storage provider has no dead letters). A failure with one run does not keep it from the others.
 */
export async function watchRuns(deps: WatchRunsDeps): Promise<Watched> {
  const resumed: string[] = [];
  const closed: string[] = [];
  for (const run of await deps.runLog.list({ active: true, limit: 1000 })) {
    try {
      if (await resumeRun(deps, run.runId)) resumed.push(run.runId);
      else if (await closeIfDead(deps, run)) closed.push(run.runId);
    } catch (thrown) {
      deps.log.log('error', 'run.watch_failed', { runId: run.runId, ...errorFields(thrown) });
    }
  }
  return { resumed, closed };
}

async function closeIfDead(deps: WatchRunsDeps, run: Run): Promise<boolean> {
  const state = await deps.orchestrations.state(run.runId);
  // Unknown: a start that is under way.
  if (state === 'unknown') return false;
  if (state === 'active') {
    if (!(await hangs(deps, run))) return false;
    await deps.orchestrations.terminate(run.runId, 'no progress');
  } else {
    // It may have finished between the list and this look.
    const now = await deps.runLog.find(run.runId);
    if (now === undefined || isEnded(now.status)) return false;
  }
  const detail =
    state === 'active' ? 'The run made no progress and was ended.' : 'The orchestration of the run failed.';
  deps.log.log('error', 'run.closed_by_watchdog', { runId: run.runId, state });
  await finishRun(deps, { runId: run.runId, stoppedBy: { code: 'internal', detail } });
  return true;
}

/** Whether no tenant has come to its end for longer than one may take. Read only for runs that are old enough to hang. */
async function hangs(deps: WatchRunsDeps, run: Run): Promise<boolean> {
  const patience = patienceMs + (deps.jobs.find(run.job)?.timeoutSeconds ?? longestJobSeconds) * 1000;
  const nowMs = deps.clock.nowMs();
  let lastMs = run.startedAtMs ?? run.createdAtMs;
  if (nowMs - lastMs < patience) return false;
  for await (const { finishedAtMs } of deps.runLog.tenants(run.runId)) lastMs = Math.max(lastMs, finishedAtMs);
  return nowMs - lastMs >= patience;
}
