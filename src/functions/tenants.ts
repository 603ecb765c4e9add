import type { TenantsAnswer } from '../lib/api/answers/tenants.ts';
import { exampleEnd, exampleRunId, exampleTime } from '../lib/api/examples.ts';
import { directoryFailures, jsonContent, type RouteDocument } from '../lib/api/route.ts';
import { choosing } from '../lib/access/tenants/named-tenants.ts';
import { mayRead, readableTenants, readMarks, type TenantMarks } from '../lib/access/tenants/visible-tenants.ts';
import { tenantsQuerySchema } from '../lib/api/requests.ts';
import { isoTime } from '../lib/core/clock.ts';
import type { DelegatedTenant } from '../lib/tenants/tenant.ts';
import { route } from './route.ts';
import { exampleTenant, incompleteList, noLastResults, readLastResults, viewTenant } from './tenant-views.ts';

export const tenants = route(
  {
    name: 'tenants',
    method: 'GET',
    path: '/tenants',
    access: 'Tenants.Read',
    query: tenantsQuerySchema,
    failures: ['entra_unavailable', ...directoryFailures, 'storage_unavailable'],
    document,
  },
  async (services, { caller, query, log }) => {
    const readable = await readableTenants(services, caller);
    const { isChosen } = await choosing(services, { caller, readable }, query);
    const list = await services.directory.snapshot();
    const { asOfMs } = list;
    const readableList = list.tenants.filter(({ tenantId }) => mayRead(readable, tenantId));
    const tenants = readableList.filter(({ tenantId }) => isChosen(tenantId));
    // The warnings may name any tenant.
    const warnings = readable === '*' || list.warnings.length === 0 ? list.warnings : [incompleteList];
    const { groups } = (await services.callers.policy.current()).policy;
    const [last, marks] = await Promise.all([
      readLastResults(services.runs, log),
      readMarks({ ...services, log }, groups),
    ]);
    const answer: TenantsAnswer = {
      tenants: tenants.map((tenant) => viewTenant(tenant, last, marks)),
      groups: readable === '*' ? [...groups.keys()] : namesOf(readableList, marks),
      warnings: [...warnings, ...marks.warnings, ...(last === undefined ? [noLastResults] : [])],
      asOf: isoTime(asOfMs),
    };
    return { status: 200, jsonBody: answer };
  },
);

/** A caller whose reading is limited learns the names of groups from its tenants only. */
const namesOf = (tenants: readonly DelegatedTenant[], marks: TenantMarks): string[] => [
  ...new Set(tenants.flatMap(({ tenantId }) => marks.of(tenantId).groups ?? [])),
];

async function document(): Promise<RouteDocument> {
  const { tenantsAnswerSchema } = await import('../lib/api/answers/tenants.ts');
  const example = {
    tenants: [
      {
        ...exampleTenant,
        lastResults: [{ job: 'licence-report', runId: exampleRunId, outcome: 'succeeded', finishedAt: exampleEnd }],
      },
    ],
    groups: ['gold', 'silver'],
    warnings: [],
    asOf: exampleTime,
  };
  return {
    group: 'Tenants',
    summary: 'List customer tenants',
    description:
      'Every customer tenant that Microsoft lists for the partner (delegated relationships, contracts, Partner Center), whether the broker can reach it and why, its tags and groups, and the latest result of each job. The list is cached for ten minutes. A caller that the policy limits to some tenants (`reads`) gets only these.',
    queryExample: { tenants: '*', except: 'tag:regulated' },
    answers: [
      {
        status: 200,
        description: 'The tenants by name. Unreachable and excluded tenants are included, with the reason.',
        contents: [jsonContent(tenantsAnswerSchema, example)],
      },
    ],
  };
}
