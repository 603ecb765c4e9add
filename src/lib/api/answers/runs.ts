import * as z from 'zod';
import { runOutcomes, tenantStates } from '../../core/outcomes.ts';
import { runStatuses } from '../../runs/store/run.ts';
import { count, errorCodeSchema, failureTextSchema, guid, isoTime, optionalText, text, texts } from './shared.ts';

export const tenantCountsSchema = z
  .object({
    total: count,
    succeeded: count,
    failed: count,
    skipped: count.meta({ description: 'Excluded by configuration, or without the service that the job examines.' }),
    notAttempted: count.meta({ description: 'Not visited because the run was stopped or cancelled.' }),
  })
  .meta({ id: 'TenantCounts' });

const runId = text('`job@window`. Percent-encode it in a path.');

const runSummarySchema = z.object({
  runId,
  job: text('Name of the job, or `query`.'),
  query: optionalText('Path and query of the GET that a query sends in each tenant. Absent for a job.'),
  window: z.string(),
  status: z.enum(runStatuses).meta({
    description:
      '`completed`: every tenant was visited, with or without success. `failed`: the run could not continue.',
  }),
  outcome: z.enum(runOutcomes).meta({
    description:
      'What the run brought, in one word. `starting`: the number of tenants is not known yet. `skipped`: no tenant failed and none succeeded, because each was excluded or lacks the service that the job examines.',
  }),
  tenants: tenantCountsSchema,
  startedBy: text('`timer`, or the application id of the caller.'),
  starter: z
    .object({
      objectId: guid,
      name: optionalText(
        'The name that the policy gives the caller, or the one in its token: with the start of its id if an application chose it.',
      ),
    })
    .optional()
    .meta({
      description:
        'The person or service principal that acted through the application. Absent for a timer, and for a run that an earlier version started.',
    }),
  correlationId: optionalText(
    'Of the request that started the run. If an agent started it, the audit entry of its tool has the same. Absent for a timer, and for a run that an earlier version started.',
  ),
  startedAt: isoTime,
  finishedAt: isoTime.optional(),
  durationMs: z.number().min(0),
  cancelRequested: z.boolean().optional(),
  stoppedBy: failureTextSchema.extend({ detail: z.string() }).optional().meta({ description: 'Why the run failed.' }),
  warnings: texts('What was missing or outdated in the list of tenants when the run was planned.'),
});

const failureSchema = failureTextSchema
  .extend({ tenantId: guid, name: z.string(), detail: z.string().optional() })
  .meta({ id: 'Failure' });

export const parametersSchema = z
  .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string()).readonly()]))
  .readonly();

export const runSchema = runSummarySchema
  .extend({
    progress: z
      .object({ done: count, retrying: count, total: count })
      .meta({ description: 'Tenants with a final result, tenants that will be retried, and all tenants.' }),
    failures: z.array(failureSchema).readonly(),
    parameters: parametersSchema.optional().meta({
      description: 'What the job was given, with the defaults that were applied. Absent if there is nothing.',
    }),
    asked: z
      .object({ tenants: z.array(z.string()).readonly().optional(), except: z.array(z.string()).readonly().optional() })
      .optional()
      .meta({
        description:
          'The tenants as the request named them. Absent if it named none, for a rerun, if they take more than 30,000 characters, and for a caller that the policy limits to some tenants.',
      }),
  })
  .meta({ id: 'Run' });

const listedRunSchema = runSummarySchema
  .extend({
    failed: z.record(z.string(), z.array(guid).readonly()).readonly().optional().meta({
      description:
        'With `failed`, of those of the newest 50 runs that have ended: the ids of the tenants that have failed, by error code.',
    }),
  })
  .meta({ id: 'RunSummary' });

export const runsAnswerSchema = z.object({ runs: z.array(listedRunSchema).readonly() }).meta({ id: 'Runs' });

export const startedRunSchema = z
  .object({ runId, status: z.literal('pending'), location: z.string() })
  .meta({ id: 'StartedRun' });

export const cancelledRunSchema = z
  .object({
    runId,
    status: z.enum(runStatuses),
    cancelRequested: z.boolean().meta({ description: 'False if the run had already ended.' }),
  })
  .meta({ id: 'CancelledRun' });

const runTenantSchema = z
  .object({
    tenantId: guid,
    name: z.string(),
    outcome: z.enum(tenantStates).meta({
      description:
        '`retrying`: failed temporarily and will be retried. `waiting`: not visited yet. `not_attempted`: the run ended first.',
    }),
    code: errorCodeSchema.optional(),
    detail: z.string().optional(),
    attempts: count.meta({
      description: 'Number of rounds in which the tenant was tried. 0 if the outcome needed no attempt.',
    }),
    rows: count,
    more: z.literal(true).optional().meta({
      description: 'Of a query: Microsoft Graph has more rows than these. `detail` says why they are missing.',
    }),
    wave: count.optional().meta({ description: 'In an apply: the wave of the tenant, from 1.' }),
    startedAt: isoTime.optional().meta({ description: 'Start of the last attempt.' }),
    finishedAt: isoTime.optional().meta({ description: 'End of the last attempt.' }),
  })
  .meta({ id: 'RunTenant' });

