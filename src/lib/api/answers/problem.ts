import * as z from 'zod';
import { errorCodeSchema, guid } from './shared.ts';

/** The body of every failure (RFC 9457). */
export const problemSchema = z
  .object({
    type: z.url().meta({ description: 'Address of the description of the code.' }),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string().meta({ description: 'What went wrong in this case.' }),
    code: errorCodeSchema,
    advice: z.string().meta({ description: 'What to do about the failure.' }),
    correlationId: guid.meta({ description: 'Identifies the request in the log.' }),
    retryAfterSeconds: z
      .int()
      .min(0)
      .optional()
      .meta({ description: 'Seconds until the same request may succeed. Also in the `Retry-After` header.' }),
  })
  .meta({ id: 'Problem', description: 'A failure (RFC 9457).' });
