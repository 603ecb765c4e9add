import type { ComponentChildren } from 'preact';
import { useMemo, useRef } from 'preact/hooks';
import { eventKinds } from '../../src/lib/tenant-events/tenant-event.ts';
import { Choice, Segments, withChosen } from './choice.tsx';
import { useSignedIn } from './context.ts';
import { type EventsFilter, eventsLink } from './view-filter.ts';
import { EventTable, kindTitle, openOf } from './event-list.tsx';
import { count, shortLocalTime } from './format.ts';
import { Empty, Failure, Head, Loaded, MoreButton } from './pieces.tsx';
import { forRole } from './role-needed.tsx';
import { type Polled, usePolling, useTenants } from './polling.ts';
import { goTo } from './route.ts';
import { markOptions } from './tenant-filter.ts';
import type { EventsAnswer, EventView } from '../../src/lib/api/answers/tenants.ts';
import type { Api, Query } from './api.ts';
import { type Pages, readPages, usePages } from './paging.ts';

interface FilterProps {
  readonly filter: EventsFilter;
}

export const EventsView = forRole(['Tenants.Read'], 'Events', Events);

function Events({ filter }: FilterProps) {
  const { polled, events, older } = useEventPages(filter);
  const { busy, failure, loadMore } = older;
  // Among events of one kind, what ended them is missing.
  const stillOpen = filter.kind === undefined ? openOf(events) : undefined;
  const isOpenOnly = filter.show === 'open' && stillOpen !== undefined;
  const known = events.length === 0 ? '' : `${count(events.length, 'event')}${loadMore === undefined ? '' : ' so far'}`;
  return (
    <>
      <Head
        title={
          known === '' || stillOpen === undefined
            ? known || 'Events'
            : `${known}, ${stillOpen.size === 0 ? 'none' : stillOpen.size.toLocaleString('en')} still open`
        }
        name="Events"
        lede={polled.value && lookedText(polled.value)}
      />
      <Filters filter={filter}>
        {stillOpen === undefined || events.length === 0 ? null : (
          <Segments
            label="Show"
            value={filter.show ?? ''}
            options={[
              ['', 'All', events.length],
              ['open', 'Still open', stillOpen.size],
            ]}
            onChoose={(show) => goTo(eventsLink({ ...filter, show }))}
          />
        )}
      </Filters>
      <Loaded polled={polled}>
        {() => (
          <>
            <span role="status" class="visually-hidden">
              {known === '' ? '' : `${known}. `}
            </span>
            {events.length === 0 ? (
              <Nothing filter={filter} hasOlder={loadMore !== undefined} />
            ) : isOpenOnly && stillOpen.size === 0 ? (
              <Empty
                title={`None of ${loadMore === undefined ? '' : 'the newest '}${count(events.length, 'event')} is still open.`}
              />
            ) : (
              <EventTable events={events} stillOpen={stillOpen} isOpenOnly={isOpenOnly} />
            )}
            {loadMore === undefined ? null : <Failure failure={failure} />}
            <MoreButton
              text={busy ? 'Loading…' : 'Show older events'}
              busy={busy}
              onMore={loadMore}
              end={events.length === 0 ? undefined : 'There are no older events.'}
            />
          </>
        )}
      </Loaded>
    </>
  );
}

const lookedText = ({ lookedAt }: EventsAnswer): string =>
  lookedAt === undefined
    ? 'The broker has not looked at the tenants yet. It does so every ten minutes.'
    : `The broker last looked at the tenants at ${shortLocalTime(lookedAt)}.`;

function Nothing({ filter, hasOlder }: FilterProps & { readonly hasOlder: boolean }) {
  const isFiltered = eventsLink(filter) !== eventsLink({});
  if (hasOlder) return <Empty title="None of the newest events matches." />;
  if (isFiltered)
    return (
      <Empty title="No event matches the filter.">
        <a href={eventsLink({})}>Show all events</a>
      </Empty>
    );
  return (
    <Empty title="Nothing has happened yet.">
      Changes of relationships, consents, roles and tags come here. What was there at the first look is no event.
    </Empty>
  );
}

