import type { Services } from '../composition.ts';
import type { TenantDetailsAnswer } from '../lib/api/answers/tenants.ts';
import { exampleEnd, exampleFailureText, exampleRunId, exampleTime } from '../lib/api/examples.ts';
import { directoryFailures, jsonContent, type RouteDocument } from '../lib/api/route.ts';
import { findCustomer } from '../lib/access/tenants/named-tenants.ts';
import { readableTenants, readMarks } from '../lib/access/tenants/visible-tenants.ts';
import { adviceForTenant, errorTable } from '../lib/core/errors.ts';
import type { TenantId } from '../lib/core/identifiers.ts';
import { isoTime } from '../lib/core/clock.ts';
import { errorFields, type Logger } from '../lib/core/log.ts';
import { readInTime, VisibleRuns } from '../lib/runs/reading/visible-runs.ts';
import { readTenantHistory, type TenantResult } from '../lib/runs/reading/run-tenants.ts';
import { jobRegistry } from './job-registry.ts';
import { route } from './route.ts';
import { exampleTenant, incompleteList, noHistory, noLastResults, readLastResults, viewTenant } from './tenants.ts';

route(
  {
    name: 'tenants-show',
    method: 'GET',
    path: '/tenants/{tenant}',
    access: 'Tenants.Read',
    failures: ['request_invalid', 'tenant_unknown', 'entra_unavailable', ...directoryFailures, 'storage_unavailable'],
    document,
  },
  async (services, { caller, path, log }) => {
    const readable = await readableTenants(services, caller);
    const found = await findCustomer(services, { caller, readable }, path.tenant);
    const { groups } = (await services.callers.policy.current()).policy;
    const [list, last, history, marks] = await Promise.all([
      services.directory.snapshot(),
      readLastResults(services.runs, log),
      readHistory(services, found.tenantId, log),
      readMarks({ ...services, log }, groups),
    ]);
    // The warnings may name any tenant.
    const warnings = readable === '*' || list.warnings.length === 0 ? list.warnings : [incompleteList];
    const codes = new Set([...(last?.get(found.tenantId) ?? []), ...(history ?? [])].flatMap(({ code }) => code ?? []));
    const answer: TenantDetailsAnswer = {
      ...viewTenant(found, last, marks),
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
async function readHistory(
  { clock, runs }: Services,
  tenantId: TenantId,
  log: Logger,
): Promise<readonly TenantResult[] | undefined> {
  const jobs = jobRegistry.list().map(({ name }) => name);
  try {
    const all = new VisibleRuns(runs, { tenants: '*' });
    return await readInTime(clock, all, ({ log: inTime }) => readTenantHistory(inTime, tenantId, jobs));
  } catch (thrown) {
    log.log('warn', 'tenants.history_failed', errorFields(thrown));
    return undefined;
  }
}

async function document(): Promise<RouteDocument> {
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
