import { expect, test } from 'vitest';
import { canonicalJson, isSame, partOf } from '../../../../src/lib/changes/values.ts';

test('canonical JSON is that of RFC 8785', () => {
  // The examples of the RFC: sections 3.2.2 and 3.2.3.
  expect(
    canonicalJson({
      numbers: [333_333_333.333_333_3, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: '€$\u000F\nA\'B"\\\\"/',
      literals: [null, true, false],
    }),
  ).toBe(
    String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
  );
  const sorted = { '€': 1, '\r': 2, '\uFB33': 3, 1: 4, '😀': 5, '\u0080': 6, ö: 7 };
  const values = Array.from(canonicalJson(sorted).matchAll(/:(\d)/g), ([, value]) => Number(value));
  expect(values).toEqual([2, 4, 6, 7, 1, 5, 3]);
});

test('members that are undefined do not exist, and -0 is 0', () => {
  expect(canonicalJson({ b: undefined, a: [-0, undefined] })).toBe('{"a":[0,null]}');
  expect(canonicalJson(undefined)).toBe('null');
});

test.each<[string, unknown, unknown, boolean]>([
  ['lists in another order', ['a', 'b'], ['b', 'a'], true],
  ['lists with repeats', ['a', 'a'], ['a'], true],
  ['lists of which one has more', ['a'], ['a', 'b'], false],
  ['lists of objects in another order', [{ a: 1 }, { a: 2 }], [{ a: 2 }, { a: 1 }], true],
  ['GUIDs in another case', 'ABCDEF00-0000-4000-8000-000000000000', 'abcdef00-0000-4000-8000-000000000000', true],
  ['addresses in another case', 'SMTP:Ann@Contoso.com', 'smtp:ann@contoso.com', true],
  ['other texts in another case', 'Pilot', 'pilot', false],
  ['a number and its text', 1, '1', false],
  ['false and null', false, null, false],
  ['null and an absent member', { a: null }, {}, false],
  ['null and undefined', null, undefined, true],
  ['an empty list and null', [], null, false],
  ['objects that differ in their type only', { '@odata.type': '#a', b: 1 }, { b: 1 }, true],
  ['members in another order', { a: 1, b: 2 }, { b: 2, a: 1 }, true],
])('%s', (_, one, other, same) => {
  expect(isSame(one, other)).toBe(same);
  expect(isSame(other, one)).toBe(same);
});

test('the part of a value has what the aim speaks of, and its type', () => {
  const value = { '@odata.type': '#old', a: { b: 1, c: 2 }, d: [1, 2], e: 3 };
  expect(partOf(value, { '@odata.type': '#ip', a: { b: 9 }, d: [], f: 1 })).toEqual({
    '@odata.type': '#ip',
    a: { b: 1 },
    d: [1, 2],
  });
});

test('what a value lacks is null only where that is declared', () => {
  expect(partOf({ a: { b: 1 } }, { a: { c: 1 }, d: 1 })).toEqual({ a: {} });
  expect(partOf({ a: { b: 1 } }, { a: { c: 1 }, d: 1 }, true)).toEqual({ a: { c: null }, d: null });
  expect(partOf({}, { constructor: 1 })).toEqual({});
});
