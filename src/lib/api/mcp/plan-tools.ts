import * as z from 'zod';
import { windowPattern, windowRule } from '../../runs/store/run.ts';
import type { PlanAnswer } from '../answers/plans.ts';
import type { StartedRunAnswer } from '../answers/runs.ts';
import { selectedTenants } from './tenant-tools.ts';
import { defineTool, fit, jsonOf, maxDataBytes, shortenedNote } from './tool.ts';

// An agent plans a change, and people apply it: no tool applies a plan, and the routes that do refuse agents.

const parameterValue = z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]);

/** What a run of a job is started with, as an agent writes it. */
export const startedJob = {
  ...selectedTenants,
  parameters: z
    .record(z.string().max(100), parameterValue)
    .optional()
    .meta({ description: 'By the schema of the job.' }),
  window: z.string().regex(windowPattern, `is not valid: a window is ${windowRule}`).optional().meta({
    description: 'A name of your choice for this run. A second call with the same one starts nothing.',
  }),
};

export const planChange = defineTool({
  name: 'plan_change',
  title: 'Plan a change',
  description:
    'Makes a plan: what a job that changes tenants would change, in all tenants or in those that tenants and except name. It only reads, and changes nothing. A person applies the plan, and no tool does. Returns the id of the plan: show_plan shows what it would change.',
  roles: ['Changes.Plan'],
  onlyReads: false,
  input: z.strictObject({
    job: z.string().min(1).max(40).meta({ description: 'name of list_jobs, of a job that is plannable.' }),
    ...startedJob,
  }),
  output: z.object({ planId: z.string(), status: z.string() }),
  run: async ({ job, ...body }, { ask }) => {
    const { runId, status } = jsonOf(await ask({ route: 'plans-make', path: { job }, body })) as StartedRunAnswer;
    return { data: { planId: runId, status } };
  },
});

const group = z.object({
  action: z.string(),
  target: z.string(),
  before: z.string().nullable(),
  after: z.string().nullable(),
  undo: z.string(),
  tenants: z.int(),
});

const apply = z.object({
  runId: z.string(),
  status: z.string(),
  wave: z.int().optional(),
  waves: z.array(z.int()).readonly(),
  waits: z.boolean().meta({ description: 'Whether it waits for a person.' }),
  hold: z.object({ code: z.string(), detail: z.string() }).optional(),
  outcomes: z.record(z.string(), z.int()).optional().meta({ description: 'Changes by what became of them.' }),
});

export const showPlan = defineTool({
  name: 'show_plan',
  title: 'Show a plan',
  description:
    'Shows what a plan would change, with the state before and after as JSON, grouped by what is the same in many tenants, and what became of it if a person has applied it. Call it again after some seconds while its status is pending or running.',
  roles: ['Runs.Read'],
  onlyReads: true,
  input: z.strictObject({
    planId: z.string().min(1).max(200).meta({ description: 'planId of plan_change, or of a person.' }),
  }),
  output: z.object({
    planId: z.string(),
    job: z.string(),
    title: z.string(),
    status: z.string().meta({ description: 'pending and running: not made yet.' }),
    expiresAt: z.string().optional(),
    failedTenants: z.int().meta({ description: 'Tenants that could not be read, and get nothing: see read_run.' }),
    changedTenants: z.int(),
    changes: z.int(),
    irreversible: z.int().meta({ description: 'Changes that cannot be undone. Tell the user.' }),
    groups: z.array(group).readonly(),
    groupsLeftOff: z.int().meta({ description: 'Groups that were found and are not shown.' }),
    apply: apply.optional(),
  }),
  about: ({ planId }) => ({ run: planId }),
  run: async (input, { ask }) => {
    const plan = jsonOf(await ask({ route: 'plans-show', path: input })) as PlanAnswer;
    const { planId, job, title, status, expiresAt, changedTenants, changes, irreversible, more } = plan;
    const { items: groups, leftOff, isShortened } = fit(plan.groups, maxDataBytes * 0.9);
    const notes = [
      ...(leftOff > 0 || more ? ['Not all groups are shown: read_rows with planId as runId has every change.'] : []),
      ...(isShortened ? [shortenedNote] : []),
    ];
    const found = { planId, job, title, status, expiresAt, changedTenants, changes, irreversible };
    const shown = { failedTenants: plan.tenants.failed, groups, groupsLeftOff: leftOff };
    return { notes, data: { ...found, ...shown, ...(plan.apply && { apply: viewApply(plan.apply) }) } };
  },
});

function viewApply(one: NonNullable<PlanAnswer['apply']>): z.input<typeof apply> {
  const { runId, status, wave, waves, waits, hold, outcomes } = one;
  return { runId, status, wave, waves, waits, outcomes, hold: hold && { code: hold.code, detail: hold.detail } };
}
