import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { EventView } from '../../src/lib/api/answers/tenants.ts';
import { capitalized } from '../../src/lib/core/text.ts';
import { tenantTitles } from '../../src/lib/notices/notice.ts';
import { type EventKind, eventSeverities } from '../../src/lib/tenant-events/tenant-event.ts';
import { Paragraphs, Sentence } from '../shared/text.tsx';
import { titleOf } from '../../src/lib/api/trouble.ts';
import { byDay, count, localDate, localDay, localTime, relative, shortDay } from './format.ts';
import { Icon } from './icon.tsx';
import { Clock, Table, Time, ToneBadge, type Tone } from './pieces.tsx';
import { goTo, tenantLink } from './route.ts';
import { tenantsLink } from './tenant-filter.ts';

/** What a kind of event means, in a few words. A newer broker may know kinds that this page does not. */
export const kindTitle = (kind: string): string => {
  const title = Object.hasOwn(eventSeverities, kind) ? tenantTitles[`tenant.${kind as EventKind}`] : kind;
  // Notices have it within a sentence.
  return capitalized(title);
};

/** What other pages call what is wrong since then. Undefined if the event is no cause, or its words say more. */
function titleOfCause({ kind, reason, endsAt, days }: EventView): string | undefined {
  if (kind === 'ending' && endsAt !== undefined && days !== undefined)
    return `GDAP relationship ends within ${count(days, 'day')}, on ${localDay(endsAt)}`;
  if (kind === 'consent_missing') return titleOf('consent_required');
  return kind === 'lost' && reason !== undefined && reason !== 'not_listed' ? titleOf(reason) : undefined;
}

const goodNews: ReadonlySet<string> = new Set([
  'reachable',
  'back',
  'extended',
  'consent_given',
  'role_given',
  'auto_consented',
] satisfies EventKind[]);

/** Troubles and what ends them. Of several in a line the newest counts. */
const troubles: readonly (readonly [readonly EventKind[], endedBy: readonly EventKind[]])[] = [
  [['lost'], ['back', 'reachable']],
  [['ending'], ['extended', 'lost']],
  [['role_missing'], ['role_given']],
  [
    ['consent_missing', 'consent_differs'],
    ['consent_given', 'auto_consented'],
  ],
  [['auto_consent_failed'], ['consent_given', 'auto_consented']],
];

/**
 * Troubles that nothing later has ended. Of a tenant that is excluded none counts, and without access only that: what was
 * missing before is not told again afterwards.
 * @param events of all kinds, the newest first.
 */
export function openOf(events: readonly EventView[]): ReadonlySet<EventView> {
  const open = new Set<EventView>();
  for (const ofTenant of Map.groupBy(events, ({ tenantId }) => tenantId).values()) {
    const newestOf = (...kinds: readonly EventKind[]) => ofTenant.find(({ kind }) => kinds.includes(kind));
    if (newestOf('excluded', 'included')?.kind === 'excluded') continue;
    const isLost = newestOf('lost', 'back', 'reachable')?.kind === 'lost';
    for (const [kinds, endedBy] of troubles) {
      const some = ofTenant.filter(({ kind }) => kinds.includes(kind) || endedBy.includes(kind));
      // The consent for one application says nothing of another one.
      for (const [newest] of Map.groupBy(some, ({ application }) => application).values())
        if (newest && kinds.includes(newest.kind) && (!isLost || newest.kind === 'lost')) open.add(newest);
    }
  }
  return open;
}

/** What ended each trouble, or made it of no account: the first such event after it. @param events as of {@link openOf}. */
function endsOf(events: readonly EventView[]): ReadonlyMap<EventView, EventView> {
  const ends = new Map<EventView, EventView>();
  for (const ofTenant of Map.groupBy(events, ({ tenantId }) => tenantId).values())
    for (const [at, event] of ofTenant.entries()) {
      const [, endedBy] = troubles.find(([kinds]) => kinds.includes(event.kind)) ?? [];
      const end =
        endedBy &&
        ofTenant
          .slice(0, at)
          .findLast(
            ({ kind, application }) =>
              kind === 'excluded' ||
              (kind === 'lost' && event.kind !== 'lost') ||
              (endedBy.includes(kind) && application === event.application),
          );
      if (end !== undefined) ends.set(event, end);
    }
  return ends;
}

const tones = { info: 'idle', warning: 'warn', critical: 'bad' } as const;

/** The same tone as the cause on other pages. */
const toneOf = (kind: EventKind): Tone =>
  goodNews.has(kind) ? 'good' : kind === 'consent_missing' ? 'bad' : tones[eventSeverities[kind] ?? 'info'];

/** What is in a list by time. */
export interface TimelineEntry {
  readonly id: string;
  readonly at: string;
  readonly tone: Tone;
  readonly title: string;
  readonly details: ComponentChildren;
}

