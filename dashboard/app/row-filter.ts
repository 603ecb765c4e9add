import type { ResultRow } from '../../src/lib/api/answers/runs.ts';
import { type ColumnType, type ResultColumn, type RowValue, shownValue } from './result-columns.ts';
import type { RowsSort } from './virtual-rows.tsx';
import { compare, sortBy } from './sort.ts';

/** What a condition may ask of a column of this type. */
export const operatorsOf: Readonly<Record<ColumnType, readonly Operator[]>> = {
  text: ['is', 'contains'],
  number: ['is', 'at least', 'at most'],
  boolean: ['is'],
  date: ['from', 'until'],
};
export type Operator = 'is' | 'contains' | 'at least' | 'at most' | 'from' | 'until';

/** A condition that shown rows fulfil. */
export interface Condition {
  /** Name of the column. */
  readonly column: string;
  readonly operator: Operator;
  /** As the reader chose or typed it: a shown value, a number, or a day such as 2026-11-24. Empty: no value. */
  readonly value: string;
}

export interface RowFilter {
  /** Text that some value of a shown row contains, whatever the case. */
  readonly search: string;
  /** A shown row fulfils all of them. */
  readonly conditions: readonly Condition[];
}

/** The rows that the filter lets through, in their order. */
export function filterRows(
  rows: readonly ResultRow[],
  columns: readonly ResultColumn[],
  { search, conditions }: RowFilter,
): readonly ResultRow[] {
  const wanted = search.trim().toLowerCase();
  const tests = conditions.map((condition) => testOf(condition, columns));
  if (wanted === '' && tests.length === 0) return rows;
  // Columns are made anew with each page of rows that is loaded, mostly with the same names and types.
  const key = columns.map(({ name, type }) => `${type} ${name}`).join('\n');
  return rows.filter((row) => textOf(row, columns, key).includes(wanted) && tests.every((test) => test(row)));
}

/** The value in a file. */
const storedText = (value: RowValue): string =>
  typeof value === 'object' ? (value === null ? '' : JSON.stringify(value)) : String(value);

/** What a search looks through. It is kept, because a reader types several letters. */
const texts = new WeakMap<ResultRow, { readonly key: string; readonly text: string }>();

/** @param key the same for columns with the same names and types. */
function textOf(row: ResultRow, columns: readonly ResultColumn[], key: string): string {
  const known = texts.get(row);
  if (known?.key === key) return known.text;
  const values = columns.flatMap(({ name, type, wordsAs }) => {
    const value = row[name] ?? null;
    const raw = storedText(value);
    const shown = shownValue(value, type, wordsAs);
    // Both the text on the page and the value in the file.
    return shown === raw ? raw : [shown, raw];
  });
  const text = values.join('\n').toLowerCase();
  texts.set(row, { key, text });
  return text;
}

function testOf({ column, operator, value }: Condition, columns: readonly ResultColumn[]): (row: ResultRow) => boolean {
  const { type = 'text', wordsAs } = columns.find(({ name }) => name === column) ?? {};
  const valueOf = (row: ResultRow): RowValue => row[column] ?? null;
  const shown = (row: ResultRow): string => shownValue(valueOf(row), type, wordsAs);
  const moment = (row: ResultRow): number => Date.parse(storedText(valueOf(row)));
  switch (operator) {
    case 'contains':
      return (row) => shown(row).toLowerCase().includes(value.trim().toLowerCase());
    case 'at least':
      return (row) => valueOf(row) !== null && Number(valueOf(row)) >= Number(value);
    case 'at most':
      return (row) => valueOf(row) !== null && Number(valueOf(row)) <= Number(value);
    case 'from':
      return (row) => moment(row) >= startOfDay(value, valueOf(row));
    case 'until':
      return (row) => moment(row) < startOfDay(value, valueOf(row), 1);
    default:
      return type === 'number' && value !== ''
        ? (row) => valueOf(row) === Number(value)
        : (row) => shown(row) === value;
  }
}

/** Midnight in the reader's zone, or in UTC for a value without a time. @param after number of days to add. */
function startOfDay(day: string, compared: RowValue, after = 0): number {
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number);
  const isDay = typeof compared === 'string' && compared.length === 10;
  return isDay ? Date.UTC(year, month - 1, date + after) : new Date(year, month - 1, date + after).getTime();
}

/** The rows in another order. Rows without a value come last in both directions, equal rows keep their order. */
export function sortRows(
  rows: readonly ResultRow[],
  columns: readonly ResultColumn[],
  sort: RowsSort | undefined,
): readonly ResultRow[] {
  const column = columns.find(({ name }) => name === sort?.column);
  if (sort === undefined || column === undefined) return rows;
  return sortBy(rows, (row) => keyOf(row[column.name] ?? null, column.type), sort.descending);
}

/** Undefined without a value. */
function keyOf(value: RowValue, type: ColumnType): string | number | undefined {
  if (value === null || value === '') return undefined;
  if (typeof value === 'object') return JSON.stringify(value);
  if (typeof value !== 'string') return Number(value);
  const moment = type === 'date' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(moment) ? value : moment;
}

/** At most this many values are offered for choice. */
const maxOptions = 60;

/** The values of a column as the page shows them, in order, to choose one from. Undefined if there are too many. */
export function optionsOf(
  rows: readonly ResultRow[],
  { name, type, wordsAs }: ResultColumn,
): readonly string[] | undefined {
  const found = new Set<string>();
  for (const row of rows) {
    found.add(shownValue(row[name] ?? null, type, wordsAs));
    if (found.size > maxOptions) return undefined;
  }
  return [...found].toSorted(compare);
}
