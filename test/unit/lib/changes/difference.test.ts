import { describe, expect, test, vi } from 'vitest';
import { differenceOf, objectName } from '../../../../src/lib/changes/difference.ts';

/** The difference between two values as they are stored. */
const between = (before: unknown, after: unknown) =>
  differenceOf(before === null ? null : JSON.stringify(before), after === null ? null : JSON.stringify(after));

test('compares long lists, which a stranger may have written, in linear time', () => {
  const [before, after] = ['b', 'a'].map((name) =>
    JSON.stringify({ list: Array.from({ length: 500 }, (_, at) => `${name}${at}`) }),
  );
  const compared = vi.spyOn(JSON, 'stringify');
  const [difference] = differenceOf(before ?? null, after ?? null);
  expect([difference?.lost.length, difference?.gained.length]).toEqual([500, 500]);
  expect(compared.mock.calls.length).toBeLessThan(10 * 500);
  compared.mockRestore();
});

test('shows the items that one list has and the other lacks, whatever their case and order', () => {
  const [before, after] = [
    ['ann@x.example', 'b', { c: 1 }],
    [{ c: 1 }, 'ANN@x.example', 'd'],
  ].map((list) => ({ list }));
  expect(between(before, after)).toEqual([{ place: 'list', lost: ['b'], gained: ['d'], isList: true }]);
  expect(between({ list: ['a', 'b'] }, { list: ['b', 'a'] })).toEqual([]);
});

test('shows each property that changes by its place, and none that stays', () => {
  const before = { same: 1, roles: { create: true, read: { own: 'a' } }, gone: '' };
  const after = { same: 1, roles: { create: false, read: { own: 'a', all: 'b' } } };
  expect(between(before, after)).toEqual([
    { place: 'roles.create', lost: ['true'], gained: ['false'], isList: false },
    { place: 'gone', lost: ['""'], gained: [], isList: false },
    { place: 'roles.read.all', lost: [], gained: ['b'], isList: false },
  ]);
});

test('shows the whole of what was not there or is not there any more', () => {
  expect(between(null, { name: 'a' })).toEqual([{ place: 'name', lost: [], gained: ['a'], isList: false }]);
  expect(between({ name: 'a' }, null)).toEqual([{ place: 'name', lost: ['a'], gained: [], isList: false }]);
  expect(between(null, null)).toEqual([]);
  expect(between('old', 'new')).toEqual([{ place: '', lost: ['old'], gained: ['new'], isList: false }]);
});

test('shows a list that takes the place of a value as one value', () => {
  expect(between({ list: null }, { list: ['a'] })).toEqual([
    { place: 'list', lost: ['null'], gained: ['["a"]'], isList: false },
  ]);
  expect(between({ list: ['a'] }, { list: null })[0]?.isList).toBe(false);
});

describe('the name of an object', () => {
  test.each<[object | null, object | null, string | undefined]>([
    [{ displayName: 'Old' }, { displayName: 'New' }, 'New'],
    [{ displayName: 'Old' }, { displayName: '' }, 'Old'],
    [{ userPrincipalName: 'ann@x.example' }, null, 'ann@x.example'],
    [null, { DisplayName: 'Rule' }, 'Rule'],
    [null, { Name: 'Policy' }, 'Policy'],
    [null, { displayName: 'Shown', Name: 'Policy' }, 'Shown'],
    [null, { displayName: 7, userPrincipalName: 'ann@x.example' }, 'ann@x.example'],
    [{ id: 'x' }, { id: 'x' }, undefined],
    [null, null, undefined],
  ])('with %j before and %j after is %j', (before, after, name) => {
    const json = (state: object | null) => (state === null ? null : JSON.stringify(state));
    expect(objectName(json(before), json(after))).toBe(name);
  });

  test('is none of a value that is no object', () => {
    expect(objectName('"displayName"', '[1]')).toBeUndefined();
  });
});
