import { performance } from 'node:perf_hooks';
import type { CustomerTenant } from '../population/tenant.ts';
import { json, type Reply } from '../web/http.ts';

/** Behaviour of tenants with a trait at the resources: throttled at first, or slow. */
export interface TenantTraits {
  /** Returns a 429 reply while the tenant is throttled. */
  throttle(customer: CustomerTenant | undefined): Reply | undefined;
  slowness(customer: CustomerTenant | undefined): Pick<Reply, 'delayMs'>;
}

const retryAfterSeconds = 1;
const slowMs = 1500;

/** Refuses the first request in a throttled tenant and all until Retry-After is over. Then the tenant works. */
export function createTenantTraits(): TenantTraits {
  const readyAtMs = new Map<string, number>();
  return {
    throttle: (customer) => {
      if (customer?.trait !== 'throttled') return undefined;
      // Real time, because a client waits in real time.
      const nowMs = performance.now();
      const readyMs = readyAtMs.get(customer.tenantId);
      if (readyMs === undefined) readyAtMs.set(customer.tenantId, nowMs + retryAfterSeconds * 1000 - 50);
      return readyMs !== undefined && nowMs >= readyMs ? undefined : throttledReply();
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
