import { useMemo, useState } from 'preact/hooks';
import type { ResultRow } from '../../src/lib/api/answers/runs.ts';
import { Check, Choice, Field, Search } from './choice.tsx';
import { Folded } from './folded.tsx';
import { Dialog } from './dialog.tsx';
import { countOf } from './format.ts';
import { Empty, Fact } from './pieces.tsx';
import { columnsOf, type DeclaredColumns, isGuid, type ResultColumn, shownValue } from './result-columns.ts';
import {
  type Condition,
  filterRows,
  type Operator,
  operatorsOf,
  optionsOf,
  type RowFilter,
  sortRows,
} from './row-filter.ts';
import { RowGroup, type RowsColumn, type RowsSort, TwoLines, useNarrow, VirtualRows } from './virtual-rows.tsx';
import { GroupHead } from './causes.tsx';
import { compare } from './sort.ts';
import { isWarning } from '../../src/lib/api/report/report-words.ts';
import { Icon } from './icon.tsx';

interface TableProps {
  readonly rows: readonly ResultRow[];
  readonly declared: DeclaredColumns;
  /** Columns whose sum says something: that of days left does not. */
  readonly summed: readonly { readonly name: string }[];
  /** Whether these are all rows. */
  readonly areAll: boolean;
}

/** The rows of a run: search, filters by column, order, groups, columns to choose, totals, and all values of one row. */
export function ResultTable({ rows, declared, summed, areAll }: TableProps) {
  const columns = useMemo(() => columnsOf(rows, declared), [rows, declared]);
  const [filter, setFilter] = useState<RowFilter>({ search: '', conditions: [] });
  const [sort, setSort] = useState<RowsSort>();
  const [chosen, setChosen] = useState<ReadonlyMap<string, boolean>>(new Map());
  const [room, setRoom] = useState(0);
  const [group, setGroup] = useState('');
  const [open, setOpen] = useState<ResultRow>();
  const found = useMemo(() => filterRows(rows, columns, filter), [rows, columns, filter]);
  const shown = useMemo(() => sortRows(found, columns, sort), [found, columns, sort]);
  const sums = useMemo(
    () => columns.filter(({ name, type }) => type === 'number' && summed.some((known) => known.name === name)),
    [columns, summed],
  );
  const foot = useMemo(
    () =>
      sums.length === 0
        ? undefined
        : new Map([['tenantName', areAll ? 'Total' : 'Total so far'], ...totalsOf(shown, sums)]),
    [shown, sums, areAll],
  );
  const grouping = columns.find(({ name }) => name === group);
  const items = useMemo(
    () => (grouping === undefined ? shown : grouped(shown, grouping, sums)),
    [shown, grouping, sums],
  );
  const isPhone = useNarrow();
  const isShown = useMemo(() => {
    let width = 0;
    // Those that fit, names before codes: the row opens with all values.
    const byUse = columns.toSorted((one, other) => Number(isCode(one)) - Number(isCode(other)));
    const all = byUse.filter((one) => one.isShown && (isPhone || room === 0 || (width += one.width) <= room));
    return (one: ResultColumn): boolean => chosen.get(one.name) ?? (one === columns[0] || all.includes(one));
  }, [columns, chosen, isPhone, room]);
  const visible = useMemo(() => {
    const repeats = new Set(
      items.filter((item, at) => {
        const before = items[at - 1];
        return !(item instanceof RowGroup || before instanceof RowGroup) && item.tenantId === before?.tenantId;
      }),
    );
    return columns.filter(isShown).map((column) => gridColumn(column, repeats));
  }, [columns, isShown, items]);
  const narrow = useMemo(() => narrowColumns(visible), [visible]);
  const setConditions = (conditions: readonly Condition[]): void => setFilter({ ...filter, conditions });
  return (
    <>
      <div class="filters">
        <Search
          value={filter.search}
          placeholder="In all columns"
          onInput={(search) => setFilter({ ...filter, search })}
        />
        <Folded name="Filter" set={Number(group !== '')}>
          <details class="conditions">
            <summary class="btn">Filter by column</summary>
            <ConditionForm
              columns={columns}
              rows={rows}
              onAdd={(added) => setConditions([...filter.conditions, added])}
            />
          </details>
          <Choice
            label="Group by"
            value={group}
            options={['', ...columns.filter(({ type, isId }) => type === 'text' && !isId).map(({ name }) => name)]}
            textOf={(name) => columns.find((column) => column.name === name)?.title ?? 'nothing'}
            all={false}
            isSet={group !== ''}
            onChoose={setGroup}
          />
          <ColumnChooser
            columns={columns}
            isShown={isShown}
            onChoose={(name, shown) => setChosen(new Map(chosen).set(name, shown))}
          />
        </Folded>
        <RowConditions columns={columns} conditions={filter.conditions} onChange={setConditions} />
        {/* The tab says how many there are. */}
        <span class={shown.length === rows.length ? 'visually-hidden' : 'quiet'} role="status">
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
          items={items}
          foot={foot}
          keyOf={keyOf}
          sort={sort}
          onSort={setSort}
          onOpen={setOpen}
          openKey={open && keyOf(open)}
          onRoom={setRoom}
        />
      )}
      {open === undefined ? null : <RowDetails row={open} columns={columns} onClose={() => setOpen(undefined)} />}
    </>
  );
}

