import type { TableClient } from '@azure/data-tables';
import { isoTime } from '../core/clock.ts';
import { ptbCommand } from '../core/errors.ts';
import { type Notice, type Notifier, quoted, tenantTitles } from '../notices/notice.ts';
import type { Runs } from '../runs/store/runs.ts';
import type { CompleteReads } from '../tenants/directory.ts';
import { adviceForReason, reasonAdvice, reasonTexts } from '../tenants/tenant.ts';
import type { ClaimDeps } from './claimed-log.ts';
import type { ConsentInTenants } from './consent-in-new.ts';
import type { EventPage, EventQuery } from './event-log.ts';
import { type AnnounceEvent, type FollowOutcome, followTenants } from './follow-tenants.ts';
import { type ObserveDeps, type ObservedJob, observeTenants } from './observe-tenants.ts';
import { TableEventLog, TableToldStates, tenantEventsTable, toldStatesTable } from './table-event-log.ts';
import { type EventKind, type EventReason, eventSeverities, type TenantEvent } from './tenant-event.ts';

/** What each kind means, as a sentence for people. */
const eventTexts: Readonly<Record<EventKind, string>> = {
  appeared: 'A list of Microsoft shows the tenant for the first time, or again.',
  reachable: 'The broker can reach the tenant for the first time.',
  back: 'The broker can reach the tenant again.',
  lost: 'The broker can no longer reach the tenant.',
  excluded: 'The settings now exclude the tenant.',
  included: 'The settings no longer exclude the tenant.',
  ending: 'The GDAP relationship ends soon and does not renew automatically.',
  extended: 'The GDAP relationship now ends later.',
  consent_missing: 'The application has no consent in the tenant.',
  consent_differs: 'The consent in the tenant lacks permissions that the application has in the partner tenant.',
  consent_given: 'The application has the consent in the tenant again.',
  role_missing: 'A job got a token for the tenant, but was refused access with it. Usually a GDAP role is missing.',
  role_given: 'Jobs that were refused access to the tenant have access again.',
  tags_changed: 'The tags of the tenant have changed.',
  auto_consented: 'The application has the consent in the new tenant (AUTO_CONSENT).',
  auto_consent_failed: 'The broker could not consent to the application in the new tenant (AUTO_CONSENT).',
};

/** Announces events as notices. */
export const announceByNotice =
  (notifier: Notifier, dashboardUrl: string | undefined): AnnounceEvent =>
  (event, moreFollow) =>
    notifier.send(
      {
        ...noticeOf(event),
        ...(dashboardUrl === undefined ? {} : { link: `${dashboardUrl}#/tenants/${event.tenantId}` }),
      },
      { moreFollow },
    );

const reasonText = (reason: EventReason): string =>
  reason === 'not_listed' ? 'No list of Microsoft contains the tenant any longer.' : reasonTexts[reason];

/** `2026-12-06 07:10 UTC`. */
const utcMinute = (ms: number): string => `${isoTime(ms).slice(0, 16).replace('T', ' ')} UTC`;

/** What has happened and why, as sentences. */
export function explainEvent({ kind, reason, days, endsAtMs, failure }: TenantEvent): string {
  const text = eventTexts[kind];
  if (kind === 'ending' && days !== undefined && endsAtMs !== undefined)
    return `The GDAP relationship ends within ${days === 1 ? 'a day' : `${days} days`}, at ${utcMinute(endsAtMs)}, and does not renew automatically.`;
  if (kind === 'extended' && endsAtMs !== undefined) return `The GDAP relationship now ends at ${utcMinute(endsAtMs)}.`;
  if (failure !== undefined) return `${text} ${failure.detail}`;
  const says = reason !== undefined && (kind === 'lost' || kind === 'excluded' || kind === 'appeared');
  return says ? `${text} ${reasonText(reason)}` : text;
}

