const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

/** Numbers by their size, texts as people sort them. */
export const compare = (a: string | number, b: string | number): number =>
  typeof a === 'number' && typeof b === 'number' ? a - b : collator.compare(String(a), String(b));

/**
 * Sorts by a key. Items without one come last in both directions.
 * @param nameOf sorts items with equal keys, in ascending order. Absent: they stay as they are.
 */
export function sortBy<T>(
  items: readonly T[],
  keyOf: (item: T) => string | number | undefined,
  descending: boolean,
  nameOf: (item: T) => string = () => '',
): readonly T[] {
  const sign = descending ? -1 : 1;
  const keyed = items.map((item) => ({ item, key: keyOf(item) }));
  return keyed
    .toSorted((a, b) => {
      if (a.key === undefined || b.key === undefined) {
        const missing = Number(a.key === undefined) - Number(b.key === undefined);
        return missing || compare(nameOf(a.item), nameOf(b.item));
      }
      return sign * compare(a.key, b.key) || compare(nameOf(a.item), nameOf(b.item));
    })
    .map(({ item }) => item);
}
