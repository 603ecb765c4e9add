import type * as z from 'zod';
import { bootLog, type Services } from '../composition.ts';
import type { EventsAnswer } from '../lib/api/answers/tenants.ts';
import { exampleOtherTenantId, exampleTime } from '../lib/api/examples.ts';
import { eventsQuerySchema, tenantEventsQuerySchema } from '../lib/api/requests.ts';
import { directoryFailures, jsonContent, type RouteDocument } from '../lib/api/route.ts';
import { selectedBy, findVisible } from '../lib/access/tenants/named-tenants.ts';
import { isVisible, visibleTenants } from '../lib/access/tenants/visible-tenants.ts';
import { defaultApplication, parseTenantId, type TenantId } from '../lib/core/identifiers.ts';
import { isoTime } from '../lib/core/clock.ts';
import type { ConsentInTenants } from '../lib/tenant-events/consent-in-new.ts';
import type { EventQuery } from '../lib/tenant-events/event-log.ts';
import type { TenantEvent } from '../lib/tenant-events/tenant-event.ts';
import { jobRegistry } from './job-registry.ts';
import { route } from './route.ts';
import { timer } from './timer.ts';

const noStore = { 'cache-control': 'no-store' };

type Query = z.output<typeof tenantEventsQuerySchema>;

route(
  {
    name: 'events',
    method: 'GET',
    path: '/events',
    access: 'Tenants.Read',
    query: eventsQuerySchema,
    failures: [...directoryFailures, 'storage_unavailable'],
    document: documentEvents,
  },
  async (services, { caller, query }) => {
    const visible = await visibleTenants(services, caller);
    const { tenants, except } = query;
    const only = tenants?.length === 1 && except === undefined ? parseTenantId(tenants[0]) : undefined;
    // The log finds the events of one tenant without looking at those of all others.
    if (only !== undefined && isVisible(visible, only)) return answer(services, query, { tenantId: only });
    const isUnlimited = tenants === undefined && except === undefined;
    const isAsked = isUnlimited ? undefined : (await selectedBy(services, { caller, visible }, query)).isSelected;
    if (visible === '*') return answer(services, query, { isSelected: isAsked });
    const isSelected = (tenantId: TenantId): boolean => visible.has(tenantId) && isAsked?.(tenantId) !== false;
    return answer(services, query, { isSelected });
  },
);

route(
  {
    name: 'tenants-events',
    method: 'GET',
    path: '/tenants/{tenant}/events',
    access: 'Tenants.Read',
    query: tenantEventsQuerySchema,
    failures: ['tenant_unknown', ...directoryFailures, 'storage_unavailable'],
    document: documentTenantEvents,
  },
  async (services, { caller, path, query }) => {
    const visible = await visibleTenants(services, caller);
    return answer(services, query, { tenantId: await findVisible(services, { caller, visible }, path.tenant) });
  },
);

async function answer(
  { tenantEvents }: Services,
  { continuation, kind, since, after, limit }: Query,
  tenants: Pick<EventQuery, 'tenantId' | 'isSelected'>,
) {
  const { events, before, readAtMs } = await tenantEvents.query({
    ...tenants,
    kind,
    sinceMs: since,
    after,
    before: continuation,
    limit,
  });
  const { viewEvent } = await import('./event-view.ts');
  const jsonBody: EventsAnswer = {
    events: events.map(viewEvent),
    ...(before === undefined ? {} : { continuation: String(before) }),
    ...(readAtMs === undefined ? {} : { lookedAt: isoTime(readAtMs) }),
  };
  return { status: 200, headers: noStore, jsonBody };
}

/** Derives and announces what has happened to tenants since the last complete read of the lists, and consents in new ones. */
export const watchTenants = (services: Services) =>
  services.tenantEvents.follow(
    jobRegistry.list(),
    services.settings.AUTO_CONSENT === 'on' ? consentIn(services) : undefined,
  );

/** Few tenants are new, so its code is loaded when one is. */
const consentIn =
  (services: Services): ConsentInTenants =>
  async (tenants) => {
    const { consentInNewTenants } = await import('../lib/consent/consent-in-new-tenants.ts');
    const { broker, credentials, jobTokens, settings } = services;
    const consent = consentInNewTenants({
      ...services,
      endpoints: settings.cloud.endpoints,
      partnerTenantId: settings.PARTNER_TENANT_ID,
      // As the directory does: Partner Center is called in the partner tenant.
      ownTokens: broker,
      customerTokens: jobTokens,
      clientId: async () => (await credentials.store.load(defaultApplication)).client.clientId,
    });
    return consent(tenants);
  };

timer(
  {
    name: 'watch-tenants',
    // As often as the directory reads the lists anyway.
    schedule: '50 3-59/10 * * * *',
    logFailure: (fields) => bootLog.log('error', 'tenant_events.failed', fields),
  },
  watchTenants,
);

const exampleEvent: TenantEvent = {
  id: '3d0c4b1f5f6a4f0f8a7f4d6d0d1b2c3e',
  sequence: 128,
  atMs: Date.parse(exampleTime),
  tenantId: parseTenantId(exampleOtherTenantId)!,
  tenantName: 'Contoso',
  kind: 'lost',
  reason: 'gdap_terminated',
};

const paging =
  'The newest first. Follow `continuation` until it is absent: a page may be empty although older events exist. To wait for later events, send the highest `sequence` that you have seen as `after`.';

async function documentPage(more: { readonly continuation?: string } = {}): Promise<RouteDocument['answers']> {
  const [{ eventsAnswerSchema }, { viewEvent }] = await Promise.all([
    import('../lib/api/answers/tenants.ts'),
    import('./event-view.ts'),
  ]);
  const example = { events: [viewEvent(exampleEvent)], ...more, lookedAt: exampleTime };
  return [{ status: 200, description: 'One page.', contents: [jsonContent(eventsAnswerSchema, example)] }];
}

async function documentEvents(): Promise<RouteDocument> {
  return {
    group: 'Tenants',
    summary: 'List what happened to customer tenants',
    description: `Access gained and lost, relationships that end or were extended, consent, roles, exclusion and tags. ${paging} A caller that the policy limits to some tenants (\`reads\`) gets only their events.`,
    queryExample: { kind: 'lost', tenants: 'tag:managed' },
    answers: await documentPage({ continuation: '128' }),
  };
}

async function documentTenantEvents(): Promise<RouteDocument> {
  return {
    group: 'Tenants',
    summary: 'List what happened to a customer tenant',
    description: `As \`GET /api/events\`, for one tenant, also for one that no list of Microsoft contains any longer. ${paging}`,
    pathParameters: {
      tenant: { description: 'Id of the tenant, or one of its domains.', example: exampleOtherTenantId },
    },
    answers: await documentPage(),
  };
}
