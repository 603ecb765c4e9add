import type { JobsAnswer } from '../lib/api/answers/jobs.ts';
import { exampleDomain } from '../lib/api/examples.ts';
import { jsonContent, type RouteDocument } from '../lib/api/route.ts';
import { maxStartRunBytes, startRunSchema } from '../lib/api/requests.ts';
import { seesEveryTenant } from '../lib/access/tenants/visible-tenants.ts';
import { isoTime } from '../lib/core/clock.ts';
import { BrokerError } from '../lib/core/errors.ts';
import type { Job } from '../lib/runs/job/job.ts';
import { jobRegistry } from './job-registry.ts';
import { route } from './route.ts';
import { documentStartedRun, idempotencyKeyHeader, startFailures, startNamed } from './started-run.ts';

route(
  { name: 'jobs', method: 'GET', path: '/jobs', access: 'Runs.Read', failures: [], document: documentJobs },
  async ({ clock, callers }, { caller }) => {
    const nowMs = clock.nowMs();
    // The lists of a job may name any tenant.
    const showsTenants = await seesEveryTenant(callers.policy, caller);
    const list = jobRegistry.list().map((job) => ({
      ...viewJob(job, nowMs),
      ...(showsTenants ? { tenants: job.tenants, except: job.except } : {}),
    }));
    return { status: 200, jsonBody: { jobs: list } satisfies JobsAnswer };
  },
);

function viewJob(job: Job, nowMs: number): JobsAnswer['jobs'][number] {
  const { name, title, description, topic, schedule } = job;
  const { resources, permissions, parameters, changes, timeoutSeconds, columns } = job;
  const nextAtMs = schedule?.nextAfterMs(nowMs);
  return {
    name,
    title,
    description,
    topic,
    schedule: schedule?.expression,
    nextAt: nextAtMs === undefined ? undefined : isoTime(nextAtMs),
    resources,
    permissions,
    parameters: parameters.jsonSchema,
    changes,
    timeoutSeconds,
    columns: columns?.map(({ name, title, type }) => ({ name, title, type })),
  };
}

route(
  {
    name: 'jobs-start',
    method: 'POST',
    path: '/jobs/{job}/runs',
    access: 'Runs.Write',
    body: startRunSchema,
    maxBodyBytes: maxStartRunBytes,
    durable: true,
    failures: startFailures,
    document: documentStart,
  },
  async (services, call) => {
    const { job } = call.path;
    if (jobRegistry.find(job)?.changes === true)
      throw new BrokerError(
        'request_invalid',
        `The job ${job} changes tenants, so it is planned: \`ptb plan ${job}\`, or POST /api/jobs/${job}/plans.`,
      );
    return startNamed(services, job, call);
  },
);

async function documentJobs(): Promise<RouteDocument> {
  const { jobsAnswerSchema } = await import('../lib/api/answers/jobs.ts');
  const example = {
    jobs: [
      {
        name: 'licence-report',
        title: 'Licences per tenant',
        topic: 'licences',
        schedule: '0 0 5 * * *',
        nextAt: '2026-11-25T05:00:00.000Z',
        resources: ['graph'],
        parameters: { type: 'object', properties: {}, additionalProperties: false },
        timeoutSeconds: 120,
        columns: [{ name: 'product', title: 'Product', type: 'text' }],
      },
    ],
  };
  return {
    group: 'Jobs and runs',
    summary: 'List jobs',
    description: 'The jobs of this deployment, with their schedules and the JSON Schema of their parameters.',
    answers: [{ status: 200, description: 'The jobs.', contents: [jsonContent(jobsAnswerSchema, example)] }],
  };
}

async function documentStart(): Promise<RouteDocument> {
  const { startRunBody } = await import('../lib/api/answers/jobs.ts');
  return {
    group: 'Jobs and runs',
    summary: 'Start a run',
    description:
      'Starts a run of the job over all delegated tenants, or over those that `tenants` and `except` name, each of them if the job is for it. The request is safe to repeat with an `Idempotency-Key`, or with a `window`: a second request with the same window is answered with `run_conflict` and starts nothing. `parameters` are checked by the schema of the job, and defaults are added. The body may have up to 512 KiB.',
    pathParameters: { job: { description: 'Name of the job.', example: 'access-check' } },
    requestHeaders: idempotencyKeyHeader,
    bodySchema: startRunBody(jobRegistry.list()),
    bodyExample: { tenants: [exampleDomain, 'tag:managed'], except: ['tag:regulated'] },
    answers: [await documentStartedRun('access-check@manual-8d9f7a54-0d0c-4c5e-9a51-9f3a2f6a2b7e')],
  };
}
