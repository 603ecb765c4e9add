import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { AuditAnswer } from '../../src/lib/api/answers/audit.ts';
import type { ApiFailure } from './api-failure.ts';
import type { Api } from './api.ts';
import { type AuditFilter, auditLink } from './view-filter.ts';
import { useSignedIn } from './context.ts';

export type AuditRecord = AuditAnswer['entries'][number];

/** All pages loaded so far. */
interface Pages {
  /** Newest first. */
  readonly records: readonly AuditRecord[];
  /** Period of the records, as in the first answer. Undefined before the first answer. */
  readonly range?: { readonly from: string; readonly to: string };
  readonly continuation?: string;
  /** Names of callers that the policy has, by their ids. */
  readonly callerNames?: AuditAnswer['callerNames'];
}

export interface AuditPages extends Pages {
  readonly busy: boolean;
  readonly failure: ApiFailure | undefined;
  /** Loads older records. Undefined if there are none. */
  readonly loadMore: (() => void) | undefined;
  /** Discards the records and loads the newest again. */
  readonly reload: () => void;
}

interface State {
  readonly pages: Pages;
  /** Link of the filter that produced the pages. Undefined while pages are loading. */
  readonly link: string | undefined;
  readonly failure?: ApiFailure;
}

const noPages: Pages = { records: [] };

/** Maximum number of records in one answer. */
const pageSize = 100;

/** Maximum number of pages to request per click. A page may be empty although older records exist. */
const maxPagesPerClick = 5;

/**
 * Loads the records that match a filter, page by page. After a filter change, the old records stay until the first page
 * of the new filter arrives, so that the element that the user pressed keeps the focus.
 */
export function useAuditPages(filter: AuditFilter): AuditPages {
  const { api } = useSignedIn();
  const link = auditLink(filter);
  const [state, setState] = useState<State>({ pages: noPages, link: '' });
  /** Number of the latest load. Answers of earlier loads are ignored. */
  const sequence = useRef(0);
  const latest = useRef(filter);
  latest.current = filter;

  const load = useCallback(
    async (known: Pages): Promise<void> => {
      const own = (sequence.current += 1);
      const isCurrent = (): boolean => sequence.current === own;
      setState(({ pages }) => ({ pages, link: undefined }));
      try {
        const pages = await loadPages(api, latest.current, known, isCurrent);
        if (isCurrent()) setState({ pages, link });
      } catch (thrown) {
        if (isCurrent()) setState({ pages: known, link, failure: thrown as ApiFailure });
      }
    },
    [api, link],
  );
  useEffect(() => {
    void load(noPages);
    return () => {
      sequence.current += 1;
    };
  }, [load]);

  const { pages, failure } = state;
  return {
    ...pages,
    // True as soon as the filter changes, before the request is sent.
    busy: state.link !== link,
    failure,
    loadMore: pages.continuation === undefined ? undefined : () => void load(pages),
    reload: () => void load(noPages),
  };
}

async function loadPages(api: Api, filter: AuditFilter, known: Pages, isCurrent: () => boolean): Promise<Pages> {
  let pages = known;
  for (let n = 0; n < maxPagesPerClick; n += 1) {
    const { continuation, range } = pages;
    const answer = await api.audit({
      ...filter,
      // The continuation belongs to the period of the first answer, even if the filter has no end.
      ...range,
      continuation,
      limit: String(pageSize),
    });
    pages = withPage(pages, answer);
    if (!isCurrent() || pages.continuation === undefined || pages.records.length > known.records.length) break;
  }
  return pages;
}

function withPage({ records, range, callerNames }: Pages, answer: AuditAnswer): Pages {
  const { from, to, entries, continuation } = answer;
  return {
    callerNames: { ...callerNames, ...answer.callerNames },
    records: [...records, ...entries],
    range: range ?? { from, to },
    ...(continuation === undefined ? {} : { continuation }),
  };
}
