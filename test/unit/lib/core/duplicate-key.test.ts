import fc from 'fast-check';
import { expect, it } from 'vitest';
import { duplicateKey, nestingDepth } from '../../../../src/lib/core/json.ts';

it.each<[string, string | undefined]>([
  ['{"a":1,"a":2}', 'a'],
  ['{"a":1,"\\u0061":2}', 'a'],
  ['{"a":{"b":[{"c":1,"c":2}]}}', 'c'],
  ['{"a":{"b":1},"c":[],"a":0}', 'a'],
  ['{"":1,"":2}', ''],
  ['{"a":"a","b":"a:a","c":["a","a"]}', undefined],
  ['{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}', undefined],
  ['{"a":"\\"a\\":1,\\"a\\":2"}', undefined],
  ['{"a\\"":1,"a":2,"a\\\\":3}', undefined],
  ['[["a"],"a",{"a":"}{"}]', undefined],
  ['"a"', undefined],
  ['{"__proto__":1,"constructor":2}', undefined],
])('returns the first duplicate key of %s', (json, expected) => {
  // Only valid JSON reaches the function.
  expect(() => JSON.parse(json)).not.toThrow();
  expect(duplicateKey(json)).toBe(expected);
});

it('finds no duplicate in JSON.stringify output, and finds an inserted one', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }), (value, object) => {
      expect(duplicateKey(JSON.stringify(value, undefined, 1))).toBeUndefined();
      const [key] = Object.keys(object);
      const json = `${JSON.stringify([value, object]).slice(0, -2)},${JSON.stringify(key)}:null}]`;
      expect(duplicateKey(json)).toBe(key);
    }),
    { numRuns: 5_000, seed: 7 },
  );
});

it.each([
  ['1', 0],
  ['{}', 1],
  ['[]', 1],
  ['[[],[[]]]', 3],
  ['{"a":{"b":[1]},"c":{}}', 3],
  ['[{},{},{}]', 2],
  ['[1,[2],3,{"a":[]}]', 3],
  ['{"[[[":"]]]{{{"}', 1],
  [String.raw`["\"[[[",{}]`, 2],
])('%s is nested %i levels deep', (json, depth) => {
  expect(nestingDepth(json)).toBe(depth);
});
