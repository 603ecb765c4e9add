// @vitest-environment happy-dom
import { useState } from 'preact/hooks';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cellAfter } from '../../../dashboard/app/cell-focus.ts';
import { windowOf } from '../../../dashboard/app/row-window.ts';
import { type RowsColumn, type RowsSort, VirtualRows } from '../../../dashboard/app/virtual-rows.tsx';
import { rendered } from './rendered.ts';

interface Item {
  readonly id: string;
  readonly rank: number;
}

const items = (count: number): Item[] => Array.from({ length: count }, (_, rank) => ({ id: `t${rank}`, rank }));

const columns: readonly RowsColumn<Item>[] = [
  { id: 'id', title: 'Tenant', width: 10, sortable: true, cell: ({ id }) => id },
  { id: 'rank', title: 'Rank', width: 5, align: 'end', sortable: true, cell: ({ rank }) => rank },
  {
    id: 'link',
    title: 'Run',
    width: 5,
    cell: ({ id }) => (
      <a href={`#/${id}`} tabIndex={-1}>
        open
      </a>
    ),
  },
];

const rowPixels = 36;
const heightPixels = 360;

beforeEach(() => {
  // A grid of an earlier test was not left by this entry.
  history.replaceState(null, '', '/');
  vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(heightPixels);
});
afterEach(() => {
  vi.restoreAllMocks();
});

it('observes its size once at a time, and not after it has left the page', async () => {
  const open = new Set<ResizeObserver>();
  vi.spyOn(ResizeObserver.prototype, 'observe').mockImplementation(function (this: ResizeObserver) {
    open.add(this);
  });
  vi.spyOn(ResizeObserver.prototype, 'disconnect').mockImplementation(function (this: ResizeObserver) {
    open.delete(this);
  });
  const { show, unmount } = await grid(items(10));
  await show(items(20));
  await show(items(30));
  expect(open.size).toBe(1);
  await unmount();
  expect(open.size).toBe(0);
});

type Props = Partial<Parameters<typeof VirtualRows<Item>>[0]>;

async function grid(list: readonly Item[], more: Props = {}) {
  const opened: string[] = [];
  const props = (shown: readonly Item[], changed: Props = {}) => ({
    label: 'Tenants',
    columns,
    items: shown,
    keyOf: ({ id }: Item) => id,
    onOpen: ({ id }: Item) => void opened.push(id),
    ...more,
    ...changed,
  });
  const page = await rendered(<VirtualRows<Item> {...props(list)} />);
  const root = page.root.querySelector<HTMLElement>('[role="grid"]')!;
  const cell = (row: number, column: number) =>
    root.querySelector<HTMLElement>(`[aria-rowindex="${row}"] > [aria-colindex="${column}"]`);
  const press = (key: string, init: KeyboardEventInit = {}): Promise<void> =>
    act(() => {
      document.activeElement?.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, ...init }));
    });
  const scroll = (top: number): Promise<void> =>
    act(() => {
      root.scrollTop = top;
      root.dispatchEvent(new Event('scroll'));
    });
  const at = (): string =>
    (['aria-rowindex', 'aria-colindex'] as const)
      .map((name) => document.activeElement?.closest(`[${name}]`)?.getAttribute(name))
      .join(',');
  const show = (next: readonly Item[], changed?: Props) =>
    page.rerender(<VirtualRows<Item> {...props(next, changed)} />);
  return { ...page, root, cell, press, scroll, at, opened, show };
}

const indexes = (root: HTMLElement): number[] =>
  [...root.querySelectorAll('[aria-rowindex]')].map((row) => Number(row.getAttribute('aria-rowindex')));

