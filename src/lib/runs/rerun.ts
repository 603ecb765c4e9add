import { BrokerError } from '../errors.ts';
import type { TenantId } from '../identifiers.ts';
import { isEnded, type Run } from './run.ts';
import type { RunLog, RunResults } from './run-log.ts';

/**
 * The tenants that a run owes a result: failed ones, and those that were not attempted. With excluded ones and those
 * without the licence there is nothing to be had.
 * @throws BrokerError request_invalid while the run goes on, or when nothing is left to do.
 */
export async function tenantsLeft(
  source: { readonly runLog: RunLog; readonly results: RunResults },
  run: Run,
): Promise<readonly TenantId[]> {
  if (!isEnded(run.status)) throw new BrokerError('request_invalid', 'The run has not ended yet.');
  const done = new Set<TenantId>();
  const left = new Set<TenantId>();
  for await (const { tenantId, outcome } of source.runLog.tenants(run.runId)) {
    (outcome === 'succeeded' || outcome === 'skipped' ? done : left).add(tenantId);
  }
  const plan = await source.results.plan(run.runId);
  for (const { tenantId } of plan?.attempt ?? []) if (!done.has(tenantId)) left.add(tenantId);
  if (left.size === 0) throw new BrokerError('request_invalid', 'No tenant of the run is left to be run again.');
  return [...left];
}
