import * as z from 'zod';

export type Parsed<T> =
  | { readonly success: true; readonly data: T }
  | { readonly success: false; readonly error: Pick<z.ZodError, 'issues'> };

/**
 * Checks an untrusted value. Never throws, unlike zod's own `safeParse`: for `{"length":{"toString":1}}`, the schema
 * `string().min(1)` throws "Cannot convert object to primitive value".
 */
export function safeParse<T>(schema: z.ZodType<T>, value: unknown): Parsed<T> {
  try {
    return schema.safeParse(value);
  } catch {
    return { success: false, error: new z.ZodError([]) };
  }
}