/** What to do about an event. Undefined if there is nothing to do. */
export function adviceForEvent({ kind, reason, tenantId, application, failure }: TenantEvent): string | undefined {
  if (kind === 'ending') return reasonAdvice.gdap_expiring;
  if (kind === 'consent_missing') return `Consent again: ${consentCommand(`--tenant ${tenantId}`, application)}`;
  if (kind === 'consent_differs') return `Add the permissions: ${consentCommand(`--renew --tenant ${tenantId}`)}`;
  if (kind === 'role_missing') return 'See which roles the relationship gives and to whom: `ptb doctor`.';
  if (kind === 'reachable')
    return `If the application has no consent there yet, and AUTO_CONSENT is off: ${consentCommand(`--tenant ${tenantId}`)}`;
  if (failure !== undefined) return `${failure.nextStep} To consent: ${consentCommand(`--tenant ${tenantId}`)}`.trim();
  if (kind !== 'lost') return undefined;
  return adviceForReason(reason ?? '') ?? 'Find out in Partner Center whether the customer has left.';
}

const consentCommand = (options: string, application?: string): string =>
  ptbCommand(`tenants consent ${options}`, application);

/** The notice about an event. */
function noticeOf(event: TenantEvent): Notice {
  const { id, kind, tenantId, tenantName, atMs, endsAtMs, tagsAdded, tagsRemoved, scopes, jobs, application } = event;
  const list = (name: string, texts: readonly string[] | undefined) =>
    texts === undefined || texts.length === 0 ? [] : [{ name, value: texts.join(', ') }];
  return {
    kind: `tenant.${kind}`,
    key: id,
    severity: eventSeverities[kind],
    tenantId,
    atMs,
    tenantName,
    title: `${quoted(tenantName)}: ${tenantTitles[`tenant.${kind}`]}`,
    text: [explainEvent(event), adviceForEvent(event)].filter((text) => text !== undefined).join(' '),
    facts: [
      { name: 'Tenant', value: tenantId },
      { name: 'Noticed', value: isoTime(atMs) },
      ...(endsAtMs === undefined ? [] : [{ name: 'Relationship ends', value: isoTime(endsAtMs) }]),
      ...list('Tags added', tagsAdded),
      ...list('Tags removed', tagsRemoved),
      ...list('Missing permissions', scopes),
      ...list('Jobs', jobs),
      ...(application === undefined ? [] : [{ name: 'Application', value: application }]),
      { name: 'Event', value: id },
    ],
  };
}

/** Puts the events together. Nothing is read or connected before the first use. */
export function createTenantEvents(parts: TenantEventsParts): TenantEvents {
  const { storage, notifier, directory, runs, dashboardUrl, ...deps } = parts;
  const eventLog = new TableEventLog(() => storage.table(tenantEventsTable), deps);
  const toldStates = new TableToldStates(() => storage.table(toldStatesTable));
  const announce = announceByNotice(notifier, dashboardUrl);
  const observed: ObserveDeps = { ...deps, lastResults: runs.lastResults };
  return {
    query: (query) => eventLog.query(query),
    purge: (beforeMs) => eventLog.purge(beforeMs),
    follow: (jobs, consent) =>
      followTenants({
        ...deps,
        eventLog,
        toldStates,
        completeReads: directory,
        observe: () => observeTenants(observed, jobs),
        announce,
        consent,
      }),
  };
}

/** The events of tenants. Every method throws BrokerError storage_unavailable. */
export interface TenantEvents {
  query(query: EventQuery): Promise<EventPage>;
  /** As `TableEventLog.purge`. */
  purge: TableEventLog['purge'];
  /**
   * As `followTenants`.
   * @param jobs the jobs whose last results show consent and roles.
   * @param consent consents in new tenants. Absent: nobody does.
   */
  follow(jobs: readonly ObservedJob[], consent?: ConsentInTenants): Promise<FollowOutcome>;
}

/** Where the parts of events come from. */
export interface TenantEventsParts extends ClaimDeps, Pick<ObserveDeps, 'tenantTags' | 'consentWatch'> {
  readonly storage: { table(name: string): Promise<TableClient> };
  readonly notifier: Notifier;
  readonly directory: CompleteReads;
  readonly runs: Pick<Runs, 'lastResults'>;
  /** For links in notices. */
  readonly dashboardUrl: string | undefined;
}
