import * as z from 'zod';
import { runStatuses } from '../../runs/store/run.ts';
import { count, errorCodeSchema, isoTime, optionalText, optionalTexts, text } from './shared.ts';
import { pendingApprovalSchema } from './approvals.ts';
import { startedRunSchema, tenantCountsSchema } from './runs.ts';

const applySchema = z
  .object({
    runId: text('The run that applies the plan. Its results are the changes with their outcomes.'),
    status: z.enum(runStatuses),
    tenants: tenantCountsSchema,
    wave: count.optional().meta({ description: 'The wave that is under way or was the last, from 1.' }),
    waves: z.array(count).readonly().meta({
      description: 'Tenants in each wave. Empty in a list of plans once the apply has ended.',
    }),
    waveNames: optionalTexts(
      'What names the tenants of each wave, as it was asked for: `group:pilot`, `10%`. Absent where `waves` is empty, for a caller that the policy limits to some tenants, and for an apply that an earlier version started.',
    ),
    stop: z.object({ failed: count, unclear: count }).optional().meta({
      description:
        'From wave 2 on, it is held when more tenants than this fail or end unclear, without those that had when a person last let it go on. In the first wave, at most 0 may fail and 1 may be unclear. Absent where `waves` is empty.',
    }),
    waits: z.boolean().meta({ description: 'Whether it waits for a person: `POST /api/plans/{planId}/go-on`.' }),
    waitsFor: optionalText('What it waits for: the id of a hold, or the end of a wave, as `wave-1`.'),
    hold: z
      .object({ code: errorCodeSchema, detail: z.string(), at: isoTime })
      .optional()
      .meta({ description: 'Why no further tenant is begun.' }),
    gates: z
      .array(
        z.object({
          wave: count,
          at: isoTime,
          by: text('The name of the caller, or the application id of one without.'),
          reason: optionalText(
            'Why, if the person said so. Absent for a caller that the policy limits to some tenants.',
          ),
          held: optionalText('Why it was held in the wave. Absent: it waited after the wave.'),
        }),
      )
      .optional()
      .meta({
        description:
          'Who let it go on after which wave or hold in it, from 1. The newest, if there are dozens. Absent if nobody did, if an earlier version recorded it, and in lists for an apply that has ended.',
      }),
    approvalId: optionalText('The approval under which it was started. Absent where `waves` is empty.'),
    outcomes: z
      .record(z.string(), count)
      .optional()
      .meta({ description: 'Changes by outcome, of the tenants that have ended. Of one plan only.' }),
  })
  .meta({ id: 'Apply' });

const summaryFields = {
  planId: text('`job@window`, the id of the run that made the plan. Percent-encode it in a path.'),
  job: z.string(),
  title: text('Title of the job.'),
  status: z.enum(runStatuses),
  tenants: tenantCountsSchema,
  madeAt: isoTime,
  madeBy: text('The name of the caller, as `starter` of a run has it, or the application id of one without a name.'),
  expiresAt: isoTime
    .optional()
    .meta({ description: 'Until when the plan can be applied. Absent while it is being made.' }),
  apply: applySchema.optional().meta({ description: 'Absent: the plan was not applied.' }),
};

export const plansAnswerSchema = z
  .object({ plans: z.array(z.object(summaryFields).meta({ id: 'PlanSummary' })).readonly() })
  .meta({ id: 'Plans' });
export type PlansAnswer = z.output<typeof plansAnswerSchema>;

const groupSchema = z.object({
  action: z.string(),
  target: z.string(),
  before: z.string().nullable().meta({ description: 'JSON. Null: it is not there.' }),
  after: z.string().nullable(),
  undo: text('`yes`, `for 30 days`, or `no` with the reason.'),
  tenants: count,
});

export const planAnswerSchema = z
  .object({
    ...summaryFields,
    digest: optionalText(
      'SHA-256 over the changes of all tenants, in hexadecimal. Absent while the plan is being made.',
    ),
    undoes: optionalText('The apply that the plan takes back.'),
    changedTenants: count.meta({ description: 'Tenants that have changes. The others are as they should be.' }),
    changes: count,
    irreversible: count.meta({ description: 'Changes that cannot be undone.' }),
    groups: z.array(groupSchema).readonly().meta({
      description: 'The same change in many tenants, those that cannot be undone first. At most 200.',
    }),
    more: z
      .boolean()
      .meta({ description: 'Whether there are more groups. The results of the plan have every change.' }),
  })
  .meta({ id: 'Plan' });
export type PlanAnswer = z.output<typeof planAnswerSchema>;

/** An apply has started, or waits for an approval. */
export const startedApplySchema = z.union([startedRunSchema, pendingApprovalSchema]);

export const decidedApplySchema = z.object({ planId: z.string(), runId: z.string() }).meta({ id: 'DecidedApply' });
export type DecidedApplyAnswer = z.output<typeof decidedApplySchema>;
