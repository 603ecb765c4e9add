import type { TenantsToVisit } from '../../access/tenants/named-tenants.ts';
import type { Actor } from '../../core/caller.ts';
import type { Clock, Random } from '../../core/clock.ts';
import { BrokerError, toBrokerError } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import type { Logger } from '../../core/log.ts';
import { defined } from '../../core/objects.ts';
import type { Orchestrations } from '../../core/orchestrations.ts';
import { didYouMean } from '../../core/text.ts';
import { readParameters } from '../job/job-parameters.ts';
import type { JobRegistry } from '../job/job.ts';
import {
  type Asker,
  type ChangeRequest,
  isApplyWindow,
  isEnded,
  isScheduledWindow,
  parseRunId,
  type Run,
  type RunId,
  runIdOf,
  type RunRequest,
} from '../store/run.ts';
import type { Runs } from '../store/runs.ts';

/** Batch size and retries of a run. They travel in the orchestration's input, so that a replay sees the same values. */
export interface RunTuning {
  readonly batchSize: number;
  readonly groupSize: number;
  readonly inTurn: boolean;
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

interface StartRunRequest {
  readonly job: string;
  readonly window: string;
  /** Of a request that is safe to repeat: a run with this window and digest is the answer to it. */
  readonly requestDigest?: string | undefined;
  /** Finds the tenants, and refuses what may not start. Not called for a request that is repeated. Absent: all delegated tenants. */
  readonly limits?: () => Promise<TenantsToVisit>;
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** `timer`, or the application id of the caller. */
  readonly startedBy: string;
  /** Who acted through the application. Absent for a timer. */
  readonly starter?: Actor;
  /** Of the request that starts the run. Absent for a timer. */
  readonly correlationId?: string;
  /** The request of a query, and who asked for it. Its parameters were checked before. */
  readonly query?: { readonly path: string; readonly asker: Asker };
  /** Of an apply, or of a plan that takes one back. */
  readonly change?: { readonly request: ChangeRequest; readonly asker?: Asker };
}

/** A record without an orchestration that is younger than this may still be starting. */
const startGraceMs = 60_000;

/**
 * Starts a job's run for one window. The record is created first and atomically, because the platform alone would let
 * two concurrent starts of one instance id both succeed.
 * The stored parameters contain the defaults, so that a later version of the job cannot change what was meant.
 * @throws BrokerError job_unknown, request_invalid (also for parameters that the job does not accept), storage_unavailable and
 * internal (their detail names the run if it may have started), run_conflict (the window already has a run, or the platform
 * has an active instance with its id), idempotency_key_reused (the run of the window has another digest); as `limits` does.
 */
export async function startRun(deps: StartRunDeps, request: StartRunRequest): Promise<RunId> {
  const { job, window, startedBy, starter, correlationId, requestDigest, query, change } = request;
  const parameters = parametersOf(deps, request);
  const runId = runIdOf(job, window);
  if (startedBy !== 'timer' && isScheduledWindow(window)) {
    throw new BrokerError(
      'request_invalid',
      'Windows in the form of a time are reserved for timers. Choose another name.',
    );
  }
  if (isApplyWindow(window) && change?.request.kind !== 'apply')
    throw new BrokerError('request_invalid', 'A window of this form is reserved for applies. Choose another name.');
  const isRepeated = async (): Promise<boolean> =>
    requestDigest !== undefined && (await repeatedRun(deps, runId, requestDigest));
  if (await isRepeated()) return runId;
  const { tenants, choice, asked } = (await request.limits?.()) ?? {};
  const asker = query?.asker ?? change?.asker;
  const content = defined({ parameters, asker, tenants, choice, change: change?.request });
  // An instance without a record: the record was deleted, or the instance was started past this app.
  if ((await deps.orchestrations.state(runId)) === 'active') {
    // Another request with the key may have started it since.
    if (await isRepeated()) return runId;
    if ((await deps.runs.log.find(runId)) !== undefined) throw runConflict(runId);
    throw new BrokerError(
      'run_conflict',
      `The record of the run ${runId} was deleted, and its orchestration is still active. Name another window.`,
    );
  }
  const createdAtMs = deps.clock.nowMs();
  const run = { runId, job, window, startedBy, starter, correlationId, createdAtMs, requestDigest };
  const shown = { ...(asked && { asked }), ...(query && { query: query.path }) };
  return orMayHaveStarted(runId, async () => {
    if (!(await deps.runs.log.create({ ...run, ...shown }, content))) {
      if (await isRepeated()) return runId;
      await resumeRun(deps, runId);
      throw runConflict(runId);
    }
    await startOrchestration(deps, runId);
    deps.log.log('info', 'run.started', { runId, startedBy, tenants: tenants?.length });
    return runId;
  });
}

/**
 * Whether the request has started its run before. If its orchestration did not start, it does now.
 * @throws BrokerError idempotency_key_reused if that was a request for something else.
 */
async function repeatedRun(deps: StartRunDeps, runId: RunId, requestDigest: string): Promise<boolean> {
  const earlier = await deps.runs.log.find(runId);
  if (earlier === undefined) return false;
  if (earlier.requestDigest !== requestDigest)
    throw new BrokerError('idempotency_key_reused', `The key belongs to the run ${runId} of another request.`);
  await resumeRun(deps, runId);
  return true;
}

/** From the moment that the record may exist, the watchdog starts the run even if this request fails. */
async function orMayHaveStarted<T>(runId: RunId, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    const { code, detail, logFields, retryAfterSeconds } = toBrokerError(thrown);
    if (code !== 'storage_unavailable' && code !== 'internal') throw thrown;
    throw new BrokerError(
      code,
      `${detail} The run ${runId} may have started, or may start within minutes: read it before you start another.`,
      { cause: thrown, logFields, retryAfterSeconds },
    );
  }
}

