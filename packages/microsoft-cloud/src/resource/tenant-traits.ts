import { performance } from 'node:perf_hooks';
import type { CustomerTenant } from '../population/tenant.ts';
import { json, type Reply } from '../web/http.ts';

/** How odd tenants answer at the resources: throttled at first, or slow. */
export interface TenantTraits {
  /** The refusal, while the tenant's budget is spent. */
  throttle(customer: CustomerTenant | undefined): Reply | undefined;
  slowness(customer: CustomerTenant | undefined): Pick<Reply, 'delayMs'>;
}

const retryAfterSeconds = 1;
const slowMs = 1500;

/** The first request in a throttled tenant is refused, and all before Retry-After is over; then the tenant works. */
export function createTenantTraits(): TenantTraits {
  const openAtMs = new Map<string, number>();
  return {
    throttle: (customer) => {
      if (customer?.trait !== 'throttled') return undefined;
      // Real time: this is about what a client really waits.
      const nowMs = performance.now();
      const known = openAtMs.get(customer.tenantId);
      if (known === undefined) openAtMs.set(customer.tenantId, nowMs + retryAfterSeconds * 1000 - 50);
      return known !== undefined && nowMs >= known ? undefined : throttledReply();
    },
    slowness: (customer) => (customer?.trait === 'slow' ? { delayMs: slowMs } : {}),
  };
}

function throttledReply(): Reply {
  const error = {
    code: 'TooManyRequests',
    message:
      'Too many requests from Identifier:TenantId+AppId category:aadgraph.app.tenant_small. Please try again later.',
  };
  return json(
    429,
    { error },
    {
      'retry-after': String(retryAfterSeconds),
      'x-ms-throttle-scope': 'Tenant_Application/ReadWrite',
      'x-ms-throttle-limit-percentage': '1.2',
    },
  );
}