export const runTenantsAnswerSchema = z
  .object({
    runId,
    status: z.enum(runStatuses),
    tenants: z.array(runTenantSchema).readonly(),
    codes: z.array(failureTextSchema).readonly().meta({ description: 'Title and advice for each code in `tenants`.' }),
  })
  .meta({ id: 'RunTenants' });

export const runTenantDetailsSchema = runTenantSchema
  .extend({
    runId,
    title: z.string().optional(),
    advice: z.string().optional(),
    error: optionalText('What the job threw in its last attempt: text, stack and causes, without secrets.'),
    log: z
      .array(
        z.object({
          at: isoTime,
          level: z.enum(['debug', 'info', 'warn', 'error']),
          event: z.string(),
          fields: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
        }),
      )
      .readonly()
      .meta({ description: 'What the job logged in its last attempt, oldest line first, without secrets.' }),
    droppedLines: count.meta({ description: 'Number of earlier lines that were not kept.' }),
  })
  .meta({ id: 'RunTenantDetails' });

const rowSchema = z
  .object({ tenantId: guid, tenantName: z.string(), tenantDomain: z.string().nullable() })
  .catchall(
    z.union([
      z.string(),
      z.number(),
      z.boolean(),
      z.null(),
      z.array(z.unknown()).readonly(),
      z.record(z.string(), z.unknown()).readonly(),
    ]),
  )
  .meta({
    id: 'Row',
    description:
      'One row of a result: the tenant, then the columns of the job, or the properties of an object that a query found. Only the latter may be nested; a CSV has them as JSON.',
  });
export const resultsAnswerSchema = z
  .object({
    rows: z.array(rowSchema),
    continuation: optionalText('Present if there are more rows. Send it to get them.'),
  })
  .meta({ id: 'RunResults' });

const changedRowSchema = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])).readonly();
const tenantNameSchema = z.object({ tenantId: guid, name: z.string() });

const tenantChangeSchema = z
  .discriminatedUnion('change', [
    tenantNameSchema.extend({ change: z.literal('added'), after: changedRowSchema }),
    tenantNameSchema.extend({ change: z.literal('removed'), before: changedRowSchema }),
    tenantNameSchema.extend({
      change: z.literal('changed'),
      before: changedRowSchema,
      after: changedRowSchema,
      columns: texts('Names of the columns that differ.'),
    }),
  ])
  .meta({ id: 'TenantChange' });

export const runChangesSchema = z
  .object({
    runId,
    comparedWith: runId,
    changes: z.array(tenantChangeSchema).readonly(),
    truncated: z.boolean().meta({ description: 'True if there are more changes than the 10,000 shown.' }),
    comparedTenants: count.meta({
      description: 'Number of tenants that succeeded in both runs. Only their rows are compared.',
    }),
    onlyBefore: z
      .array(tenantNameSchema)
      .readonly()
      .meta({ description: 'Tenants that succeeded only in the earlier run.' }),
    onlyAfter: z.array(tenantNameSchema).readonly().meta({ description: 'Tenants that succeeded only in this run.' }),
  })
  .meta({ id: 'RunChanges' });

export type ResultsAnswer = z.output<typeof resultsAnswerSchema>;
export type ResultRow = z.output<typeof rowSchema>;
export type RunChangesAnswer = z.output<typeof runChangesSchema>;
export type RunAnswer = z.output<typeof runSchema>;
export type RunSummaryAnswer = z.output<typeof runSummarySchema>;
export type RunsAnswer = z.output<typeof runsAnswerSchema>;
export type StartedRunAnswer = z.output<typeof startedRunSchema>;
export type CancelledRunAnswer = z.output<typeof cancelledRunSchema>;
export type RunTenant = z.output<typeof runTenantSchema>;
export type RunTenantDetailsAnswer = z.output<typeof runTenantDetailsSchema>;
export type RunTenantsAnswer = z.output<typeof runTenantsAnswerSchema>;

export const checkedQuerySchema = z
  .object({
    path: text('Path and query as they will be sent.'),
    request: text('Method and canonical path, as the audit log will show them.'),
    anyOf: texts('Each of these permissions opens the request. Empty: it needs several together.'),
    rules: z
      .array(z.object({ rule: z.string(), permissions: z.array(z.string()).readonly() }))
      .readonly()
      .meta({ description: 'Rules of the policy that open the request to the caller, and by which permissions.' }),
    tenants: z
      .object({
        chosen: count.meta({ description: 'Customers that would be asked.' }),
        open: count.meta({ description: 'Those in which a rule opens the request. The others get a refusal each.' }),
      })
      .meta({ description: 'As the policy, the groups and the tags are now.' }),
  })
  .meta({ id: 'CheckedQuery' });

export type CheckedQueryAnswer = z.output<typeof checkedQuerySchema>;
