import { app } from '@azure/functions';
import * as df from 'durable-functions';
import type { Services } from '../composition.ts';
import { isoTime } from '../lib/runtime/clock.ts';
import type { JobsAnswer } from '../lib/api/answers/jobs.ts';
import type { StartedRunAnswer } from '../lib/api/answers/runs.ts';
import { maxStartRunBytes, startRunSchema } from '../lib/api/requests.ts';
import { readJson } from '../lib/api/body.ts';
import type { Call, Handler } from '../lib/api/pipeline.ts';
import type { Answer } from '../lib/api/problem.ts';
import { manualWindow } from '../lib/runs/run-id.ts';
import type { Orchestrations } from '../lib/runs/orchestrations.ts';
import { startRun } from '../lib/runs/start-run.ts';
import { selectTenants } from '../lib/tenants/directory.ts';
import { jobRegistry } from './job-registry.ts';
import { orchestrationsOf, runDeps } from './orchestrations.ts';
import { authLevel, guarded } from './pipeline.ts';

/** `GET /api/jobs`: what can be run, and when it runs by itself. */
const jobs: Handler<Services> = async (services) => {
  const nowMs = services.clock.nowMs();
  const list = jobRegistry
    .list()
    .map(({ name, title, description, schedule, resources, permissions, timeoutSeconds, columns }) => {
      const nextAtMs = schedule?.nextAfterMs(nowMs);
      return {
        name,
        title,
        description,
        schedule: schedule?.expression,
        nextAt: nextAtMs === undefined ? undefined : isoTime(nextAtMs),
        resources,
        permissions,
        timeoutSeconds,
        columns: columns?.map(({ name, title, type }) => ({ name, title, type })),
      };
    });
  return { status: 200, jsonBody: { jobs: list } satisfies JobsAnswer };
};

/** `POST /api/jobs/{job}/runs`: starts a run, 202; 409 when the window has its run. */
async function startJob(services: Services, call: Call, orchestrations: Orchestrations): Promise<Answer> {
  const body = await readJson(call.request, startRunSchema, maxStartRunBytes);
  const chosen = body.tenants && (await selectTenants(services.directory, body.tenants));
  const runId = await startRun(runDeps(services, orchestrations), {
    job: call.request.params['job'] ?? '',
    window: body.window ?? manualWindow(services.newId()),
    startedBy: call.caller.applicationId,
    ...(chosen === undefined ? {} : { tenants: chosen.map(({ tenantId }) => tenantId) }),
    ...(body.parameters === undefined ? {} : { parameters: body.parameters }),
  });
  const location = `/api/runs/${encodeURIComponent(runId)}`;
  const started: StartedRunAnswer = { runId, status: 'pending', location };
  return { status: 202, headers: { location, 'retry-after': '2' }, jsonBody: started };
}

app.http('jobs', { route: 'jobs', methods: ['GET'], authLevel, handler: guarded('Runs.Read', jobs) });

df.app.client.http('jobs-start', {
  route: 'jobs/{job}/runs',
  methods: ['POST'],
  authLevel,
  handler: (request, client, context) =>
    guarded('Runs.Write', (services: Services, call) => startJob(services, call, orchestrationsOf(client)))(
      request,
      context,
    ),
});
