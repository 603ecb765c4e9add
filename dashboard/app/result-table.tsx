import { useMemo, useState } from 'preact/hooks';
import type { ResultRow } from '../../src/lib/api/answers/runs.ts';
import { Check, Search } from './choice.tsx';
import { Dialog } from './dialog.tsx';
import { countOf } from './format.ts';
import { Empty, Fact } from './pieces.tsx';
import { type ResultColumn, columnsOf, type DeclaredColumns } from './result-columns.ts';
import { RowConditions } from './row-conditions.tsx';
import { filterRows, type RowFilter, sortRows } from './row-filter.ts';
import { shownValue } from './row-values.ts';
import { type RowsColumn, type RowsSort, VirtualRows } from './virtual-rows.tsx';

interface TableProps {
  readonly rows: readonly ResultRow[];
  readonly declared: DeclaredColumns;
}

/** The rows of a run: search, filters by column, order, columns to choose, and all values of one row. */
export function ResultTable({ rows, declared }: TableProps) {
  const columns = useMemo(() => columnsOf(rows, declared), [rows, declared]);
  const [filter, setFilter] = useState<RowFilter>({ search: '', conditions: [] });
  const [sort, setSort] = useState<RowsSort>();
  const [toggled, setToggled] = useState<ReadonlySet<string>>(new Set());
  const [open, setOpen] = useState<ResultRow>();
  const found = useMemo(() => filterRows(rows, columns, filter), [rows, columns, filter]);
  const shown = useMemo(() => sortRows(found, columns, sort), [found, columns, sort]);
  const visible = useMemo(
    () => columns.filter((column) => column.isShown !== toggled.has(column.name)).map(gridColumn),
    [columns, toggled],
  );
  return (
    <>
      <div class="filters">
        <RowFilters {...{ columns, rows, filter }} onChange={setFilter} />
        <ColumnChooser columns={columns} toggled={toggled} onToggle={setToggled} />
        <span class="quiet" role="status">
          {countOf(shown.length, rows.length, 'row')}
        </span>
      </div>
      {shown.length === 0 ? (
        <Empty title="No row matches the filters." />
      ) : (
        <VirtualRows
          label="Rows of the run"
          columns={visible}
          items={shown}
          keyOf={keyOf}
          sort={sort}
          onSort={setSort}
          onOpen={setOpen}
          openKey={open && keyOf(open)}
        />
      )}
      {open === undefined ? null : <RowDetails row={open} columns={columns} onClose={() => setOpen(undefined)} />}
    </>
  );
}

function RowFilters(props: {
  readonly columns: readonly ResultColumn[];
  readonly rows: readonly ResultRow[];
  readonly filter: RowFilter;
  readonly onChange: (filter: RowFilter) => void;
}) {
  const { columns, rows, filter, onChange } = props;
  return (
    <>
      <Search
        value={filter.search}
        placeholder="In all columns"
        onInput={(search) => onChange({ ...filter, search })}
      />
      <RowConditions
        columns={columns}
        rows={rows}
        conditions={filter.conditions}
        onChange={(conditions) => onChange({ ...filter, conditions })}
      />
    </>
  );
}

/** Rows have no id of their own. */
const keys = new WeakMap<ResultRow, string>();
let keysGiven = 0;

function keyOf(row: ResultRow): string {
  const known = keys.get(row);
  if (known !== undefined) return known;
  keysGiven += 1;
  keys.set(row, String(keysGiven));
  return String(keysGiven);
}

const gridColumn = ({ name, title, type, width }: ResultColumn): RowsColumn<ResultRow> => ({
  id: name,
  title,
  width,
  align: type === 'number' ? 'end' : undefined,
  sortable: true,
  cell: (row) => shownValue(row[name] ?? null, type),
});

function ColumnChooser(props: {
  readonly columns: readonly ResultColumn[];
  /** Names of the columns that the reader has shown or hidden. */
  readonly toggled: ReadonlySet<string>;
  readonly onToggle: (toggled: ReadonlySet<string>) => void;
}) {
  const { columns, toggled, onToggle } = props;
  return (
    <details class="columns">
      <summary class="btn">Columns</summary>
      <fieldset>
        <legend class="visually-hidden">Shown columns</legend>
        {/* The first column names the row. */}
        {columns.slice(1).map((column) => (
          <Check
            key={column.name}
            label={column.title}
            checked={column.isShown !== toggled.has(column.name)}
            onChange={() => onToggle(toggle(toggled, column.name))}
          />
        ))}
      </fieldset>
    </details>
  );
}

function toggle(names: ReadonlySet<string>, name: string): ReadonlySet<string> {
  const next = new Set(names);
  if (!next.delete(name)) next.add(name);
  return next;
}

/** All values of a row, whole. */
function RowDetails(props: {
  readonly row: ResultRow;
  readonly columns: readonly ResultColumn[];
  readonly onClose: () => void;
}) {
  const { row, columns, onClose } = props;
  return (
    <Dialog title={row.tenantName} kind="drawer" onClose={onClose}>
      <dl>
        {columns.slice(1).map(({ name, title, type, isId }) => {
          const text = shownValue(row[name] ?? null, type);
          return (
            <Fact key={name} name={title}>
              {text === '' ? <span class="quiet">none</span> : isId ? <code>{text}</code> : text}
            </Fact>
          );
        })}
      </dl>
    </Dialog>
  );
}
