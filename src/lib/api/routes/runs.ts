import {
  cancelledRunSchema,
  rowSchema,
  runChangesSchema,
  runSchema,
  runsAnswerSchema,
  runTenantsAnswerSchema,
  startedRunSchema,
} from '../answers/runs.ts';
import { changesQuerySchema, listRunsQuerySchema, resultsQuerySchema, runTenantsQuerySchema } from '../requests.ts';
import type { Route } from '../route.ts';
import * as z from 'zod';
import {
  exampleDomain,
  exampleEnd,
  exampleFailureText,
  exampleRunId,
  exampleSummary,
  exampleTenantId,
} from './examples.ts';

const runId = {
  runId: {
    description: '`job@window`, percent-encoded as any path segment.',
    example: exampleRunId,
  },
};
const failedTenant = '1b2f6c3a-64a2-4c1b-8f6e-0a9d7e5c4b3a';

const row = {
  tenantId: exampleTenantId,
  tenantName: 'Contoso',
  tenantDomain: exampleDomain,
  product: 'Microsoft 365 Business Premium',
  skuPartNumber: 'SPB',
  skuId: 'cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46',
  status: 'Enabled',
  licences: 40,
  assigned: 37,
  free: 3,
  suspended: 0,
  warning: 0,
};

export const runRoutes: readonly Route[] = [
  {
    name: 'runs',
    method: 'GET',
    path: '/runs',
    group: 'Jobs and runs',
    summary: 'The runs',
    description: 'Newest first. While a run goes on, only `total` of its counts is true here: ask for the run itself.',
    access: 'Runs.Read',
    query: listRunsQuerySchema,
    queryExample: { limit: '20' },
    answers: [
      {
        status: 200,
        description: 'The runs.',
        contents: [{ mediaType: 'application/json', schema: runsAnswerSchema, example: { runs: [exampleSummary] } }],
      },
    ],
    failures: ['request_invalid', 'storage_unavailable'],
  },
  {
    name: 'runs-show',
    method: 'GET',
    path: '/runs/{runId}',
    group: 'Jobs and runs',
    summary: 'One run',
    description: 'Status, counts as of now, progress, and every tenant that failed, with what to do about it.',
    access: 'Runs.Read',
    pathParameters: runId,
    answers: [
      {
        status: 200,
        description: 'The run.',
        contents: [
          {
            mediaType: 'application/json',
            schema: runSchema,
            example: {
              ...exampleSummary,
              progress: { done: 25, retrying: 0, total: 25 },
              failures: [
                {
                  ...exampleFailureText,
                  tenantId: failedTenant,
                  name: 'Fabrikam',
                  detail: 'Entra answers AADSTS65001.',
                },
              ],
            },
          },
        ],
      },
    ],
    failures: ['run_not_found', 'storage_unavailable'],
  },
  {
    name: 'runs-tenants',
    method: 'GET',
    path: '/runs/{runId}/tenants',
    group: 'Jobs and runs',
    summary: 'The tenants of a run',
    description: 'Every tenant of the run with its outcome so far, those that wait included.',
    access: 'Runs.Read',
    pathParameters: runId,
    query: runTenantsQuerySchema,
    queryExample: { outcome: 'failed' },
    answers: [
      {
        status: 200,
        description: 'In the order of the plan. Empty until the tenants are listed.',
        contents: [
          {
            mediaType: 'application/json',
            schema: runTenantsAnswerSchema,
            example: {
              runId: exampleRunId,
              status: 'completed',
              tenants: [
                {
                  tenantId: failedTenant,
                  name: 'Fabrikam',
                  outcome: 'failed',
                  code: 'consent_required',
                  detail: 'Entra answers AADSTS65001.',
                  attempts: 1,
                  rows: 0,
                  finishedAt: exampleEnd,
                },
              ],
              codes: [exampleFailureText],
            },
          },
        ],
      },
    ],
    failures: ['request_invalid', 'run_not_found', 'storage_unavailable'],
  },
  {
    name: 'runs-results',
    method: 'GET',
    path: '/runs/{runId}/results',
    group: 'Jobs and runs',
    summary: 'The rows of a run',
    description:
      'What the job returned, each row with its tenant in front, streamed. Of a run under way, the rows so far. In CSV, cells that a spreadsheet would take for a formula are defused.',
    access: 'Runs.Read',
    pathParameters: runId,
    query: resultsQuerySchema,
    queryExample: { format: 'csv' },
    answers: [
      {
        status: 200,
        description: 'The rows, as a file to save.',
        contents: [
          { mediaType: 'application/json', schema: z.array(rowSchema), example: [row] },
          { mediaType: 'application/jsonl', example: `${JSON.stringify(row)}\n` },
          {
            mediaType: 'text/csv',
            example: `${Object.keys(row).join(',')}\r\n${Object.values(row).join(',')}\r\n`,
          },
        ],
        headers: { 'Content-Disposition': 'A file name.' },
      },
    ],
    failures: ['request_invalid', 'run_not_found', 'storage_unavailable'],
  },
  {
    name: 'runs-changes',
    method: 'GET',
    path: '/runs/{runId}/changes',
    group: 'Jobs and runs',
    summary: 'What changed since an earlier run',
    description:
      'Rows that came, went or changed in tenants that succeeded in both runs. Rows are the same thing when the key columns of the job are equal.',
    access: 'Runs.Read',
    pathParameters: runId,
    query: changesQuerySchema,
    answers: [
      {
        status: 200,
        description: 'The changes, sorted by tenant.',
        contents: [
          {
            mediaType: 'application/json',
            schema: runChangesSchema,
            example: {
              runId: exampleRunId,
              comparedWith: exampleRunId,
              changes: [
                {
                  tenantId: exampleTenantId,
                  name: 'Contoso',
                  change: 'changed',
                  before: { product: 'Microsoft 365 Business Premium', assigned: 37 },
                  after: { product: 'Microsoft 365 Business Premium', assigned: 38 },
                  columns: ['assigned'],
                },
              ],
              truncated: false,
              comparedTenants: 25,
              onlyBefore: [],
              onlyAfter: [],
            },
          },
        ],
      },
    ],
    failures: ['request_invalid', 'run_not_found', 'storage_unavailable'],
  },
  {
    name: 'runs-rerun',
    method: 'POST',
    path: '/runs/{runId}/rerun',
    group: 'Jobs and runs',
    summary: 'Run again what is left of a run',
    description:
      'Starts a run of the same job, with the same parameters, for the tenants that failed or were not attempted. Refused while the run goes on and when nothing is left.',
    access: 'Runs.Write',
    pathParameters: runId,
    answers: [
      {
        status: 202,
        description: 'Started.',
        contents: [
          {
            mediaType: 'application/json',
            schema: startedRunSchema,
            example: {
              runId: exampleRunId,
              status: 'pending',
              location: `/api/runs/${encodeURIComponent(exampleRunId)}`,
            },
          },
        ],
        headers: { Location: 'Where the run is.', 'Retry-After': 'When to look for the first time, seconds.' },
      },
    ],
    failures: ['request_invalid', 'job_unknown', 'run_not_found', 'storage_unavailable'],
  },
  {
    name: 'runs-cancel',
    method: 'POST',
    path: '/runs/{runId}/cancel',
    group: 'Jobs and runs',
    summary: 'Cancel a run',
    description: 'No further tenant is begun; those under way come to their end. A run that has ended stays as it is.',
    access: 'Runs.Write',
    pathParameters: runId,
    answers: [
      {
        status: 202,
        description: 'Noted.',
        contents: [
          {
            mediaType: 'application/json',
            schema: cancelledRunSchema,
            example: { runId: exampleRunId, status: 'running', cancelRequested: true },
          },
        ],
      },
    ],
    failures: ['run_not_found', 'storage_unavailable'],
  },
];
