import * as z from 'zod';
import { tenantOutcomes } from '../../runs/store/run.ts';
import { type ReachabilityReason, reasonTexts, tenantSources } from '../../tenants/tenant.ts';
import { count, errorCodeSchema, failureTextSchema, guid, isoTime } from './shared.ts';

const reasons = Object.keys(reasonTexts) as [ReachabilityReason, ...ReachabilityReason[]];

const lastResultSchema = z
  .object({
    job: z.string(),
    runId: z.string(),
    outcome: z.enum(tenantOutcomes),
    code: errorCodeSchema.optional(),
    finishedAt: isoTime,
  })
  .meta({ id: 'LastResult', description: 'The outcome of the last visit of a job to the tenant.' });

const tenantSchema = z
  .object({
    tenantId: guid,
    name: z.string(),
    defaultDomain: z.string().optional(),
    relationship: z.enum(['gdap', 'dap', 'none']),
    relationshipEndsAt: isoTime.optional(),
    reachable: z.boolean().meta({ description: 'If false, no token is issued for the tenant and no job visits it.' }),
    reason: z.enum(reasons),
    explanation: z.string().meta({ description: 'The reason as a sentence.' }),
    sources: z
      .array(z.enum(tenantSources))
      .readonly()
      .meta({ description: 'The Microsoft lists that contain the tenant.' }),
    tags: z.array(z.string()).readonly().optional().meta({
      description: 'The tags of the tenant, as `NAME` or `NAME=VALUE`, sorted. Absent if they could not be read.',
    }),
    groups: z.array(z.string()).readonly().optional().meta({
      description: 'The tenant groups of the policy that contain the tenant. Absent if that is not known now.',
    }),
    lastResults: z.array(lastResultSchema).readonly().optional().meta({
      description: 'The latest result of each job that visited the tenant. Absent if the results could not be read.',
    }),
  })
  .meta({ id: 'Tenant' });

export const tenantsAnswerSchema = z
  .object({
    tenants: z.array(tenantSchema).readonly(),
    groups: z.array(z.string()).readonly().meta({
      description:
        'The names of all tenant groups of the policy; for a caller that the policy limits to some tenants, of those that contain one of them.',
    }),
    warnings: z.array(z.string()).readonly().meta({ description: 'What is missing or outdated in this list.' }),
    asOf: isoTime,
  })
  .meta({ id: 'Tenants' });

const tenantResultSchema = lastResultSchema
  .extend({
    attempts: count.meta({ description: 'Number of rounds in which the tenant was tried.' }),
    rows: count,
    startedAt: isoTime,
  })
  .meta({ id: 'TenantResult', description: 'The outcome of one run in the tenant.' });

export const tenantDetailsSchema = tenantSchema
  .extend({
    history: z.array(tenantResultSchema).readonly().optional().meta({
      description: 'The results in the newest 14 runs of each job, the newest first. Absent if they could not be read.',
    }),
    codes: z.array(failureTextSchema).readonly().meta({
      description: 'Title and advice for each code in `lastResults` and `history`, with the id of the tenant.',
    }),
    warnings: z.array(z.string()).readonly().meta({ description: 'What is missing or outdated in this answer.' }),
    asOf: isoTime.meta({ description: 'When the list of tenants was read.' }),
  })
  .meta({ id: 'TenantDetails' });

export const changedTagsSchema = z
  .object({
    tenantId: guid,
    tags: z.array(z.string()).readonly().meta({ description: 'The tags of the tenant now, sorted.' }),
    added: z.array(z.string()).readonly(),
    removed: z.array(z.string()).readonly(),
  })
  .meta({ id: 'ChangedTags' });

export type ChangedTagsAnswer = z.output<typeof changedTagsSchema>;
export type TenantsAnswer = z.output<typeof tenantsAnswerSchema>;
export type LastResult = z.output<typeof lastResultSchema>;
export type TenantDetailsAnswer = z.output<typeof tenantDetailsSchema>;
