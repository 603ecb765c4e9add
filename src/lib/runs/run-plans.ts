import { LRUCache } from 'lru-cache';
import { BrokerError } from '../model/errors.ts';
import type { TenantId } from '../model/identifiers.ts';
import type { RunPlan } from './run.ts';
import type { RunId } from './run-id.ts';
import type { RunLog, RunResults } from './run-log.ts';

/** What a process knows of a run that it works on. */
export interface KnownRun {
  readonly plan: RunPlan;
  /** Tenants that had a record when this process first met the run: after a crash, those are not begun again. */
  readonly recordedBefore: ReadonlySet<TenantId>;
}

/** Plans, read once per process and run: each of thousands of activities needs one entry of the same plan. */
export interface RunPlans {
  /** @throws BrokerError run_not_found when the run has no plan. */
  get(runId: RunId): Promise<KnownRun>;
}

/** A plan of 5,000 tenants takes about 1 MB. */
const kept = 8;

export function createRunPlans(deps: {
  readonly results: Pick<RunResults, 'plan'>;
  readonly runLog: Pick<RunLog, 'tenants'>;
}): RunPlans {
  const known = new LRUCache<RunId, Promise<KnownRun>>({ max: kept });
  const read = async (runId: RunId): Promise<KnownRun> => {
    const plan = await deps.results.plan(runId);
    if (plan === undefined) throw new BrokerError('run_not_found', `The plan of the run ${runId} is gone.`);
    const recordedBefore = new Set<TenantId>();
    for await (const { tenantId } of deps.runLog.tenants(runId)) recordedBefore.add(tenantId);
    return { plan, recordedBefore };
  };
  return {
    get: (runId) => {
      const found = known.get(runId);
      if (found !== undefined) return found;
      const reading = read(runId);
      known.set(runId, reading);
      reading.catch(() => known.delete(runId));
      return reading;
    },
  };
}
