import type { RefObject } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { KeptCell } from './cell-focus.ts';

/** Where a reader was in a grid. */
interface KeptPlace extends KeptCell {
  /** In pixels. */
  readonly scrollTop: number;
}

/** By entry of the history and name of the grid. It lives as long as the page. */
const places = new Map<string, KeptPlace>();

/** The name of the history's entry that is shown. The browser returns it with the Back button, and not for a link. */
function entryName(): string {
  const state = history.state as { readonly entry?: unknown } | null;
  if (typeof state?.entry === 'string') return state.entry;
  const entry = crypto.randomUUID();
  history.replaceState({ ...state, entry }, '');
  return entry;
}

/** The view that the address names, without its filter. */
const viewInAddress = (): string | undefined => location.hash.split('?', 1)[0];

/**
 * Returns the place that the reader left a grid at, and scrolls there. Undefined unless the reader came back to it.
 * @param label names the grid in its view.
 * @param current the place of now. It is kept when the grid leaves the page.
 */
export function useKeptPlace(
  grid: RefObject<HTMLElement | null>,
  label: string,
  current: RefObject<Omit<KeptCell, 'hadFocus'> | null>,
): KeptPlace | undefined {
  const name = useRef('');
  const view = useRef(viewInAddress());
  const [kept] = useState(() => places.get(`${entryName()} ${label}`));
  // After each render, because a change of the filter replaces the entry. A link changes the address before the grid
  // leaves the page, so the entry may already be that of the next view.
  useLayoutEffect(() => {
    if (viewInAddress() === view.current) name.current = `${entryName()} ${label}`;
  });
  useLayoutEffect(() => {
    if (kept !== undefined && grid.current !== null) grid.current.scrollTop = kept.scrollTop;
    return () => {
      if (grid.current === null || current.current === null) return;
      const hadFocus = grid.current.contains(document.activeElement);
      places.set(name.current, { ...current.current, scrollTop: grid.current.scrollTop, hadFocus });
    };
  }, []);
  return kept;
}
