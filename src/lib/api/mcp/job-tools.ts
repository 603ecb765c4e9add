import { onlyReads } from 'graph-permissions/reads';
import * as z from 'zod';
import type { JobsAnswer } from '../answers/jobs.ts';
import type { StartedRunAnswer } from '../answers/runs.ts';
import { windowPattern, windowRule } from '../../runs/store/run-id.ts';
import { jsonOf } from './ask.ts';
import { fit, shortenedNote } from './bounds.ts';
import { chosenTenants } from './tenant-tools.ts';
import { defineTool, type ToolResult } from './tool.ts';

type JobAnswer = JobsAnswer['jobs'][number];

/**
 * Whether an agent may start a job: one that uses Microsoft Graph alone and declares only permissions to read. What other
 * resources allow does not show in the name of a permission.
 */
const readsOnly = ({ resources, permissions = [] }: Pick<JobAnswer, 'resources' | 'permissions'>): boolean =>
  resources.every((resource) => resource === 'graph') && permissions.length > 0 && permissions.every(onlyReads);

const job = z.object({
  name: z.string(),
  title: z.string(),
  description: z.string().optional(),
  schedule: z.string().optional(),
  startable: z.boolean().meta({ description: 'False: only a person may start it.' }),
  parameters: z.record(z.string(), z.unknown()).meta({ description: 'JSON Schema of its parameters.' }),
  columns: z.array(z.string()).readonly().optional(),
});

export const listJobs = defineTool({
  name: 'list_jobs',
  title: 'List jobs',
  description:
    'Lists the jobs of this deployment: reports that visit many tenants and return rows. Says which ones you may start, and the JSON Schema of their parameters.',
  roles: ['Runs.Read'],
  onlyReads: true,
  input: z.strictObject({}),
  output: z.object({ jobs: z.array(job).readonly() }),
  run: async (_input, { ask }) => {
    const { jobs } = jsonOf(await ask({ route: 'jobs' })) as JobsAnswer;
    const { items, leftOff, isShortened } = fit(jobs.map(viewJob));
    const notes = [
      ...(leftOff === 0 ? [] : [`Only ${items.length} of ${jobs.length} jobs are shown.`]),
      ...(isShortened ? [shortenedNote] : []),
    ];
    return { notes, data: { jobs: items } };
  },
});

function viewJob(one: JobAnswer): z.input<typeof job> {
  const { name, title, description, schedule, parameters, columns } = one;
  const shown = { name, title, description, schedule, startable: readsOnly(one) };
  return { ...shown, parameters: { ...parameters }, columns: columns?.map((column) => column.name) };
}

const parameterValue = z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]);

const notStartable: ToolResult<never> = {
  isError: true,
  notes: [
    'Refused: an agent may start only jobs that declare permissions to read Microsoft Graph and nothing else. Tell the user: a person can start this job in the dashboard or with `ptb run`.',
  ],
  data: { code: 'caller_forbidden' },
};

export const startJob = defineTool({
  name: 'start_job',
  title: 'Start a job',
  description:
    'Starts a run of a job that only reads, over all tenants or over those that tenants and except name. Returns the id of the run: follow it with read_run, and read its rows with read_rows. A job that could change data is refused: a person starts it.',
  roles: ['Runs.Write'],
  onlyReads: false,
  input: z.strictObject({
    job: z.string().min(1).max(40).meta({ description: 'name of list_jobs.' }),
    ...chosenTenants,
    parameters: z
      .record(z.string().max(100), parameterValue)
      .optional()
      .meta({ description: 'By the schema of the job.' }),
    window: z.string().regex(windowPattern, `is not valid: a window is ${windowRule}`).optional().meta({
      description: 'A name of your choice for this run. A second call with the same one starts nothing.',
    }),
  }),
  output: z.object({ runId: z.string(), status: z.string() }),
  run: async ({ job: name, ...body }, { ask, jobs }) => {
    const found = jobs.find(name);
    if (found !== undefined && !readsOnly(found)) return notStartable;
    const started = jsonOf(await ask({ route: 'jobs-start', path: { job: name }, body })) as StartedRunAnswer;
    return { data: { runId: started.runId, status: started.status } };
  },
});
