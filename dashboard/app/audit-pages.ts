import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { AuditAnswer } from '../../src/lib/api/answers/audit.ts';
import type { Api, ApiFailure } from './api.ts';
import { type AuditFilter, auditLink } from './audit-filter.ts';
import { useSignedIn } from './context.ts';

export type AuditRecord = AuditAnswer['entries'][number];

/** What has been read so far. */
interface Pages {
  /** Newest first. */
  readonly records: readonly AuditRecord[];
  /** The time that they are of, as the first answer had it; undefined before. */
  readonly range?: { readonly from: string; readonly to: string };
  readonly continuation?: string;
}

export interface AuditPages extends Pages {
  readonly busy: boolean;
  readonly failure: ApiFailure | undefined;
  /** Undefined when there is nothing further. */
  readonly more: (() => void) | undefined;
  /** From the newest on again. */
  readonly again: () => void;
}

interface State {
  readonly pages: Pages;
  /** Of the filter that the pages are the answer to; undefined while a reading is under way. */
  readonly link: string | undefined;
  readonly failure?: ApiFailure;
}

const none: Pages = { records: [] };

/** Most records in one answer. */
const pageSize = 100;

/** A page may be empty although older records exist; so many are asked for before the operator has to press again. */
const pagesAtOnce = 5;

/**
 * The records that a filter finds, page by page. Until the first page of another filter has come, the records of the
 * one before stay: what the operator has pressed does not vanish from under the focus.
 */
export function useAuditPages(filter: AuditFilter): AuditPages {
  const { api } = useSignedIn();
  const link = auditLink(filter);
  const [state, setState] = useState<State>({ pages: none, link: '' });
  /** Which reading counts; one of an earlier filter may come in late. */
  const turn = useRef(0);
  const latest = useRef(filter);
  latest.current = filter;

  const read = useCallback(
    async (known: Pages): Promise<void> => {
      const mine = (turn.current += 1);
      const isCurrent = (): boolean => turn.current === mine;
      setState(({ pages }) => ({ pages, link: undefined }));
      try {
        const pages = await readOn(api, latest.current, known, isCurrent);
        if (isCurrent()) setState({ pages, link });
      } catch (thrown) {
        if (isCurrent()) setState({ pages: known, link, failure: thrown as ApiFailure });
      }
    },
    [api, link],
  );
  useEffect(() => {
    void read(none);
    return () => {
      turn.current += 1;
    };
  }, [read]);

  const { pages, failure } = state;
  return {
    ...pages,
    // So from the moment on that the filter changes, before anything is asked.
    busy: state.link !== link,
    failure,
    more: pages.continuation === undefined ? undefined : () => void read(pages),
    again: () => void read(none),
  };
}

async function readOn(api: Api, filter: AuditFilter, known: Pages, wanted: () => boolean): Promise<Pages> {
  let pages = known;
  for (let n = 0; n < pagesAtOnce; n += 1) {
    const { continuation, range } = pages;
    const answer = await api.audit({
      ...filter,
      // The same range for all pages, although the first was asked for "until now".
      ...range,
      ...(continuation === undefined ? {} : { continuation }),
      limit: String(pageSize),
    });
    pages = withPage(pages, answer);
    if (!wanted() || pages.continuation === undefined || pages.records.length > known.records.length) break;
  }
  return pages;
}

function withPage({ records, range }: Pages, { from, to, entries, continuation }: AuditAnswer): Pages {
  return {
    records: [...records, ...entries],
    range: range ?? { from, to },
    ...(continuation === undefined ? {} : { continuation }),
  };
}
