import { jobsAnswerSchema } from '../answers/jobs.ts';
import { startedRunSchema } from '../answers/runs.ts';
import { startRunSchema } from '../requests.ts';
import { directoryFailures, type Route } from '../route.ts';
import { exampleDomain } from './examples.ts';

const manualRunId = 'access-check@manual-8d9f7a54-0d0c-4c5e-9a51-9f3a2f6a2b7e';

export const jobRoutes: readonly Route[] = [
  {
    name: 'jobs',
    method: 'GET',
    path: '/jobs',
    group: 'Jobs and runs',
    summary: 'The jobs of this deployment',
    description: 'What can be run over the tenants, and when it runs by itself.',
    access: 'Runs.Read',
    answers: [
      {
        status: 200,
        description: 'The jobs.',
        contents: [
          {
            mediaType: 'application/json',
            schema: jobsAnswerSchema,
            example: {
              jobs: [
                {
                  name: 'licence-report',
                  title: 'Licences per tenant',
                  schedule: '0 0 5 * * *',
                  nextAt: '2026-11-25T05:00:00.000Z',
                  resources: ['graph'],
                  timeoutSeconds: 120,
                  columns: [{ name: 'product', title: 'Product', type: 'text' }],
                },
              ],
            },
          },
        ],
      },
    ],
    failures: [],
  },
  {
    name: 'jobs-start',
    method: 'POST',
    path: '/jobs/{job}/runs',
    group: 'Jobs and runs',
    summary: 'Start a run of a job',
    description:
      'Starts one pass of the job over all delegated tenants, or over those that are named. A `window` makes the request safe to repeat: the second one is answered with `run_conflict` and starts nothing. The body may take 512 KiB.',
    access: 'Runs.Write',
    pathParameters: { job: { description: 'Name of the job.', example: 'access-check' } },
    body: { schema: startRunSchema, example: { tenants: [exampleDomain] } },
    answers: [
      {
        status: 202,
        description: 'The run is claimed and will start; ask for it at `location`.',
        contents: [
          {
            mediaType: 'application/json',
            schema: startedRunSchema,
            example: {
              runId: manualRunId,
              status: 'pending',
              location: `/api/runs/${encodeURIComponent(manualRunId)}`,
            },
          },
        ],
        headers: { Location: 'Where the run is shown.', 'Retry-After': 'When it is worth looking, seconds.' },
      },
    ],
    failures: [
      'request_invalid',
      'request_too_large',
      'tenant_unknown',
      ...directoryFailures,
      'job_unknown',
      'run_conflict',
      'storage_unavailable',
    ],
  },
];
