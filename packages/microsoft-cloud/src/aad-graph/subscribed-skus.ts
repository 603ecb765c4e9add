import { createSubscriptions } from '../population/users.ts';
import type { CustomerTenant } from '../population/tenant.ts';
import type { World } from '../world.ts';

/** The subscriptions of a tenant. The partner's own tenant has none. */
export function subscribedSkus(
  world: World,
  customer: CustomerTenant | undefined,
): readonly Readonly<Record<string, unknown>>[] {
  if (customer === undefined) return [];
  return createSubscriptions(customer, world.seeded, world.usersOf(customer)).map(
    ({ sku, enabled, warning, suspended, consumed }) => ({
      accountName: customer.initialDomain.split('.')[0],
      accountId: customer.tenantId,
      appliesTo: 'User',
      capabilityStatus: enabled > 0 ? 'Enabled' : 'Warning',
      consumedUnits: consumed,
      id: `${customer.tenantId}_${sku.skuId}`,
      skuId: sku.skuId,
      skuPartNumber: sku.skuPartNumber,
      subscriptionIds: [world.seeded.guid('subscription', customer.tenantId, sku.skuId)],
      prepaidUnits: { enabled, suspended, warning, lockedOut: 0 },
      servicePlans: sku.servicePlans.map((plan) => ({ ...plan, provisioningStatus: 'Success' })),
    }),
  );
}
