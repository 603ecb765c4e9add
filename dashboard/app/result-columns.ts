import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import type { ResultRow } from '../../src/lib/api/answers/runs.ts';
import { wordsOf } from '../../src/lib/api/report/report-words.ts';
import { dayText } from '../../src/lib/core/day-text.ts';
import { localTime } from './format.ts';

export type DeclaredColumns = JobsAnswer['jobs'][number]['columns'];

export interface ResultColumn {
  /** Name in the rows. */
  readonly name: string;
  readonly title: string;
  readonly type: ColumnType;
  /** Its name if the job declares it: then Microsoft's identifiers are shown in words. */
  readonly wordsAs: string | undefined;
  /** Width in rem that fits most of the values. */
  readonly width: number;
  /** A column of ids. */
  readonly isId: boolean;
  /** Whether the table shows it until the reader chooses. Names come before ids: these are in the details of a row. */
  readonly isShown: boolean;
}

/** Rows that types and widths are taken from. They are spread over all rows. */
const sampled = 500;
const minWidth = 5;
const maxWidth = 22;
/** Characters of a value that is not cut, however few are as long. */
const alwaysWhole = 16;
/** Width of one character, and of the space around a value, in rem. */
const characterWidth = 0.5;
const headingWidth = 0.5;
const spaceWidth = 1.6;

const tenantTitles: Readonly<Record<string, string>> = {
  tenantName: 'Tenant',
  tenantDomain: 'Domain',
  tenantId: 'Tenant id',
};

/**
 * The columns of a result: the name of the tenant, the columns that the job declares in their order, columns that only
 * the rows have, and last the other columns of the tenant.
 */
export function columnsOf(rows: readonly ResultRow[], declared: DeclaredColumns = []): readonly ResultColumn[] {
  const sample = sampleOf(rows);
  const known = new Map(declared.map((column) => [column.name, column]));
  const others = new Set(sample.flatMap(Object.keys));
  for (const name of [...known.keys(), ...Object.keys(tenantTitles)]) others.delete(name);
  return ['tenantName', ...known.keys(), ...others, 'tenantDomain', 'tenantId'].map((name): ResultColumn => {
    const values = sample.map((row): RowValue => row[name] ?? null);
    const title = tenantTitles[name] ?? known.get(name)?.title ?? name;
    const type = known.get(name)?.type ?? typeOf(values);
    const isId = name === 'tenantId' || areIds(values);
    const wordsAs = known.has(name) ? name : undefined;
    return {
      name,
      title,
      type,
      wordsAs,
      width: widthOf({ title, wordsAs, type }, values),
      isId,
      isShown: !isId && name !== 'tenantDomain',
    };
  });
}

function sampleOf(rows: readonly ResultRow[]): readonly ResultRow[] {
  const step = Math.max(1, Math.floor(rows.length / sampled));
  return rows.filter((_, index) => index % step === 0);
}

/** Whether all values are GUIDs, and there are some. */
function areIds(values: readonly RowValue[]): boolean {
  const given = values.filter((value) => value !== null);
  return given.length > 0 && given.every(isGuid);
}

/** Fits the title, short values and nine of ten others, within limits. */
function widthOf(
  { title, wordsAs, type }: Pick<ResultColumn, 'title' | 'wordsAs' | 'type'>,
  values: readonly RowValue[],
): number {
  const lengths = values.map((value) => shownValue(value, type, wordsAs).length).toSorted((a, b) => a - b);
  const most = lengths[Math.floor(lengths.length * 0.9)] ?? 0;
  const usual = Math.max(most, lengths.findLast((length) => length <= alwaysWhole) ?? 0);
  // A heading is smaller, and has room for the sign of its order.
  const inside = Math.max(usual * characterWidth, (title.length + 1) * headingWidth);
  return Math.min(maxWidth, Math.max(minWidth, Math.ceil(inside + spaceWidth)));
}

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

const number = new Intl.NumberFormat('en', { maximumFractionDigits: 20 });

/**
 * The value as the page shows it: days and times of a date column in the reader's zone, `yes` and `no`, digits in groups, and
 * words for Microsoft's identifiers if a column is given. Empty for null. A nested value is shown as JSON. A value that is not of the column's type
 * is shown as it is.
 * @param column its name.
 */
export function shownValue(value: RowValue, type: ColumnType, column?: string): string {
  if (value === null) return '';
  if (typeof value === 'number') return type === 'number' ? number.format(value) : String(value);
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'object') return JSON.stringify(value);
  if (type !== 'date' || !isDate(value)) return column === undefined ? value : wordsOf(value, column);
  return dateOnly.test(value) ? dayText(value) : localTime(value);
}
