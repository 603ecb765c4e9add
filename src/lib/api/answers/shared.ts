import * as z from 'zod';
import { errorCodes } from '../../model/errors.ts';

/** Pieces that several answers have in common. */

export const guid = z.guid();
export const isoTime = z.iso.datetime().meta({ description: 'ISO 8601 in UTC, with milliseconds.' });
export const count = z.int().min(0);

export const errorCodeSchema = z
  .enum(errorCodes)
  .meta({ id: 'ErrorCode', description: 'One of a closed set; see docs/errors.md. Switch on it, never on text.' });

/** What a code means, in the words of the one table. */
export const failureTextSchema = z.object({
  code: errorCodeSchema,
  title: z.string(),
  advice: z.string().meta({ description: 'What to do about it.' }),
});
