import type { Services } from '../composition.ts';
import type { EventsAnswer } from '../lib/api/answers/events.ts';
import { eventsQuerySchema } from '../lib/api/event-requests.ts';
import { directoryFailures } from '../lib/api/failures.ts';
import { readableTenants } from '../lib/api/readable-tenants.ts';
import { BrokerError } from '../lib/model/errors.ts';
import { parseDomainName, parseTenantId } from '../lib/model/identifiers.ts';
import { mayRead } from '../lib/model/readable-tenants.ts';
import type { EventQuery } from '../lib/tenant-events/event-log.ts';
import { tenantIdFor } from './readable.ts';
import { route } from './route.ts';

const noStore = { 'cache-control': 'no-store' };

type Query = { readonly [K in 'kind']?: EventQuery['kind'] } & {
  readonly since?: number | undefined;
  readonly after?: number | undefined;
  readonly limit: number;
  readonly continuation?: number | undefined;
};

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
    return answer(services, query, readable === '*' ? {} : { tenantIds: readable });
  },
);

route(
  {
    name: 'tenants-events',
    method: 'GET',
    path: '/tenants/{tenant}/events',
    access: 'Tenants.Read',
    query: eventsQuerySchema,
    failures: ['tenant_unknown', ...directoryFailures, 'storage_unavailable'],
    document: async () => (await import('./events-document.ts')).documentTenantEvents(),
  },
  async (services, { caller, path, query }) => {
    const readable = await readableTenants(services, caller);
    const reference = path.tenant;
    if (parseTenantId(reference) === undefined && parseDomainName(reference) === undefined)
      throw new BrokerError('request_invalid', 'The tenant must be given by its id or one of its domains.');
    // The events of a tenant outlive its place in the directory.
    const tenantId = await tenantIdFor(services, { caller, readable }, reference);
    if (tenantId === undefined || !mayRead(readable, tenantId))
      throw new BrokerError('tenant_unknown', 'No tenant that this caller may read has this id or domain.');
    return answer(services, query, { tenantId });
  },
);

async function answer(
  { tenantEvents }: Services,
  { continuation, kind, since, after, limit }: Query,
  tenants: Pick<EventQuery, 'tenantId' | 'tenantIds'>,
) {
  const page = await tenantEvents.query({
    ...tenants,
    kind,
    sinceMs: since,
    after,
    before: continuation,
    limit,
  });
  const { viewEvent } = await import('./event-view.ts');
  const jsonBody: EventsAnswer = {
    events: page.events.map(viewEvent),
    ...(page.before === undefined ? {} : { continuation: String(page.before) }),
  };
  return { status: 200, headers: noStore, jsonBody };
}
