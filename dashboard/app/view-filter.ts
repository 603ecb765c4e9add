import { auditKinds, auditOutcomes } from '../../src/lib/audit/audit-log.ts';
import { runOutcomes } from '../../src/lib/core/outcomes.ts';
import { eventKinds } from '../../src/lib/tenant-events/tenant-event.ts';

/** The values that a parameter may have. None: any text. */
type Parameters = Readonly<Record<string, readonly string[]>>;
type Values<P extends Parameters> = { readonly [N in keyof P]?: P[N][number] | undefined };
export const anyText: readonly string[] = [];

/**
 * The filter of a view. It is part of the address, so that users can share what they see.
 * @param page address of the view without its query.
 */
export function viewFilter<const P extends Parameters>(page: string, parameters: P) {
  return {
    /** @param query query string without `?`. Unknown and empty parameters are ignored. */
    parse: (query: string): Values<P> => {
      const given = new URLSearchParams(query);
      const entries = Object.entries(parameters).flatMap(([name, known]) => {
        const value = given.get(name) ?? '';
        return value !== '' && (known.length === 0 || known.includes(value)) ? [[name, value]] : [];
      });
      return Object.fromEntries(entries) as Values<P>;
    },
    /** @param at in place of `page`. */
    link: (filter: { readonly [N in keyof P]?: string | undefined }, at = page): string => {
      const query = new URLSearchParams(
        Object.keys(parameters).flatMap((name) => (filter[name] ? [[name, filter[name]]] : [])),
      );
      return query.size === 0 ? at : `${at}?${query.toString()}`;
    },
  };
}

export const { parse: parseApprovalsFilter, link: approvalsLink } = viewFilter('#/approvals', {
  // Absent: requests that wait for decisions.
  show: ['valid', 'closed'],
  // Only what the person asked for.
  mine: ['true'],
});
export type ApprovalsFilter = ReturnType<typeof parseApprovalsFilter>;

export const { parse: parseAuditFilter, link: auditLink } = viewFilter('#/audit', {
  tenant: anyText,
  caller: anyText,
  kind: auditKinds,
  // `policy`: what the policy refused, which is a part of `denied`.
  outcome: ['policy', ...auditOutcomes],
  approval: anyText,
  breakGlass: ['true'],
  from: anyText,
  to: anyText,
});
export type AuditFilter = ReturnType<typeof parseAuditFilter>;

export const { parse: parseRunsFilter, link: runsLink } = viewFilter('#/runs', { job: anyText, outcome: runOutcomes });
export type RunsFilter = ReturnType<typeof parseRunsFilter>;

/** Tenants as the API takes them: ids, domains, `group:NAME` and `tag:NAME`, with commas between them. */
const events = viewFilter('#/events', {
  // Those that nothing later has ended.
  show: ['open'],
  kind: eventKinds,
  tenants: anyText,
});
export const eventsLink = events.link;
export type EventsFilter = ReturnType<typeof events.parse>;

export const parseEventsFilter = (query: string): EventsFilter => {
  const { tenants, ...filter } = events.parse(query);
  const entries = entriesIn(tenants).join(',');
  return entries === '' ? filter : { ...filter, tenants: entries };
};

/** A list as somebody types it: with commas, semicolons or blanks between the entries. */
export const entriesIn = (text = ''): readonly string[] => text.split(/[\s,;]+/).filter((entry) => entry !== '');
