import fc from 'fast-check';
import { expect, it } from 'vitest';
import { asObject, defined, isObject, objectsIn, textsIn } from '../../../../src/lib/core/objects.ts';

it.each([[null], [[1]], ['a'], [1], [undefined]])('%j is no object, and an empty one in its place', (value) => {
  expect([isObject(value), asObject(value)]).toEqual([false, {}]);
});

it('an object is one', () => {
  expect([isObject({}), asObject({ a: 1 })]).toEqual([true, { a: 1 }]);
});

it('finds the objects and the strings in a list, and none in anything else', () => {
  const list = [{ b: 1 }, null, 2, 'a', [3]];
  expect([objectsIn(list), textsIn(list)]).toEqual([[{ b: 1 }], ['a']]);
  expect([objectsIn({}), textsIn('a')]).toEqual([[], []]);
});

it('keeps the members that are defined, in their order', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.option(fc.jsonValue(), { nil: undefined })), (members) => {
      const kept = Object.entries(members).filter(([, value]) => value !== undefined);
      expect(Object.entries(defined(members))).toEqual(kept);
    }),
  );
});

it('leaves what is empty but defined', () => {
  expect(Object.keys(defined({ a: undefined, b: '', c: 0, d: false, e: null }))).toEqual(['b', 'c', 'd', 'e']);
});
