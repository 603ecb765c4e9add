import type { Clock } from '../../core/clock.ts';
import { BrokerError, type ErrorCode, toBrokerError } from '../../core/errors.ts';
import { parseDomainName, type TenantId } from '../../core/identifiers.ts';
import type { Secret } from '../../core/secrets.ts';
import type { Spans } from '../../core/spans.ts';
import { errorFields, type Logger, scrub } from '../../core/log.ts';
import { defined } from '../../core/objects.ts';
import { type AttemptDeps, type ExecuteDeps, executeJob } from '../job/execute-job.ts';
import type { Job, JobRegistry, JobTenant } from '../job/job.ts';
import { readParameters } from '../job/job-parameters.ts';
import type { WrittenRows } from '../job/row.ts';
import {
  type ApplyRequest,
  areShort,
  type Asker,
  type ChangeRequest,
  longestRetryAfterSeconds,
  type NewTenantRun,
  type PlannedTenant,
  parseRunId,
  shortRowsName,
  type RunId,
  type RunPlan,
  type RunStop,
  type StoredTenantRun,
  type TenantRun,
} from '../store/run.ts';
import type { Runs } from '../store/runs.ts';
import { leafOf } from '../store/stored-plan.ts';
import { type TraceDeps, TraceRecorder } from '../job/tenant-trace.ts';

/** Input of the activity `tenant-run`. The history stores it, so it is small and contains no secrets. */
export interface TenantRunInput {
  readonly runId: RunId;
  /** Index in the plan's `attempt`. */
  readonly index: number;
  /** From 1. */
  readonly round: number;
  /** Whether this is the last round, in which a transient failure is final. */
  readonly last: boolean;
  /** Visits the tenant although it has a final record. */
  readonly again?: boolean | undefined;
}

/** Output of the activity. The history stores it. */
export interface TenantRunResult {
  readonly outcome: TenantRun['outcome'] | 'not_attempted';
  readonly code?: ErrorCode | undefined;
  /** With `retrying`: the peer's Retry-After, in seconds. */
  readonly retryAfterSeconds?: number | undefined;
  /** Set if the outcome could not be recorded. */
  readonly unrecorded?: true | undefined;
}

/** Records that tenants have already. A tenant that is not in it has none. `unread`: storage did not tell. */
export type EarlierRecords = ReadonlyMap<TenantId, StoredTenantRun> | 'unread';

/** Says why a tenant is not to be visited. Never throws. */
type Refuse = () => Promise<BrokerError | undefined>;

/** One tenant of a query. */
export interface QueryVisit {
  readonly runId: RunId;
  readonly asker: Asker;
  readonly parameters: RunPlan['parameters'];
  readonly tenantId: TenantId;
}

/** The rows of a query in one tenant. */
export interface QueryRows extends WrittenRows {
  /** Why rows are missing. Absent: these are all. */
  readonly missing?: string;
  /** What the answer says beside its rows, or about having none. */
  readonly note?: string;
  /** Gives the memory of the rows back, once they are stored. */
  readonly release?: () => void;
}

/** One tenant of an apply, or of a plan that takes an apply back. */
export interface ChangeVisit {
  readonly change: ChangeRequest;
  readonly job: Job;
  readonly plan: RunPlan;
  readonly tenant: PlannedTenant;
  /** Whether an earlier visit of the apply has made or attempted changes. `unknown`: none is on record; a process may have died in it. */
  readonly isBegun: boolean | 'unknown';
  /** Whether what was done is read once more. */
  readonly again: boolean;
  /** Whether no further visit follows. */
  readonly last: boolean;
}

/** What a visit did. */
export interface ChangeVisitEnd {
  readonly written: WrittenRows & Pick<QueryRows, 'note'>;
  /** The tenant is to be visited again after this many seconds. */
  readonly waitSeconds?: number | undefined;
  /** Why the tenant did not become what was planned. */
  readonly failure?: Pick<BrokerError, 'code' | 'detail'> | undefined;
}

