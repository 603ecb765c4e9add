import type { Services } from '../composition.ts';
import type { TenantsAnswer } from '../lib/api/answers/tenants.ts';
import { exampleDomain, exampleEnd, exampleRunId, exampleTenantId, exampleTime } from '../lib/api/examples.ts';
import { directoryFailures } from '../lib/api/failures.ts';
import { readableTenants } from '../lib/api/readable-tenants.ts';
import { jsonContent, type RouteDocument } from '../lib/api/route.ts';
import { mayRead } from '../lib/model/readable-tenants.ts';
import { isoTime } from '../lib/runtime/clock.ts';
import { errorFields, type Logger } from '../lib/runtime/log.ts';
import type { LastResult, LastResults } from '../lib/runs/last-results.ts';
import { type DelegatedTenant, reasonTexts } from '../lib/tenants/tenant.ts';
import { jobRegistry } from './job-registry.ts';
import { route } from './route.ts';

export const tenants = route(
  {
    name: 'tenants',
    method: 'GET',
    path: '/tenants',
    access: 'Tenants.Read',
    failures: directoryFailures,
    document,
  },
  async (services, { caller, log }) => {
    const readable = await readableTenants(services, caller);
    const list = await services.directory.snapshot();
    const { asOfMs } = list;
    const tenants = list.tenants.filter(({ tenantId }) => mayRead(readable, tenantId));
    // The warnings may name any tenant.
    const warnings = readable === '*' || list.warnings.length === 0 ? list.warnings : [incompleteList];
    const last = await readLastResults(services.runs, log);
    const answer: TenantsAnswer = {
      tenants: tenants.map((tenant) => viewTenant(tenant, last?.get(tenant.tenantId) ?? [])),
      warnings: last === undefined ? [...warnings, 'The last results of the jobs could not be read.'] : warnings,
      asOf: isoTime(asOfMs),
    };
    return { status: 200, jsonBody: answer };
  },
);

const incompleteList = 'The list of tenants may be incomplete or outdated.';

/** Undefined if storage fails: the list of tenants is useful without the results. */
async function readLastResults({ lastResults }: Services['runs'], log: Logger): Promise<LastResults | undefined> {
  try {
    return await lastResults.read(jobRegistry.list().map(({ name }) => name));
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

async function document(): Promise<RouteDocument> {
  const { tenantsAnswerSchema } = await import('../lib/api/answers/tenants.ts');
  const example = {
    tenants: [
      {
        tenantId: exampleTenantId,
        name: 'Contoso',
        defaultDomain: exampleDomain,
        relationship: 'gdap',
        relationshipEndsAt: '2027-06-30T00:00:00.000Z',
        reachable: true,
        reason: 'gdap_active',
        explanation: 'A GDAP relationship is active.',
        sources: ['relationships', 'contracts', 'partner-center'],
        lastResults: [{ job: 'licence-report', runId: exampleRunId, outcome: 'succeeded', finishedAt: exampleEnd }],
      },
    ],
    warnings: [],
    asOf: exampleTime,
  };
  return {
    group: 'Tenants',
    summary: 'List customer tenants',
    description:
      'Every customer tenant that Microsoft lists for the partner (delegated relationships, contracts, Partner Center), whether the broker can reach it and why, and the latest result of each job. The list is cached for ten minutes. A caller that the policy limits to some tenants (`reads`) gets only these.',
    answers: [
      {
        status: 200,
        description: 'The tenants by name. Unreachable and excluded tenants are included, with the reason.',
        contents: [jsonContent(tenantsAnswerSchema, example)],
      },
    ],
  };
}
