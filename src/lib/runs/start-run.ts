import type { Clock, Random } from '../runtime/clock.ts';
import { BrokerError } from '../model/errors.ts';
import type { TenantId } from '../model/identifiers.ts';
import type { Logger } from '../runtime/log.ts';
import type { JobRegistry } from './job.ts';
import type { Orchestrations } from './orchestrations.ts';
import { isEnded } from './run.ts';
import { isScheduledWindow, type RunId, runIdOf } from './run-id.ts';
import type { Runs } from './runs.ts';

/** How runs are cut up and how patient they are; from the settings, copied into each run's input. */
export interface RunTuning {
  readonly batchSize: number;
  readonly rounds: number;
  readonly retryDelaySeconds: number;
}

export interface StartRunDeps {
  readonly jobs: JobRegistry;
  readonly runs: Pick<Runs, 'log'>;
  readonly orchestrations: Orchestrations;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly tuning: RunTuning;
}

export interface StartRunRequest {
  readonly job: string;
  readonly window: string;
  /** Absent: all delegated tenants. */
  readonly tenants?: readonly TenantId[];
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** `timer`, or the application id of the caller. */
  readonly startedBy: string;
}

/** A record without an orchestration is younger than this only while its start is under way. */
const startTakesMs = 60_000;

/**
 * Starts a job's run for one window. The record is the claim: it is made first and atomically, because the platform
 * alone would let two starts of one instance id both succeed.
 * @throws BrokerError job_unknown, request_invalid, run_conflict (the window has its run), storage_unavailable.
 */
export async function startRun(deps: StartRunDeps, request: StartRunRequest): Promise<RunId> {
  const { job, window, startedBy, tenants, parameters = {} } = request;
  if (deps.jobs.find(job) === undefined) throw new BrokerError('job_unknown', `There is no job "${job.slice(0, 40)}".`);
  const runId = runIdOf(job, window);
  if (startedBy !== 'timer' && isScheduledWindow(window)) {
    throw new BrokerError(
      'request_invalid',
      'A window in the form of a time belongs to the timer; name yours otherwise.',
    );
  }
  const createdAtMs = deps.clock.nowMs();
  const claimed = await deps.runs.log.create(
    { runId, job, window, startedBy, createdAtMs },
    { parameters, ...(tenants === undefined ? {} : { tenants }) },
  );
  if (!claimed) {
    await resumeRun(deps, runId);
    throw new BrokerError('run_conflict', `The run ${runId} exists.`, { logFields: { runId } });
  }
  await startOrchestration(deps, runId);
  deps.log.log('info', 'run.started', { runId, startedBy, tenants: tenants?.length });
  return runId;
}

/**
 * Starts what was claimed but never begun, because the process died between the two, and what the platform has lost (its
 * storage was reset): tenants with a record are not begun again. @returns whether it did.
 */
export async function resumeRun(deps: StartRunDeps, runId: RunId): Promise<boolean> {
  const run = await deps.runs.log.find(runId);
  if (run === undefined || isEnded(run.status) || deps.clock.nowMs() - run.createdAtMs < startTakesMs) return false;
  if ((await deps.orchestrations.state(runId)) !== 'unknown') return false;
  deps.log.log('warn', 'run.resumed', { runId });
  await startOrchestration(deps, runId);
  return true;
}

async function startOrchestration(deps: StartRunDeps, runId: RunId): Promise<void> {
  // The name is spelled out: fan-out.ts loads the durable library, which the command line does without.
  await deps.orchestrations.start('fan-out', runId, { runId, ...deps.tuning, jitter: deps.random() });
}