export interface TenantRunDeps extends ExecuteDeps, TraceDeps {
  readonly changes: {
    /** Makes the changes of a plan in a tenant, as far as it is their time. @throws BrokerError */
    carryOut(attempt: AttemptDeps, visit: ChangeVisit): Promise<ChangeVisitEnd>;
    /** A tenant of an apply has failed. Too many stop it. @throws BrokerError storage_unavailable */
    failed(runId: RunId, request: ApplyRequest, wave: number): Promise<unknown>;
  };
  /** Sends the request of a query into a tenant, under the rules for its asker. @throws BrokerError */
  readonly askTenant: (visit: QueryVisit) => Promise<QueryRows>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly jobs: JobRegistry;
  readonly runs: Pick<Runs, 'plans' | 'stops'> & {
    readonly log: Pick<Runs['log'], 'findTenant' | 'findOutcomes' | 'recordTenant'>;
    readonly results: Pick<Runs['results'], 'putRows' | 'countStart' | 'endWork' | 'openWork'>;
  };
  readonly newId: () => string;
  readonly spans: Spans;
}

/**
 * Runs the job, or sends the request of a query, for one tenant and records the outcome. Never throws: a failure is a value,
 * and the run decides about retries. The platform may deliver the same input more than once; the first record wins.
 * @param earlier the record that a tenant has already, if the caller has looked for it.
 * @param refuse is asked before a visit. What it returns is recorded instead.
 */
export function runTenant(
  deps: TenantRunDeps,
  input: TenantRunInput,
  earlier?: EarlierRecords,
  refuse?: Refuse,
): Promise<TenantRunResult> {
  const facts = { 'ptb.job': parseRunId(input.runId)?.job, 'ptb.round': input.round };
  const found = ({ outcome, code }: TenantRunResult) => ({
    'ptb.outcome': outcome,
    'error.type': outcome === 'failed' || outcome === 'retrying' ? code : undefined,
  });
  return deps.spans.run('tenant.visit', facts, () => recorded(deps, input, earlier, refuse), found);
}

async function recorded(
  deps: TenantRunDeps,
  input: TenantRunInput,
  earlier: EarlierRecords | undefined,
  refuse: Refuse | undefined,
): Promise<TenantRunResult> {
  const log = deps.log.child({ runId: input.runId, index: input.index, round: input.round });
  try {
    return await visit({ ...deps, log }, input, earlier, refuse).catch((thrown: unknown) =>
      stopRun(deps, input.runId, thrown),
    );
  } catch (thrown) {
    // Most likely storage failed. The tenant has no record, so the next round tries it again.
    log.log('error', 'tenant_run.broken', errorFields(thrown));
    return { outcome: input.last ? 'failed' : 'retrying', code: toBrokerError(thrown).code, unrecorded: true };
  }
}

/** @throws the error for which the run must stop, or a failure of storage. */
async function visit(
  deps: TenantRunDeps,
  input: TenantRunInput,
  known: EarlierRecords | undefined,
  refuse: Refuse | undefined,
): Promise<TenantRunResult> {
  const { plan, recordedBefore } = await deps.runs.plans.get(input.runId);
  // An apply that was stopped finds out what became of what it has sent.
  const stop = plan.change?.kind === 'apply' ? undefined : await deps.runs.stops.find(input.runId);
  if (stop !== undefined) return { outcome: 'not_attempted', code: stop.code };
  const tenant = plan.attempt[input.index];
  if (tenant === undefined) throw new BrokerError('internal', 'The plan has no tenant with this index.');
  const read = known === 'unread' ? undefined : known;
  const mayHaveRecord =
    read?.has(tenant.tenantId) ?? (known === 'unread' || input.round > 1 || recordedBefore.has(tenant.tenantId));
  const earlier = mayHaveRecord
    ? (read?.get(tenant.tenantId) ?? (await deps.runs.log.findTenant(input.runId, tenant.tenantId)))
    : undefined;
  const isFinal = earlier?.outcome !== 'retrying' && input.again !== true;
  if (earlier !== undefined && (isFinal || earlier.round >= input.round)) return resultOf(earlier);
  // An apply makes what was planned, whatever parameters its job takes now.
  const misfit = plan.change?.kind === 'apply' ? undefined : misfitOf(deps.jobs, plan);
  if (misfit !== undefined) {
    await deps.runs.stops.stop(input.runId, misfit);
    return { outcome: 'not_attempted', code: misfit.code };
  }
  const result = await attempt({ ...deps, log: deps.log.child({ tenantId: tenant.tenantId }) }, input, {
    plan,
    tenant,
    refuse,
    earlier,
  });
  if (result.outcome === 'failed' && result.code !== 'change_drifted' && plan.change?.kind === 'apply')
    await deps.changes.failed(input.runId, plan.change, tenant.wave ?? 1);
  return result;
}

