import { useState } from 'preact/hooks';

/** Rows that are drawn at first and with each "more": 5,000 table rows at once make a browser stutter. */
const step = 400;

/** The first part of a long list, and how to have more of it; starts afresh with another `key`. */
export function useDeferredList<T>(
  list: readonly T[],
  key: string,
): { readonly shown: readonly T[]; readonly more: (() => void) | undefined } {
  const [limit, setLimit] = useState({ key, rows: step });
  const rows = limit.key === key ? limit.rows : step;
  return {
    shown: list.slice(0, rows),
    more: rows < list.length ? () => setLimit({ key, rows: rows + step }) : undefined,
  };
}
