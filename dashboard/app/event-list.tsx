import type { EventView } from '../../src/lib/api/answers/tenants.ts';
import { tenantTitles } from '../../src/lib/notices/notice.ts';
import { type EventKind, eventSeverities } from '../../src/lib/tenant-events/tenant-event.ts';
import { Sentence } from '../shared/text.tsx';
import { Time } from './pieces.tsx';
import { tenantLink } from './route.ts';

/** What a kind of event means, in a few words. A newer broker may know kinds that this page does not. */
export const kindTitle = (kind: string): string =>
  Object.hasOwn(eventSeverities, kind) ? tenantTitles[`tenant.${kind as EventKind}`] : kind;

const goodNews: ReadonlySet<string> = new Set([
  'reachable',
  'back',
  'extended',
  'consent_given',
  'role_given',
  'auto_consented',
] satisfies EventKind[]);

const tones = { info: 'idle', warning: 'warn', critical: 'bad' } as const;

const toneOf = (kind: EventKind): string => (goodNews.has(kind) ? 'good' : tones[eventSeverities[kind] ?? 'info']);

/** Events, the newest first. @param props.ofOneTenant leaves out the names of the tenants. */
export function EventList(props: { readonly events: readonly EventView[]; readonly ofOneTenant?: boolean }) {
  const { events, ofOneTenant = false } = props;
  return (
    <ol class="events" reversed>
      {events.map((event) => (
        <Item key={event.id} event={event} showsTenant={!ofOneTenant} />
      ))}
    </ol>
  );
}

function Item({ event, showsTenant }: { readonly event: EventView; readonly showsTenant: boolean }) {
  const { at, kind, tenantId, tenantName, explanation, advice } = event;
  return (
    <li class="event">
      <span class="quiet number">
        <Time iso={at} short />
      </span>
      <div class="event-body">
        <p class="event-title">
          {showsTenant ? <a href={tenantLink(tenantId)}>{tenantName}</a> : null}{' '}
          <span class={`badge ${toneOf(kind)}`}>{kindTitle(kind)}</span>
        </p>
        <p>
          <Sentence text={explanation} />
        </p>
        <Details event={event} />
        {advice === undefined ? null : (
          <p class="quiet">
            <Sentence text={advice} />
          </p>
        )}
      </div>
    </li>
  );
}

/** What the explanation does not say. */
function Details({
  event: { tagsAdded = [], tagsRemoved = [], scopes = [], jobs = [] },
}: {
  readonly event: EventView;
}) {
  const parts = [
    ...tagsAdded.map((tag) => `+${tag}`),
    ...tagsRemoved.map((tag) => `−${tag}`),
    ...(scopes.length === 0 ? [] : [`Missing: ${scopes.join(', ')}`]),
    ...(jobs.length === 0 ? [] : [`Jobs: ${jobs.join(', ')}`]),
  ];
  return parts.length === 0 ? null : <p class="event-details">{parts.join(' ')}</p>;
}
