import type { RunChangesAnswer } from '../../src/lib/api/answers/runs.ts';
import type { DeclaredColumns } from './result-columns.ts';
import { isGuid, type RowValue, shownValue, typeOf } from './row-values.ts';

export type Change = RunChangesAnswer['changes'][number];

export const changeKinds: readonly Change['change'][] = ['added', 'removed', 'changed'];

/** A change of a row, as the page shows it. */
export interface ChangeInWords {
  /** Unique among the changes. */
  readonly key: string;
  readonly tenant: string;
  readonly change: Change['change'];
  /** What the row is about: the first of its values that did not change. */
  readonly row: string;
  /** `Assigned: 37 → 38` for a changed row, and the other values of an added or removed one. */
  readonly values: readonly string[];
}

export function changesInWords(changes: readonly Change[], declared: DeclaredColumns = []): readonly ChangeInWords[] {
  return changes.map((change, index): ChangeInWords => {
    const [before, after] = [
      'before' in change ? change.before : undefined,
      'after' in change ? change.after : undefined,
    ];
    const present = after ?? before ?? {};
    const changed = 'columns' in change ? change.columns : [];
    const names = namesIn(declared, { ...before, ...after });
    const shown = (row: typeof present, name: string): string => {
      const value: RowValue = row[name] ?? null;
      const type = declared.find((column) => column.name === name)?.type ?? typeOf([value]);
      return shownValue(value, type) || 'none';
    };
    const title = (name: string): string => declared.find((column) => column.name === name)?.title ?? name;
    const about = names.find(
      (name) => !changed.includes(name) && typeof present[name] === 'string' && !isGuid(present[name]),
    );
    const values =
      before !== undefined && after !== undefined
        ? changed.map((name) => `${title(name)}: ${shown(before, name)} → ${shown(after, name)}`)
        : names
            .filter((name) => name !== about && !isGuid(present[name] ?? null))
            .map((name) => `${title(name)}: ${shown(present, name)}`);
    return {
      key: String(index),
      tenant: change.name,
      change: change.change,
      row: about === undefined ? '' : shown(present, about),
      values,
    };
  });
}

/** The names of the values in the order of the job's columns. */
function namesIn(declared: NonNullable<DeclaredColumns>, row: Readonly<Record<string, unknown>>): readonly string[] {
  const known = declared.map(({ name }) => name);
  return [...known.filter((name) => name in row), ...Object.keys(row).filter((name) => !known.includes(name))];
}
