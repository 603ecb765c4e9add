import type { Services } from '../composition.ts';
import type { JobHistoryAnswer, TenantHistoryAnswer } from '../lib/api/answers/history.ts';
import { exampleOtherTenantId, exampleRunId, exampleTime } from '../lib/api/examples.ts';
import { directoryFailures, jsonContent, type RouteDocument } from '../lib/api/route.ts';
import { jobHistoryQuerySchema, tenantHistoryQuerySchema } from '../lib/api/requests.ts';
import { findVisible, requestedBy } from '../lib/access/tenants/named-tenants.ts';
import { visibleTenants } from '../lib/access/tenants/visible-tenants.ts';
import type { RequestedTenants } from '../lib/access/tenants/selected-tenants.ts';
import type { Caller } from '../lib/core/caller.ts';
import type { TenantId } from '../lib/core/identifiers.ts';
import type { JobHistoryDeps, WantedTenants } from '../lib/runs/reading/job-history.ts';
import { withReadDeadline } from '../lib/runs/reading/visible-runs.ts';
import { once } from '../lib/core/single-flight.ts';
import { jobRegistry } from './job-registry.ts';
import { route } from './route.ts';

/** Loaded for the first reader, to keep start-up short. */
const loadReaders = once(() => import('../lib/runs/reading/job-history.ts'));

const noStore = { 'cache-control': 'no-store' };

route(
  {
    name: 'jobs-history',
    method: 'GET',
    path: '/jobs/{job}/history',
    access: 'Runs.Read',
    query: jobHistoryQuerySchema,
    failures: ['job_unknown', ...directoryFailures, 'storage_unavailable'],
    document: documentJobHistory,
  },
  async (services, { caller, path: { job }, query }) => {
    const wanted = await wantedTenants(services, caller, query);
    const { readJobHistory } = await loadReaders();
    const jsonBody: JobHistoryAnswer = await reading(services, job, (deps) =>
      readJobHistory(deps, { job, ...periodOf(query), compares: query.compare === 'true' }, wanted),
    );
    return { status: 200, headers: noStore, jsonBody };
  },
);

route(
  {
    name: 'tenants-history',
    method: 'GET',
    path: '/tenants/{tenant}/history',
    access: 'Runs.Read',
    query: tenantHistoryQuerySchema,
    failures: ['tenant_unknown', 'job_unknown', ...directoryFailures, 'storage_unavailable'],
    document: documentTenantHistory,
  },
  async (services, { caller, path, query }) => {
    const visible = await visibleTenants(services, caller);
    const tenantId = await findVisible(services, { caller, visible }, path.tenant);
    const { readJobHistoryOfTenant } = await loadReaders();
    const { job } = query;
    const history = await reading(services, job, (deps) =>
      readJobHistoryOfTenant(deps, { job, ...periodOf(query) }, tenantId),
    );
    return { status: 200, headers: noStore, jsonBody: { tenantId, ...history } satisfies TenantHistoryAnswer };
  },
);

interface Asked {
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  readonly value?: string | undefined;
}

const periodOf = ({ since, until, value }: Asked) => ({ sinceMs: since, untilMs: until, value });

/** The tenants whose numbers the caller may read and asks for. Undefined: all. */
async function wantedTenants(
  services: Services,
  caller: Caller,
  asked: RequestedTenants,
): Promise<WantedTenants | undefined> {
  const visible = await visibleTenants(services, caller);
  const selected = await requestedBy(services, { caller, visible }, asked);
  if (visible === '*') return selected && { isWanted: selected.isSelected, among: selected.among };
  const isWanted = (tenantId: TenantId): boolean => visible.has(tenantId) && selected?.isSelected(tenantId) !== false;
  return { isWanted, among: new Set([...visible].filter(isWanted)) };
}

const reading = <T>({ clock, runs }: Services, job: string, read: (deps: JobHistoryDeps) => Promise<T>): Promise<T> =>
  withReadDeadline(clock, (signal) => {
    const jobNames = jobRegistry.list().map(({ name }) => name);
    return read({ history: runs.history, job: jobRegistry.find(job), jobNames, nowMs: clock.nowMs(), signal });
  });

const examplePeriod = { since: '2026-08-26T06:00:00.000Z', until: '2026-11-24T06:00:00.000Z' };
const exampleHistory = {
  job: 'licence-report',
  ...examplePeriod,
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
const exampleRun = { runId: exampleRunId, startedAt: exampleTime };

const numbers =
  'The numbers of a run are kept for 400 days: how many rows the job returned, the sum of each column of numbers, and the rows with each value of a column of booleans. A missing number is not zero. At most 1,000 runs.';

async function documentJobHistory(): Promise<RouteDocument> {
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
  const comparison = {
    tenants: 22,
    now: { ...exampleRun, rows: 68, numbers: { licences: 1810, free: 91 } },
    before: {
      runId: 'licence-report@2026-09-01T05:00Z',
      startedAt: '2026-09-01T05:00:00.000Z',
      rows: 66,
      numbers: { licences: 1790, free: 104 },
    },
  };
  return {
    group: 'Jobs and runs',
    summary: 'Show how the results of a job developed',
    description: `The rows of each run over all tenants, or over those that \`tenants\` and \`except\` name. ${numbers} A caller that the policy limits to some tenants (\`reads\`) gets the sums of these.`,
    pathParameters: { job: { description: 'Name of the job.', example: 'licence-report' } },
    queryExample: { since: '2026-09-01', except: 'tag:regulated', compare: 'true' },
    answers: [
      {
        status: 200,
        description: 'The runs, newest first.',
        contents: [
          jsonContent(jobHistorySchema, { ...exampleHistory, comparison, runs: [{ ...exampleRun, ...point }] }),
        ],
      },
    ],
  };
}

async function documentTenantHistory(): Promise<RouteDocument> {
  const { tenantHistorySchema } = await import('../lib/api/answers/history.ts');
  const runs = [
    { ...exampleRun, outcome: 'succeeded', rows: 3, numbers: { licences: 80, free: 4 } },
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
        contents: [jsonContent(tenantHistorySchema, { ...exampleHistory, tenantId: exampleOtherTenantId, runs })],
      },
    ],
  };
}
