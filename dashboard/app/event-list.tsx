import { useState } from 'preact/hooks';
import type { EventView } from '../../src/lib/api/answers/tenants.ts';
import { tenantTitles } from '../../src/lib/notices/notice.ts';
import { type EventKind, eventSeverities } from '../../src/lib/tenant-events/tenant-event.ts';
import { Paragraphs, Sentence } from '../shared/text.tsx';
import { Dialog } from './dialog.tsx';
import { byDay } from './format.ts';
import { Clock, Table, Time, ToneBadge } from './pieces.tsx';
import { tenantLink } from './route.ts';

/** What a kind of event means, in a few words. A newer broker may know kinds that this page does not. */
export const kindTitle = (kind: string): string => {
  const title = Object.hasOwn(eventSeverities, kind) ? tenantTitles[`tenant.${kind as EventKind}`] : kind;
  // Notices have it within a sentence.
  return `${title.charAt(0).toUpperCase()}${title.slice(1)}`;
};

const goodNews: ReadonlySet<string> = new Set([
  'reachable',
  'back',
  'extended',
  'consent_given',
  'role_given',
  'auto_consented',
] satisfies EventKind[]);

const tones = { info: 'idle', warning: 'warn', critical: 'bad' } as const;

const toneOf = (kind: EventKind): 'good' | 'idle' | 'warn' | 'bad' =>
  goodNews.has(kind) ? 'good' : tones[eventSeverities[kind] ?? 'info'];

/** Events of one tenant, the newest first. */
export function EventList({ events }: { readonly events: readonly EventView[] }) {
  return (
    <ol class="timeline" reversed>
      {events.map((event) => (
        <li key={event.id} class={`event ${toneOf(event.kind)}`}>
          <Time iso={event.at} short />
          <b>{kindTitle(event.kind)}</b>
          <Details event={event} />
        </li>
      ))}
    </ol>
  );
}

/** Events of many tenants, one line each, by day. What a line lacks is in a drawer. */
export function EventTable({ events }: { readonly events: readonly EventView[] }) {
  const [open, setOpen] = useState<EventView>();
  return (
    <div class="panel">
      <Table
        class="events"
        columns={[
          ['Time', 'w-s', (event) => <Opener event={event} onOpen={() => setOpen(event)} />],
          ['Tenant', 'w-c', tenantOf, ({ tenantName }) => tenantName],
          [
            'What happened',
            'w-c',
            ({ kind }) => (
              <ToneBadge tone={toneOf(kind)} title={kindTitle(kind)}>
                {kindTitle(kind)}
              </ToneBadge>
            ),
          ],
          ['In words', 'p2 quiet', ({ explanation }) => <Sentence text={explanation} />, (event) => event.explanation],
        ]}
        items={events}
        keyOf={({ id }) => id}
        rowClass={() => 'event'}
        groupsOf={(items) => byDay(items, ({ at }) => at)}
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

const tenantOf = ({ tenantId, tenantName }: EventView) => <a href={tenantLink(tenantId)}>{tenantName}</a>;

const Opener = ({ event, onOpen }: { readonly event: EventView; readonly onOpen: () => void }) => (
  <button type="button" class="link" aria-haspopup="dialog" onClick={onOpen}>
    <Clock iso={event.at} />
    <span class="visually-hidden">, details</span>
  </button>
);

/** What happened in words, what to do, and what the words do not say. */
function Details({ event }: { readonly event: EventView }) {
  const { explanation, advice, tagsAdded = [], tagsRemoved = [], scopes = [], jobs = [] } = event;
  const parts = [
    ...tagsAdded.map((tag) => `+${tag}`),
    ...tagsRemoved.map((tag) => `−${tag}`),
    ...(scopes.length === 0 ? [] : [`Missing: ${scopes.join(', ')}`]),
    ...(jobs.length === 0 ? [] : [`Jobs: ${jobs.join(', ')}`]),
  ];
  return (
    <>
      <Paragraphs text={explanation} />
      <Paragraphs text={advice} />
      {parts.length === 0 ? null : <p>{parts.join(' ')}</p>}
    </>
  );
}
