import * as z from 'zod';
import { eventKinds } from '../tenant-events/tenant-event.ts';
import { limit, withSameFilters } from './page-parameters.ts';
import { tenantFilter, time } from './requests.ts';

/** An empty text is no place: as 0, it would be the end of the log, or all of it. */
const place = z
  .string()
  .regex(/^\d{1,12}$/, 'is not the `sequence` or `continuation` of an answer')
  .transform(Number);

/** The query of `GET /api/tenants/{tenant}/events`. Strict, like those in requests.ts. */
export const tenantEventsQuerySchema = z.strictObject({
  kind: z.enum(eventKinds).optional().meta({ description: 'Limits the answer to events of this kind.' }),
  since: time
    .optional()
    .meta({ description: 'Limits the answer to events that were noticed at this time or later, ISO 8601.' }),
  after: place.optional().meta({ description: 'Limits the answer to events with a higher `sequence`.' }),
  limit: limit(500, 100, 'Maximum number of events in the answer.'),
  continuation: place.optional().meta({ description: withSameFilters }),
});

/** The query of `GET /api/events`. */
export const eventsQuerySchema = tenantEventsQuerySchema.extend(tenantFilter);
