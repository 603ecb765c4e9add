import { useMemo, useState } from 'preact/hooks';
import type { ResultRow } from '../../src/lib/api/answers/runs.ts';
import { Check, Choice, Field, Search } from './choice.tsx';
import { Dialog } from './dialog.tsx';
import { countOf } from './format.ts';
import { Empty, Fact } from './pieces.tsx';
import { columnsOf, type DeclaredColumns, type ResultColumn, shownValue } from './result-columns.ts';
import {
  type Condition,
  filterRows,
  type Operator,
  operatorsOf,
  optionsOf,
  type RowFilter,
  sortRows,
} from './row-filter.ts';
import { type RowsColumn, type RowsSort, TwoLines, VirtualRows } from './virtual-rows.tsx';
import { Icon } from './icon.tsx';

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
  const narrow = useMemo(() => narrowColumns(visible), [visible]);
  return (
    <>
      <div class="filters">
        <Search
          value={filter.search}
          placeholder="In all columns"
          onInput={(search) => setFilter({ ...filter, search })}
        />
        <RowConditions
          columns={columns}
          rows={rows}
          conditions={filter.conditions}
          onChange={(conditions) => setFilter({ ...filter, conditions })}
        />
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
          narrow={narrow}
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
  cell: (row) => {
    const text = shownValue(row[name] ?? null, type);
    return text === '' && type === 'number' ? <span class="quiet">–</span> : text;
  },
});

/** On a phone: the tenant with the first text below it, and the first number. The row opens with all values. */
function narrowColumns(columns: readonly RowsColumn<ResultRow>[]): readonly RowsColumn<ResultRow>[] {
  const [tenant, ...others] = columns;
  if (tenant === undefined) return columns;
  const number = others.find(({ align }) => align === 'end');
  const text = others.find(({ align }) => align === undefined);
  return [
    {
      ...tenant,
      width: 12,
      cell: (row) => <TwoLines below={text?.cell(row)}>{tenant.cell(row)}</TwoLines>,
    },
    ...(number === undefined ? [] : [{ ...number, width: Math.min(number.width, 6) }]),
  ];
}

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

interface ConditionsProps {
  readonly columns: readonly ResultColumn[];
  readonly rows: readonly ResultRow[];
  readonly conditions: readonly Condition[];
  readonly onChange: (conditions: readonly Condition[]) => void;
}

/** The conditions in force, each with a button that removes it, and a form for another one. */
function RowConditions({ columns, rows, conditions, onChange }: ConditionsProps) {
  const titleOf = (name: string): string => columns.find((column) => column.name === name)?.title ?? name;
  return (
    <>
      <details class="conditions">
        <summary class="btn">Filter by column</summary>
        <ConditionForm columns={columns} rows={rows} onAdd={(added) => onChange([...conditions, added])} />
      </details>
      {conditions.length === 0 ? null : (
        <ul class="tags" aria-label="Filters">
          {conditions.map((condition, index) => (
            <li key={`${condition.column} ${condition.operator} ${condition.value}`} class="chip on">
              <span>
                {titleOf(condition.column)} {condition.operator} <strong>{condition.value || '(empty)'}</strong>
              </span>
              <button type="button" class="bare s" onClick={() => onChange(conditions.toSpliced(index, 1))}>
                <Icon name="close" />
                <span class="visually-hidden">Remove the filter on {titleOf(condition.column)}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

interface FormProps extends Pick<ConditionsProps, 'columns' | 'rows'> {
  readonly onAdd: (condition: Condition) => void;
}

function ConditionForm({ columns, rows, onAdd }: FormProps) {
  const [chosen, setChosen] = useState({ column: columns[0]?.name ?? '', operator: 'is', value: '' });
  const column = columns.find(({ name }) => name === chosen.column) ?? columns[0];
  if (column === undefined) return null;
  const options = optionsOf(rows, column);
  // Without a list to choose from, `is` would need the exact text.
  const operators = operatorsOf[column.type].filter((known) => known !== 'is' || column.type === 'number' || options);
  const operator = operators.find((known) => known === chosen.operator) ?? operators[0] ?? 'contains';
  const isChoice = operator === 'is' && options !== undefined;
  const value = isChoice && !options.includes(chosen.value) ? (options[0] ?? '') : chosen.value;
  const setValue = (next: string): void => setChosen({ ...chosen, operator, value: next });
  const submit = (event: Event): void => {
    event.preventDefault();
    onAdd({ column: column.name, operator, value });
    setChosen({ ...chosen, value: '' });
  };
  return (
    <form class="filters" onSubmit={submit}>
      <Choice
        label="Column"
        value={column.name}
        options={columns.map(({ name }) => name)}
        textOf={(name) => columns.find((known) => known.name === name)?.title ?? name}
        all={false}
        onChoose={(name) => setChosen({ column: name, operator: 'is', value: '' })}
      />
      <Choice
        label="Condition"
        value={operator}
        options={operators}
        all={false}
        onChoose={(next) => setChosen({ ...chosen, operator: next, value: '' })}
      />
      {isChoice ? (
        <Choice
          label="Value"
          value={value}
          options={options}
          textOf={(option) => option || '(empty)'}
          onChoose={setValue}
          all={false}
        />
      ) : (
        <Field label="Value" type={inputType(operator, column)} required value={value} onInput={setValue} />
      )}
      <button type="submit">Add filter</button>
    </form>
  );
}

const inputType = (operator: Operator, { type }: ResultColumn) =>
  operator === 'from' || operator === 'until' ? 'date' : type === 'number' ? 'number' : 'text';