/** The entry of an event, with advice if it is open. That of a relationship is in the banner of the tenant. @param open those of {@link openOf}. */
export const entryOf = (event: EventView, open: ReadonlySet<EventView>): TimelineEntry => ({
  id: event.id,
  at: event.at,
  tone: toneOf(event.kind),
  title: titleOfCause(event) ?? kindTitle(event.kind),
  details: <Details event={event} isOver={!open.has(event) || isOfRelationship(event)} />,
});

/** The newest first. @param props.most entries that are shown. */
export function Timeline({ entries, most }: { readonly entries: readonly TimelineEntry[]; readonly most: number }) {
  return (
    <ol class="timeline" reversed>
      {entries
        .toSorted((one, other) => other.at.localeCompare(one.at))
        .slice(0, most)
        .map(({ id, at, tone, title, details }) => (
          <li key={id} class={`event ${tone}`}>
            <Time iso={at} short />
            <b>{title}</b>
            {details}
          </li>
        ))}
    </ol>
  );
}

type SomeEvents = readonly [EventView, ...EventView[]];

/** An event, what happened to several tenants in the same minute, or tags that were changed on one day. */
interface Line {
  readonly events: SomeEvents;
  /** One of several, below them. */
  readonly isPart?: true;
}

const textOf = (event: EventView): string => {
  const { kind, reason, explanation } = event;
  if (titleOfCause(event) !== undefined || kind === 'reachable') return '';
  // That a list shows the tenant is what the title says.
  if (kind === 'appeared' && reason !== undefined && reason !== 'not_listed') return titleOf(reason);
  return tagsText(event) || inLocalTime(explanation);
};

/** Events that differ in the tenant alone are one line, and so are the tags that were changed on one day: people change them. */
const linesOf = (events: readonly EventView[]): readonly Line[] =>
  [
    ...Map.groupBy(events, (event) =>
      event.kind === 'tags_changed'
        ? `${event.kind} ${localDate(event.at)}`
        : [event.at.slice(0, 'yyyy-mm-ddThh:mm'.length), event.kind, titleOfCause(event), textOf(event)].join(),
    ).values(),
  ].map((some) => ({ events: some as unknown as SomeEvents }));

/** What is true of all events of a line. */
const textOfLine = ({ events: [first, ...others] }: Line): string => {
  const text = textOf(first);
  return others.every((event) => textOf(event) === text) ? text : '';
};

/** In how many tenants. */
const tenantsIn = ({ events }: Line): string => count(new Set(events.map(({ tenantId }) => tenantId)).size, 'tenant');

const keyOf = ({ events }: Line): string => `${events.length > 1 ? 'several ' : ''}${events.at(-1)?.id}`;

interface EventTableProps {
  /** The newest first. */
  readonly events: readonly EventView[];
  /** Undefined: it is not known. */
  readonly stillOpen: ReadonlySet<EventView> | undefined;
  /** Without the others. */
  readonly isOpenOnly: boolean;
}

/** What happened to whom, the newest first, by day, and of troubles how long they lasted. What helps is on the page of the tenant. */
export function EventTable({ events, stillOpen, isOpenOnly }: EventTableProps) {
  const [unfolded, setUnfolded] = useState<ReadonlySet<string>>(new Set());
  const toggle = (line: Line): void => {
    const others = [...unfolded].filter((key) => key !== keyOf(line));
    setUnfolded(new Set(others.length < unfolded.size ? others : [...others, keyOf(line)]));
  };
  const withParts = (line: Line): readonly Line[] => [
    line,
    ...(unfolded.has(keyOf(line)) ? line.events.map((event) => ({ events: [event], isPart: true }) as const) : []),
  ];
  const ends = endsOf(events);
  const shown = isOpenOnly && stillOpen ? events.filter((event) => stillOpen.has(event)) : events;
  const lines = linesOf(shown).flatMap(withParts);
  const dayOf = new Map(
    byDay(lines, ({ events: [{ at }] }) => at).flatMap(({ title, items }) =>
      items.slice(0, 1).map((first) => [first, title.includes(' ') ? shortDay(first.events[0].at) : title] as const),
    ),
  );
  const lastedOf = (line: Line) =>
    stillOpen === undefined ? null : <Lasted events={line.events} stillOpen={stillOpen} ends={ends} />;
  return (
    <div class="panel">
      <Table<Line>
        class="events"
        columns={[
          [
            'Time',
            'w-l p2',
            (line) => (
              <>
                {dayOf.has(line) ? <b>{dayOf.get(line)}</b> : null}{' '}
                {line.isPart ? null : <ClockOf events={line.events} />}
              </>
            ),
          ],
          [
            'Tenant',
            'w-l wrap',
            (line) =>
              line.events.length > 1 ? (
                <button
                  type="button"
                  class="link"
                  aria-expanded={unfolded.has(keyOf(line))}
                  onClick={() => toggle(line)}
                >
                  <Icon name="turn" turns /> {tenantsIn(line)}
                </button>
              ) : (
                tenantOf(line.events[0])
              ),
            ({ events: some }) => some.map(({ tenantName }) => tenantName).join(', '),
          ],
          [
            'What happened',
            'wrap',
            (line) => (
              <>
                <span class="sub">
                  <Time iso={line.events[0].at} short />
                </span>
                <Happened line={line} isOpen={line.events.some((event) => stillOpen?.has(event))} />
                <span class="sub">{lastedOf(line)}</span>
              </>
            ),
          ],
          ...(stillOpen === undefined ? [] : [['Lasted', 'w-x wrap p2', lastedOf] as const]),
        ]}
        items={lines}
        keyOf={(line) => `${keyOf(line)}${line.isPart ? ' part' : ''}`}
        onOpen={(line) => (line.events.length > 1 ? toggle(line) : goTo(tenantLink(line.events[0].tenantId)))}
        rowClass={(line) => `event${line.isPart ? ' part' : ''}${dayOf.has(line) ? ' first' : ''}`}
      />
    </div>
  );
}

