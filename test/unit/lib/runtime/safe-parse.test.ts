import { expect, it } from 'vitest';
import * as z from 'zod';
import { safeParse } from '../../../../src/lib/runtime/safe-parse.ts';

// What zod stumbles over: a length that can be compared with nothing.
const odd = { length: { toString: 1 } };

it.each([z.string().min(1), z.string().max(5), z.array(z.string()).max(4)])(
  'refuses a value with a length of its own instead of throwing',
  (schema) => {
    expect(() => schema.safeParse(odd)).toThrow(TypeError);
    expect(safeParse<unknown>(schema, odd)).toMatchObject({ success: false, error: { issues: [] } });
  },
);

it('passes on what the schema makes of a value, and what is wrong with one', () => {
  const schema = z.string().transform((text) => text.length);
  expect(safeParse(schema, 'abc')).toEqual({ success: true, data: 3 });
  expect(safeParse(schema, 3)).toMatchObject({ success: false, error: { issues: [{ code: 'invalid_type' }] } });
});