/** Why the run must stop: an earlier build stored parameters that the job of this build does not accept. */
function misfitOf(jobs: JobRegistry, { job, parameters }: RunPlan): RunStop | undefined {
  const defined = jobs.find(job);
  if (defined === undefined) return undefined;
  try {
    readParameters(defined, parameters);
    return undefined;
  } catch (thrown) {
    const { code, detail } = toBrokerError(thrown);
    return { code, detail: `The job was changed after the run was started. ${detail} Start the job again.` };
  }
}

/** Stops the run if the error affects every tenant. @throws the error otherwise; storage_unavailable. */
async function stopRun({ runs }: TenantRunDeps, runId: RunId, thrown: unknown): Promise<TenantRunResult> {
  const error = toBrokerError(thrown);
  if (isStopped(error)) return { outcome: 'not_attempted', code: error.code };
  if (!stopsRun(error)) throw thrown;
  await runs.stops.stop(runId, { code: error.code, detail: scrub(error.detail) });
  return { outcome: 'not_attempted', code: error.code };
}

const stopsRun = ({ scope, code }: BrokerError): boolean =>
  scope === 'credential' || code === 'policy_missing' || code === 'plan_changed' || code === 'plan_expired';

/** A person has ended the run, or it waits for one. */
const isStopped = ({ code }: BrokerError): boolean => code === 'run_cancelled' || code === 'apply_held';

interface PlannedVisit {
  readonly plan: RunPlan;
  readonly tenant: PlannedTenant;
  readonly refuse: Refuse | undefined;
  /** The record that the tenant has. */
  readonly earlier: StoredTenantRun | undefined;
}

async function attempt(
  deps: TenantRunDeps,
  input: TenantRunInput,
  { plan, tenant, refuse, earlier }: PlannedVisit,
): Promise<TenantRunResult> {
  const started = { tenantId: tenant.tenantId, name: tenant.name, round: input.round, startedAtMs: deps.clock.nowMs() };
  const record = async (
    rest: Pick<
      NewTenantRun,
      'outcome' | 'code' | 'detail' | 'retryAfterSeconds' | 'rowsName' | 'rowsText' | 'rowsDigest' | 'more' | 'numbers'
    >,
    rows = 0,
    columns: readonly string[] = [],
  ) =>
    resultOf(
      await deps.runs.log.recordTenant(
        input.runId,
        { ...started, ...rest, rows, columns, finishedAtMs: deps.clock.nowMs(), trace: trace.result() },
        earlier,
      ),
    );
  const handedOut: Secret[] = [];
  const trace = new TraceRecorder(deps, handedOut);
  let written: QueryRows & Partial<ChangeVisitEnd>;
  try {
    const refusal = await refuse?.();
    // What an apply has sent gets its outcome all the same. No code of a job runs for it.
    if (refusal !== undefined && plan.change?.kind !== 'apply') throw refusal;
    const isBegun =
      earlier === undefined ? 'unknown' : earlier.code === 'change_pending' || earlier.rowsName !== undefined;
    const last = input.last || refusal !== undefined;
    written = await work({ ...deps, trace, handedOut, runId: input.runId }, plan, tenant, { ...input, last, isBegun });
  } catch (thrown) {
    const error = toBrokerError(thrown);
    if (isStopped(error)) throw error;
    deps.log.log(
      error.code === 'job_failed' || error.code === 'internal' ? 'error' : 'warn',
      'tenant_run.failed',
      errorFields(thrown),
    );
    if (stopsRun(error)) throw error;
    // What the tenant showed at the end of its wave stays.
    if (input.again === true && earlier !== undefined && earlier.outcome !== 'retrying') return resultOf(earlier);
    const outcome = outcomeOf(error, input.last);
    const retryAfterSeconds = outcome === 'retrying' ? error.retryAfterSeconds : undefined;
    return record({ outcome, code: error.code, detail: scrub(error.detail), retryAfterSeconds });
  }
  const { waitSeconds, failure } = written;
  if (waitSeconds !== undefined) {
    // A change is read several times. The record says so already.
    if (earlier?.code === 'change_pending') return resultOf({ ...earlier, retryAfterSeconds: waitSeconds });
    const detail = 'Changes are on their way, or are being confirmed.';
    return record({ outcome: 'retrying', code: 'change_pending', detail, retryAfterSeconds: waitSeconds });
  }
  const about = failure === undefined ? aboutRows(written) : { code: failure.code, detail: scrub(failure.detail) };
  const outcome = failure === undefined ? 'succeeded' : 'failed';
  if (written.count === 0) return record({ outcome, ...about });
  const { count, columns, numbers, jsonLines } = written;
  const isChange = deps.jobs.find(plan.job)?.changes === true;
  // A later attempt of a change replaces the record, and must not replace the rows.
  if (!isChange && areShort(jsonLines)) {
    const rowsText = Buffer.from(jsonLines).toString('utf8');
    written.release?.();
    const rowsName = shortRowsName(tenant.tenantId, deps.newId());
    return record(defined({ outcome, rowsName, rowsText, ...about, numbers }), count, columns);
  }
  // A unique name, so that an overlapping second delivery cannot overwrite the rows of the first record.
  const rowsName = `${tenant.tenantId}.${deps.newId()}`;
  await deps.runs.results.putRows(input.runId, rowsName, jsonLines).finally(written.release);
  const rowsDigest = isChange ? leafOf(jsonLines, deps.newId()) : undefined;
  return record(defined({ outcome, rowsName, rowsDigest, ...about, numbers }), count, columns);
}

