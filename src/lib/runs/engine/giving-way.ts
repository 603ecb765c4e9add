import type { Turns } from '../../core/turns.ts';
import type { VisitTenantsDeps } from './visit-tenants.ts';

/**
 * The same side effects, which take a turn before they begin. A run visits many tenants side by side, and replies for them
 * often arrive together. Without turns, a request of a caller would wait several times until all of them are worked on.
 */
export function givingWay(deps: VisitTenantsDeps, turns: Turns): VisitTenantsDeps {
  const { fetch, tokens, tenantSlots, runs } = deps;
  return {
    ...deps,
    fetch: turns.before(fetch),
    tokens: {
      getToken: turns.before((...given) => tokens.getToken(...given)),
      forgetTenant: (tenantId) => tokens.forgetTenant(tenantId),
    },
    tenantSlots: { run: (work, ...given) => tenantSlots.run(turns.before(work), ...given) },
    runs: {
      ...runs,
      log: {
        findTenant: (...given) => runs.log.findTenant(...given),
        findOutcomes: (...given) => runs.log.findOutcomes(...given),
        recordTenant: turns.before((...given) => runs.log.recordTenant(...given)),
      },
      results: { putRows: turns.before((...given) => runs.results.putRows(...given)) },
    },
  };
}
