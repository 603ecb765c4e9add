import { isoTime } from '../../core/clock.ts';
import { adviceFor, BrokerError, type ErrorCode, errorTable } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { Limiter } from '../../core/limiter.ts';
import { defined } from '../../core/objects.ts';
import { runOutcome, type TenantState } from '../../core/outcomes.ts';
import { isEnded, type PlannedTenant, type Run, type RunLog, type TenantRun } from '../store/run.ts';
import type { RunSource } from './visible-runs.ts';

// What the API shows of runs. The types of its answers describe the members (api/answers/runs.ts, api/answers/tenants.ts).

/** A line of the list of runs. While the run is active, only `total` of its counts is valid. */
export function summarise(run: Run, nowMs: number, tenants = run.tenants) {
  const startedAtMs = run.startedAtMs ?? run.createdAtMs;
  const { stoppedBy } = run;
  return defined({
    runId: run.runId,
    job: run.job,
    query: run.query,
    window: run.window,
    status: run.status,
    outcome: runOutcome({ status: run.status, tenants }),
    tenants,
    startedBy: run.startedBy,
    starter: run.starter,
    correlationId: run.correlationId,
    startedAt: isoTime(startedAtMs),
    finishedAt: run.finishedAtMs === undefined ? undefined : isoTime(run.finishedAtMs),
    durationMs: Math.max(0, (run.finishedAtMs ?? nowMs) - startedAtMs),
    cancelRequested: run.cancelRequestedAtMs === undefined ? undefined : true,
    stoppedBy: stoppedBy && { ...textOf(stoppedBy.code), detail: stoppedBy.detail },
    warnings: run.warnings ?? [],
  });
}

/** Runs of a list whose failures are read: the newest. */
export const runsWithFailures = 50;

/**
 * The list of runs. @param withFailed adds who has failed to the newest of them, if they have ended: before, their counts do not
 * say whether somebody has.
 * @throws BrokerError storage_unavailable
 */
export async function viewRuns(
  runLog: Pick<RunLog, 'tenants'>,
  runs: readonly Run[],
  nowMs: number,
  withFailed: boolean,
) {
  const limiter = new Limiter(concurrentReads);
  const failedOf = async ({ runId, tenants }: Run) => {
    const failed = tenants.failed === 0 ? [] : await Array.fromAsync(runLog.tenants(runId, 'failed'));
    const byCode = Map.groupBy(failed, ({ code = 'internal' }) => code);
    return Object.fromEntries([...byCode].map(([code, some]) => [code, some.map(({ tenantId }) => tenantId)]));
  };
  const view = async (run: Run, at: number) =>
    withFailed && at < runsWithFailures && isEnded(run.status)
      ? { ...summarise(run, nowMs), failed: await limiter.run(() => failedOf(run)) }
      : summarise(run, nowMs);
  return Promise.all(runs.map(view));
}

/** The full view of a run. While it is active, the counts come from the records of its tenants. */
export async function viewRun(runLog: Pick<RunLog, 'tenants' | 'countTenants'>, run: Run, nowMs: number) {
  const counts = isEnded(run.status) ? { ...run.tenants, retrying: 0 } : await activeCounts(runLog, run);
  const tenants = { ...run.tenants, succeeded: counts.succeeded, failed: counts.failed, skipped: counts.skipped };
  const failed = counts.failed > 0 ? await Array.fromAsync(runLog.tenants(run.runId, 'failed')) : [];
  const done = tenants.succeeded + tenants.failed + tenants.skipped;
  return defined({
    ...summarise(run, nowMs, tenants),
    progress: { done, retrying: counts.retrying, total: tenants.total },
    failures: failed
      .toSorted((a, b) => a.name.localeCompare(b.name, 'en'))
      .map(({ tenantId, name, code = 'internal', detail }) => defined({ tenantId, name, ...textOf(code), detail })),
    parameters: run.parameters,
    asked: run.asked,
  });
}

/** Tenants that need no attempt have a record before the number of tenants is known. They count from then on. */
const activeCounts = async (runLog: Pick<RunLog, 'countTenants'>, run: Run): ReturnType<RunLog['countTenants']> =>
  run.tenants.total === 0 ? { succeeded: 0, failed: 0, skipped: 0, retrying: 0 } : runLog.countTenants(run.runId);

