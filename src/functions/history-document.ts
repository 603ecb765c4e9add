import { exampleOtherTenantId, exampleRunId, exampleTime } from '../lib/api/examples.ts';
import { jsonContent, type RouteDocument } from '../lib/api/route.ts';

const period = { since: '2026-08-26T06:00:00.000Z', until: '2026-11-24T06:00:00.000Z' };
const example = {
  job: 'licence-report',
  ...period,
  otherParameters: 0,
  truncated: false,
  columns: [
    { name: 'licences', title: 'Licences' },
    { name: 'free', title: 'Free' },
  ],
  split: {
    column: 'product',
    title: 'Product',
    values: ['Microsoft 365 Business Premium', 'Microsoft Power Automate Free'],
  },
};
const run = { runId: exampleRunId, startedAt: exampleTime };

const numbers =
  'The numbers of a run are kept for 400 days: how many rows the job returned, the sum of each column of numbers, and the rows with each value of a column of booleans. A missing number is not zero. At most 1,000 runs.';

export async function documentJobHistory(): Promise<RouteDocument> {
  const { jobHistorySchema } = await import('../lib/api/answers/history.ts');
  const tenants = { total: 25, succeeded: 23, failed: 2, skipped: 0, notAttempted: 0 };
  const point = {
    status: 'completed',
    scope: 'all',
    tenants,
    counted: 23,
    rows: 71,
    numbers: { licences: 1840, free: 96 },
  };
  return {
    group: 'Jobs and runs',
    summary: 'Show how the results of a job developed',
    description: `The rows of each run over all tenants, or over those that \`tenants\` and \`except\` name. ${numbers} A caller that the policy limits to some tenants (\`reads\`) gets the sums of these.`,
    pathParameters: { job: { description: 'Name of the job.', example: 'licence-report' } },
    queryExample: { since: '2026-09-01', except: 'tag:regulated' },
    answers: [
      {
        status: 200,
        description: 'The runs, newest first.',
        contents: [jsonContent(jobHistorySchema, { ...example, runs: [{ ...run, ...point }] })],
      },
    ],
  };
}

export async function documentTenantHistory(): Promise<RouteDocument> {
  const { tenantHistorySchema } = await import('../lib/api/answers/history.ts');
  const runs = [
    { ...run, outcome: 'succeeded', rows: 3, numbers: { licences: 80, free: 4 } },
    { runId: 'licence-report@2026-11-23T05:00Z', startedAt: '2026-11-23T05:00:00.000Z', outcome: 'failed' },
  ];
  return {
    group: 'Tenants',
    summary: 'Show how the results in a tenant developed',
    description: `The rows of a job in one tenant, run by run, also in a tenant that no list of Microsoft contains any longer. ${numbers}`,
    pathParameters: {
      tenant: { description: 'Id of the tenant, or one of its domains.', example: exampleOtherTenantId },
    },
    queryExample: { job: 'licence-report', since: '2026-09-01' },
    answers: [
      {
        status: 200,
        description: 'The runs, newest first.',
        contents: [jsonContent(tenantHistorySchema, { ...example, tenantId: exampleOtherTenantId, runs })],
      },
    ],
  };
}
