import { useState } from 'preact/hooks';

/** Rows to render at first, and to add per click. Rendering 5,000 table rows at once blocks the browser noticeably. */
const step = 400;

/**
 * The first part of a long list. `more` shows the next part and is undefined at the end of the list.
 * A new `key` starts again from the first part.
 */
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
