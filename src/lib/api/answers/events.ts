import * as z from 'zod';
import { endingDays, eventKinds } from '../../tenant-events/tenant-event.ts';
import { type ReachabilityReason, reasonTexts } from '../../tenants/tenant.ts';
import { count, errorCodeSchema, guid, isoTime } from './shared.ts';

const reasons = [...(Object.keys(reasonTexts) as ReachabilityReason[]), 'not_listed'] as const;
const texts = z.array(z.string()).readonly();

const eventSchema = z
  .object({
    id: z.string().meta({ description: 'Stays the same however often the event is read or announced.' }),
    sequence: count.meta({ description: 'Place in the log. Later events have higher numbers; some are left out.' }),
    at: isoTime.meta({ description: 'When the broker noticed it.' }),
    tenantId: guid,
    tenantName: z.string().meta({ description: 'The name of the customer at that time.' }),
    kind: z.enum(eventKinds),
    explanation: z.string().meta({ description: 'What has happened and why, as sentences.' }),
    advice: z.string().optional().meta({ description: 'What to do. Absent if there is nothing to do.' }),
    reason: z
      .enum(reasons)
      .optional()
      .meta({ description: 'Why the tenant is or is not reachable. not_listed: no list of Microsoft contains it.' }),
    endsAt: isoTime.optional().meta({ description: 'When the GDAP relationship ends.' }),
    endedAt: isoTime.optional().meta({ description: 'With `extended`: when it would have ended.' }),
    days: z
      .union([z.literal(endingDays[0]), z.literal(endingDays[1]), z.literal(endingDays[2]), z.literal(endingDays[3])])
      .optional()
      .meta({ description: 'With `ending`: the relationship ends within so many days.' }),
    tagsAdded: texts.optional(),
    tagsRemoved: texts.optional(),
    scopes: texts.optional().meta({ description: 'With `consent_differs`: the missing permissions.' }),
    application: z.string().optional().meta({
      description: 'With `consent_missing`: the further application that lacks the consent. Absent: `default`.',
    }),
    code: errorCodeSchema.optional().meta({ description: 'With `auto_consent_failed`: the cause.' }),
    jobs: texts.optional().meta({ description: 'The jobs whose last result shows what is missing.' }),
  })
  .meta({ id: 'TenantEvent' });

export const eventsAnswerSchema = z
  .object({
    events: z.array(eventSchema).readonly().meta({ description: 'The newest first.' }),
    continuation: z.string().optional().meta({ description: 'Absent on the last page.' }),
    lookedAt: isoTime
      .optional()
      .meta({ description: 'When the tenants were last compared with the lists. Absent before the first time.' }),
  })
  .meta({ id: 'TenantEvents' });

export type EventsAnswer = z.output<typeof eventsAnswerSchema>;
export type EventView = EventsAnswer['events'][number];
