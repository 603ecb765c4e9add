import { maxContinuation } from '../requests.ts';
import * as z from 'zod';
import type { RunAnswer, RunsAnswer, RunSummaryAnswer } from '../answers/runs.ts';
import { jsonOf } from './ask.ts';
import { fit, maxDataBytes, shortenedNote, shortText } from './bounds.ts';
import { countCutTenants, cutTenantsNotes, cutTenantsShape } from './cut-tenants.ts';
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

/** The text of a query has up to 4,000 characters: `read_run` shows them. */
function listedRun(run: RunSummaryAnswer): z.input<typeof summary> {
  const view = viewRun(run);
  return view.query === undefined ? view : { ...view, query: shortText(view.query) };
}

export const listRuns = defineTool({
  name: 'list_runs',
  title: 'List runs',
  description: 'Lists the newest runs of jobs and queries, with status and counts of tenants.',
  roles: runReaders,
  onlyReads: true,
  input: z.strictObject({
    job: z.string().max(40).optional().meta({ description: 'Only runs of this job.' }),
    limit: z.int().min(1).max(50).default(20).meta({ description: 'Most runs in this answer.' }),
  }),
  output: z.object({
    runs: z.array(summary).readonly(),
    runsLeftOff: z.int().meta({ description: 'Runs that were found and are not shown.' }),
  }),
  run: async ({ job, limit }, { ask }) => {
    const { runs } = jsonOf(await ask({ route: 'runs', query: { job, limit: String(limit) } })) as RunsAnswer;
    const { items, leftOff, isShortened } = fit(runs.map(listedRun));
    const notes = [
      ...(leftOff === 0 ? [] : [`${leftOff} older runs are not shown. Name a job to see its runs alone.`]),
      ...(isShortened ? [shortenedNote] : []),
    ];
    return { notes, data: { runs: items, runsLeftOff: leftOff } };
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
    warningsLeftOff: z.int().meta({ description: 'Warnings that are not shown.' }),
    ...cutTenantsShape,
  }),
  about: ({ runId: run }) => ({ run }),
  run: async (input, { ask }) => {
    const run = jsonOf(await ask({ route: 'runs-show', path: input })) as RunAnswer;
    const { progress, stoppedBy } = run;
    const failures = fit(run.failures.map(viewFailure), maxDataBytes / 2);
    const warnings = fit(run.warnings, maxDataBytes / 4);
    const cutTenants = await countCutTenants(ask, run.runId);
    return {
      notes: [
        ...cutTenantsNotes(cutTenants),
        ...(failures.leftOff === 0 ? [] : [`${failures.leftOff} more failed tenants are not shown.`]),
        ...(warnings.leftOff === 0 ? [] : [`${warnings.leftOff} more warnings are not shown.`]),
        ...(failures.isShortened || warnings.isShortened ? [shortenedNote] : []),
      ],
      data: {
        ...viewRun(run),
        progress,
        ...(stoppedBy && { stoppedBy: { code: stoppedBy.code, title: stoppedBy.title, detail: stoppedBy.detail } }),
        failures: failures.items,
        failuresLeftOff: failures.leftOff,
        warnings: warnings.items,
        warningsLeftOff: warnings.leftOff,
        cutTenants,
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
    'Reads rows of a run of a job or a query, each with its tenant. Only whoever asked a query reads its rows. Call again with continuation until the answer has none. While the run has not ended, a page may be empty: wait some seconds.',
  roles: runReaders,
  onlyReads: true,
  input: z.strictObject({
    runId,
    limit: z.int().min(1).max(maxRows).default(100).meta({ description: 'Most rows in this answer.' }),
    continuation: z
      .string()
      .min(3)
      .max(maxContinuation + 2)
      .optional()
      .meta({ description: 'continuation of the previous answer.' }),
  }),
  output: rowsPage.extend({ cutTenants: cutTenantsShape.cutTenants.optional() }),
  about: ({ runId: run }) => ({ run }),
  run: async ({ runId: run, limit, continuation }, { ask }) => {
    const { page, notes } = await readRows(ask, run, { limit, continuation });
    if (page.continuation !== undefined)
      return { notes: [...notes, 'More rows may follow: call again with continuation.'], data: page };
    const cutTenants = await countCutTenants(ask, run);
    return { notes: [...cutTenantsNotes(cutTenants), ...notes], data: { ...page, cutTenants } };
  },
});
