import { parseGuid } from '../../core/identifiers.ts';
import type { Section } from './read-report.ts';
import { cellText, isWarning, numberText } from './report-words.ts';

type Column = Section['columns'][number];
type Row = Section['rows'][number];

/** The rows of a job for people. */
export interface RowTable {
  /** What the rows are of all. Empty: they are all. */
  readonly title: string;
  /** What all rows have in common, if that saves a column. */
  readonly common: string;
  /** The first one is that of the names. */
  readonly columns: readonly Pick<Column, 'title' | 'type'>[];
  readonly rows: readonly {
    readonly name: string;
    /** What is known of whatever has the name, and values without a column. */
    readonly about: readonly string[];
    /** One for each column after the first. */
    readonly cells: readonly Cell[];
  }[];
  /** People who lack nothing are left out. */
  readonly leavesOut: boolean;
}

interface Cell {
  readonly text: string;
  /** It needs somebody. */
  readonly tone?: 'warn' | 'bad' | undefined;
  /** There is no value, or it is a zero, which the sums over the rows have. */
  readonly isEmpty: boolean;
}

/** Columns beside the first one that fit on paper. */
const mostColumns = 6;

/** @param isAll with people who lack nothing. */
export function rowTable(section: Section, isAll = false): RowTable {
  const { columns, counts, rowCount } = section;
  const person = columns.find(({ name }) => name === 'displayName');
  const needing = person === undefined || isAll ? undefined : section.needing;
  const rows = needing === undefined ? section.rows : needing.rows;
  // They stand with the name of the person.
  const isMark = ({ name }: Column): boolean => person !== undefined && (name === 'admin' || name === 'userType');
  const [first = person, ...others] = columns.filter((column) => column !== person && !isMark(column));
  const rest = others.filter((column) => !isZero(column, rows));
  // What all rows have in common is said once. One row has nothing in common with others.
  const isCommon = (column: Column): boolean =>
    rows.length > 1 &&
    new Set(rows.map((row) => textOf(row, column))).size === 1 &&
    !rows.some((row) => toneOf(row, column));
  const common = rest.length > mostColumns ? rest.filter(isCommon) : [];
  // First what the rows are counted by, which is the answer.
  const ordered = rest
    .filter((column) => !common.includes(column))
    .toSorted((one, other) => Number(other.title === counts?.title) - Number(one.title === counts?.title));
  const fitting = ordered.slice(0, mostColumns);
  const named = (row: Row, some: readonly Column[]): string =>
    some.map((column) => `${column.title} ${textOf(row, column)}`).join(', ');
  const naming = (row: Row): Column | undefined => (person !== undefined && isKnown(row, person) ? person : first);
  const marks = (row: Row): string =>
    [
      first !== undefined && naming(row) !== first ? textOf(row, first) : [],
      row['userType'] === 'guest' ? 'guest' : [],
      row['admin'] === true ? 'administrator' : [],
    ]
      .flat()
      .join(', ');
  const head = person ?? first;
  return {
    title: titleOf(rows.length, rowCount, needing?.count),
    common: named(rows[0] ?? {}, common),
    columns: head === undefined ? [] : [head, ...fitting],
    rows: rows.flatMap((row) => {
      const column = naming(row);
      if (column === undefined) return [];
      const cells = fitting.map((one) => ({
        text: textOf(row, one),
        tone: toneOf(row, one),
        isEmpty: isEmpty(row, one),
      }));
      const left = ordered.slice(mostColumns).filter((one) => !isEmpty(row, one));
      const about = [marks(row), named(row, left)].filter((text) => text !== '');
      return [{ name: textOf(row, column), about, cells }];
    }),
    leavesOut: needing !== undefined && needing.count < rowCount,
  };
}

function titleOf(shown: number, all: number, needing: number | undefined): string {
  if (shown === all) return '';
  const first = `first ${numberText(shown)}`;
  if (needing === undefined) return `The ${first} of ${numberText(all)}`;
  if (needing === 0) return `None of ${numberText(all)} needs attention`;
  const some = `${numberText(needing)} of ${numberText(all)} ${needing === 1 ? 'needs' : 'need'} attention`;
  return shown < needing ? `${some}, the ${first}` : some;
}

/** Whether it counts nothing in any row. Zero days left is today. */
const isZero = ({ name, type }: Column, rows: readonly Row[]): boolean =>
  type === 'number' && name !== 'daysLeft' && rows.length > 0 && rows.every((row) => row[name] === 0);

const isKnown = (row: Row, { name }: Column): boolean => (row[name] ?? '') !== '';
const isEmpty = (row: Row, column: Column): boolean => !isKnown(row, column) || row[column.name] === 0;

/** The value in a cell. Of an id, its start tells two rows apart. */
function textOf(row: Row, column: Column): string {
  const text = cellText(row[column.name], column);
  return parseGuid(text) === undefined ? text : `${text.slice(0, 8)}…`;
}

/** The tone of a value that needs somebody. */
function toneOf(row: Row, { name }: Column): Cell['tone'] {
  if (name === 'daysLeft') return Number(row[name]) < 0 ? 'bad' : undefined;
  if (name === 'strength') return row[name] === 'none' ? 'bad' : undefined;
  return isWarning(row[name], name) ? 'warn' : undefined;
}
