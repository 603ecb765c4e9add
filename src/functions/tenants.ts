import type { TenantsAnswer } from '../lib/api/answers/tenants.ts';
import { exampleEnd, exampleRunId, exampleTime } from '../lib/api/examples.ts';
import { directoryFailures } from '../lib/api/failures.ts';
import { readableTenants } from '../lib/api/readable-tenants.ts';
import { jsonContent, type RouteDocument } from '../lib/api/route.ts';
import { mayRead } from '../lib/model/readable-tenants.ts';
import { isoTime } from '../lib/runtime/clock.ts';
import { route } from './route.ts';
import { exampleTenant, incompleteList, noLastResults, readLastResults, viewTenant } from './tenant-views.ts';

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
      tenants: tenants.map((tenant) => viewTenant(tenant, last)),
      warnings: last === undefined ? [...warnings, noLastResults] : warnings,
      asOf: isoTime(asOfMs),
    };
    return { status: 200, jsonBody: answer };
  },
);

async function document(): Promise<RouteDocument> {
  const { tenantsAnswerSchema } = await import('../lib/api/answers/tenants.ts');
  const example = {
    tenants: [
      {
        ...exampleTenant,
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
