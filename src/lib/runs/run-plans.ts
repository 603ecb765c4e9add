import { LRUCache } from 'lru-cache';
import { BrokerError } from '../errors.ts';
import type { RunPlan } from './run.ts';
import type { RunId } from './run-id.ts';
import type { RunResults } from './run-log.ts';

/** Plans, read once per process and run: each of thousands of activities needs one entry of the same plan. */
export interface RunPlans {
  /** @throws BrokerError run_not_found when the run has no plan. */
  get(runId: RunId): Promise<RunPlan>;
}

/** A plan of 5,000 tenants takes about 1 MB. */
const kept = 8;

export function createRunPlans(results: Pick<RunResults, 'plan'>): RunPlans {
  const plans = new LRUCache<RunId, Promise<RunPlan>>({ max: kept });
  const read = async (runId: RunId): Promise<RunPlan> => {
    const plan = await results.plan(runId);
    if (plan === undefined) throw new BrokerError('run_not_found', `The plan of the run ${runId} is gone.`);
    return plan;
  };
  return {
    get: (runId) => {
      const known = plans.get(runId);
      if (known !== undefined) return known;
      const reading = read(runId);
      plans.set(runId, reading);
      reading.catch(() => plans.delete(runId));
      return reading;
    },
  };
}
