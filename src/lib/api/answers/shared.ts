import * as z from 'zod';
import { errorCodes } from '../../core/errors.ts';

/** Schemas that several answers share. */

export const guid = z.guid();
export const isoTime = z.iso.datetime().meta({ description: 'ISO 8601 in UTC, with milliseconds.' });
export const count = z.int().min(0);

export const errorCodeSchema = z.enum(errorCodes).meta({
  id: 'ErrorCode',
  description: 'One of a closed set, described in docs/errors.md. Switch on it, never on texts.',
});

/** A code with its title and advice from the error table. */
export const failureTextSchema = z.object({
  code: errorCodeSchema,
  title: z.string(),
  advice: z.string().meta({ description: 'What to do about the failure.' }),
});
