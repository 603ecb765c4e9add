import type { Services } from '../composition.ts';
import type { TenantsAnswer } from '../lib/api/answers/tenants.ts';
import { exampleDomain, exampleEnd, exampleOtherTenantId, exampleRunId, exampleTime } from '../lib/api/examples.ts';
import { directoryFailures, jsonContent, type RouteDocument } from '../lib/api/route.ts';
import { choosing } from '../lib/access/tenants/named-tenants.ts';
import { mayRead, readableTenants, readMarks, type TenantMarks } from '../lib/access/tenants/visible-tenants.ts';
import { tenantsQuerySchema } from '../lib/api/requests.ts';
import { isoTime } from '../lib/core/clock.ts';
import { errorFields, type Logger } from '../lib/core/log.ts';
import type { LastResults } from '../lib/runs/store/schedule-log.ts';
import { type DelegatedTenant, reasonTexts } from '../lib/tenants/tenant.ts';
import { jobRegistry } from './job-registry.ts';
import { route } from './route.ts';

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

/** Replaces the warnings of the directory for a caller whose reading is limited: they may name any tenant. */
export const incompleteList = 'The list of tenants may be incomplete or outdated.';
export const noLastResults = 'The last results of the jobs could not be read.';
export const noHistory = 'The results in earlier runs could not be read.';

/** Undefined if storage fails: the list of tenants is useful without the results. */
export async function readLastResults(
  { lastResults }: Services['runs'],
  log: Logger,
): Promise<LastResults | undefined> {
  try {
    return await lastResults.read(jobRegistry.list().map(({ name }) => name));
  } catch (thrown) {
    log.log('warn', 'tenants.last_results_failed', errorFields(thrown));
    return undefined;
  }
}

/**
 * A tenant of the directory as the API shows it.
 * @param last undefined if the results could not be read. The answer then has none, because none is not "no failure".
 */
export const viewTenant = (
  { tenantId, name, defaultDomain, relationship, relationshipEndsAtMs, reachable, reason, sources }: DelegatedTenant,
  last: LastResults | undefined,
  marks: TenantMarks,
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
  ...marks.of(tenantId),
  ...(last === undefined ? {} : { lastResults: last.get(tenantId) ?? [] }),
});

/** The tenant that the examples show. */
export const exampleTenant = {
  tenantId: exampleOtherTenantId,
  name: 'Contoso',
  defaultDomain: exampleDomain,
  relationship: 'gdap',
  relationshipEndsAt: '2027-06-30T00:00:00.000Z',
  reachable: true,
  reason: 'gdap_active',
  explanation: 'A GDAP relationship is active.',
  sources: ['relationships', 'contracts', 'partner-center'],
  tags: ['managed', 'threshold=30'],
  groups: ['gold'],
};

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
