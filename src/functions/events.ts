import type * as z from 'zod';
import type { Services } from '../composition.ts';
import type { EventsAnswer } from '../lib/api/answers/tenants.ts';
import { eventsQuerySchema, tenantEventsQuerySchema } from '../lib/api/requests.ts';
import { directoryFailures } from '../lib/api/route.ts';
import { choosing, findReadable } from '../lib/access/tenants/named-tenants.ts';
import { mayRead, readableTenants } from '../lib/access/tenants/visible-tenants.ts';
import { parseTenantId, type TenantId } from '../lib/core/identifiers.ts';
import { isoTime } from '../lib/core/clock.ts';
import type { EventQuery } from '../lib/tenant-events/event-log.ts';
import { route } from './route.ts';

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
    const { tenants, except } = query;
    const only = tenants?.length === 1 && except === undefined ? parseTenantId(tenants[0]) : undefined;
    // The log finds the events of one tenant without looking at those of all others.
    if (only !== undefined && mayRead(readable, only)) return answer(services, query, { tenantId: only });
    const isUnlimited = tenants === undefined && except === undefined;
    const isAsked = isUnlimited ? undefined : (await choosing(services, { caller, readable }, query)).isChosen;
    if (readable === '*') return answer(services, query, { isChosen: isAsked });
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
