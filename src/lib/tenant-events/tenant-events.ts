import { once } from '../core/single-flight.ts';
import type { TenantEvents, TenantEventsParts } from './create-tenant-events.ts';

/** The events of tenants. Their code is loaded with the first use: a timer and two routes need it. */
export function lazyTenantEvents(parts: TenantEventsParts): TenantEvents {
  const load = once(async () => (await import('./create-tenant-events.ts')).createTenantEvents(parts));
  return {
    query: async (query) => (await load()).query(query),
    purge: async (beforeMs) => (await load()).purge(beforeMs),
    follow: async (jobs, consent) => (await load()).follow(jobs, consent),
  };
}