function Filters({ filter, children }: FilterProps & { readonly children: ComponentChildren }) {
  const link = eventsLink(filter);
  const known = useTenants();
  const marks = useMemo(() => {
    const { groups, tags } = markOptions(known?.tenants ?? [], known?.groups ?? []);
    return [...groups.map((name) => `group:${name}`), ...tags.map((name) => `tag:${name}`)];
  }, [known]);
  const nameOf = (entry: string): string =>
    known?.tenants.find(({ tenantId }) => tenantId === entry)?.name ?? entry.replace(/^(group|tag):/, '$1 ');
  return (
    <form class="filters" aria-label="Filter">
      {children}
      <Choice
        label="Event"
        value={filter.kind ?? ''}
        options={eventKinds}
        textOf={kindTitle}
        onChoose={(kind) => goTo(eventsLink({ ...filter, kind }))}
      />
      <Choice
        label="Tenants"
        value={filter.tenants ?? ''}
        options={withChosen(marks, filter.tenants)}
        textOf={nameOf}
        onChoose={(tenants) => goTo(eventsLink({ ...filter, tenants }))}
      />
      {link === eventsLink({ show: filter.show }) ? null : <a href={eventsLink({})}>Show all events</a>}
    </form>
  );
}

const intervalMs = 30_000;
const pageSize = 100;

/** The events of the first page, and those that have come since. */
interface NewestEvents extends EventsAnswer {
  /** Differs from that of other lists, also of the one before if so much has come that the list began again. */
  readonly start: number;
}

interface EventPages {
  readonly polled: Polled<NewestEvents>;
  /** Newest first. */
  readonly events: readonly EventView[];
  readonly older: Pages<EventsAnswer>;
}

/** Loads the newest events that match a filter, asks for later ones while the page is visible, and loads older ones. */
function useEventPages({ kind, tenants }: EventsFilter): EventPages {
  const filter = { kind, tenants };
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
  const older = usePages(`${newest?.start} ${link}`, 'on demand', {
    ...pagesOf(api, { ...filter }),
    after: newest?.continuation,
  });
  return { polled, older, events: [...(newest?.events ?? []), ...older.pages.flatMap(({ events }) => events)] };
}

/** How the pages of a query are read: until one has events. */
const pagesOf = (api: Api, query: Query) => ({
  read: (continuation: string | undefined) => api.events({ ...query, limit: String(pageSize), continuation }),
  isEnough: ({ events }: EventsAnswer): boolean => events.length > 0,
});

/** Several pages as one. */
const joined = (pages: readonly EventsAnswer[]): EventsAnswer => ({
  ...pages.at(-1),
  events: pages.flatMap(({ events }) => events),
});

async function readNewest(api: Api, filter: EventsFilter, before: NewestEvents | undefined): Promise<NewestEvents> {
  const first = async (): Promise<EventsAnswer> => joined(await readPages(pagesOf(api, { ...filter })));
  if (before === undefined) return { ...(await first()), start: Date.now() };
  const [newest] = before.events;
  if (newest === undefined) {
    // What has come since is on the first page. The others were empty, and stay so.
    const page = joined(await readPages({ ...pagesOf(api, { ...filter }), most: 1 }));
    return page.events.length === 0 ? { ...before, ...looked(page) } : { ...page, start: before.start + 1 };
  }
  const since = pagesOf(api, { ...filter, after: String(newest.sequence) });
  const later = joined(await readPages({ ...since, isEnough: () => false }));
  if (later.continuation !== undefined) return { ...(await first()), start: before.start + 1 };
  return { ...before, ...looked(later), events: [...later.events, ...before.events] };
}

const looked = ({ lookedAt }: EventsAnswer) => (lookedAt === undefined ? {} : { lookedAt });
