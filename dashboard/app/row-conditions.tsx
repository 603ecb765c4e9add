import { useState } from 'preact/hooks';
import type { ResultRow } from '../../src/lib/api/answers/runs.ts';
import { Choice, Field } from './choice.tsx';
import { Icon } from './icon.tsx';
import type { ResultColumn } from './result-columns.ts';
import { type Condition, type Operator, operatorsOf, optionsOf } from './row-filter.ts';

interface ConditionsProps {
  readonly columns: readonly ResultColumn[];
  readonly rows: readonly ResultRow[];
  readonly conditions: readonly Condition[];
  readonly onChange: (conditions: readonly Condition[]) => void;
}

/** The conditions in force, each with a button that removes it, and a form for another one. */
export function RowConditions({ columns, rows, conditions, onChange }: ConditionsProps) {
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
