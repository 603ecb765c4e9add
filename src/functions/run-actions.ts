import type { CancelledRunAnswer } from '../lib/api/answers/runs.ts';
import { exampleRunId, runIdParameter } from '../lib/api/examples.ts';
import { jsonContent, type RouteDocument } from '../lib/api/route.ts';
import { actorOf } from '../lib/core/caller.ts';
import { BrokerError } from '../lib/core/errors.ts';
import { defined } from '../lib/core/objects.ts';
import { rerunRequest, startRun } from '../lib/runs/engine/start-run.ts';
import { controllableRun, runWriters } from '../lib/runs/reading/visible-runs.ts';
import { isEnded, queryJob } from '../lib/runs/store/run.ts';
import { jobRegistry } from './job-registry.ts';
import { runDeps } from './orchestrations.ts';
import { clientOf, loadQueries } from './queries.ts';
import { route } from './route.ts';
import { documentStartedRun, idempotencyKeyHeader, ownWindow, startedRunAnswer } from './started-run.ts';

route(
  {
    name: 'runs-rerun',
    method: 'POST',
    path: '/runs/{runId}/rerun',
    access: runWriters,
    durable: true,
    failures: [
      'request_invalid',
      'job_unknown',
      'run_not_found',
      'run_conflict',
      'idempotency_key_reused',
      'plan_changed',
      'storage_unavailable',
    ],
    document: documentRerun,
  },
  async (services, { request: { headers }, path, caller, correlationId, orchestrations }) => {
    const run = await controllableRun(services, caller, path.runId);
    if (jobRegistry.find(run.job)?.changes === true)
      throw new BrokerError('request_invalid', 'A plan is applied once, and not repeated. Make a new plan.');
    const request = await rerunRequest(services.runs, run);
    const own = ownWindow(headers, caller, services.newId, path);
    if (run.job === queryJob) {
      const client = clientOf(headers);
      const { repeatQuery } = await loadQueries();
      const deps = runDeps(services, orchestrations);
      return startedRunAnswer(await repeatQuery(deps, { caller, client, correlationId, ...own }, request));
    }
    const { tenants, choice, parameters } = request;
    const runId = await startRun(runDeps(services, orchestrations), {
      job: run.job,
      ...own,
      startedBy: caller.applicationId,
      starter: actorOf(caller),
      correlationId,
      parameters,
      limits: async () => defined({ tenants, choice }),
    });
    return startedRunAnswer(runId);
  },
);

route(
  {
    name: 'runs-cancel',
    method: 'POST',
    path: '/runs/{runId}/cancel',
    access: runWriters,
    durable: true,
    failures: ['run_not_found', 'storage_unavailable'],
    document: documentCancel,
  },
  async (services, { path, caller, orchestrations, log }) => {
    const { runs, clock } = services;
    const { runId, status, cancelRequestedAtMs } = await controllableRun(services, caller, path.runId);
    if (!isEnded(status)) {
      await runs.log.change(runId, { cancelRequestedAtMs: cancelRequestedAtMs ?? clock.nowMs() });
      // Wakes a run that waits for its next round. Any other run reads the record.
      await orchestrations.raise(runId, 'cancel');
      log.log('info', 'run.cancel_requested', { runId });
    }
    return { status: 202, jsonBody: { runId, status, cancelRequested: !isEnded(status) } satisfies CancelledRunAnswer };
  },
);

async function documentRerun(): Promise<RouteDocument> {
  return {
    group: 'Jobs and runs',
    summary: 'Rerun the unfinished tenants of a run',
    description:
      'Starts a run of the same job with the same parameters for the tenants that failed or were not attempted. A query is asked again by the caller of this request, under its rules, which takes the role Requests.Send. Rejected while the run is in progress, and if no tenant remains.',
    pathParameters: runIdParameter,
    requestHeaders: idempotencyKeyHeader,
    answers: [await documentStartedRun(exampleRunId)],
  };
}

async function documentCancel(): Promise<RouteDocument> {
  const { cancelledRunSchema } = await import('../lib/api/answers/runs.ts');
  const example = { runId: exampleRunId, status: 'running', cancelRequested: true };
  return {
    group: 'Jobs and runs',
    summary: 'Cancel a run',
    description:
      'The run visits no further tenants. Visits in progress continue to their end. A run that has ended does not change.',
    pathParameters: runIdParameter,
    answers: [
      {
        status: 202,
        description: 'The request is recorded.',
        contents: [jsonContent(cancelledRunSchema, example)],
      },
    ],
  };
}
