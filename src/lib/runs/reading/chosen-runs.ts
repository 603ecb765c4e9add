import type { TenantId } from '../../core/identifiers.ts';
import type { TenantRun } from '../store/run.ts';
import type { ReadableRuns } from './readable-runs.ts';

/** Limits runs to the tenants that a caller asks for. Runs over other tenants stay: they have none of these. */
export function chosenRuns({ log, results }: ReadableRuns, isChosen: (tenantId: TenantId) => boolean): ReadableRuns {
  const chosen = ({ tenantId }: { readonly tenantId: TenantId }): boolean => isChosen(tenantId);
  const tenants: ReadableRuns['log']['tenants'] = async function* (runId, outcome) {
    for await (const record of log.tenants(runId, outcome)) if (chosen(record)) yield record;
  };
  const one =
    (find: typeof log.findTenant): typeof log.findTenant =>
    async (runId, tenantId): Promise<TenantRun | undefined> =>
      isChosen(tenantId) ? find(runId, tenantId) : undefined;
  return {
    log: {
      find: (runId) => log.find(runId),
      list: (filter) => log.list(filter),
      tenants,
      findTenant: one((...args) => log.findTenant(...args)),
      findOutcome: one((...args) => log.findOutcome(...args)),
      countTenants: async (runId) => {
        const counts = { succeeded: 0, failed: 0, skipped: 0, retrying: 0 };
        for await (const { outcome } of tenants(runId)) counts[outcome] += 1;
        return counts;
      },
    },
    results: {
      plan: async (run) => {
        const plan = await results.plan(run);
        return plan && { ...plan, attempt: plan.attempt.filter(chosen), decided: plan.decided.filter(chosen) };
      },
      rows: (...args) => results.rows(...args),
    },
  };
}
