import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BytePatterns } from '../../support/byte-patterns.ts';

// Only three byte values, so that patterns overlap, repeat and nearly match.
const bytes = (limits: { minLength: number; maxLength: number }) =>
  fc.array(fc.integer({ min: 97, max: 99 }), limits).map((values) => Buffer.from(values));

describe('BytePatterns', () => {
  test('finds the same patterns as separate searches', () => {
    fc.assert(
      fc.property(
        fc.array(bytes({ minLength: 4, maxLength: 7 }), { maxLength: 12 }),
        bytes({ minLength: 0, maxLength: 60 }),
        (patterns, buffer) => {
          const named = patterns.map((each, index) => ({ what: `${index}`, bytes: each }));
          const expected = named.filter((each) => buffer.includes(each.bytes)).map(({ what }) => what);
          expect([...new BytePatterns(named).find(buffer)].toSorted()).toEqual(expected.toSorted());
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('rejects patterns shorter than four bytes', () => {
    expect(() => new BytePatterns([{ what: 'abc', bytes: Buffer.from('abc') }])).toThrow(RangeError);
  });
});
