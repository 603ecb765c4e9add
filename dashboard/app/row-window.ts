import type { RefObject } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';

/** Rows rendered above and below the visible ones, so that a fast scroll shows no gap. */
const overscan = 8;
/** The window moves in steps of this many rows, so that few scroll events render anything. */
const step = 4;
/** Rows to render before the height of the element is known. */
const rowsAtFirst = 24;

/** The rows to render: from `first` to before `end`. */
export interface RowWindow {
  readonly first: number;
  readonly end: number;
}

/** Returns the rows to render of `count` rows at this scroll position. Lengths are in pixels. */
export function windowOf(count: number, rowHeight: number, scrollTop: number, height: number): RowWindow {
  const visible = height === 0 ? rowsAtFirst : Math.ceil(height / rowHeight) + 1;
  const top = Math.floor(Math.max(0, scrollTop) / rowHeight / step) * step;
  // The list may have become shorter than the scroll position.
  const first = Math.max(0, Math.min(top, count - visible) - overscan);
  return { first, end: Math.min(count, Math.min(top, Math.max(0, count - visible)) + visible + step + overscan) };
}

/** Follows scroll position and size of an element. @param rowRem height of a row in rem. */
export function useRowWindow(
  element: RefObject<HTMLElement | null>,
  count: number,
  rowRem: number,
): {
  readonly shown: RowWindow;
  readonly onScroll: () => void;
  readonly visibleRows: () => number;
  /** Width of the element in whole rem. 0 until it is known. */
  readonly room: number;
} {
  // Measured when the size changes and not while it scrolls: to ask for a style makes the browser compute all of them.
  const size = useRef({ rowHeight: rowRem * 16, height: 0 });
  const [shown, setShown] = useState<RowWindow>(() => windowOf(count, rowRem, 0, 0));
  const [room, setRoom] = useState(0);
  const onScroll = (): void => {
    const next = windowOf(count, size.current.rowHeight, element.current?.scrollTop ?? 0, size.current.height);
    setShown((current) => (current.first === next.first && current.end === next.end ? current : next));
  };
  useLayoutEffect(() => {
    const { current } = element;
    if (current === null) return;
    const measure = (): void => {
      size.current = { rowHeight: rowRem * remPixels(), height: current.clientHeight };
      setRoom(Math.floor(current.clientWidth / remPixels()));
      onScroll();
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(current);
    return () => observer.disconnect();
  }, [count, rowRem]);
  return {
    // Until the effect has run, the window may reach beyond a list that has become shorter.
    shown: { first: Math.min(shown.first, count), end: Math.min(shown.end, count) },
    onScroll,
    visibleRows: () => Math.max(1, Math.floor(Math.min(size.current.height, innerHeight) / size.current.rowHeight) - 1),
    room,
  };
}

/** Pixels of one rem: readers may have chosen a larger font. */
const remPixels = (): number => Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;
