import { minuteMs } from '../../core/durations.ts';
import type { FairLimiter } from '../../core/fair-limiter.ts';
import { errorFields } from '../../core/log.ts';
import { type EarlierRecords, runTenant, type TenantRunDeps, type TenantRunResult } from './tenant-run.ts';
import { requestersOf } from './tenant-slots.ts';
import { summaryOf, type TenantsVisitResult, type VisitTenantsInput } from './visit-summary.ts';

export interface VisitTenantsDeps extends TenantRunDeps {
  /** Tenants that this process visits at a time, over all activities. Runs take turns. */
  readonly tenantSlots: Pick<FairLimiter, 'run'>;
}

/**
 * An activity starts no tenant later than this. With the longest time limit that is sensible on the plan, it ends before
 * the host would end the worker: 30 minutes by default on Flex Consumption ("host.json reference", functionTimeout).
 */
const startsWithinMs = 10 * minuteMs;

/**
 * Visits several tenants side by side. Each has its own deadline, record and outcome. Never throws.
 * If the platform delivers the same input again, tenants with a record are not visited again.
 */
export async function visitTenants(deps: VisitTenantsDeps, input: VisitTenantsInput): Promise<TenantsVisitResult> {
  const { indexes, ...rest } = input;
  const untilMs = deps.clock.nowMs() + startsWithinMs;
  const earlier = await recordedBefore(deps, input);
  const requesters = requestersOf(input.runId);
  const results = await Promise.all(
    indexes.map((index) =>
      deps.tenantSlots.run(async (): Promise<TenantRunResult | undefined> => {
        if (deps.clock.nowMs() >= untilMs) return undefined;
        return runTenant(deps, { ...rest, index }, earlier);
      }, requesters),
    ),
  );
  const visited = indexes.filter((_, place) => results[place] !== undefined);
  const { retry, retryAfterSeconds, ...why } = summaryOf(
    visited,
    results.filter((result) => result !== undefined),
  );
  const left = indexes.filter((_, place) => results[place] === undefined);
  return {
    ...(retry.length === 0 ? {} : { retry }),
    ...(left.length === 0 ? {} : { left }),
    ...(retryAfterSeconds === 0 ? {} : { retryAfterSeconds }),
    ...why,
  };
}

/** The records that tenants of the group have already. If storage fails, each visit looks for its own. */
async function recordedBefore(
  { runs, log }: VisitTenantsDeps,
  { runId, indexes }: VisitTenantsInput,
): Promise<EarlierRecords> {
  try {
    const { plan } = await runs.plans.get(runId);
    const tenantIds = indexes.flatMap((index) => plan.attempt[index]?.tenantId ?? []);
    const found = await runs.log.findOutcomes(runId, tenantIds);
    return new Map(found.map((record) => [record.tenantId, record]));
  } catch (thrown) {
    log.log('warn', 'tenant_run.records_unread', { runId, ...errorFields(thrown) });
    return 'unread';
  }
}
