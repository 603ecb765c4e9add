import type { TableClient } from '@azure/data-tables';
import { once } from '../core/single-flight.ts';
import type { Notifier } from '../notices/notice.ts';
import type { Runs } from '../runs/store/runs.ts';
import type { CompleteReads } from '../tenants/directory.ts';
import type { ClaimDeps } from './claimed-log.ts';
import type { ConsentInTenants } from './consent-in-new.ts';
import type { EventLog, EventPage, EventQuery } from './event-log.ts';
import type { FollowOutcome } from './follow-tenants.ts';
import type { ObserveDeps, ObservedJob } from './observe-tenants.ts';

/** The events of tenants. Every method throws BrokerError storage_unavailable. */
export interface TenantEvents {
  query(query: EventQuery): Promise<EventPage>;
  /** As `EventLog.purge`. */
  purge: EventLog['purge'];
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

/** The events of tenants. Their code is loaded with the first use: a timer and two routes need it. */
export function lazyTenantEvents(parts: TenantEventsParts): TenantEvents {
  const load = once(async () => (await import('./create-tenant-events.ts')).createTenantEvents(parts));
  return {
    query: async (query) => (await load()).query(query),
    purge: async (beforeMs) => (await load()).purge(beforeMs),
    follow: async (jobs, consent) => (await load()).follow(jobs, consent),
  };
}