function parametersOf({ jobs }: StartRunDeps, { job, query, parameters = {} }: StartRunRequest) {
  if (query !== undefined) return parameters;
  const defined = jobs.find(job);
  if (defined === undefined) {
    const question = didYouMean(
      job,
      jobs.list().map(({ name }) => name),
    );
    throw new BrokerError('job_unknown', `There is no job "${job.slice(0, 40)}"${question || '.'}`);
  }
  return readParameters(defined, parameters);
}

export const runConflict = (runId: RunId): BrokerError =>
  new BrokerError('run_conflict', `The run ${runId} already exists.`, { logFields: { runId } });

/**
 * Starts the orchestration of a run whose process died after creating the record, or whose instance the platform lost
 * because its storage was reset. Tenants with a record are not started again.
 * @returns whether the orchestration was started.
 */
export async function resumeRun(deps: StartRunDeps, runId: RunId): Promise<boolean> {
  const run = await deps.runs.log.find(runId);
  if (run === undefined || isEnded(run.status) || deps.clock.nowMs() - run.createdAtMs < startGraceMs) return false;
  if ((await deps.orchestrations.state(runId)) !== 'unknown') return false;
  deps.log.log('warn', 'run.resumed', { runId });
  await startOrchestration(deps, runId);
  return true;
}

async function startOrchestration(deps: StartRunDeps, runId: RunId): Promise<void> {
  // Literals, because importing fan-out.ts would load the durable library into the command line.
  const name = isApplyWindow(parseRunId(runId)?.window ?? '') ? 'apply-waves' : 'fan-out';
  await deps.orchestrations.start(name, runId, { runId, ...deps.tuning, jitter: deps.random() });
}

/**
 * Returns the request for a rerun: the failed and not attempted tenants, with the original parameters. Skipped tenants
 * (excluded, or without the licence) are not repeated. A run without a plan is repeated as a whole.
 * @throws BrokerError request_invalid while the run is active, or when no tenant is left.
 */
export async function rerunRequest(runs: Pick<Runs, 'log' | 'results'>, run: Run): Promise<RunRequest> {
  if (!isEnded(run.status)) throw new BrokerError('request_invalid', 'The run has not ended yet.');
  const asked = (await runs.log.request(run.runId)) ?? { parameters: {} };
  const plan = await runs.results.plan(run);
  if (plan === undefined) return asked;
  const done = new Set<TenantId>();
  const left = new Set<TenantId>();
  for await (const { tenantId, outcome } of runs.log.tenants(run.runId)) {
    (outcome === 'succeeded' || outcome === 'skipped' ? done : left).add(tenantId);
  }
  for (const { tenantId } of plan.attempt) if (!done.has(tenantId)) left.add(tenantId);
  if (left.size === 0)
    throw new BrokerError('request_invalid', 'Every tenant of the run has succeeded or was skipped.');
  return { tenants: [...left], parameters: asked.parameters };
}
