import type { ResultRow } from '../../lib/api/answers/runs.ts';
import { csvLine } from '../../lib/core/csv.ts';
import { cellsOf, selectedFirst, tenantColumns } from '../../lib/runs/job/row.ts';
import { visibleJson } from '../../lib/core/text.ts';
import { shownLine } from '../line.ts';
import { type OpenTable, tableFor } from '../table.ts';

/** Turns pages of rows into text, one page after another. */
export interface RowFormat {
  /** @param rows at least one. */
  text(rows: readonly ResultRow[]): string;
  /** Columns of rows that the text does not have, because the first page lacked them. */
  readonly leftOut: ReadonlySet<string>;
}

/** One JSON object a line. */
export const jsonLines = (): RowFormat => ({
  text: (rows) => rows.map((row) => `${visibleJson(row)}\n`).join(''),
  leftOut: new Set(),
});

/** Properties of the rows: those of `$select` in its order, then others as they come. */
function columnsOf(path: string, rows: readonly ResultRow[]): readonly string[] {
  const found = new Set(rows.flatMap((row) => Object.keys(row)));
  return selectedFirst(
    path,
    [...found].filter((name) => !isTenantColumn(name)),
  );
}

const isTenantColumn = (name: string): boolean => (tenantColumns as readonly string[]).includes(name);

/** Notes the columns that rows have beyond these. */
function noteOthers(rows: readonly ResultRow[], known: ReadonlySet<string>, leftOut: Set<string>): void {
  for (const row of rows) for (const name of Object.keys(row)) if (!known.has(name)) leftOut.add(name);
}

/**
 * CSV as the broker writes it. The header is that of the first page, because it comes before the rows.
 * @param path of the query.
 * @param mark whether the byte order mark that Excel needs comes first.
 */
export function csv(path: string, mark: boolean): RowFormat {
  const leftOut = new Set<string>();
  let columns: readonly string[] | undefined;
  let known: ReadonlySet<string> = new Set();
  return {
    leftOut,
    text: (rows) => {
      let head = '';
      if (columns === undefined) {
        columns = [...tenantColumns, ...columnsOf(path, rows)];
        known = new Set(columns);
        head = `${mark ? '\uFEFF' : ''}${csvLine(columns)}`;
      }
      noteOthers(rows, known, leftOut);
      const all = columns;
      return head + rows.map((row) => csvLine(cellsOf(row, all))).join('');
    },
  };
}

/** A table for people, with the widths that the first page needs. */
export function peopleTable(path: string): RowFormat {
  const leftOut = new Set<string>();
  let open:
    | { readonly table: OpenTable; readonly columns: readonly string[]; readonly known: ReadonlySet<string> }
    | undefined;
  return {
    leftOut,
    text: (rows) => {
      const isFirst = open === undefined;
      open ??= openTable(path, rows);
      const { table, columns, known } = open;
      noteOthers(rows, known, leftOut);
      const lines = [...(isFirst ? table.head : []), ...rows.map((row) => table.line(cellsIn(row, columns)))];
      return lines.map((line) => `${shownLine(line, process.stdout)}\n`).join('');
    },
  };
}

function openTable(path: string, rows: readonly ResultRow[]) {
  const columns = columnsOf(path, rows);
  const known = new Set([...tenantColumns, ...columns]);
  const heads = [{ head: 'tenant', min: 16 }, ...columns];
  return {
    table: tableFor(
      heads,
      rows.map((row) => cellsIn(row, columns)),
    ),
    columns,
    known,
  };
}

const cellsIn = (row: ResultRow, columns: readonly string[]): string[] => [
  row.tenantName,
  ...cellsOf(row, columns).map(cellText),
];

function cellText(value: unknown): string {
  if (value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
