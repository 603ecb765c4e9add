import type { RunAnswer, RunsAnswer, RunTenantDetailsAnswer, RunTenantsAnswer } from '../lib/api/answers/runs.ts';
import {
  exampleEnd,
  exampleFailureText,
  exampleOtherTenantId,
  exampleRunId,
  exampleSummary,
  exampleTime,
  runIdParameter,
} from '../lib/api/examples.ts';
import { directoryFailures, jsonContent, type RouteDocument } from '../lib/api/route.ts';
import { listRunsQuerySchema, runTenantsQuerySchema } from '../lib/api/requests.ts';
import { adviceFor, BrokerError, errorTable } from '../lib/core/errors.ts';
import { parseTenantId } from '../lib/core/identifiers.ts';
import { findRun, readInTime, runReaders, visibleRuns } from '../lib/runs/reading/visible-runs.ts';
import { viewRun, viewRuns, viewRunTenant, viewRunTenants } from '../lib/runs/reading/run-view.ts';
import { route } from './route.ts';

route(
  {
    name: 'runs',
    method: 'GET',
    path: '/runs',
    access: runReaders,
    query: listRunsQuerySchema,
    failures: ['storage_unavailable'],
    document: documentList,
  },
  async (services, { caller, query: { job, limit, failed } }) => {
    const nowMs = services.clock.nowMs();
    const runs = await readInTime(services.clock, await visibleRuns(services, caller), async ({ log }) => {
      const list = await log.list({ limit, ...(job === undefined ? {} : { job }) });
      return viewRuns(log, list, nowMs, failed === 'true');
    });
    return { status: 200, jsonBody: { runs } satisfies RunsAnswer };
  },
);

export const showRun = route(
  {
    name: 'runs-show',
    method: 'GET',
    path: '/runs/{runId}',
    access: runReaders,
    failures: ['run_not_found', 'storage_unavailable'],
    document: documentShow,
  },
  async (services, { caller, path }) => {
    const runs = await visibleRuns(services, caller);
    const answer: RunAnswer = await readInTime(services.clock, runs, async ({ log }) =>
      viewRun(log, await findRun(log, path.runId), services.clock.nowMs()),
    );
    return { status: 200, jsonBody: answer };
  },
);

export const listRunTenants = route(
  {
    name: 'runs-tenants',
    method: 'GET',
    path: '/runs/{runId}/tenants',
    access: runReaders,
    query: runTenantsQuerySchema,
    failures: ['run_not_found', 'plan_changed', ...directoryFailures, 'storage_unavailable'],
    document: documentTenants,
  },
  async (services, { caller, path, query }) => {
    const runs = await visibleRuns(services, caller, query);
    const answer: RunTenantsAnswer = await readInTime(services.clock, runs, async (inTime) =>
      viewRunTenants(inTime, await findRun(inTime.log, path.runId), query.outcome),
    );
    return { status: 200, jsonBody: answer };
  },
);

route(
  {
    name: 'runs-tenant',
    method: 'GET',
    path: '/runs/{runId}/tenants/{tenantId}',
    access: runReaders,
    failures: ['request_invalid', 'run_not_found', 'tenant_unknown', 'plan_changed', 'storage_unavailable'],
    document: documentTenant,
  },
  async (services, { caller, path }) => {
    const tenantId = parseTenantId(path.tenantId);
    if (tenantId === undefined) throw new BrokerError('request_invalid', 'The tenant must be given by its id, a GUID.');
    const runs = await visibleRuns(services, caller);
    const answer: RunTenantDetailsAnswer = await readInTime(services.clock, runs, async (inTime) =>
      viewRunTenant(inTime, await findRun(inTime.log, path.runId), tenantId),
    );
    return { status: 200, jsonBody: answer };
  },
);

async function documentList(): Promise<RouteDocument> {
  const { runsAnswerSchema } = await import('../lib/api/answers/runs.ts');
  return {
    group: 'Jobs and runs',
    summary: 'List runs',
    description:
      'The newest run is first. For a run in progress, only `total` of its counts is current: request the run itself for the others. A caller that the policy limits to some tenants (`reads`) gets the counts of these tenants, at most 50 runs, and no run over others.',
    queryExample: { limit: '20' },
    answers: [
      { status: 200, description: 'The runs.', contents: [jsonContent(runsAnswerSchema, { runs: [exampleSummary] })] },
    ],
  };
}

/** The tenant that the examples of a run show as failed. */
const failedTenant = { tenantId: exampleOtherTenantId, name: 'Fabrikam', detail: 'Entra answers AADSTS65001.' };

async function documentShow(): Promise<RouteDocument> {
  const { runSchema } = await import('../lib/api/answers/runs.ts');
  const example = {
    ...exampleSummary,
    progress: { done: 25, retrying: 0, total: 25 },
    failures: [{ ...exampleFailureText, ...failedTenant }],
  };
  return {
    group: 'Jobs and runs',
    summary: 'Show a run',
    description: 'Status, current counts, progress, and every failed tenant with advice.',
    pathParameters: runIdParameter,
    answers: [{ status: 200, description: 'The run.', contents: [jsonContent(runSchema, example)] }],
  };
}

async function documentTenants(): Promise<RouteDocument> {
  const { runTenantsAnswerSchema } = await import('../lib/api/answers/runs.ts');
  const outcome = {
    outcome: 'failed',
    code: 'consent_required',
    attempts: 1,
    rows: 0,
    startedAt: exampleTime,
    finishedAt: exampleEnd,
  };
  const example = {
    runId: exampleRunId,
    status: 'completed',
    tenants: [{ ...failedTenant, ...outcome }],
    codes: [exampleFailureText],
  };
  return {
    group: 'Jobs and runs',
    summary: 'List the tenants of a run',
    description: 'Every tenant of the run with its outcome so far. Tenants that were not visited yet are included.',
    pathParameters: runIdParameter,
    queryExample: { outcome: 'failed' },
    answers: [
      {
        status: 200,
        description: 'The tenants in the order of the plan. Empty until the run has listed its tenants.',
        contents: [jsonContent(runTenantsAnswerSchema, example)],
      },
    ],
  };
}

async function documentTenant(): Promise<RouteDocument> {
  const { runTenantDetailsSchema } = await import('../lib/api/answers/runs.ts');
  const example: RunTenantDetailsAnswer = {
    runId: exampleRunId,
    tenantId: exampleOtherTenantId,
    name: 'Fabrikam',
    outcome: 'failed',
    code: 'job_failed',
    title: errorTable.job_failed.title,
    advice: adviceFor('job_failed', 'operator'),
    detail: 'The job threw an error.',
    attempts: 1,
    rows: 0,
    startedAt: exampleTime,
    finishedAt: exampleEnd,
    error:
      "TypeError: Cannot read properties of undefined (reading 'skuPartNumber')\n    at run (licence-report.ts:41:22)",
    log: [{ at: exampleTime, level: 'info', event: 'licences.read', fields: { subscriptions: 3 } }],
    droppedLines: 0,
  };
  return {
    group: 'Jobs and runs',
    summary: 'Show a tenant of a run',
    description: 'The outcome of one tenant, and what the job logged and threw in its last attempt.',
    pathParameters: {
      ...runIdParameter,
      tenantId: { description: 'Id of the tenant.', example: exampleOtherTenantId },
    },
    answers: [{ status: 200, description: 'The tenant.', contents: [jsonContent(runTenantDetailsSchema, example)] }],
  };
}
