import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { safeParse } from '../../../../src/lib/core/json.ts';

// zod throws for a `length` that cannot be converted to a number.
const odd = { length: { toString: 1 } };

describe('safeParse', () => {
  it.each([z.string().min(1), z.string().max(5), z.array(z.string()).max(4)])(
    'returns a failure for a value for which zod throws',
    (schema) => {
      expect(() => schema.safeParse(odd)).toThrow(TypeError);
      expect(safeParse<unknown>(schema, odd)).toMatchObject({ success: false, error: { issues: [] } });
    },
  );

  it("returns the schema's output or its issues", () => {
    const schema = z.string().transform((text) => text.length);
    expect(safeParse(schema, 'abc')).toEqual({ success: true, data: 3 });
    expect(safeParse(schema, 3)).toMatchObject({ success: false, error: { issues: [{ code: 'invalid_type' }] } });
  });
});
