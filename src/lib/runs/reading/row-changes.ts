import type { Row, RowValue } from '../job/row.ts';

/** One difference between a tenant's rows in two runs. */
export type RowChange =
  | { readonly change: 'added'; readonly after: Row }
  | { readonly change: 'removed'; readonly before: Row }
  | { readonly change: 'changed'; readonly before: Row; readonly after: Row; readonly columns: readonly string[] };

/**
 * Compares two lists of rows. Rows with equal key columns correspond. Without a key the whole row is its key, so rows
 * are only added or removed. If several rows share a key, each is matched once.
 * @param uncompared columns whose values are ignored.
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

/** Treats a missing column as null. */
const valueAt = (row: Row, name: string): RowValue => row[name] ?? null;
