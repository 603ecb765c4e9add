import { type EventKind, eventKinds } from '../../src/lib/tenant-events/tenant-event.ts';

/** Filter of the list of events. It is part of the address, so that users can share what they see. */
export interface EventsFilter {
  readonly kind?: EventKind;
  /** Tenants as the API takes them: ids, domains, `group:NAME` and `tag:NAME`, with commas between them. */
  readonly tenants?: string;
}

/** @param query query string without `?`. Unknown and empty parameters are ignored. */
export function parseEventsFilter(query: string): EventsFilter {
  const given = new URLSearchParams(query);
  const kind = eventKinds.find((known) => known === given.get('kind'));
  const tenants = tenantsIn(given.get('tenants') ?? '');
  return { ...(kind === undefined ? {} : { kind }), ...(tenants === '' ? {} : { tenants }) };
}

export function eventsLink({ kind, tenants = '' }: EventsFilter): string {
  const query = new URLSearchParams({
    ...(kind === undefined ? {} : { kind }),
    ...(tenants === '' ? {} : { tenants }),
  });
  return query.size === 0 ? '#/events' : `#/events?${query.toString()}`;
}

/** A list as somebody types it: with commas or blanks between the entries. */
export const tenantsIn = (text: string): string =>
  text
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .join(',');