/** @throws BrokerError of the job or the query; job_unknown. */
async function work(
  deps: TenantRunDeps & AttemptDeps,
  plan: RunPlan,
  tenant: PlannedTenant,
  { again = false, last, isBegun }: Pick<TenantRunInput, 'again' | 'last'> & Pick<ChangeVisit, 'isBegun'>,
): Promise<QueryRows & Partial<ChangeVisitEnd>> {
  const { asker, parameters, change } = plan;
  const { runId } = deps;
  if (asker !== undefined && change === undefined)
    return deps.askTenant({ runId, asker, parameters, tenantId: tenant.tenantId });
  const job = deps.jobs.find(plan.job);
  if (job === undefined) throw new BrokerError('job_unknown', `The job "${plan.job}" is not part of this deployment.`);
  if (change === undefined) return executeJob(deps, job, jobTenant(tenant), parameters);
  const { written, ...end } = await deps.changes.carryOut(deps, { change, job, plan, tenant, isBegun, again, last });
  return { ...written, ...end };
}

function aboutRows({ missing, note = missing }: QueryRows): Pick<TenantRun, 'detail' | 'more'> {
  return defined({ detail: note && scrub(note), more: missing === undefined ? undefined : true });
}

/**
 * A missing licence is not a failure, nor is a tenant that was excluded after the run was planned. A job that timed out is
 * not retried, because it would time out again.
 */
function outcomeOf(error: BrokerError, last: boolean): TenantRun['outcome'] {
  if (error.code === 'resource_unavailable' || error.code === 'tenant_excluded') return 'skipped';
  if (!error.transient || error.code === 'job_timed_out' || last) return 'failed';
  // Retrying earlier than the peer allows would prolong the throttling.
  return (error.retryAfterSeconds ?? 0) > longestRetryAfterSeconds ? 'failed' : 'retrying';
}

const resultOf = (record: TenantRun): TenantRunResult =>
  defined({ outcome: record.outcome, code: record.code, retryAfterSeconds: record.retryAfterSeconds });

export function jobTenant({ tenantId, name, defaultDomain }: PlannedTenant): JobTenant {
  const domain = parseDomainName(defaultDomain);
  return { tenantId, name, ...(domain === undefined ? {} : { defaultDomain: domain }) };
}
