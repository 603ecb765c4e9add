import { FairLimiter } from '../../core/fair-limiter.ts';
import { Turns } from '../../core/turns.ts';
import { createTenantSlots } from './tenant-slots.ts';

/** What limits the work of runs, and of the tenant directory, in this process. */
export function createLimiters(most: { readonly resourceConcurrency: number; readonly tenantConcurrency: number }) {
  const requestSlots = new FairLimiter({
    limit: most.resourceConcurrency,
    // The tenants under way limit how many requests wait.
    maxWaiting: Number.POSITIVE_INFINITY,
    peer: 'the resources',
  });
  return {
    requestSlots,
    limiter: requestSlots.as({ id: 'broker', kind: 'broker' }),
    tenantSlots: createTenantSlots(most.tenantConcurrency),
    turns: new Turns(setImmediate),
  };
}
