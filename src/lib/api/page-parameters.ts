import * as z from 'zod';

/** The parameter `limit` of a list. @param most the highest number that a caller may send. */
export const limit = (most: number, byDefault: number, description: string) =>
  z.coerce.number().int().min(1).max(most).default(byDefault).meta({ description });

/** The parameter `continuation` of a list. @param most length of the longest one, in characters. */
export const continuation = (most: number, description: string) =>
  z.string().min(1).max(most).optional().meta({ description });

export const withSameFilters = 'The `continuation` of the previous answer. Send it with the same filters.';
