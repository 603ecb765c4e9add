import { app } from '@azure/functions';
import type { Services } from '../composition.ts';
import { isoTime } from '../lib/runtime/clock.ts';
import { errorFields } from '../lib/runtime/log.ts';
import type { TenantsAnswer } from '../lib/api/answers/tenants.ts';
import type { Call, Handler } from '../lib/api/pipeline.ts';
import type { LastResult, LastResults } from '../lib/runs/last-results.ts';
import type { TenantDirectory } from '../lib/tenants/directory.ts';
import { type DelegatedTenant, reasonTexts } from '../lib/tenants/tenant.ts';
import { jobRegistry } from './job-registry.ts';
import { authLevel, guarded } from './pipeline.ts';

type TenantServices = {
  readonly runs: Pick<Services['runs'], 'lastResults'>;
  readonly directory: Pick<TenantDirectory, 'snapshot'>;
};

/** `GET /api/tenants`: every customer tenant, why it can or cannot be reached, and what the jobs found there last. */
export const tenants: Handler<TenantServices> = async (services, call) => {
  const { tenants, warnings, asOfMs } = await services.directory.snapshot();
  const last = await lastResultsOf(services, call);
  const answer: TenantsAnswer = {
    tenants: tenants.map((tenant) => viewTenant(tenant, last?.get(tenant.tenantId) ?? [])),
    warnings: last === undefined ? [...warnings, 'The last results of the jobs could not be read.'] : warnings,
    asOf: isoTime(asOfMs),
  };
  return { status: 200, jsonBody: answer };
};

/** Undefined when storage fails: the list of tenants is worth having without it. */
async function lastResultsOf({ runs }: TenantServices, { log }: Call): Promise<LastResults | undefined> {
  try {
    return await runs.lastResults.read(jobRegistry.list().map(({ name }) => name));
  } catch (thrown) {
    log.log('warn', 'tenants.last_results_failed', errorFields(thrown));
    return undefined;
  }
}

const viewTenant = (
  { tenantId, name, defaultDomain, relationship, relationshipEndsAtMs, reachable, reason, sources }: DelegatedTenant,
  lastResults: readonly LastResult[],
) => ({
  tenantId,
  name,
  ...(defaultDomain === undefined ? {} : { defaultDomain }),
  relationship,
  ...(relationshipEndsAtMs === undefined ? {} : { relationshipEndsAt: isoTime(relationshipEndsAtMs) }),
  reachable,
  reason,
  explanation: reasonTexts[reason],
  sources,
  lastResults,
});

app.http('tenants', {
  route: 'tenants',
  methods: ['GET'],
  authLevel,
  handler: guarded('Tenants.Read', tenants),
});
