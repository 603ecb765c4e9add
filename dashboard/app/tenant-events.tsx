import type { TenantDetailsAnswer } from '../../src/lib/api/answers/tenants.ts';
import { titleOf as titleOfCause } from '../../src/lib/api/trouble.ts';
import { outcomeStyle } from '../../src/lib/core/outcomes.ts';
import { useJobs } from './nights.ts';
import { runLink } from './route.ts';
import { isApply } from './tenant-filter.ts';
import type { Api } from './api.ts';
import { eventsLink } from './view-filter.ts';
import { entryOf, Timeline } from './event-list.tsx';
import { Loaded, Panel } from './pieces.tsx';
import { usePolling } from './polling.ts';

const intervalMs = 60_000;
const shown = 5;

/** The newest events of a tenant, and the applies in its newest runs, by time. */
export function TenantEvents({ tenant }: { readonly tenant: TenantDetailsAnswer }) {
  const { tenantId, history = [] } = tenant;
  const { titleOf } = useJobs();
  const load = (api: Api) => api.events({ tenants: tenantId, limit: String(shown) });
  const polled = usePolling(load, `events of ${tenantId}`, intervalMs);
  const applied = history
    .filter(isApply)
    .slice(0, shown)
    .map(({ runId, job, outcome, code, finishedAt }) => ({
      id: runId,
      at: finishedAt,
      tone: outcomeStyle(outcome).tone,
      // It succeeds also if all was so already.
      title: outcome === 'succeeded' ? 'An apply succeeded' : titleOfCause(code ?? outcome),
      details: (
        <p>
          <a href={runLink(runId, 'tenants')}>{titleOf(job)}</a>
        </p>
      ),
    }));
  // What was there at the first look is no event: "nothing happened" would be wrong below a trouble.
  if (polled.value?.events.length === 0 && applied.length === 0) return null;
  return (
    <Panel title="What happened">
      <Loaded polled={polled}>
        {({ events, continuation }) => (
          <>
            <Timeline entries={[...events.map(entryOf), ...applied]} />
            {continuation === undefined ? null : (
              <a href={eventsLink({ tenants: tenantId })}>All events of this tenant</a>
            )}
          </>
        )}
      </Loaded>
    </Panel>
  );
}
