import { describe, expect, it } from 'vitest';
import { type Counting, maxNumbersLength, RowCounter } from '../../../../../src/lib/runs/history/tenant-numbers.ts';
import { readTenantRun, tenantRunRow } from '../../../../../src/lib/runs/store/run-entity.ts';
import { recordOf } from '../store/stage.ts';

type Row = Readonly<Record<string, unknown>>;

function count(rows: readonly Row[], counting: Counting = {}) {
  const counter = new RowCounter(counting);
  for (const row of rows) counter.add(row);
  return counter.result();
}

describe('the numbers of rows', () => {
  it('are sums of numbers, and counts of each boolean', () => {
    const rows = [
      { user: 'ann', free: 3, admin: true },
      { user: 'bob', free: -1, admin: false },
      { user: 'cem', free: 4, admin: true },
    ];
    expect(count(rows)).toEqual({ names: ['free', 'admin=true', 'admin=false'], all: [3, 6, 2, 1] });
  });

  it('leave unknown values out, and are unknown if all are', () => {
    const rows = [
      { free: null, used: 2, on: null, admin: true },
      { free: null, used: null, on: null },
      { used: 5, admin: null },
    ];
    expect(count(rows)).toEqual({ names: ['used', 'admin=true', 'admin=false'], all: [3, 7, 1, 0] });
  });

  it('have no texts, and no columns with values of several types', () => {
    const rows = [
      { name: 'ann', mixed: 1, other: true, late: 'x', flag: false },
      { name: 'bob', mixed: 'x', other: 1, late: 2, flag: false },
    ];
    expect(count(rows)).toEqual({ names: ['flag=true', 'flag=false'], all: [2, 0, 2] });
    expect(JSON.stringify(count(rows))).not.toMatch(/ann|bob/);
  });

  it('leave out a column that is called like a counted boolean', () => {
    const rows = [
      { 'admin=true': 50, admin: true, 'trial=false': 1 },
      { 'admin=true': 7, admin: false, 'trial=false': 1 },
    ];
    expect(count(rows)).toEqual({ names: ['admin=true', 'admin=false'], all: [2, 1, 1] });
  });

  it('leave out the columns that a job excludes', () => {
    expect(count([{ daysLeft: 3, free: 1 }], { without: new Set(['daysLeft']) })).toEqual({
      names: ['free'],
      all: [1, 1],
    });
  });

  it('have no digits that come from binary fractions, and no infinity', () => {
    expect(count([{ a: 0.1 }, { a: 0.2 }])?.all).toEqual([2, 0.3]);
    expect(count([{ a: Number.MAX_SAFE_INTEGER - 1 }, { a: 1 }])?.all).toEqual([2, Number.MAX_SAFE_INTEGER]);
    expect(count([{ a: 1.7e308 }, { a: 1.7e308 }])?.all).toEqual([2, null]);
  });

  it('do not exist without rows', () => {
    expect(count([])).toBeUndefined();
  });

  it('have at most 40 names, of at most 60 characters', () => {
    const wide = Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`c${at}`, at]));
    expect(count([wide])?.names).toEqual(Array.from({ length: 40 }, (_, at) => `c${at}`));
    expect(count([{ ['x'.repeat(61)]: 1, ['y'.repeat(60)]: 2 }])?.names).toEqual(['y'.repeat(60)]);
  });
});

describe('numbers that are split by a column', () => {
  const rows = [
    { product: 'E5', free: 2, trial: false },
    { product: 'E3', free: 5, trial: true },
    { product: 'E5', free: 1, trial: null },
    { product: null, free: 10, trial: false },
    { product: '', free: 100, trial: false },
  ];

  it('have the same numbers for each value, sorted, and all rows in the whole', () => {
    expect(count(rows, { by: 'product' })).toEqual({
      names: ['free', 'trial=true', 'trial=false'],
      all: [5, 118, 1, 3],
      split: {
        by: 'product',
        values: [
          ['E3', [1, 5, 1, 0]],
          ['E5', [2, 3, 0, 1]],
        ],
      },
    });
  });

  it('are split by none if no row has a value', () => {
    expect(count([{ free: 1 }], { by: 'product' })?.split).toEqual({ by: 'product', values: [] });
  });

  it('are not split by a column with more than 100 values, or whose numbers are too long', () => {
    const of = (values: number, free = 1) =>
      Array.from({ length: values }, (_, at) => ({ product: `p${at}`, a: free, b: free, c: free, d: free, e: free }));
    expect(count(of(100), { by: 'product' })?.split?.values).toHaveLength(100);
    expect(count(of(101), { by: 'product' })).toEqual({
      names: ['a', 'b', 'c', 'd', 'e'],
      all: [101, 101, 101, 101, 101, 101],
    });
    const long = count(of(100, 123_456_789_012_345), { by: 'product' });
    expect(JSON.stringify(long).length).toBeLessThan(maxNumbersLength);
    expect(long).not.toHaveProperty('split');
  });

  it('leave out a value of more than 100 characters', () => {
    const values = ['x'.repeat(101), 'y'.repeat(100)].map((product) => ({ product, free: 1 }));
    expect(count(values, { by: 'product' })?.split?.values.map(([value]) => value)).toEqual(['y'.repeat(100)]);
  });
});

describe('the text of numbers', () => {
  it('is read again', () => {
    for (const numbers of [
      count([{ a: 1, b: true }])!,
      count([{ a: 1, b: 'x' }], { by: 'b' })!,
      count([{ a: 1.7e308 }, { a: 1.7e308 }])!,
    ])
      expect(readTenantRun(tenantRunRow('probe@w', recordOf(1, { numbers })))?.numbers).toEqual(numbers);
  });

  it('is read as nothing if it is damaged', () => {
    for (const text of [
      undefined,
      '',
      '{',
      '[]',
      '{"names":[]}',
      '{"names":[],"all":[]}',
      '{"names":["a"],"all":["x"]}',
    ])
      expect(readTenantRun({ ...tenantRunRow('probe@w', recordOf(1)), numbers: text })?.numbers).toBeUndefined();
  });
});