describe('windowOf', () => {
  it.each([
    ['the start', 5_000, 0, 0, 23],
    ['the middle', 5_000, 2_500 * rowPixels, 2_492, 2_523],
    ['the end', 5_000, 5_000 * rowPixels - heightPixels, 4_980, 5_000],
    ['a list that is shorter than the element', 3, 0, 0, 3],
    ['a list that became shorter than the scroll position', 20, 9_999 * rowPixels, 1, 20],
    ['no rows', 0, 0, 0, 0],
    ['a position before the start, as some browsers report it', 5_000, -50, 0, 23],
  ])('at %s', (_, count, scrollTop, first, end) => {
    expect(windowOf(count, rowPixels, scrollTop, heightPixels)).toEqual({ first, end });
  });

  it('always covers the visible rows, and never many more', () => {
    for (let top = 0; top <= 1_000 * rowPixels - heightPixels; top += 17) {
      const { first, end } = windowOf(1_000, rowPixels, top, heightPixels);
      expect(first * rowPixels).toBeLessThanOrEqual(top);
      expect(end * rowPixels).toBeGreaterThanOrEqual(top + heightPixels);
      expect(end - first).toBeLessThanOrEqual(heightPixels / rowPixels + 25);
    }
  });
});

describe('cellAfter', () => {
  const size = { rows: 100, columns: 4, page: 10 };
  it.each([
    ['ArrowDown', false, [5, 1], [6, 1]],
    ['ArrowDown', false, [99, 1], [99, 1]],
    ['ArrowUp', false, [0, 1], [-1, 1]],
    ['ArrowUp', false, [-1, 1], [-1, 1]],
    ['ArrowLeft', false, [5, 0], [5, 0]],
    ['ArrowRight', false, [5, 3], [5, 3]],
    ['Home', false, [5, 2], [5, 0]],
    ['End', false, [5, 2], [5, 3]],
    ['Home', true, [5, 2], [0, 0]],
    ['End', true, [5, 2], [99, 3]],
    ['PageDown', false, [95, 2], [99, 2]],
    ['PageUp', false, [5, 2], [0, 2]],
  ] as const)('%s with control %s moves from %j to %j', (key, control, [row, column], [toRow, toColumn]) => {
    expect(cellAfter(key, control, { row, column }, size)).toEqual({ row: toRow, column: toColumn });
  });

  it('leaves other keys to the browser', () => {
    for (const key of ['Tab', 'a', 'Enter', 'constructor'])
      expect(cellAfter(key, false, { row: 0, column: 0 }, size)).toBeUndefined();
  });

  it('stays in the heading of an empty grid', () => {
    const empty = { rows: 0, columns: 2, page: 1 };
    for (const key of ['ArrowDown', 'PageDown', 'PageUp', 'End', 'Home'])
      expect(cellAfter(key, true, { row: -1, column: 0 }, empty)?.row).toBe(-1);
  });
});

