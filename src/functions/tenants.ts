import type { Services } from '../composition.ts';
import type { ChangedTagsAnswer, TenantDetailsAnswer, TenantsAnswer } from '../lib/api/answers/tenants.ts';
import {
  exampleDomain,
  exampleEnd,
  exampleFailureText,
  exampleOtherTenantId,
  exampleRunId,
  exampleTime,
} from '../lib/api/examples.ts';
import { directoryFailures, jsonContent, type RouteDocument } from '../lib/api/route.ts';
import { selectedBy, findCustomer } from '../lib/access/tenants/named-tenants.ts';
import { isVisible, visibleTenants, readMarks, type TenantMarks } from '../lib/access/tenants/visible-tenants.ts';
import { tagsSchema, tenantsQuerySchema } from '../lib/api/requests.ts';
import { isoTime } from '../lib/core/clock.ts';
import { adviceForTenant, errorTable } from '../lib/core/errors.ts';
import type { TenantId } from '../lib/core/identifiers.ts';
import { errorFields, type Logger } from '../lib/core/log.ts';
import { defined } from '../lib/core/objects.ts';
import { readTenantHistory } from '../lib/runs/reading/run-view.ts';
import { readInTime, VisibleRuns } from '../lib/runs/reading/visible-runs.ts';
import type { LastResults } from '../lib/runs/store/schedule-log.ts';
import { changeTags } from '../lib/tenants/change-tags.ts';
import { type DelegatedTenant, reasonTexts, reasonTitles } from '../lib/tenants/tenant.ts';
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
    document: documentList,
  },
  async (services, { caller, query, log }) => {
    const visible = await visibleTenants(services, caller);
    const { isSelected } = await selectedBy(services, { caller, visible }, query);
    const list = await services.directory.snapshot();
    const { asOfMs } = list;
    const visibleList = list.tenants.filter(({ tenantId }) => isVisible(visible, tenantId));
    const tenants = visibleList.filter(({ tenantId }) => isSelected(tenantId));
    // The warnings may name any tenant.
    const warnings = visible === '*' || list.warnings.length === 0 ? list.warnings : [incompleteList];
    const { groups } = (await services.callers.policy.current()).policy;
    const [last, marks] = await Promise.all([
      readLastResults(services.runs, log),
      readMarks({ ...services, log }, groups),
    ]);
    const answer: TenantsAnswer = {
      tenants: tenants.map((tenant) => viewTenant(tenant, last, marks)),
      groups: visible === '*' ? [...groups.keys()] : namesOf(visibleList, marks),
      ...(visible === '*' ? {} : { limited: true }),
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

route(
  {
    name: 'tenants-show',
    method: 'GET',
    path: '/tenants/{tenant}',
    access: 'Tenants.Read',
    failures: ['request_invalid', 'tenant_unknown', 'entra_unavailable', ...directoryFailures, 'storage_unavailable'],
    document: documentShow,
  },
  async (services, { caller, path, log }) => {
    const visible = await visibleTenants(services, caller);
    const found = await findCustomer(services, { caller, visible }, path.tenant);
    const { groups } = (await services.callers.policy.current()).policy;
    const [list, last, history, marks] = await Promise.all([
      services.directory.snapshot(),
      readLastResults(services.runs, log),
      readHistory(services, found.tenantId, log),
      readMarks({ ...services, log }, groups),
    ]);
    // The warnings may name any tenant.
    const warnings = visible === '*' || list.warnings.length === 0 ? list.warnings : [incompleteList];
    const codes = new Set([...(last?.get(found.tenantId) ?? []), ...(history ?? [])].flatMap(({ code }) => code ?? []));
    const { relationshipStartedAtMs: startedAtMs, roles } = found;
    const answer: TenantDetailsAnswer = {
      ...viewTenant(found, last, marks),
      ...(startedAtMs === undefined ? {} : { relationshipStartedAt: isoTime(startedAtMs) }),
      ...defined({ roles }),
      ...(history === undefined ? {} : { history }),
      codes: [...codes].map((code) => ({
        code,
        title: errorTable[code].title,
        advice: adviceForTenant(code, found.tenantId),
      })),
      warnings: [
        ...warnings,
        ...marks.warnings,
        ...(last === undefined ? [noLastResults] : []),
        ...(history === undefined ? [noHistory] : []),
      ],
      asOf: isoTime(list.asOfMs),
    };
    return { status: 200, jsonBody: answer };
  },
);

/** Undefined if storage fails: the tenant is useful without its history. */
async function readHistory({ clock, runs }: Services, tenantId: TenantId, log: Logger) {
  const jobs = jobRegistry.list().map(({ name }) => name);
  try {
    const all = new VisibleRuns(runs, { tenants: '*' });
    return await readInTime(clock, all, ({ log: inTime }) => readTenantHistory(inTime, tenantId, jobs));
  } catch (thrown) {
    log.log('warn', 'tenants.history_failed', errorFields(thrown));
    return undefined;
  }
}

route(
  {
    name: 'tenants-tag',
    method: 'PUT',
    path: '/tenants/{tenant}/tags',
    access: 'Tenants.Write',
    body: tagsSchema,
    failures: ['tenant_unknown', ...directoryFailures, 'storage_unavailable', 'audit_unavailable', 'busy'],
    document: documentTags,
  },
  async (services, { caller, path, body, correlationId, log }) => {
    const visible = await visibleTenants(services, caller);
    const { tenantId } = await findCustomer(services, { caller, visible }, path.tenant);
    const changed = await changeTags(services, body, { tenantId, caller, correlationId, log });
    return { status: 200, jsonBody: { tenantId, ...changed } satisfies ChangedTagsAnswer };
  },
);

/** Replaces the warnings of the directory for a caller whose reading is limited: they may name any tenant. */
const incompleteList = 'The list of tenants may be incomplete or outdated.';
const noLastResults = 'The last results of the jobs could not be read.';
const noHistory = 'The results in earlier runs could not be read.';

/** Undefined if storage fails: the list of tenants is useful without the results. */
async function readLastResults({ lastResults }: Services['runs'], log: Logger): Promise<LastResults | undefined> {
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
const viewTenant = (
  { tenantId, name, defaultDomain, relationship, reachable, reason, sources, ...delegated }: DelegatedTenant,
  last: LastResults | undefined,
  marks: TenantMarks,
) => ({
  tenantId,
  name,
  ...(defaultDomain === undefined ? {} : { defaultDomain }),
  relationship,
  ...(delegated.relationshipEndsAtMs === undefined
    ? {}
    : { relationshipEndsAt: isoTime(delegated.relationshipEndsAtMs) }),
  ...defined({ relationshipRenews: delegated.relationshipRenews }),
  reachable,
  reason,
  reasonTitle: reasonTitles[reason],
  explanation: reasonTexts[reason],
  sources,
  ...marks.of(tenantId),
  ...(last === undefined ? {} : { lastResults: last.get(tenantId) ?? [] }),
});

/** The tenant that the examples show. */
const exampleTenant = {
  tenantId: exampleOtherTenantId,
  name: 'Contoso',
  defaultDomain: exampleDomain,
  relationship: 'gdap',
  relationshipEndsAt: '2027-06-30T00:00:00.000Z',
  relationshipRenews: true,
  reachable: true,
  reason: 'gdap_active',
  reasonTitle: 'GDAP relationship active',
  explanation: 'A GDAP relationship is active.',
  sources: ['relationships', 'contracts', 'partner-center'],
  tags: ['managed', 'threshold=30'],
  groups: ['gold'],
};

async function documentList(): Promise<RouteDocument> {
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

async function documentShow(): Promise<RouteDocument> {
  const { tenantDetailsSchema } = await import('../lib/api/answers/tenants.ts');
  const result = {
    job: 'licence-report',
    runId: exampleRunId,
    outcome: 'failed',
    code: 'consent_required',
    finishedAt: exampleEnd,
  };
  const example = {
    ...exampleTenant,
    relationshipStartedAt: '2026-06-30T00:00:00.000Z',
    roles: ['Directory Readers', 'License Administrator'],
    lastResults: [result],
    history: [{ ...result, attempts: 1, rows: 0, startedAt: exampleTime }],
    codes: [{ ...exampleFailureText, advice: adviceForTenant('consent_required', exampleTenant.tenantId) }],
    warnings: [],
    asOf: exampleTime,
  };
  return {
    group: 'Tenants',
    summary: 'Show a customer tenant',
    description:
      'One customer tenant: whether the broker can reach it and why, its tags and groups, the latest result of each job, and its results in the newest 14 runs of each job, with advice for each failure. A caller that the policy limits to some tenants (`reads`) gets 404 for any other.',
    pathParameters: {
      tenant: { description: 'Id of the tenant, or one of its domains.', example: exampleTenant.tenantId },
    },
    answers: [{ status: 200, description: 'The tenant.', contents: [jsonContent(tenantDetailsSchema, example)] }],
  };
}

async function documentTags(): Promise<RouteDocument> {
  const { changedTagsSchema } = await import('../lib/api/answers/tenants.ts');
  const example = {
    tenantId: exampleTenant.tenantId,
    tags: ['managed', 'threshold=30'],
    added: ['threshold=30'],
    removed: ['trial'],
  };
  return {
    group: 'Tenants',
    summary: 'Change the tags of a customer tenant',
    description:
      'Replaces all tags (`tags`), or changes some of them (`add`, `remove`). Rules, runs and jobs may name tags, so a tag can grant access: `Tenants.Write` is as powerful as the rules that name tags. A tag is `NAME` or `NAME=VALUE`, at most 64 letters, digits, `-`, `_` and `.`, in lower case. A tenant has at most 50, and each name once. Every instance follows within 10 seconds. Each change is in the audit log before it is in force. A caller that the policy limits to some tenants (`reads`) gets 404 for any other.',
    pathParameters: {
      tenant: { description: 'Id of the tenant, or one of its domains.', example: exampleTenant.tenantId },
    },
    bodyExample: { add: ['threshold=30'], remove: ['trial'] },
    answers: [
      {
        status: 200,
        description: 'The tags now, and what has changed.',
        contents: [jsonContent(changedTagsSchema, example)],
      },
    ],
  };
}
