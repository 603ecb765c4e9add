import { announceByNotice } from './announce-event.ts';
import { followTenants } from './follow-tenants.ts';
import { observeTenants, type ObserveDeps } from './observe-tenants.ts';
import { TableEventLog, tenantEventsTable } from './table-event-log.ts';
import { TableToldStates, toldStatesTable } from './announced-states.ts';
import type { TenantEvents, TenantEventsParts } from './event-services.ts';

/** Puts the events together. Nothing is read or connected before the first use. */
export function createTenantEvents({
  storage,
  notifier,
  directory,
  runs,
  dashboardUrl,
  ...deps
}: TenantEventsParts): TenantEvents {
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
