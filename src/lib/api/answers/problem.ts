import * as z from 'zod';
import { errorCodeSchema, guid } from './shared.ts';

/** RFC 9457: every answer that is no success. */
export const problemSchema = z
  .object({
    type: z.url().meta({ description: 'Leads to the description of the code.' }),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string().meta({ description: 'One sentence about this occurrence.' }),
    code: errorCodeSchema,
    advice: z.string().meta({ description: 'What to do about it.' }),
    correlationId: guid.meta({ description: 'Finds the occurrence in the log.' }),
    retryAfterSeconds: z
      .int()
      .min(0)
      .optional()
      .meta({ description: 'When the same request may work; also in the Retry-After header.' }),
  })
  .meta({ id: 'Problem', description: 'A failure, as RFC 9457 has it.' });
