import * as z from 'zod';
import type { RunAnswer, RunsAnswer, RunSummaryAnswer } from '../api/answers/runs.ts';
import { jsonOf } from './ask.ts';
import { fit, maxDataBytes } from './bounds.ts';
import { maxRows, readRows, rowsPage } from './read-rows.ts';
import { defineTool } from './tool.ts';

/** Of the routes. Whoever may send requests reads the runs of its own queries. */
const runReaders = ['Runs.Read', 'Requests.Send'] as const;

const counts = z.object({
  total: z.int(),
  succeeded: z.int(),
  failed: z.int(),
  skipped: z.int(),
  notAttempted: z.int(),
});

const summary = z.object({
  runId: z.string(),
  job: z.string().meta({ description: 'Name of the job, or query.' }),
  query: z.string().optional().meta({ description: 'What a query asked Microsoft Graph in each tenant.' }),
  status: z.string().meta({ description: 'pending and running: not ended yet.' }),
  outcome: z.string(),
  tenants: counts,
  startedBy: z.string(),
  startedAt: z.string(),
  finishedAt: z.string().optional(),
});

const runId = z.string().min(1).max(200).meta({ description: 'runId of another tool.' });

function viewRun(run: RunSummaryAnswer): z.input<typeof summary> {
  const { startedBy, starter, finishedAt } = run;
  return {
    runId: run.runId,
    job: run.job,
    ...(run.query === undefined ? {} : { query: run.query }),
    status: run.status,
    outcome: run.outcome,
    tenants: run.tenants,
    startedBy: starter?.name ?? startedBy,
    startedAt: run.startedAt,
    ...(finishedAt === undefined ? {} : { finishedAt }),
  };
}

export const listRuns = defineTool({
  name: 'list_runs',
  title: 'List runs',
  description: 'Lists the newest runs of jobs and queries, with status and counts of tenants.',
  roles: runReaders,
  onlyReads: true,
  input: z.strictObject({
    job: z.string().max(40).optional().meta({ description: 'Only runs of this job.' }),
    limit: z.int().min(1).max(50).default(20),
  }),
  output: z.object({ runs: z.array(summary).readonly() }),
  run: async ({ job, limit }, { ask }) => {
    const { runs } = jsonOf(await ask({ route: 'runs', query: { job, limit: String(limit) } })) as RunsAnswer;
    return { data: { runs: fit(runs.map(viewRun)).items } };
  },
});

const failure = z.object({
  tenantId: z.string(),
  name: z.string(),
  code: z.string(),
  title: z.string(),
  advice: z.string(),
  detail: z.string().optional(),
});

export const readRun = defineTool({
  name: 'read_run',
  title: 'Show a run',
  description:
    'Shows one run: status, progress, and the tenants that failed with the reason and the next step. Call it again after some seconds while the run has not ended.',
  roles: runReaders,
  onlyReads: true,
  input: z.strictObject({ runId }),
  output: summary.extend({
    progress: z.object({ done: z.int(), retrying: z.int(), total: z.int() }),
    stoppedBy: z.object({ code: z.string(), title: z.string(), detail: z.string() }).optional(),
    failures: z.array(failure).readonly(),
    failuresLeftOff: z.int().meta({ description: 'Failed tenants that are not shown.' }),
    warnings: z.array(z.string()).readonly(),
  }),
  run: async (input, { ask }) => {
    const run = jsonOf(await ask({ route: 'runs-show', path: input })) as RunAnswer;
    const { progress, stoppedBy, failures, warnings } = run;
    const shown = fit(failures.map(viewFailure), maxDataBytes / 2).items;
    return {
      data: {
        ...viewRun(run),
        progress,
        ...(stoppedBy && { stoppedBy: { code: stoppedBy.code, title: stoppedBy.title, detail: stoppedBy.detail } }),
        failures: shown,
        failuresLeftOff: failures.length - shown.length,
        warnings: fit(warnings, maxDataBytes / 4).items,
      },
    };
  },
});

function viewFailure(one: RunAnswer['failures'][number]): z.input<typeof failure> {
  const { tenantId, name, code, title, advice, detail } = one;
  return { tenantId, name, code, title, advice, ...(detail === undefined ? {} : { detail }) };
}

export const readRowsTool = defineTool({
  name: 'read_rows',
  title: 'Read the rows of a run',
  description:
    'Reads rows of a run of a job or a query, each with its tenant. Call again with continuation until the answer has none. While the run has not ended, a page may be empty: wait some seconds.',
  roles: runReaders,
  onlyReads: true,
  input: z.strictObject({
    runId,
    limit: z.int().min(1).max(maxRows).default(100),
    continuation: z.string().min(3).max(6_002).optional().meta({ description: 'continuation of the previous answer.' }),
  }),
  output: rowsPage,
  run: async ({ runId: run, limit, continuation }, { ask }) => {
    const page = await readRows(ask, run, { limit, continuation });
    const more = page.continuation === undefined ? [] : ['More rows may follow: call again with continuation.'];
    return { notes: more, data: page };
  },
});
