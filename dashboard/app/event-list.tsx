import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { EventView } from '../../src/lib/api/answers/tenants.ts';
import { capitalized } from '../../src/lib/core/text.ts';
import { tenantTitles } from '../../src/lib/notices/notice.ts';
import { type EventKind, eventSeverities } from '../../src/lib/tenant-events/tenant-event.ts';
import { Paragraphs, Sentence } from '../shared/text.tsx';
import { adviceOf, titleOf } from '../../src/lib/api/trouble.ts';
import { Command, StepFor } from './copy.tsx';
import { Dialog } from './dialog.tsx';
import { count, localDay, localTime } from './format.ts';
import { Table, Time, ToneBadge, type Tone } from './pieces.tsx';
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
      const newest = newestOf(...kinds, ...endedBy);
      if (newest && kinds.includes(newest.kind) && (!isLost || newest.kind === 'lost')) open.add(newest);
    }
  }
  return open;
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

/** Events with the same remedy one after another, and all of them by the last, which shows the remedy. */
function byRemedy(events: readonly EventView[]) {
  const alike = [
    ...Map.groupBy(events, (event) => (isNoConsent(event) ? 'consent_required' : (event.advice ?? ''))).values(),
  ];
  return { sorted: alike.flat(), remedies: new Map(alike.map((some) => [some.at(-1), some])) };
}

/** What to do about events with the same remedy. Its command can be copied if it has one, at the end. */
function Remedy({ of: events = [] }: { readonly of: readonly EventView[] | undefined }) {
  const [first] = events;
  if (first === undefined) return null;
  const { advice = '', tenantName } = first;
  const tenants = events.map(({ tenantId, tenantName: name }) => ({ tenant: { tenantId, name }, results: [] }));
  const cause = isNoConsent(first) ? { cause: 'consent_required', tenants } : undefined;
  const [, words = advice, command] = /^(.*\S) *`(ptb [^`]*)`\.?$/s.exec(advice) ?? [];
  const whom = events.length === 1 ? '' : `For these ${count(events.length, 'tenant')}: `;
  return (
    <>
      <div class="small quiet">
        <Sentence text={`${whom}${cause === undefined ? words : adviceOf(cause.cause)}`} />
      </div>
      {cause === undefined && command !== undefined ? <Command text={command} whatFor={tenantName} /> : null}
      <StepFor cause={cause} />
    </>
  );
}

interface EventTableProps {
  readonly events: readonly EventView[];
  /** What is open comes first, with what to do. Undefined: it is not known. */
  readonly stillOpen: ReadonlySet<EventView> | undefined;
}

/** Events of many tenants. What a line lacks is in a drawer. */
export function EventTable({ events, stillOpen }: EventTableProps) {
  const [open, setOpen] = useState<EventView>();
  const { sorted, remedies } = byRemedy(events.filter((event) => stillOpen?.has(event)));
  const groups = [
    { title: 'Still open', items: sorted },
    { title: 'Over, or nothing to do', items: events.filter((event) => stillOpen?.has(event) === false) },
  ];
  return (
    <div class="panel">
      <Table
        class="events"
        columns={[
          ['Time', 'w-m p2', (event) => <Opener event={event} onOpen={() => setOpen(event)} />],
          ['Tenant', 'w-l wrap', tenantOf, ({ tenantName }) => tenantName],
          [
            'What happened',
            'wrap',
            (event) => (
              <>
                <span class="sub">
                  <Opener event={event} onOpen={() => setOpen(event)} />
                </span>
                <ToneBadge tone={toneOf(event.kind)}>{titleOfCause(event) ?? kindTitle(event.kind)}</ToneBadge>{' '}
                {titleOfCause(event) === undefined && event.kind !== 'reachable' ? (
                  <span class="small quiet p2">
                    <Sentence text={tagsText(event) || inLocalTime(event.explanation)} />
                  </span>
                ) : null}
                {event.advice === undefined ? null : <Remedy of={remedies.get(event)} />}
              </>
            ),
          ],
        ]}
        items={events}
        keyOf={({ id }) => id}
        onOpen={setOpen}
        rowClass={(event) => (stillOpen?.has(event) === false ? 'event past' : 'event')}
        {...(sorted.length === 0 ? {} : { groupsOf: () => groups })}
      />
      {open === undefined ? null : (
        <Dialog
          title={open.tenantName}
          about={
            <>
              <Time iso={open.at} exact />, {kindTitle(open.kind)}
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
          <Details event={open} />
        </Dialog>
      )}
    </div>
  );
}

/** The API writes times in UTC, and the page has them in the reader's zone. */
const inLocalTime = (text: string): string =>
  text.replaceAll(/(\d{4}-\d\d-\d\d) (\d\d:\d\d) UTC/g, (_, day, time) => localTime(`${day}T${time}Z`));

const tenantOf = ({ tenantId, tenantName }: EventView) => <a href={tenantLink(tenantId)}>{tenantName}</a>;

const Opener = (props: { readonly event: EventView; readonly onOpen: () => void }) => (
  <button type="button" class="link" aria-haspopup="dialog" onClick={props.onOpen}>
    <Time iso={props.event.at} short />
    <span class="visually-hidden">, details</span>
  </button>
);

/** `+managed −trial`. */
const tagsText = ({ tagsAdded = [], tagsRemoved = [] }: EventView): string =>
  [...tagsAdded.map((tag) => `+${tag}`), ...tagsRemoved.map((tag) => `−${tag}`)].join(' ');

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
