import { describe, expect, it } from 'vitest';
import { columnsOf, isDate, type RowValue, shownValue, typeOf } from '../../../dashboard/app/result-columns.ts';
import { type Condition, filterRows, optionsOf, sortRows } from '../../../dashboard/app/row-filter.ts';
import type { ResultRow } from '../../../src/lib/api/answers/runs.ts';

const tenantId = '6f9c1f0e-3b8a-4d59-9a51-5c2f3f1a7b10';
const row = (more: Readonly<Record<string, RowValue>>): ResultRow => ({
  tenantId,
  tenantName: 'Contoso',
  tenantDomain: 'contoso.com',
  ...more,
});

describe('the type of a column', () => {
  it.each<[string, RowValue[], string]>([
    ['numbers with gaps', [1, null, 2.5], 'number'],
    ['booleans', [true, null, false], 'boolean'],
    ['days', ['2026-11-24', null], 'date'],
    ['days and times', ['2026-11-24', '2026-11-24T05:00:00.000Z', '2026-11-24T05:00:00+01:00'], 'date'],
    ['a day that does not exist beside one that does', ['2026-11-24', '2026-13-45'], 'text'],
    ['a time without a zone', ['2026-11-24T05:00:00'], 'text'],
    ['numbers as text', ['12', '13'], 'text'],
    ['a number and a text', [1, 'one'], 'text'],
    ['a number and a boolean', [1, true], 'text'],
    ['no value', [null, null], 'text'],
  ])('%s', (_, values, type) => {
    expect(typeOf(values)).toBe(type);
  });

  it('accepts no text as a date that only begins like one', () => {
    expect(isDate('2026-11-24T05:00Z and later')).toBe(false);
  });
});

describe('a value', () => {
  it.each<[RowValue, 'text' | 'number' | 'boolean' | 'date', string]>([
    [1_234_567.891, 'number', '1,234,567.891'],
    // A number in a column of texts may be a year or an id.
    [20_261_124, 'text', '20261124'],
    [true, 'boolean', 'yes'],
    [false, 'text', 'no'],
    ['2026-11-24', 'date', '24 Nov 2026'],
    ['never', 'date', 'never'],
    ['2026-11-24', 'text', '2026-11-24'],
    [null, 'number', ''],
    ['12', 'number', '12'],
  ])('%j in a column of type %s is shown as %j', (value, type, text) => {
    expect(shownValue(value, type)).toBe(text);
  });

  it('that is an identifier of Microsoft is shown in the words of the report of a customer', () => {
    expect(shownValue('Warning', 'text', 'status')).toBe('in grace period');
    expect(shownValue('Warning', 'text', 'product')).toBe('Warning');
  });

  it('that is a time is shown in the zone of the reader', () => {
    const iso = '2026-11-24T05:00:00.000Z';
    const hour = new Date(iso).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
    expect(shownValue(iso, 'date')).toMatch(new RegExp(`^24 Nov(?: 2026)?, ${hour}$`));
  });
});

describe('columnsOf', () => {
  const declared = [
    { name: 'licences', title: 'Licences', type: 'number' },
    { name: 'product', title: 'Product', type: 'text' },
  ] as const;

  it('has the tenant first, then the columns of the job, then those that only rows have', () => {
    const rows = [row({ extra: true, product: 'E3', licences: 3 })];
    expect(columnsOf(rows, declared).map(({ name, title, type }) => [name, title, type])).toEqual([
      ['tenantName', 'Tenant', 'text'],
      ['licences', 'Licences', 'number'],
      ['product', 'Product', 'text'],
      ['extra', 'extra', 'boolean'],
      ['tenantDomain', 'Domain', 'text'],
      ['tenantId', 'Tenant id', 'text'],
    ]);
  });

  it('finds types without a job, and columns that not every row has', () => {
    const rows = [row({ n: 1 }), row({ n: 2, at: '2026-11-24' })];
    expect(columnsOf(rows).map(({ name, type }) => `${name} ${type}`)).toEqual(
      expect.arrayContaining(['n number', 'at date']),
    );
  });

  it('hides ids and the domain at first, and shows names', () => {
    const rows = [row({ skuId: tenantId, product: 'E3' }), row({ skuId: null, product: tenantId })];
    const hidden = columnsOf(rows).filter(({ isShown }) => !isShown);
    expect(hidden.map(({ name }) => name)).toEqual(['skuId', 'tenantDomain', 'tenantId']);
  });

  it('is wide enough for most values, and not for the longest of many', () => {
    const rows = Array.from({ length: 100 }, (_, index) => row({ text: index === 7 ? 'x'.repeat(500) : 'short' }));
    const width = columnsOf(rows).find(({ name }) => name === 'text')?.width ?? 0;
    expect(width).toBeLessThan(8);
    const long = columnsOf([row({ text: 'x'.repeat(500) })]).find(({ name }) => name === 'text')?.width;
    expect(long).toBe(22);
  });
});

const rows = [
  row({ tenantName: 'Adatum', n: 10, on: true, at: '2026-11-24', status: 'Enabled' }),
  row({ tenantName: 'Fabrikam', n: 9, on: false, at: '2026-11-25', status: 'Warning' }),
  row({ tenantName: 'contoso', n: null, on: null, at: null, status: '' }),
  row({ tenantName: 'Contoso 10', n: -3, on: true, at: '2026-12-01', status: 'Enabled' }),
  row({ tenantName: 'Contoso 9', n: 1_000, on: false, at: '2025-01-01', status: 'Suspended' }),
];
const columns = columnsOf(rows, [{ name: 'status', title: 'Status', type: 'text' }]);
const names = (list: readonly ResultRow[]): string[] => list.map(({ tenantName }) => tenantName);