/** Every tenant of the plan with its current outcome, in the order of the plan. @throws BrokerError storage_unavailable */
export async function viewRunTenants(runs: RunSource, run: Run, outcome?: TenantState) {
  const { runId, status } = run;
  const plan = await runs.results.plan(run);
  const records = new Map<TenantId, TenantRun>();
  for await (const record of runs.log.tenants(runId)) records.set(record.tenantId, record);
  const unvisited = { outcome: isEnded(status) ? 'not_attempted' : 'waiting', attempts: 0, rows: 0 } as const;
  const tenants = [...(plan?.attempt ?? []), ...(plan?.decided ?? [])]
    .map(({ tenantId, name, wave }: Pick<PlannedTenant, 'tenantId' | 'name' | 'wave'>): TenantView => {
      const record = records.get(tenantId);
      return defined({ ...(record === undefined ? { tenantId, name, ...unvisited } : viewRecord(record)), wave });
    })
    .filter((tenant) => outcome === undefined || tenant.outcome === outcome);
  const codes = new Set(tenants.flatMap(({ code }) => code ?? []));
  return { runId, status, tenants, codes: [...codes].map(textOf) };
}

/**
 * One tenant of a run, with what the job logged and threw in its last attempt.
 * @throws BrokerError tenant_unknown if the run has no such tenant, plan_changed, storage_unavailable.
 */
export async function viewRunTenant(runs: RunSource, run: Run, tenantId: TenantId) {
  const record = await runs.log.findTenant(run.runId, tenantId);
  const tenant =
    record === undefined
      ? (await viewRunTenants(runs, run)).tenants.find((planned) => planned.tenantId === tenantId)
      : viewRecord(record);
  if (tenant === undefined) throw new BrokerError('tenant_unknown', 'The run has no tenant with this id.');
  const { error, log = [], droppedLines = 0 } = record?.trace ?? {};
  return defined({
    runId: run.runId,
    ...tenant,
    ...(tenant.code && textOf(tenant.code)),
    error,
    log: log.map(({ atMs, ...line }) => ({ at: isoTime(atMs), ...line })),
    droppedLines,
  });
}

/** A tenant without a record has no times. */
type TenantView = Omit<ReturnType<typeof viewRecord>, 'outcome' | 'startedAt' | 'finishedAt'> & {
  readonly outcome: TenantState;
  readonly wave?: number | undefined;
  readonly startedAt?: string;
  readonly finishedAt?: string;
};

const viewRecord = (record: TenantRun) =>
  defined({
    tenantId: record.tenantId,
    name: record.name,
    outcome: record.outcome,
    code: record.code,
    detail: record.detail,
    attempts: record.attempts ?? record.round,
    rows: record.rows,
    more: record.more,
    startedAt: isoTime(record.startedAtMs),
    finishedAt: isoTime(record.finishedAtMs),
  });

function textOf(code: ErrorCode) {
  const { title } = errorTable[code];
  return { code, title, advice: adviceFor(code, 'operator') };
}

/** Newest runs of each job to look at. Each costs one read of one record. */
const runsPerJob = 14;
const concurrentReads = 8;

/**
 * The results of a tenant in the newest 14 runs of each job, the newest first. Runs that did not visit the tenant are left
 * out.
 * @throws BrokerError storage_unavailable
 */
export async function readTenantHistory(
  runLog: Pick<RunLog, 'list' | 'findOutcome'>,
  tenantId: TenantId,
  jobs: readonly string[],
) {
  const runs = await runLog.list({ limit: Number.MAX_SAFE_INTEGER });
  const newest = jobs.flatMap((job) => runs.filter((run) => run.job === job).slice(0, runsPerJob));
  const limiter = new Limiter(concurrentReads);
  const records = await Promise.all(newest.map(({ runId }) => limiter.run(() => runLog.findOutcome(runId, tenantId))));
  const results = newest.flatMap(({ job, runId }, index) => {
    const record = records[index];
    if (record === undefined) return [];
    const { tenantId: _id, name: _name, detail: _detail, more: _more, ...result } = viewRecord(record);
    return [{ job, runId, ...result }];
  });
  return results.toSorted((a, b) => b.finishedAt.localeCompare(a.finishedAt));
}
