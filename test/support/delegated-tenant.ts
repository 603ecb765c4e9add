import type { TenantId } from '../../src/lib/core/identifiers.ts';
import type { DelegatedTenant } from '../../src/lib/tenants/tenant.ts';

/** A customer tenant with an active GDAP relationship, as the directory of tenants lists it. */
export const delegatedTenant = (
  tenantId: TenantId,
  name: string,
  more: Partial<DelegatedTenant> = {},
): DelegatedTenant => ({
  tenantId,
  name,
  defaultDomain: undefined,
  relationship: 'gdap',
  reachable: true,
  reason: 'gdap_active',
  sources: ['relationships'],
  ...more,
});
