import { LRUCache } from 'lru-cache';
import { BrokerError } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import type { RunPlan } from './run.ts';
import type { RunId } from './run-id.ts';
import type { RunLog, RunResults } from './run-log.ts';

/** What a process remembers about a run that it executes. */
interface KnownRun {
  readonly plan: RunPlan;
  /** Tenants that had a record when this process first read the run. After a crash they are not started again. */
  readonly recordedBefore: ReadonlySet<TenantId>;
}

/** Caches plans per process, because thousands of activities each need one entry of the same plan. */
export interface RunPlans {
  /** @throws BrokerError run_not_found if the run has no plan, plan_changed if the stored one is not the run's. */
  get(runId: RunId): Promise<KnownRun>;
}

/** Number of plans in memory. A plan of 5,000 tenants takes about 1 MB. */
const maxPlans = 8;

export function createRunPlans(deps: {
  readonly results: Pick<RunResults, 'plan'>;
  readonly runLog: Pick<RunLog, 'find' | 'tenants'>;
}): RunPlans {
  const known = new LRUCache<RunId, Promise<KnownRun>>({ max: maxPlans });
  const read = async (runId: RunId): Promise<KnownRun> => {
    const run = await deps.runLog.find(runId);
    const plan = run && (await deps.results.plan(run));
    if (plan === undefined) throw new BrokerError('run_not_found', `The plan of the run ${runId} no longer exists.`);
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
