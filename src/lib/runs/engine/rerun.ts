import { BrokerError } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { isEnded, type Run, type RunRequest } from '../store/run.ts';
import type { Runs } from '../store/runs.ts';

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