describe('filterRows', () => {
  const search = (text: string) => names(filterRows(rows, columns, { search: text, conditions: [] }));
  const by = (...conditions: Condition[]) => names(filterRows(rows, columns, { search: '', conditions }));

  it('searches in what the page shows and in what the file has, whatever the case', () => {
    expect(search('  CONTOSO 1')).toEqual(['Contoso 10']);
    expect(search('1,000')).toEqual(['Contoso 9']);
    expect(search('1000')).toEqual(['Contoso 9']);
    expect(search('24 nov')).toEqual(['Adatum']);
    expect(search('2026-11-24')).toEqual(['Adatum']);
    expect(search('')).toHaveLength(5);
  });

  it('formats a row once for all letters and pages, although each page makes the columns anew', () => {
    const read: string[] = [];
    const watched = new Proxy(row({ n: 1 }), {
      get: (target, name) => {
        read.push(String(name));
        return target[String(name)];
      },
    });
    const find = () => filterRows([watched], columnsOf([row({ n: 1 })]), { search: 'contoso', conditions: [] });
    expect(find()).toHaveLength(1);
    const before = read.length;
    expect(before).toBeGreaterThan(0);
    find();
    expect(read).toHaveLength(before);
  });

  it('searches anew when the columns have other types', () => {
    const asText = columns.map((column) => ({ ...column, type: 'text' as const }));
    expect(filterRows(rows, asText, { search: '1,000', conditions: [] })).toEqual([]);
  });

  it.each<[Condition, string[]]>([
    [{ column: 'n', operator: 'at least', value: '9' }, ['Adatum', 'Fabrikam', 'Contoso 9']],
    [{ column: 'n', operator: 'at most', value: '9' }, ['Fabrikam', 'Contoso 10']],
    [{ column: 'n', operator: 'is', value: '1000' }, ['Contoso 9']],
    [{ column: 'n', operator: 'is', value: '' }, ['contoso']],
    [{ column: 'on', operator: 'is', value: 'yes' }, ['Adatum', 'Contoso 10']],
    [{ column: 'status', operator: 'is', value: '' }, ['contoso']],
    [{ column: 'status', operator: 'contains', value: 'GRACE' }, ['Fabrikam']],
    [{ column: 'at', operator: 'from', value: '2026-11-25' }, ['Fabrikam', 'Contoso 10']],
    [{ column: 'at', operator: 'until', value: '2026-11-24' }, ['Adatum', 'Contoso 9']],
  ])('lets the rows through that fulfil %j', (condition, found) => {
    expect(by(condition)).toEqual(found);
  });

  it('wants every condition fulfilled', () => {
    const enabled = { column: 'status', operator: 'is', value: 'active' } as const;
    expect(by(enabled, { column: 'n', operator: 'at least', value: '0' })).toEqual(['Adatum']);
  });

  it('compares times with the day of the reader', () => {
    const moment = new Date(2026, 10, 24, 23, 59).toISOString();
    const timed = [row({ at: moment })];
    const found = (value: string, operator: 'from' | 'until') =>
      filterRows(timed, columnsOf(timed), { search: '', conditions: [{ column: 'at', operator, value }] }).length;
    expect([found('2026-11-24', 'from'), found('2026-11-24', 'until')]).toEqual([1, 1]);
    expect([found('2026-11-25', 'from'), found('2026-11-23', 'until')]).toEqual([0, 0]);
  });
});

describe('sortRows', () => {
  it.each([
    ['tenantName', false, ['Adatum', 'contoso', 'Contoso 9', 'Contoso 10', 'Fabrikam']],
    ['tenantName', true, ['Fabrikam', 'Contoso 10', 'Contoso 9', 'contoso', 'Adatum']],
    ['n', false, ['Contoso 10', 'Fabrikam', 'Adatum', 'Contoso 9', 'contoso']],
    // Rows without a value stay last.
    ['n', true, ['Contoso 9', 'Adatum', 'Fabrikam', 'Contoso 10', 'contoso']],
    ['at', false, ['Contoso 9', 'Adatum', 'Fabrikam', 'Contoso 10', 'contoso']],
    ['on', false, ['Fabrikam', 'Contoso 9', 'Adatum', 'Contoso 10', 'contoso']],
  ])('by %s, descending %s', (column, descending, order) => {
    expect(names(sortRows(rows, columns, { column, descending }))).toEqual(order);
  });

  it('keeps the order without a column, or with one that is gone', () => {
    expect(sortRows(rows, columns, undefined)).toBe(rows);
    expect(sortRows(rows, columns, { column: 'gone', descending: true })).toBe(rows);
  });
});

describe('optionsOf', () => {
  const column = (name: string) => columns.find((known) => known.name === name)!;
  it('lists the values in order, an empty one first', () => {
    expect(optionsOf(rows, column('status'))).toEqual(['', 'active', 'in grace period', 'suspended']);
  });
  it('has no words of its own for a column that no job declares, as of a query', () => {
    const status = columnsOf(rows).find(({ name }) => name === 'status')!;
    expect(optionsOf(rows, status)).toEqual(['', 'Enabled', 'Suspended', 'Warning']);
  });
  it('lists nothing if there are too many', () => {
    const many = Array.from({ length: 61 }, (_, index) => row({ status: String(index) }));
    expect(optionsOf(many, column('status'))).toBeUndefined();
    expect(optionsOf(many.slice(1), column('status'))).toHaveLength(60);
  });
});
