import type { ErrorCode } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { isoTime } from '../../core/clock.ts';
import { Limiter } from '../../core/limiter.ts';
import type { Run, TenantOutcome } from '../store/run.ts';
import type { RunLog } from '../store/run-log.ts';

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