/** When it happened, or from when to when. */
function ClockOf({ events }: Pick<Line, 'events'>) {
  const [newest, oldest] = [events[0], events.at(-1) ?? events[0]];
  if (localTime(newest.at) === localTime(oldest.at)) return <Clock iso={newest.at} />;
  return (
    <>
      <Clock iso={oldest.at} />–<Clock iso={newest.at} />
    </>
  );
}

interface LastedProps extends Pick<Line, 'events'> {
  readonly stillOpen: ReadonlySet<EventView>;
  readonly ends: ReadonlyMap<EventView, EventView>;
}

/** How long a trouble has been open, with the way to its remedy, or lasted and what ended it. Nothing of what is no trouble. */
function Lasted({ events, stillOpen, ends }: LastedProps) {
  const open = events.filter((event) => stillOpen.has(event));
  const [first] = events;
  if (open.length > 0) {
    const to = events.length > 1 ? tenantsLink({ show: 'needs action' }) : tenantLink(first.tenantId);
    const some = open.length === events.length ? '' : `${open.length} `;
    return (
      <>
        <a href={to}>
          {some}still open
          {events.length > 1 ? null : <span class="visually-hidden">: {first.tenantName}</span>}
        </a>
        , {spanOf(first.at, Date.now())}
      </>
    );
  }
  const end = ends.get(first);
  // Of several, only what is true of all.
  if (end === undefined || events.some((event) => ends.get(event)?.kind !== end.kind || ends.get(event)?.at !== end.at))
    return null;
  const what = titleOfCause(end) ?? kindTitle(end.kind);
  return (
    <>
      {spanOf(first.at, Date.parse(end.at))}, then {/^[A-Z]{2}/.test(what) ? what : uncapitalized(what)}
    </>
  );
}

const uncapitalized = (text: string): string => text.slice(0, 1).toLowerCase() + text.slice(1);

/** `20 days`, `3 hours`. */
const spanOf = (from: string, toMs: number): string => relative(from, toMs).replace(' ago', '');

/** What happened. What is over, or asks for nothing, alarms nobody. Below the line of several, only what differs. */
function Happened({ line, isOpen }: { readonly line: Line; readonly isOpen: boolean }) {
  const [event] = line.events;
  const { kind } = event;
  if (line.isPart) return kind === 'tags_changed' ? tagsText(event) : null;
  const text = textOfLine(line);
  return (
    <>
      <ToneBadge tone={isOpen || goodNews.has(kind) ? toneOf(kind) : 'idle'}>
        {titleOfCause(event) ?? kindTitle(kind)}
      </ToneBadge>
      {text === '' ? null : (
        <span class="quiet p2">
          <span class="visually-hidden">:</span> <Sentence text={text} />
        </span>
      )}
    </>
  );
}

/** The API writes times in UTC, and the page has them in the reader's zone. */
const inLocalTime = (text: string): string =>
  text.replaceAll(/(\d{4}-\d\d-\d\d) (\d\d:\d\d) UTC/g, (_, day, time) => localTime(`${day}T${time}Z`));

const tenantOf = ({ tenantId, tenantName }: EventView) => <a href={tenantLink(tenantId)}>{tenantName}</a>;

/** `+managed −trial`. */
const tagsText = ({ tagsAdded = [], tagsRemoved = [] }: EventView): string =>
  [...tagsAdded.map((tag) => `+${tag}`), ...tagsRemoved.map((tag) => `−${tag}`)].join(' ');

const isOfRelationship = ({ kind }: EventView): boolean => kind === 'lost' || kind === 'ending';

/** What happened in words, what to do, and what the words do not say. */
function Details({ event, isOver }: { readonly event: EventView; readonly isOver: boolean }) {
  const { explanation, advice, scopes = [], jobs = [] } = event;
  const parts = [
    ...[tagsText(event) || []].flat(),
    ...(scopes.length === 0 ? [] : [`Missing: ${scopes.join(', ')}`]),
    ...(jobs.length === 0 ? [] : [`Jobs: ${jobs.join(', ')}`]),
  ];
  return (
    <>
      <Paragraphs text={inLocalTime(explanation)} />
      {isOver ? null : <Paragraphs text={advice} />}
      {parts.length === 0 ? null : <p>{parts.join(' ')}</p>}
    </>
  );
}
