import { useEffect, useMemo } from 'preact/hooks';
import type { AuditAnswer } from '../../src/lib/api/answers/audit.ts';
import { isRefusedByPolicy } from '../../src/lib/api/refusals.ts';
import { type AuditFilter, auditLink } from './view-filter.ts';
import type { Api, Query } from './api.ts';
import { useSignedIn } from './context.ts';
import { type AuditRecord, folded, oneARequest } from './audit-lines.ts';
import { type Pages, usePages } from './paging.ts';

export interface AuditPages extends Omit<Pages<AuditAnswer>, 'pages'> {
  /** Newest first. */
  readonly records: readonly AuditRecord[];
  /** Period of the records, as in the first answer. Undefined before the first answer. */
  readonly range: { readonly from: string; readonly to: string } | undefined;
  /** Names of callers that the policy has, by their ids. */
  readonly callerNames: NonNullable<AuditAnswer['callerNames']>;
}

/** The period of an answer. A continuation belongs to that of the first, even if the filter has no end. */
const periodOf = (first: AuditAnswer | undefined) => first && { from: first.from, to: first.to };

/** Reads a page of the records that match a filter. Those of what the policy refused have fewer than were asked for. */
export async function readRecords(api: Api, filter: AuditFilter, query: Query): Promise<AuditAnswer> {
  if (filter.outcome !== 'policy') return api.audit({ ...filter, ...query });
  const answer = await api.audit({ ...filter, outcome: 'denied', ...query });
  return { ...answer, entries: answer.entries.filter(isRefusedByPolicy) };
}

/** Records in the first answer. Each one after it is twice as large, until there are enough lines. */
const pageSize = 60;
/** Lines of the list that are wanted at once: a run of a job is hundreds of records and one line. */
const linesAtOnce = 25;
/** Where all records of a period are wanted, or a few among many. */
export const largePageSize = 1000;

/** The records that match a filter, page by page. */
export function useAuditPages(filter: AuditFilter): AuditPages {
  const { api } = useSignedIn();
  let limit = filter.outcome === 'policy' ? largePageSize : pageSize;
  const { pages, ...state } = usePages<AuditAnswer>(auditLink(filter), 'at once', {
    read: (continuation, first) => readRecords(api, filter, { ...periodOf(first), continuation, limit: String(limit) }),
    isEnough: (_, read) => {
      limit = Math.min(largePageSize, limit * 2);
      return folded(oneARequest(read.flatMap(({ entries }) => entries))).length >= linesAtOnce;
    },
  });
  return { ...state, ...useShown(pages) };
}

const useShown = (pages: readonly AuditAnswer[]) =>
  useMemo(
    () => ({
      records: pages.flatMap(({ entries }) => entries),
      range: periodOf(pages[0]),
      callerNames: Object.assign({}, ...pages.map(({ callerNames }) => callerNames)) as AuditPages['callerNames'],
    }),
    [pages],
  );

/**
 * The newest thousands of records of a period, for a search: the list has the newest hundred.
 * @param isSearching false: nothing is read. @param range undefined: it is not known yet.
 */
export function useWholePeriod(filter: AuditFilter, range: AuditPages['range'], isSearching: boolean) {
  const { api } = useSignedIn();
  const key = `${auditLink(filter)} ${range?.to}`;
  const { pages, ...state } = usePages<AuditAnswer>(key, 'on demand', {
    read: (continuation) => readRecords(api, filter, { ...range, continuation, limit: String(largePageSize) }),
    isEnough: () => false,
  });
  const wanted = isSearching && range !== undefined;
  useEffect(() => {
    if (wanted && pages.length === 0) state.reload();
  }, [wanted, key]);
  return { ...state, ...useShown(pages), isRead: pages.length > 0 };
}
