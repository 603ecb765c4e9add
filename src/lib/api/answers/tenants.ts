import * as z from 'zod';
import { tenantOutcomes } from '../../runs/store/run.ts';
import { endingDays, eventKinds } from '../../tenant-events/tenant-event.ts';
import { type ReachabilityReason, reasonTexts, tenantSources } from '../../tenants/tenant.ts';
import {
  count,
  errorCodeSchema,
  failureTextSchema,
  guid,
  isoTime,
  optionalText,
  optionalTexts,
  text,
  texts,
} from './shared.ts';

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
    relationshipRenews: z.boolean().optional().meta({
      description: 'Whether the GDAP relationship is extended by itself before it ends. Absent without an active one.',
    }),
    reachable: z.boolean().meta({ description: 'If false, no token is issued for the tenant and no job visits it.' }),
    reason: z.enum(reasons),
    reasonTitle: text('The reason in a few words, as lists of tenants and headings have it.'),
    explanation: text('The reason as a sentence.'),
    sources: z
      .array(z.enum(tenantSources))
      .readonly()
      .meta({ description: 'The Microsoft lists that contain the tenant.' }),
    tags: optionalTexts('The tags of the tenant, as `NAME` or `NAME=VALUE`, sorted. Absent if they could not be read.'),
    groups: optionalTexts('The tenant groups of the policy that contain the tenant. Absent if that is not known now.'),
    lastResults: z.array(lastResultSchema).readonly().optional().meta({
      description: 'The latest result of each job that visited the tenant. Absent if the results could not be read.',
    }),
  })
  .meta({ id: 'Tenant' });

export const tenantsAnswerSchema = z
  .object({
    tenants: z.array(tenantSchema).readonly(),
    groups: texts(
      'The names of all tenant groups of the policy; for a caller that the policy limits to some tenants, of those that contain one of them.',
    ),
    limited: z.literal(true).optional().meta({
      description:
        'Present if the policy limits the caller to some tenants. The list has only these, and a run or plan of the caller must name tenants.',
    }),
    warnings: texts('What is missing or outdated in this list.'),
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
    relationshipStartedAt: isoTime.optional(),
    roles: optionalTexts(
      'The directory roles of the active GDAP relationships, by name. What the service account has of them, its security groups decide.',
    ),
    history: z.array(tenantResultSchema).readonly().optional().meta({
      description: 'The results in the newest 14 runs of each job, the newest first. Absent if they could not be read.',
    }),
    codes: z.array(failureTextSchema).readonly().meta({
      description: 'Title and advice for each code in `lastResults` and `history`, with the id of the tenant.',
    }),
    warnings: texts('What is missing or outdated in this answer.'),
    asOf: isoTime.meta({ description: 'When the list of tenants was read.' }),
  })
  .meta({ id: 'TenantDetails' });

export const changedTagsSchema = z
  .object({
    tenantId: guid,
    tags: texts('The tags of the tenant now, sorted.'),
    added: z.array(z.string()).readonly(),
    removed: z.array(z.string()).readonly(),
  })
  .meta({ id: 'ChangedTags' });

export type ChangedTagsAnswer = z.output<typeof changedTagsSchema>;
export type TenantsAnswer = z.output<typeof tenantsAnswerSchema>;
export type LastResult = z.output<typeof lastResultSchema>;
export type TenantDetailsAnswer = z.output<typeof tenantDetailsSchema>;

const eventReasons = [...(Object.keys(reasonTexts) as ReachabilityReason[]), 'not_listed'] as const;
const list = z.array(z.string()).readonly();

const eventSchema = z
  .object({
    id: text('Stays the same however often the event is read or announced.'),
    sequence: count.meta({ description: 'Place in the log. Later events have higher numbers; some are left out.' }),
    at: isoTime.meta({ description: 'When the broker noticed it.' }),
    tenantId: guid,
    tenantName: text('The name of the customer at that time.'),
    kind: z.enum(eventKinds),
    explanation: text('What has happened and why, as sentences.'),
    advice: optionalText('What to do. Absent if there is nothing to do.'),
    reason: z
      .enum(eventReasons)
      .optional()
      .meta({ description: 'Why the tenant is or is not reachable. not_listed: no list of Microsoft contains it.' }),
    endsAt: isoTime.optional().meta({ description: 'When the GDAP relationship ends.' }),
    endedAt: isoTime.optional().meta({ description: 'With `extended`: when it would have ended.' }),
    days: z
      .union([z.literal(endingDays[0]), z.literal(endingDays[1]), z.literal(endingDays[2]), z.literal(endingDays[3])])
      .optional()
      .meta({ description: 'With `ending`: the relationship ends within so many days.' }),
    tagsAdded: list.optional(),
    tagsRemoved: list.optional(),
    scopes: optionalTexts('With `consent_differs`: the missing permissions.'),
    application: optionalText(
      'With `consent_missing`: the further application that lacks the consent. Absent: `default`.',
    ),
    code: errorCodeSchema.optional().meta({ description: 'With `auto_consent_failed`: the cause.' }),
    jobs: optionalTexts('The jobs whose last result shows what is missing.'),
  })
  .meta({ id: 'TenantEvent' });

export const eventsAnswerSchema = z
  .object({
    events: z.array(eventSchema).readonly().meta({ description: 'The newest first.' }),
    continuation: optionalText('Absent on the last page.'),
    lookedAt: isoTime
      .optional()
      .meta({ description: 'When the tenants were last compared with the lists. Absent before the first time.' }),
  })
  .meta({ id: 'TenantEvents' });

export type EventsAnswer = z.output<typeof eventsAnswerSchema>;
export type EventView = EventsAnswer['events'][number];
