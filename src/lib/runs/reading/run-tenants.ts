import { isoTime } from '../../core/clock.ts';
import { adviceFor, BrokerError, type ErrorCode, errorTable } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { Limiter } from '../../core/limiter.ts';
import type { LogLevel } from '../../core/log.ts';
import { defined } from '../../core/objects.ts';
import type { TenantState } from '../../core/outcomes.ts';
import type { RunLog } from '../store/run-log.ts';
import { isEnded, type Run, type TenantOutcome, type TenantRun } from '../store/run.ts';
import type { RunSource } from './visible-runs.ts';

/** The public view of one tenant in a run. */
interface RunTenantView {
  readonly tenantId: TenantId;
  readonly name: string;
  readonly outcome: TenantState;
  readonly code?: ErrorCode;
  readonly detail?: string;
  /** Number of rounds that attempted the tenant. 0: decided without an attempt, or waiting. */
  readonly attempts: number;
  readonly rows: number;
  /** Microsoft Graph has more rows than these. */
  readonly more?: true;
  /** Times of the last attempt. */
  readonly startedAt?: string;
  readonly finishedAt?: string;
}

/** `GET /api/runs/{runId}/tenants`. */
interface RunTenantsView {
  readonly runId: string;
  readonly status: Run['status'];
  readonly tenants: readonly RunTenantView[];
  /** Texts for the codes in `tenants`, listed once because many failures share a few codes. */
  readonly codes: readonly { readonly code: ErrorCode; readonly title: string; readonly advice: string }[];
}

/** `GET /api/runs/{runId}/tenants/{tenantId}`. */
interface RunTenantDetailsView extends RunTenantView {
  readonly runId: string;
  readonly title?: string;
  readonly advice?: string;
  readonly error?: string;
  readonly log: readonly {
    readonly at: string;
    readonly level: LogLevel;
    readonly event: string;
    readonly fields: Readonly<Record<string, string | number | boolean>>;
  }[];
  readonly droppedLines: number;
}

/**
 * Returns one tenant of a run, with what the job logged and threw in its last attempt.
 * @throws BrokerError tenant_unknown if the run has no such tenant, plan_changed, storage_unavailable.
 */
export async function viewRunTenant(runs: RunSource, run: Run, tenantId: TenantId): Promise<RunTenantDetailsView> {
  const record = await runs.log.findTenant(run.runId, tenantId);
  const tenant =
    record === undefined
      ? (await viewRunTenants(runs, run)).tenants.find((planned) => planned.tenantId === tenantId)
      : viewRecord(record);
  if (tenant === undefined) throw new BrokerError('tenant_unknown', 'The run has no tenant with this id.');
  const { error, log = [], droppedLines = 0 } = record?.trace ?? {};
  return {
    runId: run.runId,
    ...tenant,
    ...(tenant.code === undefined ? {} : textOf(tenant.code)),
    ...(error === undefined ? {} : { error }),
    log: log.map(({ atMs, ...line }) => ({ at: isoTime(atMs), ...line })),
    droppedLines,
  };
}

/** Returns every tenant of the plan with its current outcome, in plan order. @throws BrokerError storage_unavailable */
export async function viewRunTenants(runs: RunSource, run: Run, outcome?: TenantState): Promise<RunTenantsView> {
  const { runId, status } = run;
  const plan = await runs.results.plan(run);
  const records = new Map<TenantId, TenantRun>();
  for await (const record of runs.log.tenants(runId)) records.set(record.tenantId, record);
  const unvisited = isEnded(status) ? 'not_attempted' : 'waiting';
  const tenants = [...(plan?.attempt ?? []), ...(plan?.decided ?? [])]
    .map(({ tenantId, name }): RunTenantView => {
      const record = records.get(tenantId);
      return record === undefined ? { tenantId, name, outcome: unvisited, attempts: 0, rows: 0 } : viewRecord(record);
    })
    .filter((tenant) => outcome === undefined || tenant.outcome === outcome);
  const codes = new Set(tenants.flatMap(({ code }) => code ?? []));
  return { runId, status, tenants, codes: [...codes].map(textOf) };
}

const viewRecord = (record: TenantRun): RunTenantView =>
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

const textOf = (code: ErrorCode): RunTenantsView['codes'][number] => {
  const { title } = errorTable[code];
  return { code, title, advice: adviceFor(code, 'operator') };
};

/** The result of one run in one tenant. */
export interface TenantResult {
  readonly job: string;
  readonly runId: string;
  readonly outcome: TenantOutcome;
  readonly code?: ErrorCode;
  /** Number of rounds that attempted the tenant. 0: decided without an attempt. */
  readonly attempts: number;
  readonly rows: number;
  readonly startedAt: string;
  readonly finishedAt: string;
}

/** Newest runs of each job to look at. Each costs one read of one record. */
const runsPerJob = 14;
const concurrentReads = 8;

/**
 * Returns the results of a tenant in the newest 14 runs of each job, the newest first. Runs that did not visit the tenant
 * are left out.
 * @throws BrokerError storage_unavailable
 */
export async function readTenantHistory(
  runLog: Pick<RunLog, 'list' | 'findOutcome'>,
  tenantId: TenantId,
  jobs: readonly string[],
): Promise<readonly TenantResult[]> {
  const runs = await runLog.list({ limit: Number.MAX_SAFE_INTEGER });
  const newest = jobs.flatMap((job) => runs.filter((run) => run.job === job).slice(0, runsPerJob));
  const limiter = new Limiter(concurrentReads);
  const results = await Promise.all(newest.map((run) => limiter.run(() => readResult(runLog, run, tenantId))));
  return results.flatMap((result) => result ?? []).toSorted((a, b) => b.finishedAt.localeCompare(a.finishedAt));
}

async function readResult(
  runLog: Pick<RunLog, 'findOutcome'>,
  { job, runId }: Run,
  tenantId: TenantId,
): Promise<TenantResult | undefined> {
  const record = await runLog.findOutcome(runId, tenantId);
  if (record === undefined) return undefined;
  const { outcome, code, round, attempts = round, rows, startedAtMs, finishedAtMs } = record;
  return {
    job,
    runId,
    outcome,
    ...(code === undefined ? {} : { code }),
    attempts,
    rows,
    startedAt: isoTime(startedAtMs),
    finishedAt: isoTime(finishedAtMs),
  };
}
