import type { Row, RowValue } from './row.ts';

/** One difference between the rows of a tenant in two runs. */
export type RowChange =
  | { readonly change: 'added'; readonly after: Row }
  | { readonly change: 'removed'; readonly before: Row }
  | { readonly change: 'changed'; readonly before: Row; readonly after: Row; readonly columns: readonly string[] };

/**
 * What changed from one list of rows to another. Rows are the same thing when their key columns are equal; without a
 * key, a row is itself its key, so that it can only come and go. Of several rows with one key, each is matched once.
 * @param uncompared columns whose values do not count.
 */
export function compareRows(
  before: readonly Row[],
  after: readonly Row[],
  key: readonly string[] | undefined,
  uncompared: ReadonlySet<string> = new Set(),
): RowChange[] {
  const comparedNames = (...rows: readonly Row[]): string[] =>
    [...new Set(rows.flatMap(Object.keys))].filter((name) => !uncompared.has(name));
  const keyOf = (row: Row): string => {
    if (key !== undefined) return JSON.stringify(key.map((name) => valueAt(row, name)));
    const names = comparedNames(row).toSorted();
    return JSON.stringify(names.map((name) => [name, valueAt(row, name)]));
  };
  const waiting = Map.groupBy(before, keyOf);
  const changes: RowChange[] = [];
  for (const row of after) {
    const earlier = waiting.get(keyOf(row))?.shift();
    if (earlier === undefined) changes.push({ change: 'added', after: row });
    else {
      const columns = comparedNames(earlier, row).filter((name) => valueAt(earlier, name) !== valueAt(row, name));
      if (columns.length > 0) changes.push({ change: 'changed', before: earlier, after: row, columns });
    }
  }
  for (const row of [...waiting.values()].flat()) changes.push({ change: 'removed', before: row });
  return changes;
}

/** A missing column and an empty one are alike. */
const valueAt = (row: Row, name: string): RowValue => row[name] ?? null;
