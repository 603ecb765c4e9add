import type * as z from 'zod';
import type { Services } from '../composition.ts';
import type { EventsAnswer } from '../lib/api/answers/events.ts';
import { eventsQuerySchema, tenantEventsQuerySchema } from '../lib/api/event-requests.ts';
import { directoryFailures } from '../lib/api/failures.ts';
import { readableTenants } from '../lib/api/readable-tenants.ts';
import type { TenantId } from '../lib/model/identifiers.ts';
import type { EventQuery } from '../lib/tenant-events/event-log.ts';
import { findReadable } from './customer.ts';
import { route } from './route.ts';
import { choosing } from './tenant-choice.ts';

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
    document: async () => (await import('./events-document.ts')).documentEvents(),
  },
  async (services, { caller, query }) => {
    const readable = await readableTenants(services, caller);
    const isAsked =
      query.tenants === undefined && query.except === undefined
        ? undefined
        : await choosing(services, { caller, readable }, query);
    if (readable === '*') return answer(services, query, { isChosen: isAsked });
    if (readable.size === 0) return page({ events: [] });
    const isChosen = (tenantId: TenantId): boolean => readable.has(tenantId) && isAsked?.(tenantId) !== false;
    return answer(services, query, { isChosen });
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
    document: async () => (await import('./events-document.ts')).documentTenantEvents(),
  },
  async (services, { caller, path, query }) => {
    const readable = await readableTenants(services, caller);
    return answer(services, query, { tenantId: await findReadable(services, { caller, readable }, path.tenant) });
  },
);

async function answer(
  { tenantEvents }: Services,
  { continuation, kind, since, after, limit }: Query,
  tenants: Pick<EventQuery, 'tenantId' | 'isChosen'>,
) {
  const { events, before } = await tenantEvents.query({
    ...tenants,
    kind,
    sinceMs: since,
    after,
    before: continuation,
    limit,
  });
  const { viewEvent } = await import('./event-view.ts');
  return page({
    events: events.map(viewEvent),
    ...(before === undefined ? {} : { continuation: String(before) }),
  });
}

const page = (jsonBody: EventsAnswer) => ({ status: 200, headers: noStore, jsonBody });
