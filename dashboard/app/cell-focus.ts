import type { RefObject } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';

/** The cell that is the tab stop of a grid. */
export interface ActiveCell {
  /** -1 is the header. */
  readonly row: number;
  readonly column: number;
}

interface GridSize {
  readonly rows: number;
  readonly columns: number;
  /** Rows that Page Up and Page Down move by. */
  readonly page: number;
}

/** Returns the cell that a key leads to. Undefined for keys that are not the grid's (ARIA practices, pattern "grid"). */
export function cellAfter(key: string, withControl: boolean, at: ActiveCell, size: GridSize): ActiveCell | undefined {
  const { rows, columns, page } = size;
  const toRow = (row: number): ActiveCell => ({ ...at, row: Math.max(-1, Math.min(rows - 1, row)) });
  const toColumn = (column: number): ActiveCell => ({ ...at, column: Math.max(0, Math.min(columns - 1, column)) });
  const moves: Readonly<Record<string, () => ActiveCell>> = {
    ArrowDown: () => toRow(at.row + 1),
    ArrowUp: () => toRow(at.row - 1),
    ArrowRight: () => toColumn(at.column + 1),
    ArrowLeft: () => toColumn(at.column - 1),
    PageDown: () => toRow(at.row + page),
    PageUp: () => toRow(Math.max(0, at.row - page)),
    Home: () => (withControl ? { row: Math.min(0, rows - 1), column: 0 } : toColumn(0)),
    End: () => (withControl ? { row: rows - 1, column: columns - 1 } : toColumn(columns - 1)),
  };
  return Object.hasOwn(moves, key) ? moves[key]?.() : undefined;
}

interface CellFocus {
  readonly active: ActiveCell;
  /** Moves the focus. */
  readonly moveTo: (cell: ActiveCell) => void;
  /** Makes the cell that just received the focus the tab stop. */
  readonly follow: (cell: ActiveCell) => void;
}

/** The tab stop by the key of its row, so that it stays on its item when rows are sorted, added or removed. */
interface Place extends ActiveCell {
  readonly key?: string | undefined;
}

/** The cell that was the tab stop when the reader left the grid. */
export interface KeptCell {
  readonly cell: ActiveCell;
  /** Key of its row. */
  readonly key: string | undefined;
  readonly hadFocus: boolean;
}

/** How rows are found again. */
interface RowKeys {
  /** Returns the key of a row. */
  readonly keyAt: (row: number) => string | undefined;
  /** Returns the row with a key, or -1. */
  readonly indexOf: (key: string) => number;
}

/**
 * Keeps one tab stop in a grid: the link or button in the active cell, or else the cell.
 * @param size number of rows and columns at present. Columns may come and go as well.
 * @param kept the cell to begin at.
 */
export function useCellFocus(
  grid: RefObject<HTMLElement | null>,
  size: Pick<GridSize, 'rows' | 'columns'>,
  { keyAt, indexOf }: RowKeys,
  kept: KeptCell | undefined,
): CellFocus {
  const [place, setPlace] = useState<Place>(() => ({ row: 0, column: 0, ...kept?.cell, key: kept?.key }));
  /** The next render moves the focus to the tab stop. */
  const moves = useRef(kept?.hadFocus === true && isFocusUnused());
  const stop = useRef<HTMLElement>(undefined);
  // Before this render changes the document: it may remove the row with the focus, and with it the focus.
  const hadFocus = stop.current !== undefined && stop.current === document.activeElement;
  const found = place.key === undefined ? -1 : indexOf(place.key);
  const active = {
    row: found >= 0 ? found : Math.min(place.row, size.rows - 1),
    column: Math.max(0, Math.min(place.column, size.columns - 1)),
  };
  useLayoutEffect(() => {
    const target = targetIn(grid.current, active);
    const isLost = hadFocus && stop.current?.isConnected !== true;
    if (stop.current !== target && stop.current !== undefined) stop.current.tabIndex = -1;
    if (target !== undefined) target.tabIndex = 0;
    stop.current = target;
    if (!moves.current && !isLost) return;
    moves.current = false;
    target?.focus({ preventScroll: true });
    target?.closest('[aria-colindex]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  });
  const follow = ({ row, column }: ActiveCell): void => {
    const key = keyAt(row);
    setPlace((current) =>
      current.row === row && current.column === column && current.key === key ? current : { row, column, key },
    );
  };
  const moveTo = (cell: ActiveCell): void => {
    moves.current = true;
    setPlace({ ...cell, key: keyAt(cell.row) });
  };
  return { active, moveTo, follow };
}

/** Whether the reader has not moved the focus since the view was opened. */
const isFocusUnused = (): boolean => document.activeElement?.matches('body, main, h1') ?? true;

/** The link or button in a cell, or else the cell. */
function targetIn(grid: HTMLElement | null, { row, column }: ActiveCell): HTMLElement | undefined {
  const cells = `[aria-rowindex="${row + 2}"] > [aria-colindex`;
  // A heading over rows has one cell, in which the buttons take the place of columns.
  const heading = grid?.querySelector<HTMLElement>(`${cells}][aria-colspan]`);
  if (heading != null) return stopsIn(heading)[column] ?? stopsIn(heading).at(-1) ?? heading;
  const cell = grid?.querySelector<HTMLElement>(`${cells}="${column + 1}"]`);
  return (cell && stopsIn(cell)[0]) ?? cell ?? undefined;
}

/** The links and buttons of a cell that are seen: a phone has no place for some. */
export const stopsIn = (cell: Element): readonly HTMLElement[] =>
  [...cell.querySelectorAll<HTMLElement>('a[href], button')].filter(
    (stop) => getComputedStyle(stop).display !== 'none',
  );

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
