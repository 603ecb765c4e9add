import type { RunTenantDetailsAnswer } from '../lib/api/answers/runs.ts';
import { exampleEnd, exampleOtherTenantId, exampleRunId, exampleTime, runIdParameter } from '../lib/api/examples.ts';
import { jsonContent, type RouteDocument } from '../lib/api/route.ts';
import { adviceFor, BrokerError, errorTable } from '../lib/core/errors.ts';
import { parseTenantId } from '../lib/core/identifiers.ts';
import { findRun, readInTime, runReaders, visibleRuns } from '../lib/runs/reading/visible-runs.ts';
import { viewRunTenant } from '../lib/runs/reading/run-tenants.ts';
import { route } from './route.ts';

route(
  {
    name: 'runs-tenant',
    method: 'GET',
    path: '/runs/{runId}/tenants/{tenantId}',
    access: runReaders,
    failures: ['request_invalid', 'run_not_found', 'tenant_unknown', 'plan_changed', 'storage_unavailable'],
    document,
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

async function document(): Promise<RouteDocument> {
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
