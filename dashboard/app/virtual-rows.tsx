import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type ActiveCell, cellAfter, type KeptCell, stopsIn, useCellFocus, useKeptPlace } from './cell-focus.ts';
import { useRowWindow } from './row-window.ts';

export interface RowsColumn<Item> {
  /** Unique among the columns. */
  readonly id: string;
  readonly title: string;
  /** The whole title, if `title` is a short one. */
  readonly hint?: string;
  /** Minimum width in rem. Columns share further space in proportion to it. */
  readonly width: number;
  /** Numbers are aligned at their end. */
  readonly align?: 'end' | undefined;
  /** Whether the heading offers to sort by this column. */
  readonly sortable?: boolean | undefined;
  /**
   * Content of a cell, on one line. A link or a button in it, at most one, has `tabIndex={-1}`: the grid gives it the
   * focus in place of the cell.
   */
  readonly cell: (item: Item) => ComponentChildren;
}

export interface RowsSort {
  /** Id of the column. */
  readonly column: string;
  readonly descending: boolean;
}

/** Leads back to the first order. It goes when it is pressed, so the rows get the focus. */
export const SortByTrouble = ({ onSort }: { readonly onSort: () => void }) => (
  <button
    type="button"
    onClick={() => {
      document.querySelector<HTMLElement>('[role=grid] [tabindex="0"]')?.focus({ preventScroll: true });
      onSort();
    }}
  >
    Sort by trouble
  </button>
);

/** A heading over the rows that follow it. */
export class RowGroup {
  /** Unique among the groups. */
  readonly key: string;
  /** Links and buttons in it have `tabIndex={-1}`: the arrow keys lead from one to the next. */
  readonly content: ComponentChildren;
  constructor(key: string, content: ComponentChildren) {
    this.key = key;
    this.content = content;
  }
}

interface VirtualRowsProps<Item> {
  /** Accessible name of the grid. */
  readonly label: string;
  /** The first one names the row and stays visible while the others scroll sideways. Keep the array between renders. */
  readonly columns: readonly RowsColumn<Item>[];
  /** In place of them on a phone: cells of two lines, which fit its width. */
  readonly narrow?: readonly RowsColumn<Item>[];
  /** In the order to show. Keep the objects between renders. */
  readonly items: readonly (Item | RowGroup)[];
  /** Unique among the items, and the same for the same item in a later list. */
  readonly keyOf: (item: Item) => string;
  readonly sort?: RowsSort | undefined;
  readonly onSort?: ((sort: RowsSort) => void) | undefined;
  /** Called for a click on a row, and for Enter in a cell without a link or button. */
  readonly onOpen?: ((item: Item) => void) | undefined;
  /** Key of the item that is open. */
  readonly openKey?: string | undefined;
  /** Told the width that columns have, in rem, and each other one. */
  readonly onRoom?: (room: number) => void;
  /** A last row, such as that of totals: texts by the ids of their columns. */
  readonly foot?: ReadonlyMap<string, string> | undefined;
}

/** Rows that scroll with the page: more of them scroll in a box, because only those in sight are in the document. */
const mostWithPage = 200;

/**
 * A grid of any number of rows, of which only those near the visible part are in the document. It is one tab stop: arrow
 * keys, Page Up, Page Down, Home and End move between cells (ARIA practices, pattern "grid"). Screen readers get the true
 * number and position of rows.
 */
