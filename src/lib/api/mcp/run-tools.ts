import * as z from 'zod';
import { BrokerError } from '../../core/errors.ts';
import { defined } from '../../core/objects.ts';
import { isEnded } from '../../runs/store/run.ts';
import type { ResultsAnswer, RunAnswer, RunsAnswer, RunSummaryAnswer, StartedRunAnswer } from '../answers/runs.ts';
import { maxContinuation } from '../requests.ts';
import { selectedTenants, countCutTenants, cutTenantsNotes, cutTenantsShape } from './tenant-tools.ts';
import {
  type Ask,
  defineTool,
  fit,
  jsonOf,
  maxDataBytes,
  shortenedNote,
  shortText,
  sizeOf,
  type ToolContext,
  withoutQuery,
} from './tool.ts';

/** Largest page in rows. */
const maxRows = 500;

/** Some rows of a run. */
const rowsPage = z.object({
  rows: z.array(z.record(z.string(), z.unknown())).readonly(),
  continuation: z.string().optional().meta({
    description: 'For read_rows. Present if there are more rows, or if the run has not ended.',
  }),
});

/** With what an agent must know about the rows. */
interface NotedRows {
  readonly page: z.input<typeof rowsPage>;
  readonly notes: readonly string[];
}

/**
 * The orders of the rows, by the letter before a continuation. A run in progress is read as tenants finish. One that has ended
 * is read in the order of the plan, whose continuations are short: a model has to copy them.
 */
const orders = { p: 'plan', a: 'arrival' } as const;
type OrderLetter = keyof typeof orders;

/**
 * Reads as many rows as fit into an answer, at least one. A row that is too large alone is shortened, and a note says so.
 * @param continuation of an earlier page.
 * @throws BrokerError request_invalid for a wrong continuation, or as the routes do.
 */
async function readRows(ask: Ask, runId: string, limit: number, continuation?: string): Promise<NotedRows> {
  const { letter, position } =
    continuation === undefined ? { letter: await letterOf(ask, runId), position: undefined } : parse(continuation);
  for (let most = limit; ; ) {
    const query = { format: 'json', order: orders[letter], limit: String(most), continuation: position };
    const page = jsonOf(await ask({ route: 'runs-results', path: { runId }, query })) as ResultsAnswer;
    const next = page.continuation && `${letter}.${page.continuation}`;
    const pageOf = (rows: ResultsAnswer['rows']) => defined({ rows, continuation: next });
    if (sizeOf(page.rows) <= maxDataBytes) return { page: pageOf(page.rows), notes: [] };
    const { items } = fit(page.rows);
    if (page.rows.length === 1) return { page: pageOf([...items]), notes: [shortenedNote] };
    // A continuation stands after the last row of its page, so a shorter page is asked for.
    most = items.length;
  }
}

async function letterOf(ask: Ask, runId: string): Promise<OrderLetter> {
  const { status } = jsonOf(await ask({ route: 'runs-show', path: { runId } })) as RunAnswer;
  return isEnded(status) ? 'p' : 'a';
}

function parse(continuation: string): { readonly letter: OrderLetter; readonly position: string } {
  const [letter, position] = [continuation.charAt(0), continuation.slice(2)];
  if ((letter === 'p' || letter === 'a') && continuation.charAt(1) === '.' && position !== '')
    return { letter, position };
  throw new BrokerError('request_invalid', 'continuation: is none of an earlier answer.');
}

/** Time between looks at a query, milliseconds. */
const pauseMs = 1_000;
const maxWaitSeconds = 60;

export const queryTenants = defineTool({
  name: 'query_tenants',
  title: 'Query many tenants',
  description:
    'Sends the same GET to Microsoft Graph in many customer tenants, as a run under your rules, and returns the first rows: one for each object, with its tenant. Without tenants it asks every tenant that your rules cover. If the run takes longer than the wait, or there are more rows, go on with read_rows; read_run shows the tenants that failed, and why. Cannot change anything. Select few properties.',
  roles: ['Requests.Send'],
  onlyReads: false,
  input: z.strictObject({
    path: z.string().min(1).max(4_000).meta({
      description: 'Path and query at Microsoft Graph, such as /v1.0/users?$filter=accountEnabled eq false.',
    }),
    select: z.array(z.string().max(200)).min(1).max(100).optional().meta({ description: 'Names for $select.' }),
    allPages: z.boolean().optional().meta({ description: 'Read all pages of each tenant. Default: the first one.' }),
    ...selectedTenants,
    limit: z.int().min(1).max(maxRows).default(100).meta({ description: 'Most rows in this answer.' }),
    waitSeconds: z.int().min(0).max(maxWaitSeconds).default(20).meta({
      description: 'How long to wait for the end of the run.',
    }),
  }),
  output: rowsPage.extend({
    runId: z.string(),
    status: z.string().meta({ description: 'pending and running: not ended yet.' }),
    progress: z.object({ done: z.int(), retrying: z.int(), total: z.int() }),
    failed: z.int().meta({ description: 'Tenants that failed so far: read_run shows them.' }),
    ...cutTenantsShape,
  }),
  about: ({ path }) => ({ path: withoutQuery(path) }),
  run: async ({ limit, waitSeconds, ...body }, context) => {
    const { ask, client } = context;
    const headers = client === undefined ? {} : { 'user-agent': client.replaceAll(/[^\x20-\x7e]/g, '?') };
    const { runId } = jsonOf(await ask({ route: 'queries-start', headers, body })) as StartedRunAnswer;
    const { status, progress, tenants } = await untilEnded(context, runId, waitSeconds * 1_000);
    const { page, notes: rowNotes } = await readRows(ask, runId, limit);
    const cutTenants = await countCutTenants(ask, runId);
    const notes = [
      ...cutTenantsNotes(cutTenants),
      ...rowNotes,
      ...(isEnded(status) ? [] : ['The run has not ended: more rows follow.']),
      ...(page.continuation === undefined ? [] : ['For more rows, call read_rows with runId and continuation.']),
      ...(tenants.failed === 0
        ? []
        : [`${tenants.failed} ${tenants.failed === 1 ? 'tenant' : 'tenants'} failed: read_run says why.`]),
    ];
    return { notes, data: { runId, status, progress, failed: tenants.failed, cutTenants, ...page } };
  },
});

/** Waits for the end of a run, but not longer than that. @returns the run as it is then. */
async function untilEnded({ ask, clock }: ToolContext, runId: string, waitMs: number): Promise<RunAnswer> {
  const untilMs = clock.nowMs() + waitMs;
  for (;;) {
    const run = jsonOf(await ask({ route: 'runs-show', path: { runId } })) as RunAnswer;
    if (isEnded(run.status) || clock.nowMs() >= untilMs) return run;
    await clock.sleep(Math.min(pauseMs, untilMs - clock.nowMs()));
  }
}

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
  const { runId: id, job, query, status, outcome, tenants, startedBy, starter, startedAt, finishedAt } = run;
  const who = starter?.name ?? startedBy;
  return defined({ runId: id, job, query, status, outcome, tenants, startedBy: who, startedAt, finishedAt });
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
  return defined({ tenantId, name, code, title, advice, detail });
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
    const { page, notes } = await readRows(ask, run, limit, continuation);
    if (page.continuation !== undefined)
      return { notes: [...notes, 'More rows may follow: call again with continuation.'], data: page };
    const cutTenants = await countCutTenants(ask, run);
    return { notes: [...cutTenantsNotes(cutTenants), ...notes], data: { ...page, cutTenants } };
  },
});
