import { app } from '@azure/functions';
import * as df from 'durable-functions';
import type { Services } from '../composition.ts';
import { BrokerError } from '../lib/model/errors.ts';
import type { CancelledRunAnswer, RunAnswer, RunsAnswer, RunTenantsAnswer } from '../lib/api/answers/runs.ts';
import { listRunsQuerySchema, readQuery, resultsQuerySchema, runTenantsQuerySchema } from '../lib/api/requests.ts';
import type { Call, Handler } from '../lib/api/pipeline.ts';
import type { Answer } from '../lib/api/problem.ts';
import { exportContentTypes, exportRows } from '../lib/runs/export-rows.ts';
import { isEnded, type Run } from '../lib/runs/run.ts';
import { parseRunId } from '../lib/runs/run-id.ts';
import { viewRunTenants } from '../lib/runs/run-tenants.ts';
import { summarise, viewRun } from '../lib/runs/run-view.ts';
import type { Orchestrations } from '../lib/runs/orchestrations.ts';
import { jobRegistry } from './job-registry.ts';
import { orchestrationsOf } from './orchestrations.ts';
import { authLevel, guarded } from './pipeline.ts';

/** `GET /api/runs?job=&limit=`: newest first. */
const runs: Handler<Services> = async (services, call) => {
  const { job, limit } = readQuery(call.request, listRunsQuerySchema);
  const list = await services.runs.log.list({ limit, ...(job === undefined ? {} : { job }) });
  const nowMs = services.clock.nowMs();
  return { status: 200, jsonBody: { runs: list.map((run) => summarise(run, nowMs)) } satisfies RunsAnswer };
};

/** `GET /api/runs/{runId}`: status, counts, progress, failures. */
const showRun: Handler<Services> = async (services, call) => {
  const run = await findRun(services, call);
  const answer: RunAnswer = await viewRun(services.runs.log, run, services.clock.nowMs());
  return { status: 200, jsonBody: answer };
};

/** `GET /api/runs/{runId}/tenants?outcome=`: every tenant of the plan with its outcome so far. */
const runTenants: Handler<Services> = async (services, call) => {
  const { outcome } = readQuery(call.request, runTenantsQuerySchema);
  const run = await findRun(services, call);
  const answer: RunTenantsAnswer = await viewRunTenants(services.runs, run, outcome);
  return { status: 200, jsonBody: answer };
};

/** `GET /api/runs/{runId}/results?format=`: the rows of all tenants, streamed; of a run under way, those so far. */
const results: Handler<Services> = async (services, call) => {
  const { format } = readQuery(call.request, resultsQuerySchema);
  const run = await findRun(services, call);
  const fileName = `${run.runId.replaceAll(':', '')}.${format}`;
  return {
    status: 200,
    headers: {
      'content-type': exportContentTypes[format],
      'content-disposition': `attachment; filename="${fileName}"`,
      'cache-control': 'no-store',
    },
    body: bytesOf(exportRows(services.runs, run, jobRegistry.find(run.job), format)),
  };
};

/** `POST /api/runs/{runId}/cancel`: no further tenant is begun. 202; a run that has ended stays as it is. */
async function cancelRun(services: Services, call: Call, orchestrations: Orchestrations): Promise<Answer> {
  const run = await findRun(services, call);
  if (!isEnded(run.status)) {
    await services.runs.log.change(run.runId, {
      cancelRequestedAtMs: run.cancelRequestedAtMs ?? services.clock.nowMs(),
    });
    // Wakes a run that waits for its next round; the others see the record.
    await orchestrations.raise(run.runId, 'cancel');
    call.log.log('info', 'run.cancel_requested', { runId: run.runId });
  }
  const { runId, status } = run;
  return { status: 202, jsonBody: { runId, status, cancelRequested: !isEnded(status) } satisfies CancelledRunAnswer };
}

/** @throws BrokerError run_not_found. */
export async function findRun(services: Services, call: Call): Promise<Run> {
  const runId = call.request.params['runId'] ?? '';
  const run = parseRunId(runId) === undefined ? undefined : await services.runs.log.find(runId);
  if (run === undefined) throw new BrokerError('run_not_found', 'No run has this id.');
  return run;
}

async function* bytesOf(text: AsyncIterable<string>): AsyncGenerator<Uint8Array, void, undefined> {
  const encoder = new TextEncoder();
  for await (const piece of text) yield encoder.encode(piece);
}

app.http('runs', { route: 'runs', methods: ['GET'], authLevel, handler: guarded('Runs.Read', runs) });
app.http('runs-show', {
  route: 'runs/{runId}',
  methods: ['GET'],
  authLevel,
  handler: guarded('Runs.Read', showRun),
});
app.http('runs-tenants', {
  route: 'runs/{runId}/tenants',
  methods: ['GET'],
  authLevel,
  handler: guarded('Runs.Read', runTenants),
});
app.http('runs-results', {
  route: 'runs/{runId}/results',
  methods: ['GET'],
  authLevel,
  handler: guarded('Runs.Read', results),
});

df.app.client.http('runs-cancel', {
  route: 'runs/{runId}/cancel',
  methods: ['POST'],
  authLevel,
  handler: (request, client, context) =>
    guarded('Runs.Write', (services: Services, call) => cancelRun(services, call, orchestrationsOf(client)))(
      request,
      context,
    ),
});
