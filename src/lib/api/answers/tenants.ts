import * as z from 'zod';
import { tenantOutcomes } from '../../runs/run.ts';
import { type ReachabilityReason, reasonTexts, tenantSources } from '../../tenants/tenant.ts';
import { errorCodeSchema, guid, isoTime } from './shared.ts';

const reasons = Object.keys(reasonTexts) as [ReachabilityReason, ...ReachabilityReason[]];

const lastResultSchema = z
  .object({
    job: z.string(),
    runId: z.string(),
    outcome: z.enum(tenantOutcomes),
    code: errorCodeSchema.optional(),
    finishedAt: isoTime,
  })
  .meta({ id: 'LastResult', description: 'What a job found in the tenant when it was there last.' });

const tenantSchema = z
  .object({
    tenantId: guid,
    name: z.string(),
    defaultDomain: z.string().optional(),
    relationship: z.enum(['gdap', 'dap', 'none']),
    relationshipEndsAt: isoTime.optional(),
    reachable: z.boolean().meta({ description: 'False: no token is asked for, no job goes there.' }),
    reason: z.enum(reasons),
    explanation: z.string().meta({ description: 'The reason in a sentence.' }),
    sources: z
      .array(z.enum(tenantSources))
      .readonly()
      .meta({ description: 'Which lists of Microsoft name the tenant.' }),
    lastResults: z.array(lastResultSchema).readonly().meta({ description: 'The newest of each job that was there.' }),
  })
  .meta({ id: 'Tenant' });

export const tenantsAnswerSchema = z
  .object({
    tenants: z.array(tenantSchema).readonly(),
    warnings: z.array(z.string()).readonly().meta({ description: 'What is missing or old in this list.' }),
    asOf: isoTime,
  })
  .meta({ id: 'Tenants' });
export type TenantsAnswer = z.output<typeof tenantsAnswerSchema>;
export type LastResult = z.output<typeof lastResultSchema>;
