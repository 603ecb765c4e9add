import type { Services } from '../composition.ts';
import type { RunChangesAnswer } from '../lib/api/answers/runs.ts';
import { exampleDomain, exampleRunId, exampleTenantId, runIdParameter } from '../lib/api/examples.ts';
import { directoryFailures, jsonContent, type RouteDocument } from '../lib/api/route.ts';
import { changesQuerySchema, resultsQuerySchema } from '../lib/api/requests.ts';
import { BrokerError } from '../lib/core/errors.ts';
import { compareRuns, previousRun } from '../lib/runs/reading/run-changes.ts';
import { findRun, readInTime, runReaders, type RunSource, visibleRuns } from '../lib/runs/reading/visible-runs.ts';
import { readResultPage } from '../lib/runs/reading/result-page.ts';
import { type ExportFormat, parseRunId, queryJob, type Run } from '../lib/runs/store/run.ts';
import { nextLink } from '../lib/core/outbound.ts';
import { once } from '../lib/core/single-flight.ts';
import { jobRegistry } from './job-registry.ts';
import { route } from './route.ts';

/** Loaded for the first reader of rows that arrive, to keep start-up short. */
const loadArrivals = once(() => import('../lib/runs/reading/result-arrival.ts'));

const contentTypes: Readonly<Record<ExportFormat, string>> = {
  json: 'application/json',
  jsonl: 'application/jsonl',
  csv: 'text/csv; charset=utf-8',
};

export const downloadResults = route(
  {
    name: 'runs-results',
    method: 'GET',
    path: '/runs/{runId}/results',
    access: runReaders,
    query: resultsQuerySchema,
    failures: ['run_not_found', 'plan_changed', ...directoryFailures, 'storage_unavailable'],
    document: documentResults,
  },
  async (services, { caller, path, query }) => {
    const { format, tenants, except } = query;
    const runs = await visibleRuns(services, caller, query);
    const run = await findRun(runs.log, path.runId);
    const { text, continuation } = await readInTime(services.clock, runs, async (inTime) =>
      query.order === 'arrival'
        ? (await loadArrivals()).readArrivalPage(inTime, run, query)
        : readResultPage(inTime, run, jobRegistry.find(run.job), query),
    );
    const order = query.order === 'arrival' ? { order: query.order } : {};
    const asked = { ...order, ...listed({ tenants, except }) };
    const next = continuation && { link: nextLink({ format, limit: String(query.limit), ...asked, continuation }) };
    const fileName = `${run.runId.replaceAll(':', '')}.${format}`;
    return {
      status: 200,
      headers: {
        'content-type': contentTypes[format],
        'content-disposition': `attachment; filename="${fileName}"`,
        'cache-control': 'no-store',
        ...next,
      },
      body: text,
    };
  },
);

/** Lists in a query, as they were asked for. */
const listed = (lists: Readonly<Record<string, readonly string[] | undefined>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(lists).flatMap(([name, list]) => (list === undefined ? [] : [[name, list.join()]])),
  );

export const compareWithEarlierRun = route(
  {
    name: 'runs-changes',
    method: 'GET',
    path: '/runs/{runId}/changes',
    access: 'Runs.Read',
    query: changesQuerySchema,
    failures: ['request_invalid', 'run_not_found', 'plan_changed', ...directoryFailures, 'storage_unavailable'],
    document: documentChanges,
  },
  async (services, { caller, path, query }) => {
    const runs = await visibleRuns(services, caller, query);
    const run = await findRun(runs.log, path.runId);
    if (run.job === queryJob)
      throw new BrokerError('request_invalid', 'Queries are not compared. Name a run of a job.');
    // Earlier runs over all tenants are no secret of any tenant.
    const before =
      query.with === undefined ? await runBefore(services.runs, run) : await namedRun(runs, run.job, query.with);
    const answer: RunChangesAnswer = await readInTime(services.clock, runs, (inTime) =>
      compareRuns(inTime, jobRegistry.find(run.job), before, run),
    );
    return { status: 200, jsonBody: answer };
  },
);

async function runBefore({ log }: Services['runs'], run: Run): Promise<Run> {
  const previous = await previousRun(log, run);
  if (previous !== undefined) return previous;
  throw new BrokerError('run_not_found', 'The job has no earlier completed run over all tenants to compare with.');
}

async function namedRun({ log }: RunSource, job: string, runId: string): Promise<Run> {
  const run = parseRunId(runId)?.job === job ? await log.find(runId) : undefined;
  if (run === undefined) throw new BrokerError('run_not_found', 'The job has no run with this id to compare with.');
  return run;
}

const exampleRow = {
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
  assignedAtNoCost: null,
};

async function documentResults(): Promise<RouteDocument> {
  const { resultsAnswerSchema } = await import('../lib/api/answers/runs.ts');
  const csv = [Object.keys(exampleRow), Object.values(exampleRow)].map((cells) => `${cells.join(',')}\r\n`).join('');
  return {
    group: 'Jobs and runs',
    summary: 'Download the rows of a run',
    description:
      'The rows that the job returned, in pages of at most 1 MiB that end with a whole row; a larger row is a page of its own. Follow `continuation`, or the link `next`, until it is absent. Only the first page of a CSV has the header line, so that the pages joined are one file. All pages together have the same rows whatever the `limit`. For a run in progress they have the rows so far, and possibly later ones, each once. Each row starts with its tenant. In CSV, a cell that a spreadsheet would read as a formula is escaped.',
    pathParameters: runIdParameter,
    queryExample: { format: 'csv', limit: '50000' },
    answers: [
      {
        status: 200,
        description: 'One page of rows.',
        contents: [
          jsonContent(resultsAnswerSchema, { rows: [exampleRow] }),
          { mediaType: 'application/jsonl', example: `${JSON.stringify(exampleRow)}\n` },
          { mediaType: 'text/csv', example: csv },
        ],
        headers: {
          'Content-Disposition': 'The file name.',
          Link: 'The next page: `<…>; rel="next"` (RFC 8288), relative to this address. Absent on the last page.',
        },
      },
    ],
  };
}

async function documentChanges(): Promise<RouteDocument> {
  const { runChangesSchema } = await import('../lib/api/answers/runs.ts');
  const change = {
    tenantId: exampleTenantId,
    name: 'Contoso',
    change: 'changed',
    before: { product: 'Microsoft 365 Business Premium', assigned: 37 },
    after: { product: 'Microsoft 365 Business Premium', assigned: 38 },
    columns: ['assigned'],
  };
  const example = {
    runId: exampleRunId,
    comparedWith: exampleRunId,
    changes: [change],
    truncated: false,
    comparedTenants: 25,
    onlyBefore: [],
    onlyAfter: [],
  };
  return {
    group: 'Jobs and runs',
    summary: 'Compare a run with an earlier run',
    description:
      'Rows that were added, removed or changed, in tenants that succeeded in both runs, or in those of them that `tenants` and `except` name. Two rows are the same item if the key columns of the job are equal.',
    pathParameters: runIdParameter,
    answers: [
      {
        status: 200,
        description: 'The changes by tenant.',
        contents: [jsonContent(runChangesSchema, example)],
      },
    ],
  };
}
