import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { EventView } from '../../src/lib/api/answers/tenants.ts';
import { capitalized } from '../../src/lib/core/text.ts';
import { tenantTitles } from '../../src/lib/notices/notice.ts';
import { type EventKind, eventSeverities } from '../../src/lib/tenant-events/tenant-event.ts';
import { Paragraphs, Sentence } from '../shared/text.tsx';
import { adviceOf, titleOf } from '../../src/lib/api/trouble.ts';
import { listed } from '../../src/lib/core/text.ts';
import { stepFor } from '../../src/lib/api/next-step.ts';
import { GroupHead, InPartnerCenter } from './causes.tsx';
import { Command, CopyButton } from './copy.tsx';
import { Dialog } from './dialog.tsx';
import { byDay, count, localDate, localDay, localTime } from './format.ts';
import { Icon } from './icon.tsx';
import { Clock, Panel, Table, Time, ToneBadge, type Tone } from './pieces.tsx';
import { tenantLink } from './route.ts';

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

const newMs = 24 * 60 * 60 * 1000;

export const isNew = ({ at }: EventView): boolean => Date.parse(at) > Date.now() - newMs;

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

export const entryOf = (event: EventView): TimelineEntry => ({
  id: event.id,
  at: event.at,
  tone: toneOf(event.kind),
  title: titleOfCause(event) ?? kindTitle(event.kind),
  details: <Details event={event} />,
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

/** Their remedy is the same as that of a cause. The consent for another application names that. */
const isNoConsent = ({ kind, application }: EventView): boolean =>
  kind === 'consent_missing' && application === undefined;

/** What is wrong, as other pages call it: a heading over the tenants that it concerns. */
const headingOf = (event: EventView): string =>
  event.kind === 'ending' ? titleOf('gdap_expiring') : (titleOfCause(event) ?? kindTitle(event.kind));

/** What to do in any tenant. */
const remedyOf = ({ advice = '', tenantId }: EventView): string => advice.replaceAll(tenantId, '');

/** Events of one cause with the same remedy, the worst first. Those of relationships that end begin with the first one to end. */
const byCause = (events: readonly EventView[]) =>
  [...Map.groupBy(events, (event) => `${headingOf(event)} ${isNoConsent(event) ? '' : remedyOf(event)}`)]
    .map(([key, some]) => ({
      key,
      some:
        some[0]?.kind === 'ending'
          ? some.toSorted(({ endsAt: one = '' }, { endsAt: other = '' }) => one.localeCompare(other))
          : some,
    }))
    .toSorted((one, other) => Number(isBad(other.some[0])) - Number(isBad(one.some[0])));

const isBad = (event: EventView | undefined): boolean => event !== undefined && toneOf(event.kind) === 'bad';

type SomeEvents = readonly [EventView, ...EventView[]];

/** What to do about events of one cause: in words, and the command at their end if they have one. */
function helpFor(events: SomeEvents): { readonly words: string; readonly command: string | undefined } {
  const [first] = events;
  const { advice = '', tenantId } = first;
  if (isNoConsent(first)) {
    const cause = 'consent_required';
    const tenants = events.map(({ tenantId, tenantName: name }) => ({ tenant: { tenantId, name }, results: [] }));
    const step = stepFor({ cause, tenants });
    return { words: [adviceOf(cause), step?.about ?? []].flat().join(' '), command: step?.command };
  }
  const ids = [...new Set(events.map((event) => event.tenantId))];
  const [, words = advice, command] = /^(.*\S) *`(ptb [^`]*)`\.?$/s.exec(advice) ?? [];
  return { words, command: command?.replace(tenantId, ids.join(' ')) };
}

/** Over events of one cause: how many, what is wrong, and what to do. */
function CauseOf({ events }: { readonly events: SomeEvents }) {
  const [first] = events;
  const { words, command } = helpFor(events);
  const title = headingOf(first);
  return (
    <div>
      <GroupHead count={events.length} title={title} tone={toneOf(first.kind)} advice={words} />
      {command === undefined ? null : (
        <CopyButton
          text={command}
          what="command"
          whatFor={isNoConsent(first) ? title : listed(events.map((event) => event.tenantName))}
          isAlone
        />
      )}
      <InPartnerCenter cause={causeOf(first)} look="btn s" />
    </div>
  );
}

/** As other pages know it. */
const causeOf = ({ kind, reason }: EventView): string => (kind === 'ending' ? 'gdap_expiring' : (reason ?? ''));

/** An event, what happened to several tenants in the same minute, or tags that were changed on one day. */
interface Line {
  readonly events: SomeEvents;
  /** One of several, below them. */
  readonly isPart?: true;
}

const textOf = (event: EventView): string =>
  titleOfCause(event) === undefined && event.kind !== 'reachable'
    ? tagsText(event) || inLocalTime(event.explanation)
    : '';

/** What the heading with the cause does not say. */
const belowCause = (event: EventView): string =>
  event.kind === 'ending' && event.endsAt !== undefined
    ? `Ends on ${localDay(event.endsAt)}`
    : textOf(event) || kindTitle(event.kind);

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

/** More equal events than these that are open are one line: an outage would hide all else. */
const mostEqual = 3;

interface EventTableProps {
  /** The newest first. */
  readonly events: readonly EventView[];
  /** Undefined: it is not known. */
  readonly stillOpen: ReadonlySet<EventView> | undefined;
  /** Without the others. */
  readonly isOpenOnly: boolean;
  /** How many events were read if there are older ones. */
  readonly newest: number | undefined;
}

export const newestText = (newest: number): string => `the newest ${count(newest, 'event')}`;

/** Events of many tenants: what is open by cause, with what to do, then the others by day. What a line lacks is in a drawer. */
export function EventTable({ events, stillOpen = new Set(), isOpenOnly, newest }: EventTableProps) {
  const [open, setOpen] = useState<EventView>();
  const [unfolded, setUnfolded] = useState<ReadonlySet<string>>(new Set());
  const toggle = (line: Line): void => {
    const others = [...unfolded].filter((key) => key !== keyOf(line));
    setUnfolded(new Set(others.length < unfolded.size ? others : [...others, keyOf(line)]));
  };
  const withParts = (line: Line): readonly Line[] => [
    line,
    ...(unfolded.has(keyOf(line)) ? line.events.map((event) => ({ events: [event], isPart: true }) as const) : []),
  ];
  const causes = byCause(events.filter((event) => stillOpen.has(event))).map(({ key, some }) => ({
    title: key,
    head: <CauseOf events={some as unknown as SomeEvents} />,
    items: linesOf(some).flatMap((line) =>
      line.events.length > mostEqual ? withParts(line) : line.events.map((event): Line => ({ events: [event] })),
    ),
  }));
  const past = events.filter((event) => !stillOpen.has(event));
  const days = byDay(linesOf(past).flatMap(withParts), ({ events: [{ at }] }) => at);
  const timeOf = ({ events: [event, ...others] }: Line, time: ComponentChildren) =>
    others.length > 0 ? (
      time
    ) : (
      <button type="button" class="link" aria-haspopup="dialog" onClick={() => setOpen(event)}>
        {time}
        <span class="visually-hidden">, details</span>
      </button>
    );
  const tenantsCell = (line: Line) =>
    line.events.length > 1 ? (
      <button type="button" class="link" aria-expanded={unfolded.has(keyOf(line))} onClick={() => toggle(line)}>
        <Icon name="turn" turns /> {tenantsIn(line)}
      </button>
    ) : (
      tenantOf(line.events[0])
    );
  const table = (
    groups: typeof causes | typeof days,
    ofTime: (line: Line) => ComponentChildren,
    what: (line: Line) => ComponentChildren,
  ) => (
    <Table<Line>
      class="events"
      columns={[
        ['Time', 'w-m p2', (line) => timeOf(line, ofTime(line))],
        ['Tenant', 'w-l wrap', tenantsCell, ({ events: some }) => some.map(({ tenantName }) => tenantName).join(', ')],
        [
          'What happened',
          'wrap',
          (line) => (
            <>
              <span class="sub">{timeOf(line, ofTime(line))}</span>
              {what(line)}
            </>
          ),
        ],
      ]}
      items={groups.flatMap(({ items }) => items)}
      keyOf={(line) => `${keyOf(line)}${line.isPart ? ' part' : ''}`}
      onOpen={(line) => (line.events.length > 1 ? toggle(line) : setOpen(line.events[0]))}
      rowClass={(line) => `event${stillOpen.has(line.events[0]) ? '' : ' past'}${line.isPart ? ' part' : ''}`}
      groupsOf={() => groups}
    />
  );
  const dayTable = table(
    days,
    ({ events: some }) => {
      const [oldest, newest] = [some.at(-1), some[0]].map((event = some[0]) => <Clock iso={event.at} />);
      return localTime(some[0].at) === localTime(some.at(-1)?.at ?? '') ? newest : [oldest, '–', newest];
    },
    (line) => <Happened line={line} />,
  );
  return (
    <>
      {causes.length === 0 ? null : (
        <Panel title={newest === undefined ? 'Still open' : `Still open among ${newestText(newest)}`} bare>
          {table(
            causes,
            ({ events: [{ at }] }) => (
              <Time iso={at} short />
            ),
            ({ events: [event] }) => belowCause(event),
          )}
        </Panel>
      )}
      {isOpenOnly || past.length === 0 ? null : causes.length === 0 ? (
        <div class="panel">{dayTable}</div>
      ) : (
        <Panel title="Past events" bare>
          {dayTable}
        </Panel>
      )}
      {open === undefined ? null : (
        <Dialog
          title={open.tenantName}
          about={
            <>
              <Time iso={open.at} exact />, {titleOfCause(open) ?? kindTitle(open.kind)}
            </>
          }
          kind="drawer"
          onClose={() => setOpen(undefined)}
          actions={
            <a class="btn" href={tenantLink(open.tenantId)}>
              Open the tenant
            </a>
          }
        >
          {stillOpen.has(open) ? <OpenDetails event={open} /> : <Details event={open} />}
        </Dialog>
      )}
    </>
  );
}

/** What happened and is over, or asks for nothing: it alarms nobody. Below the line of several, only what differs. */
function Happened({ line }: { readonly line: Line }) {
  const [event] = line.events;
  const { kind } = event;
  if (line.isPart) return kind === 'tags_changed' ? tagsText(event) : null;
  const text = textOfLine(line);
  return (
    <>
      <ToneBadge tone={goodNews.has(kind) ? toneOf(kind) : 'idle'}>{titleOfCause(event) ?? kindTitle(kind)}</ToneBadge>
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

/** Details of what is still open, with the command that helps. */
function OpenDetails({ event }: { readonly event: EventView }) {
  const { words, command } = helpFor([event]);
  return (
    <>
      <Details event={{ ...event, advice: words }} />
      {command === undefined ? null : <Command text={command} whatFor={event.tenantName} />}
    </>
  );
}

/** What happened in words, what to do, and what the words do not say. */
function Details({ event }: { readonly event: EventView }) {
  const { explanation, advice, scopes = [], jobs = [] } = event;
  const parts = [
    ...[tagsText(event) || []].flat(),
    ...(scopes.length === 0 ? [] : [`Missing: ${scopes.join(', ')}`]),
    ...(jobs.length === 0 ? [] : [`Jobs: ${jobs.join(', ')}`]),
  ];
  return (
    <>
      <Paragraphs text={inLocalTime(explanation)} />
      <Paragraphs text={advice} />
      {parts.length === 0 ? null : <p>{parts.join(' ')}</p>}
    </>
  );
}