/** The sum of each column over some rows, by its name. */
const totalsOf = (rows: readonly ResultRow[], columns: readonly ResultColumn[]): [name: string, sum: string][] =>
  columns.map(({ name, type }) => {
    const sum = rows.reduce((total, row) => total + (Number(row[name]) || 0), 0);
    // Binary fractions add digits: 0.1 + 0.2.
    return [name, shownValue(Number.isInteger(sum) ? sum : Number(sum.toPrecision(12)), type)];
  });

/** The rows under the values of a column, each with its totals. */
function grouped(
  rows: readonly ResultRow[],
  { name, type, wordsAs }: ResultColumn,
  sums: readonly ResultColumn[],
): readonly (ResultRow | RowGroup)[] {
  const groups = [...Map.groupBy(rows, (row) => shownValue(row[name] ?? null, type, wordsAs))];
  return groups
    .toSorted(([a], [b]) => compare(a, b))
    .flatMap(([value, some]) => {
      const totals = totalsOf(some, sums).map(
        ([column, sum]) => `${sums.find((one) => one.name === column)?.title} ${sum}`,
      );
      const head = <GroupHead count={some.length} title={value || '(empty)'} since={totals.join(', ')} />;
      return [new RowGroup(value, head), ...some];
    });
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

const isCode = ({ name }: Pick<ResultColumn, 'name'>): boolean => name === 'skuPartNumber';

/**
 * @param repeats rows whose tenant is that of the row before: its name is pale, as ids and Microsoft's codes of products are. These
 * codes are known by their column: names of products, such as VISIO, look the same.
 */
const gridColumn = (
  { name, title, type, width, wordsAs }: ResultColumn,
  repeats: ReadonlySet<ResultRow | RowGroup>,
): RowsColumn<ResultRow> => ({
  id: name,
  title,
  width,
  align: type === 'number' ? 'end' : undefined,
  sortable: true,
  cell: (row) => {
    const text = shownValue(row[name] ?? null, type, wordsAs);
    if (text === '' && type === 'number') return <span class="quiet">–</span>;
    if (isWarning(row[name], name)) return <span class="warning">{text}</span>;
    const isPale = name === 'tenantName' ? repeats.has(row) : isCode({ name }) || isGuid(row[name] ?? null);
    return isPale ? <span class="pale">{text}</span> : text;
  },
});

/**
 * On a phone: the tenant with the first text below it, and two numbers: the first, which the page sums in its first lines, and
 * of the next two the last, which is what is left of it. The row opens with all values.
 */
function narrowColumns(columns: readonly RowsColumn<ResultRow>[]): readonly RowsColumn<ResultRow>[] {
  const [tenant, ...others] = columns;
  if (tenant === undefined) return columns;
  const numbers = others.filter(({ align }) => align === 'end');
  const text = others.find(({ align }) => align === undefined);
  return [
    {
      ...tenant,
      width: 9,
      cell: (row) => {
        const warnings = others.flatMap((other) =>
          other !== text && isWarning(row[other.id], other.id) ? [', ', other.cell(row)] : [],
        );
        return <TwoLines below={[text?.cell(row), ...warnings]}>{tenant.cell(row)}</TwoLines>;
      },
    },
    ...numbers
      .slice(0, 3)
      .filter((_, at, { length }) => at === 0 || at === length - 1)
      .map((number) => ({ ...number, width: 4.5 })),
  ];
}

function ColumnChooser(props: {
  readonly columns: readonly ResultColumn[];
  readonly isShown: (column: ResultColumn) => boolean;
  readonly onChoose: (name: string, isShown: boolean) => void;
}) {
  const { columns, isShown, onChoose } = props;
  return (
    <details class="columns">
      <summary class="btn">
        Columns{' '}
        <span class="p2">
          {columns.filter(isShown).length} of {columns.length}
        </span>
      </summary>
      <fieldset>
        <legend class="visually-hidden">Shown columns</legend>
        {/* The first column names the row. */}
        {columns.slice(1).map((column) => (
          <Check
            key={column.name}
            label={column.title}
            checked={isShown(column)}
            onChange={(checked) => onChoose(column.name, checked)}
          />
        ))}
      </fieldset>
    </details>
  );
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
        {columns.slice(1).map(({ name, title, type, isId, wordsAs }) => {
          const text = shownValue(row[name] ?? null, type, wordsAs);
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
  readonly conditions: readonly Condition[];
  readonly onChange: (conditions: readonly Condition[]) => void;
}

/** The conditions in force, each with a button that removes it. */
function RowConditions({ columns, conditions, onChange }: ConditionsProps) {
  const titleOf = (name: string): string => columns.find((column) => column.name === name)?.title ?? name;
  return conditions.length === 0 ? null : (
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
  );
}

interface FormProps extends Pick<ConditionsProps, 'columns'> {
  readonly rows: readonly ResultRow[];
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
