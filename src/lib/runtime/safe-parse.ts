import * as z from 'zod';

export type Parsed<T> =
  | { readonly success: true; readonly data: T }
  | { readonly success: false; readonly error: Pick<z.ZodError, 'issues'> };

/**
 * Checks a value from outside; never throws. zod's own `safeParse` does, where the value brings a `length` that is no
 * number: `{"length":{"toString":1}}` against `string().min(1)` ends in "Cannot convert object to primitive value".
 */
export function safeParse<T>(schema: z.ZodType<T>, value: unknown): Parsed<T> {
  try {
    return schema.safeParse(value);
  } catch {
    return { success: false, error: new z.ZodError([]) };
  }
}
