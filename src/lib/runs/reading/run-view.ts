import type { RequestedTenants } from '../../access/tenants/selected-tenants.ts';
import type { Actor } from '../../core/caller.ts';
import { isoTime } from '../../core/clock.ts';
import { adviceFor, type ErrorCode, errorTable } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { defined } from '../../core/objects.ts';
import type { ParameterValues } from '../../core/parameters.ts';
import { type RunOutcome, runOutcome } from '../../core/outcomes.ts';
import { isEnded, type Run, type RunId, type RunStatus, type TenantCounts, type TenantRun } from '../store/run.ts';
import type { RunLog } from '../store/run-log.ts';

/** The public view of a failed tenant. */
interface FailureView {
  readonly tenantId: TenantId;
  readonly name: string;
  readonly code: ErrorCode;
  readonly title: string;
  readonly advice: string;
  readonly detail?: string;
}

/** `GET /api/runs`: one line of the list. */
export interface RunSummary {
  readonly runId: RunId;
  readonly job: string;
  /** Path and query of the request that a query sends. Absent for a job. */
  readonly query?: string;
  readonly window: string;
  readonly status: RunStatus;
  /** What the run brought so far, in one word. */
  readonly outcome: RunOutcome;
  readonly tenants: TenantCounts;
  readonly startedBy: string;
  readonly starter?: Actor;
  readonly correlationId?: string;
  readonly startedAt: string;
  readonly finishedAt?: string;
  /** From the start to the end, or until now while the run is active. */
  readonly durationMs: number;
  readonly cancelRequested?: boolean;
  readonly stoppedBy?: {
    readonly code: ErrorCode;
    readonly title: string;
    readonly advice: string;
    readonly detail: string;
  };
  /** What was missing or outdated in the tenant list that the plan was made from. */
  readonly warnings: readonly string[];
}

/** `GET /api/runs/{runId}`. */
export interface RunView extends RunSummary {
  /** Counts of tenants with a final result, of tenants waiting for a retry, and of all tenants. */
  readonly progress: { readonly done: number; readonly retrying: number; readonly total: number };
  readonly failures: readonly FailureView[];
  /** What the job was given, with the defaults that were applied. */
  readonly parameters?: ParameterValues;
  /** The tenants as they were asked for. */
  readonly asked?: RequestedTenants;
}

export function summarise(run: Run, nowMs: number, tenants = run.tenants): RunSummary {
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
    stoppedBy: stoppedBy === undefined ? undefined : { ...textOf(stoppedBy.code), detail: stoppedBy.detail },
    warnings: run.warnings ?? [],
  });
}

/** Returns the full view of a run. While the run is active, the counts come from the tenants' records. */
export async function viewRun(
  runLog: Pick<RunLog, 'tenants' | 'countTenants'>,
  run: Run,
  nowMs: number,
): Promise<RunView> {
  const counts = isEnded(run.status) ? { ...run.tenants, retrying: 0 } : await activeCounts(runLog, run);
  const tenants = { ...run.tenants, succeeded: counts.succeeded, failed: counts.failed, skipped: counts.skipped };
  const failures: FailureView[] = [];
  if (counts.failed > 0) {
    for await (const record of runLog.tenants(run.runId, 'failed')) failures.push(viewFailure(record));
  }
  const done = tenants.succeeded + tenants.failed + tenants.skipped;
  return defined({
    ...summarise(run, nowMs, tenants),
    progress: { done, retrying: counts.retrying, total: tenants.total },
    failures: failures.toSorted((a, b) => a.name.localeCompare(b.name, 'en')),
    parameters: run.parameters,
    asked: run.asked,
  });
}

/** Tenants that need no attempt have a record before the number of tenants is known. They count from then on. */
const activeCounts = async (runLog: Pick<RunLog, 'countTenants'>, run: Run): ReturnType<RunLog['countTenants']> =>
  run.tenants.total === 0 ? { succeeded: 0, failed: 0, skipped: 0, retrying: 0 } : runLog.countTenants(run.runId);

function viewFailure({ tenantId, name, code = 'internal', detail }: TenantRun): FailureView {
  return { tenantId, name, ...textOf(code), ...(detail === undefined ? {} : { detail }) };
}

function textOf(code: ErrorCode): Pick<FailureView, 'code' | 'title' | 'advice'> {
  const { title } = errorTable[code];
  return { code, title, advice: adviceFor(code, 'operator') };
}
