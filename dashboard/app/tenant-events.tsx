import type { Api } from './api.ts';
import { eventsLink } from './view-filter.ts';
import { EventList } from './event-list.tsx';
import { Loaded, Panel } from './pieces.tsx';
import { usePolling } from './polling.ts';

const intervalMs = 60_000;
const shown = 5;

/** The newest events of a tenant. */
export function TenantEvents({ tenantId }: { readonly tenantId: string }) {
  const load = (api: Api) => api.events({ tenants: tenantId, limit: String(shown) });
  const polled = usePolling(load, `events of ${tenantId}`, intervalMs);
  return (
    <Panel title="What happened">
      <Loaded polled={polled}>
        {({ events, continuation }) =>
          events.length === 0 ? (
            <p class="quiet">Nothing has happened to this tenant since the broker looks at it.</p>
          ) : (
            <>
              <EventList events={events} />
              {continuation === undefined ? null : (
                <a href={eventsLink({ tenants: tenantId })}>All events of this tenant</a>
              )}
            </>
          )
        }
      </Loaded>
    </Panel>
  );
}
