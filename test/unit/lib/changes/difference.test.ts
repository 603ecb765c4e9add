import { expect, test, vi } from 'vitest';
import { differenceOf } from '../../../../src/lib/changes/difference.ts';

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
  ].map((list) => JSON.stringify({ list }));
  expect(differenceOf(before ?? null, after ?? null)).toEqual([
    { place: 'list', lost: ['b'], gained: ['d'], isList: true },
  ]);
});