describe('VirtualRows', () => {
  it('renders the rows near the visible part, and tells screen readers the true numbers', async () => {
    const { root, cell, unmount } = await grid(items(5_000));
    expect(root.getAttribute('aria-rowcount')).toBe('5001');
    expect(root.getAttribute('aria-colcount')).toBe('3');
    expect(indexes(root)).toEqual(Array.from({ length: 24 }, (_, index) => index + 1));
    expect([
      cell(1, 1)?.getAttribute('role'),
      cell(2, 1)?.getAttribute('role'),
      cell(2, 2)?.getAttribute('role'),
    ]).toEqual(['columnheader', 'rowheader', 'gridcell']);
    expect(root.querySelector<HTMLElement>('.rows-body')?.style.minHeight).toBe(`${5_000 * 2.25}rem`);
    await unmount();
  });

  it('shows other rows after scrolling, and keeps the row with the tab stop', async () => {
    const { root, scroll, cell, unmount } = await grid(items(5_000));
    await scroll(4_000 * rowPixels);
    const found = indexes(root);
    expect(found.slice(0, 3)).toEqual([1, 2, 4_000 - 8 + 2]);
    expect(found.length).toBeLessThan(40);
    expect(cell(4_002, 1)?.textContent).toBe('t4000');
    await unmount();
  });

  it('is one tab stop, which arrow keys move, and gives the focus to a link in place of its cell', async () => {
    const { root, cell, press, at, unmount } = await grid(items(5_000));
    const stops = () => [...root.querySelectorAll<HTMLElement>('*')].filter(({ tabIndex }) => tabIndex === 0);
    expect(stops()).toEqual([cell(2, 1)]);
    await act(() => cell(2, 1)?.focus());
    await press('ArrowRight');
    expect(document.activeElement).toBe(cell(2, 2));
    await press('End');
    expect(document.activeElement).toBe(cell(2, 3)?.querySelector('a'));
    await press('End', { ctrlKey: true });
    expect(at()).toBe('5001,3');
    await press('PageUp');
    // Ten rows are visible, one of them under the heading.
    expect(at()).toBe('4992,3');
    await press('Home', { ctrlKey: true });
    await press('ArrowUp');
    expect(document.activeElement?.textContent).toBe('Tenant');
    expect(stops()).toHaveLength(1);
    await unmount();
  });

  it('makes the cell that is clicked the tab stop', async () => {
    const { root, cell, unmount } = await grid(items(50));
    await act(() => cell(7, 2)?.focus());
    expect(root.querySelector('[tabindex="0"]')).toBe(cell(7, 2));
    await unmount();
  });

  it('keeps the focus on its item when the order changes', async () => {
    const list = items(5_000);
    const { cell, show, at, unmount } = await grid(list);
    await act(() => cell(4, 1)?.focus());
    await show(list.toReversed());
    expect([document.activeElement?.textContent, at()]).toEqual(['t2', '4999,1']);
    await unmount();
  });

  it('gives the focus to a neighbour when its row is removed, and only if it had the focus', async () => {
    const list = items(50);
    const { cell, show, at, unmount } = await grid(list);
    await act(() => cell(4, 1)?.focus());
    await show(list.filter(({ id }) => id !== 't2'));
    expect([document.activeElement?.textContent, at()]).toEqual(['t3', '4,1']);
    await act(() => cell(4, 1)?.blur());
    await show(list.slice(0, 1));
    expect(document.activeElement).toBe(document.body);
    await unmount();
  });

  it('keeps its tab stop and the focus when the column of the active cell goes away', async () => {
    const list = items(50);
    const { root, cell, show, press, at, unmount } = await grid(list);
    await act(() => cell(4, 3)?.querySelector('a')?.focus());
    await show(list, { columns: columns.slice(0, 2) });
    expect([...root.querySelectorAll('[tabindex="0"]')]).toEqual([cell(4, 2)]);
    expect(at()).toBe('4,2');
    await press('ArrowLeft');
    expect(at()).toBe('4,1');
    await unmount();
  });

  it('keeps its tab stop at the heading with the focus when a column comes before it', async () => {
    const list = items(50);
    const more = { onSort: () => undefined };
    const { root, cell, show, press, at, unmount } = await grid(list, more);
    await act(() => cell(1, 2)?.querySelector('button')?.focus());
    const [first, ...others] = columns;
    const access: RowsColumn<Item> = { id: 'access', title: 'Access', width: 5, cell: () => 'yes' };
    await show(list, { columns: [first!, access, ...others] });
    expect(at()).toBe('1,3');
    expect([...root.querySelectorAll('[tabindex="0"]')]).toEqual([document.activeElement]);
    await press('ArrowRight');
    expect(at()).toBe('1,4');
    await unmount();
  });

  it('opens the item of a row on Enter and on a click, but not for a link in it', async () => {
    const { cell, press, opened, unmount } = await grid(items(50), { openKey: 't1' });
    await act(() => cell(3, 1)?.focus());
    await press('Enter');
    await act(() => cell(4, 2)?.click());
    await act(() => cell(5, 3)?.querySelector('a')?.click());
    expect(opened).toEqual(['t1', 't2']);
    expect(cell(3, 1)?.parentElement?.getAttribute('aria-selected')).toBe('true');
    expect(cell(4, 1)?.parentElement?.getAttribute('aria-selected')).toBe('false');
    await unmount();
  });

  it('sorts by a heading, and in the other direction the second time', async () => {
    const asked: RowsSort[] = [];
    function Page() {
      const [sort, setSort] = useState<RowsSort>();
      const onSort = (next: RowsSort): void => {
        asked.push(next);
        setSort(next);
      };
      return <VirtualRows label="T" columns={columns} items={items(3)} keyOf={({ id }) => id} {...{ sort, onSort }} />;
    }
    const { root, unmount } = await rendered(<Page />);
    const heading = () => root.querySelectorAll<HTMLElement>('[role="columnheader"]')[1];
    for (let presses = 0; presses < 3; presses += 1) await act(() => heading()?.querySelector('button')?.click());
    expect(asked.map(({ descending }) => descending)).toEqual([false, true, false]);
    expect(asked[0]?.column).toBe('rank');
    expect(heading()?.getAttribute('aria-sort')).toBe('ascending');
    expect(root.querySelectorAll('[aria-sort]')).toHaveLength(1);
    expect(root.querySelectorAll('[role="columnheader"] button')).toHaveLength(2);
    await unmount();
  });

  it('shows a list that became shorter than the scroll position', async () => {
    const { root, scroll, show, unmount } = await grid(items(5_000));
    await scroll(4_900 * rowPixels);
    await show(items(3));
    expect(indexes(root)).toEqual([1, 2, 3, 4]);
    await show([]);
    expect(indexes(root)).toEqual([1]);
    expect(root.querySelector('[tabindex="0"]')?.textContent).toBe('Tenant');
    await unmount();
  });

  it('is left and found again at the same place, but only by the Back button', async () => {
    history.replaceState(null, '', '#/tenants');
    const list = items(5_000);
    const first = await grid(list);
    await first.scroll(2_000 * rowPixels);
    await act(() => first.cell(2_006, 2)?.focus());
    const entry = history.state as unknown;
    history.pushState(null, '', '#/tenants/t2004');
    await first.unmount();

    history.replaceState(entry, '', '#/tenants');
    const back = await grid(list.slice(3));
    expect([back.root.scrollTop, back.at(), document.activeElement?.textContent]).toEqual([
      2_000 * rowPixels,
      '2003,2',
      '2004',
    ]);
    await back.unmount();

    history.pushState(null, '', '#/tenants');
    const link = await grid(list);
    expect([link.root.scrollTop, document.activeElement, link.root.querySelector('[tabindex="0"]')]).toEqual([
      0,
      document.body,
      link.cell(2, 1),
    ]);
    await link.unmount();
  });

  it('takes no focus that the reader has moved since', async () => {
    history.replaceState(null, '', '#/tenants');
    const first = await grid(items(50));
    await act(() => first.cell(7, 1)?.focus());
    const entry = history.state as unknown;
    history.pushState(null, '', '#/runs');
    await first.unmount();
    history.replaceState(entry, '', '#/tenants');
    const field = document.body.appendChild(document.createElement('input'));
    field.focus();
    const back = await grid(items(50));
    expect([document.activeElement, back.root.querySelector('[tabindex="0"]')]).toEqual([field, back.cell(7, 1)]);
    await back.unmount();
    field.remove();
  });

  it('renders a row again only when its item changes', async () => {
    const drawn: string[] = [];
    const watched: readonly RowsColumn<Item>[] = [
      { id: 'id', title: 'Tenant', width: 10, cell: ({ id }) => void drawn.push(id) },
    ];
    const list = items(100);
    const { show, scroll, unmount } = await grid(list, { columns: watched });
    drawn.length = 0;
    await show(list.with(5, { id: 't5', rank: 99 }));
    expect(drawn).toEqual(['t5']);
    drawn.length = 0;
    await scroll(4 * rowPixels);
    expect(drawn).toEqual(['t23', 't24', 't25', 't26']);
    await unmount();
  });
});
