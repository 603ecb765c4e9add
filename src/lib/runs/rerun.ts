import { BrokerError } from '../model/errors.ts';
import type { TenantId } from '../model/identifiers.ts';
import { isEnded, type Run, type RunRequest } from './run.ts';
import type { Runs } from './runs.ts';

/**
 * What a run owes: its failed tenants, and those that were not attempted, with the parameters of the first time. With
 * excluded ones and those without the licence there is nothing to be had. A run that never got as far as a plan owes
 * everything that was asked.
 * @throws BrokerError request_invalid while the run goes on, or when nothing is left to do.
 */
export async function rerunRequest(runs: Pick<Runs, 'log' | 'results'>, run: Run): Promise<RunRequest> {
  if (!isEnded(run.status)) throw new BrokerError('request_invalid', 'The run has not ended yet.');
  const asked = (await runs.log.request(run.runId)) ?? { parameters: {} };
  const plan = await runs.results.plan(run.runId);
  if (plan === undefined) return asked;
  const done = new Set<TenantId>();
  const left = new Set<TenantId>();
  for await (const { tenantId, outcome } of runs.log.tenants(run.runId)) {
    (outcome === 'succeeded' || outcome === 'skipped' ? done : left).add(tenantId);
  }
  for (const { tenantId } of plan.attempt) if (!done.has(tenantId)) left.add(tenantId);
  if (left.size === 0) throw new BrokerError('request_invalid', 'No tenant of the run is left to be run again.');
  return { tenants: [...left], parameters: asked.parameters };
}
