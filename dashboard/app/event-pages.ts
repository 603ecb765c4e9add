import { useRef, useState } from 'preact/hooks';
import type { EventsAnswer, EventView } from '../../src/lib/api/answers/tenants.ts';
import type { ApiFailure } from './api-failure.ts';
import type { Api, Query } from './api.ts';
import { useSignedIn } from './context.ts';
import { type EventsFilter, eventsLink } from './view-filter.ts';
import { type Polled, usePolling } from './polling.ts';

const intervalMs = 30_000;
const pageSize = 100;
/** Requests in one go, at most. A page may be empty although other events exist. */
const maxPages = 5;

/** The events of the first page, and those that have come since. */
export interface NewestEvents extends EventsAnswer {
  /** Differs from the one before if so much has come that the list began again. */
  readonly start: number;
}

export interface EventPages {
  readonly polled: Polled<NewestEvents>;
  /** Newest first. */
  readonly events: readonly EventView[];
  /** Whether there are older events. */
  readonly hasOlder: boolean;
  readonly older: {
    readonly busy: boolean;
    readonly failure: ApiFailure | undefined;
    readonly load: () => void;
  };
}

/** Older pages, which belong to one list. */
interface Older extends Pick<EventsAnswer, 'events' | 'continuation'> {
  readonly list: string;
  readonly busy?: boolean;
  readonly failure?: ApiFailure | undefined;
}

/** Loads the newest events that match a filter, asks for later ones while the page is visible, and loads older ones. */
export function useEventPages(filter: EventsFilter): EventPages {
  const { api } = useSignedIn();
  const link = eventsLink(filter);
  const known = useRef<{ readonly link: string; readonly newest: NewestEvents }>(undefined);
  const load = async (): Promise<NewestEvents> => {
    const before = known.current?.link === link ? known.current.newest : undefined;
    const newest = await readNewest(api, filter, before);
    known.current = { link, newest };
    return newest;
  };
  const polled = usePolling(load, link, intervalMs);
  const newest = polled.value;
  const list = `${newest?.start} ${link}`;
  const [older, setOlder] = useState<Older>({ list: '', events: [] });
  const mine: Older | undefined = older.list === list ? older : undefined;
  const { continuation } = mine ?? newest ?? {};
  const loadOlder = async (): Promise<void> => {
    if (continuation === undefined || mine?.busy === true) return;
    const start: Older = { list, events: mine?.events ?? [], continuation };
    setOlder({ ...start, busy: true });
    const next = await readOlder(api, filter, start);
    // Not if another list is shown by now.
    setOlder((current) => (current.list === list ? next : current));
  };
  return {
    polled,
    events: [...(newest?.events ?? []), ...(mine?.events ?? [])],
    hasOlder: continuation !== undefined,
    older: { busy: mine?.busy === true, failure: mine?.failure, load: () => void loadOlder() },
  };
}

type Page = Pick<EventsAnswer, 'events' | 'continuation' | 'lookedAt'>;

/** Reads pages until one has events, or to the end if `isAll`. */
async function readPages(api: Api, query: Query, { isAll = false, most = maxPages } = {}): Promise<Page> {
  let page: Page = { events: [], continuation: query['continuation'] };
  for (let n = 0; n < most; n += 1) {
    const { continuation } = page;
    const answer = await api.events({
      ...query,
      limit: String(pageSize),
      continuation,
    });
    page = { ...answer, events: [...page.events, ...answer.events] };
    if (answer.continuation === undefined || (!isAll && page.events.length > 0)) break;
  }
  return page;
}

async function readNewest(api: Api, filter: EventsFilter, before: NewestEvents | undefined): Promise<NewestEvents> {
  if (before === undefined) return { ...(await readPages(api, { ...filter })), start: 1 };
  const [newest] = before.events;
  if (newest === undefined) {
    // What has come since is on the first page. The others were empty, and stay so.
    const page = await readPages(api, { ...filter }, { most: 1 });
    return page.events.length === 0 ? { ...before, ...looked(page) } : { ...page, start: before.start + 1 };
  }
  const later = await readPages(api, { ...filter, after: String(newest.sequence) }, { isAll: true });
  if (later.continuation !== undefined) return { ...(await readPages(api, { ...filter })), start: before.start + 1 };
  return { ...before, ...looked(later), events: [...later.events, ...before.events] };
}

const looked = ({ lookedAt }: Page) => (lookedAt === undefined ? {} : { lookedAt });

async function readOlder(api: Api, filter: EventsFilter, { list, events, continuation = '' }: Older): Promise<Older> {
  try {
    const page = await readPages(api, { ...filter, continuation });
    return { list, events: [...events, ...page.events], continuation: page.continuation };
  } catch (thrown) {
    return { list, events, continuation, failure: thrown as ApiFailure };
  }
}
