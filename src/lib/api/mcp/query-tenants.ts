import * as z from 'zod';
import type { RunAnswer, StartedRunAnswer } from '../answers/runs.ts';
import { isEnded } from '../../runs/store/run.ts';
import { jsonOf } from './ask.ts';
import { countCutTenants, cutTenantsNotes, cutTenantsShape } from './cut-tenants.ts';
import { maxRows, readRows, rowsPage } from './read-rows.ts';
import { chosenTenants } from './tenant-tools.ts';
import { defineTool, type ToolContext, withoutQuery } from './tool.ts';

/** Time between looks at a query, milliseconds. */
const pauseMs = 1_000;
const maxWaitSeconds = 60;

export const queryTenants = defineTool({
  name: 'query_tenants',
  title: 'Ask many tenants the same',
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
    ...chosenTenants,
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
    const { page, notes: rowNotes } = await readRows(ask, runId, { limit });
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