export function VirtualRows<Item>(props: VirtualRowsProps<Item>) {
  const { label, items, sort, onSort, onOpen, openKey, foot } = props;
  const narrow = useNarrow() ? props.narrow : undefined;
  const { columns, rowHeight } = narrow
    ? { columns: narrow, rowHeight: 3.4 }
    : { columns: props.columns, rowHeight: 2.25 };
  const width = columns.reduce((sum, { width }) => sum + width, 0);
  const { keyAt, shown, active, room, handlers } = useGrid({ ...props, columns, rowHeight });
  const rows = rendered(shown.first, shown.end, active.row);
  const keys = rows.filter((row) => !(items[row] instanceof RowGroup)).map((row) => keyAt(row) ?? '');
  const elementOf = useElements(keys, keyAt(active.row));
  const tracks = columns.map(({ width }) => `minmax(${width}rem, ${width}fr)`).join(' ');
  const inner = { '--tracks': tracks, minWidth: `${width}rem` };
  return (
    <div
      {...handlers}
      class={`rows ${items.length <= mostWithPage ? 'few' : ''} ${width <= room ? 'fits' : ''}`}
      role="grid"
      aria-label={label}
      aria-rowcount={items.length + (foot === undefined ? 1 : 2)}
      aria-colcount={columns.length}
    >
      <div role="presentation" style={inner}>
        <Headings columns={columns} sort={sort} onSort={onSort} />
        <div role="rowgroup" class="rows-body" style={{ minHeight: `${items.length * rowHeight}rem` }}>
          {rows.map((index) => (
            <Row
              key={elementOf(keyAt(index) ?? '')}
              {...{ columns, index, rowHeight, onOpen }}
              item={items[index] as Item | RowGroup}
              isOpen={openKey !== undefined && keyAt(index) === openKey}
            />
          ))}
        </div>
        {foot === undefined ? null : (
          <div role="rowgroup" class="rows-foot">
            <div role="row" aria-rowindex={items.length + 2} class="rows-row">
              {columns.map(({ id, align }, index) => (
                <div key={id} role="gridcell" aria-colindex={index + 1} class={align}>
                  {foot.get(id)}
                </div>
              ))}
            </div>
          </div>
        )}
      </div>
    </div>
  );
}

/** Whether the window is as narrow as a phone. Same limit as in the style sheets. */
/** A cell of a narrow screen: what is most important, and below it in small letters what else has a place. */
export const TwoLines = (props: { readonly children: ComponentChildren; readonly below: ComponentChildren }) => (
  <span class="two-lines">
    <span>{props.children}</span>
    <span class="small">{props.below}</span>
  </span>
);

export function useNarrow(): boolean {
  const query = useMemo(() => matchMedia('screen and (max-width: 720px)'), []);
  const [isNarrow, setNarrow] = useState(query.matches);
  useEffect(() => {
    const follow = (): void => setNarrow(query.matches);
    query.addEventListener('change', follow);
    return () => query.removeEventListener('change', follow);
  }, []);
  return isNarrow;
}

function useGrid<Item>(props: VirtualRowsProps<Item> & { readonly rowHeight: number }) {
  const { label, columns, items, keyOf, onOpen, onRoom, rowHeight } = props;
  const ref = useRef<HTMLDivElement>(null);
  const place = useRef<Omit<KeptCell, 'hadFocus'>>(null);
  // First, because the window of rows depends on the scroll position.
  const kept = useKeptPlace(ref, label, place);
  const { shown, onScroll, visibleRows, room } = useRowWindow(ref, items.length, rowHeight);
  useLayoutEffect(() => onRoom?.(room), [room]);
  const keyOfRow = (item: Item | RowGroup): string => (item instanceof RowGroup ? `group ${item.key}` : keyOf(item));
  const keyAt = (row: number): string | undefined => {
    const item = items[row];
    return item === undefined ? undefined : keyOfRow(item);
  };
  const indexOf = (key: string): number => items.findIndex((item) => keyOfRow(item) === key);
  const size = { rows: items.length, columns: columns.length };
  const { active, moveTo, follow } = useCellFocus(ref, size, { keyAt, indexOf }, kept);
  place.current = { cell: active, key: keyAt(active.row) };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.altKey || event.metaKey || event.shiftKey) return;
    const item = items[active.row];
    if (event.key === 'Enter' && isCell(event.target) && item !== undefined && !(item instanceof RowGroup)) {
      // The key must not press the button that a dialog gives the focus.
      event.preventDefault();
      onOpen?.(item);
    }
    const next = cellAfter(event.key, event.ctrlKey, active, { ...size, page: visibleRows() });
    if (next === undefined) return;
    event.preventDefault();
    moveTo(next);
  };
  const followTo = (target: EventTarget | null): void => {
    const cell = cellOf(target);
    if (cell !== undefined) follow(cell);
  };
  // A column may have come before the one with the focus.
  useLayoutEffect(() => {
    if (ref.current?.contains(document.activeElement) === true) followTo(document.activeElement);
  }, [columns]);
  const onFocusIn = (event: FocusEvent): void => followTo(event.target);
  return { keyAt, shown, active, room, handlers: { ref, onScroll, onKeyDown, onFocusIn } };
}

/**
 * Gives the elements of rows that leave the document to rows that enter it: to make elements takes most of the time of a fast
 * scroll. A row keeps its element while it is rendered, and that of the tab stop, which may have the focus, becomes no other row.
 * Headings have their own, because their buttons say what they have done.
 */
