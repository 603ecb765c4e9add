import { app } from '@azure/functions';
import * as df from 'durable-functions';
import type { Services } from '../composition.ts';
import { BrokerError } from '../lib/model/errors.ts';
import type { RunChangesAnswer, StartedRunAnswer } from '../lib/api/answers/runs.ts';
import { changesQuerySchema, readQuery } from '../lib/api/requests.ts';
import type { Call, Handler } from '../lib/api/pipeline.ts';
import type { Answer } from '../lib/api/problem.ts';
import type { Orchestrations } from '../lib/runs/orchestrations.ts';
import { rerunRequest } from '../lib/runs/rerun.ts';
import { compareRuns, previousRun } from '../lib/runs/run-changes.ts';
import type { Run } from '../lib/runs/run.ts';
import { manualWindow, parseRunId } from '../lib/runs/run-id.ts';
import { startRun } from '../lib/runs/start-run.ts';
import { jobRegistry } from './job-registry.ts';
import { orchestrationsOf, runDeps } from './orchestrations.ts';
import { authLevel, guarded } from './pipeline.ts';
import { findRun } from './runs.ts';

/** `POST /api/runs/{runId}/rerun`: a new run of the same job for what it still owes, 202. */
async function rerun(services: Services, call: Call, orchestrations: Orchestrations): Promise<Answer> {
  const run = await findRun(services, call);
  const { tenants, parameters } = await rerunRequest(services.runs, run);
  const runId = await startRun(runDeps(services, orchestrations), {
    job: run.job,
    window: manualWindow(services.newId()),
    startedBy: call.caller.applicationId,
    parameters,
    ...(tenants === undefined ? {} : { tenants }),
  });
  const location = `/api/runs/${encodeURIComponent(runId)}`;
  const answer: StartedRunAnswer = { runId, status: 'pending', location };
  return { status: 202, headers: { location, 'retry-after': '2' }, jsonBody: answer };
}

/** `GET /api/runs/{runId}/changes?with=`: what is different in the rows since an earlier run, by default the one before. */
export const changes: Handler<Services> = async (services, call) => {
  const { with: other } = readQuery(call.request, changesQuerySchema);
  const run = await findRun(services, call);
  const before = other === undefined ? await runBefore(services, run) : await namedRun(services, run.job, other);
  const answer: RunChangesAnswer = await compareRuns(services.runs, jobRegistry.find(run.job), before, run);
  return { status: 200, jsonBody: answer };
};

async function runBefore(services: Services, run: Run): Promise<Run> {
  const previous = await previousRun(services.runs.log, run);
  if (previous !== undefined) return previous;
  throw new BrokerError('run_not_found', 'The job has no earlier completed run over all tenants to compare with.');
}

async function namedRun(services: Services, job: string, runId: string) {
  const run = parseRunId(runId)?.job === job ? await services.runs.log.find(runId) : undefined;
  if (run === undefined) throw new BrokerError('run_not_found', 'The job has no run of that id to compare with.');
  return run;
}

app.http('runs-changes', {
  route: 'runs/{runId}/changes',
  methods: ['GET'],
  authLevel,
  handler: guarded('Runs.Read', changes),
});

df.app.client.http('runs-rerun', {
  route: 'runs/{runId}/rerun',
  methods: ['POST'],
  authLevel,
  handler: (request, client, context) =>
    guarded('Runs.Write', (services: Services, call) => rerun(services, call, orchestrationsOf(client)))(
      request,
      context,
    ),
});
