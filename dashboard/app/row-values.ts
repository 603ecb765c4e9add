import type { ResultRow } from '../../src/lib/api/answers/runs.ts';
import { localTime } from './format.ts';

/** A value in a row of a result. */
export type RowValue = ResultRow[string];

export type ColumnType = 'text' | 'number' | 'boolean' | 'date';

const dateOnly = /^\d{4}-\d{2}-\d{2}$/;
const dateAndTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/;
const guid = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;

export const isGuid = (value: RowValue): boolean => typeof value === 'string' && guid.test(value);

/** Whether a text is a day, or a time with its zone, in ISO 8601. */
export const isDate = (value: RowValue): boolean =>
  typeof value === 'string' && (dateOnly.test(value) || dateAndTime.test(value)) && !Number.isNaN(Date.parse(value));

/** The type that all values have. `text` if they have none in common, or if there are none. */
export function typeOf(values: Iterable<RowValue>): ColumnType {
  let type: ColumnType | undefined;
  for (const value of values) {
    if (value === null) continue;
    const own = typeof value === 'string' && isDate(value) ? 'date' : plainType(value);
    if (type !== undefined && type !== own) return 'text';
    type = own;
  }
  return type ?? 'text';
}

const plainType = (value: RowValue): ColumnType =>
  typeof value === 'number' || typeof value === 'boolean' ? (typeof value as 'number' | 'boolean') : 'text';

/** A day has no zone: it is the same day everywhere. */
const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeZone: 'UTC' });
const number = new Intl.NumberFormat('en', { maximumFractionDigits: 20 });

/**
 * The value as the page shows it: days and times of a date column in the reader's zone, `yes` and `no`, and digits in
 * groups. Empty for null. A nested value is shown as JSON. A value that is not of the column's type is shown as it is.
 */
export function shownValue(value: RowValue, type: ColumnType): string {
  if (value === null) return '';
  if (typeof value === 'number') return type === 'number' ? number.format(value) : String(value);
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'object') return JSON.stringify(value);
  if (type !== 'date' || !isDate(value)) return value;
  return dateOnly.test(value) ? day.format(new Date(value)) : localTime(value);
}