function useElements(keys: readonly string[], active: string | undefined): (key: string) => string | number {
  const elements = useRef(new Map<string, number>());
  const made = useRef(0);
  const stop = useRef<string>(undefined);
  const before = elements.current;
  const free = new Map(before);
  for (const key of [...keys, stop.current ?? '']) free.delete(key);
  stop.current = active;
  const left = [...free.values()];
  const ofKey = (key: string): number => before.get(key) ?? left.pop() ?? (made.current += 1);
  const now = new Map(keys.map((key) => [key, ofKey(key)]));
  elements.current = now;
  return (key) => now.get(key) ?? key;
}

/** The rows of the window, and the one with the tab stop, which must not leave the document while it has the focus. */
function rendered(first: number, end: number, active: number): readonly number[] {
  const rows = Array.from({ length: Math.max(0, end - first) }, (_, index) => first + index);
  if (active < 0 || (active >= first && active < end)) return rows;
  return active < first ? [active, ...rows] : [...rows, active];
}

const isCell = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && target.matches('[role="gridcell"], [role="rowheader"]');

/** The cell that an element is in. */
function cellOf(target: EventTarget | null): ActiveCell | undefined {
  const cell = target instanceof Element ? target.closest('[aria-colindex]') : null;
  if (cell === null) return undefined;
  const indexOf = (element: Element | null, name: string): number => Number(element?.getAttribute(name));
  const row = indexOf(cell.parentElement, 'aria-rowindex') - 2;
  if (cell.hasAttribute('aria-colspan'))
    return {
      row,
      column: Math.max(
        0,
        stopsIn(cell).findIndex((stop) => stop === target),
      ),
    };
  return { row, column: indexOf(cell, 'aria-colindex') - 1 };
}

function Headings<Item>({ columns, sort, onSort }: Pick<VirtualRowsProps<Item>, 'columns' | 'sort' | 'onSort'>) {
  return (
    <div role="rowgroup" class="rows-head">
      <div role="row" aria-rowindex={1} class="rows-row">
        {columns.map(({ id, title, hint = title, align, sortable }, index) => {
          const isSorted = sort?.column === id;
          const order = sort?.descending === true ? 'descending' : 'ascending';
          const next = { column: id, descending: isSorted && !sort.descending };
          return (
            <div
              key={id}
              role="columnheader"
              aria-colindex={index + 1}
              aria-sort={isSorted ? order : undefined}
              class={align}
              tabIndex={-1}
            >
              {sortable === true && onSort !== undefined ? (
                <button type="button" title={hint} tabIndex={-1} onClick={() => onSort(next)}>
                  {title}
                </button>
              ) : (
                title
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}

interface RowProps<Item> extends Pick<VirtualRowsProps<Item>, 'columns' | 'onOpen'> {
  readonly item: Item | RowGroup;
  readonly index: number;
  readonly isOpen: boolean;
  readonly rowHeight: number;
}

/** Memoised, because scrolling and moving the focus change few rows. */
function Row<Item>({ columns, item, index, isOpen, rowHeight, onOpen }: RowProps<Item>) {
  const latest = useRef(onOpen);
  latest.current = onOpen;
  const opens = onOpen !== undefined;
  return useMemo(() => {
    const place = { top: `${index * rowHeight}rem`, height: `${rowHeight}rem` };
    if (item instanceof RowGroup)
      return (
        <div role="row" aria-rowindex={index + 2} class="rows-row group" style={place}>
          <div role="gridcell" aria-colindex={1} aria-colspan={columns.length} tabIndex={-1}>
            {item.content}
          </div>
        </div>
      );
    return (
      <div
        role="row"
        aria-rowindex={index + 2}
        aria-selected={opens ? isOpen : undefined}
        class={opens ? 'rows-row opens' : 'rows-row'}
        style={place}
        onClick={(event) => {
          if ((event.target as Element).closest('a, button') === null) latest.current?.(item);
        }}
      >
        {columns.map(({ id, align, cell }, column) => (
          <div
            key={id}
            role={column === 0 ? 'rowheader' : 'gridcell'}
            aria-colindex={column + 1}
            class={align}
            tabIndex={-1}
          >
            {cell(item)}
          </div>
        ))}
      </div>
    );
  }, [columns, item, index, isOpen, rowHeight, opens]);
}
