import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { ApiFailure } from './api-failure.ts';
import { useSignedIn } from './context.ts';

/** An answer of the API with one part of a list. */
interface Page {
  readonly continuation?: string | undefined;
}

/** Requests in one go, at most. A page may be empty although others exist. */
const maxPages = 5;

interface Reading<P extends Page> {
  /** @param first the first page of all: its period is that of the others. */
  readonly read: (continuation: string | undefined, first: P | undefined) => Promise<P>;
  /** @param read the pages of this go, this one as the last. */
  readonly isEnough: (page: P, read: readonly P[]) => boolean;
  /** What was read before. */
  readonly known?: readonly P[];
  /** Where the first page begins. Default: at the newest. */
  readonly after?: string | undefined;
  readonly most?: number;
}

/** Reads page after page until one is enough, or is the last. @returns all pages. @throws ApiFailure */
export async function readPages<P extends Page>(reading: Reading<P>): Promise<readonly P[]> {
  const { read, isEnough, known = [], after, most = maxPages } = reading;
  const pages = [...known];
  let { continuation } = pages.at(-1) ?? { continuation: after };
  for (let n = 0; n < most; n += 1) {
    const page = await read(continuation, pages[0]);
    pages.push(page);
    ({ continuation } = page);
    if (continuation === undefined || isEnough(page, pages.slice(known.length))) break;
  }
  return pages;
}

export interface Pages<P> {
  readonly pages: readonly P[];
  readonly busy: boolean;
  /** The pages are those of before: the newest are being read in their place. */
  readonly isStale: boolean;
  readonly failure: ApiFailure | undefined;
  /** Reads on. Undefined if there is no more. */
  readonly loadMore: (() => void) | undefined;
  /** Drops the pages and reads the newest again. */
  readonly reload: () => void;
}

interface State<P> {
  /** The list that the pages belong to. */
  readonly key: string | undefined;
  readonly pages: readonly P[];
  readonly busy: boolean;
  readonly isStale?: boolean;
  readonly failure?: ApiFailure;
}

/**
 * A list that is read page by page, each shown as it comes. What fails leaves the pages before it.
 * @param key of the list. Another one begins anew.
 * @param begins `on demand`: nothing is read until more is asked for. `at once`: the first pages are read, and those of the list
 * before stay until then, so that the element that the user pressed keeps the focus.
 */
export function usePages<P extends Page>(
  key: string,
  begins: 'at once' | 'on demand',
  reading: Omit<Reading<P>, 'known' | 'most'>,
): Pages<P> {
  const { api } = useSignedIn();
  const isNewest = begins === 'at once';
  const [state, setState] = useState<State<P>>({ key: undefined, pages: [], busy: isNewest });
  /** Number of the latest load. Answers of earlier loads are ignored. */
  const sequence = useRef(0);
  const latest = useRef(reading);
  latest.current = reading;
  const load = useCallback(
    async (known: readonly P[]): Promise<void> => {
      const own = (sequence.current += 1);
      const isCurrent = (): boolean => sequence.current === own;
      const { isEnough } = latest.current;
      let pages = known;
      setState((current) => ({
        ...(isNewest ? current : { key, pages: known }),
        busy: true,
        isStale: known.length === 0,
      }));
      try {
        const wanted: Reading<P> = {
          ...latest.current,
          known,
          isEnough: (page, read) => {
            if (!isCurrent()) return true;
            pages = [...known, ...read];
            setState({ key, pages, busy: true });
            return isEnough(page, read);
          },
        };
        pages = await readPages(wanted);
        if (isCurrent()) setState({ key, pages, busy: false });
      } catch (thrown) {
        if (isCurrent()) setState({ key, pages, busy: false, failure: thrown as ApiFailure });
      }
    },
    [api, key],
  );
  useEffect(() => {
    if (isNewest) void load([]);
    return () => {
      sequence.current += 1;
      setState((current) => ({ ...current, busy: false }));
    };
  }, [load]);
  const isMine = state.key === key;
  const pages = isMine || isNewest ? state.pages : [];
  const { continuation } = pages.at(-1) ?? { continuation: reading.after };
  return {
    pages,
    // As soon as the list changes, before the request is sent.
    busy: isMine ? state.busy : isNewest,
    isStale: !isMine || (state.busy && state.isStale === true),
    failure: isMine ? state.failure : undefined,
    loadMore: continuation === undefined ? undefined : () => void load(isMine ? pages : []),
    reload: () => void load([]),
  };
}
