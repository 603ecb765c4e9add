import { dayMs, isoTime } from '../clock.ts';
import type { CustomerTenant } from '../population/tenant.ts';
import { createSubscriptions } from '../population/users.ts';
import { json, type Reply } from '../web/http.ts';
import type { World } from '../world.ts';
import type { PartnerCenterContext } from './context.ts';
import { findReselledCustomer } from './customers.ts';
import { PartnerCenterError } from './partner-center-error.ts';
import { link, listOf, resource, type Resource } from './resources.ts';

type Product = ReturnType<typeof createSubscriptions>[number];

const productsOf = (world: World, customer: CustomerTenant): readonly Product[] =>
  createSubscriptions(customer, world.seeded, world.usersOf(customer));

/** The licences that the partner has sold: those of Graph's `subscribedSkus` that are not free. */
export const soldProducts = (world: World, customer: CustomerTenant): readonly Product[] =>
  productsOf(world, customer).filter(({ sku }) => sku.skuPartNumber !== 'FLOW_FREE');

const quantityOf = ({ enabled, warning }: Product): number => enabled + warning;

/** Every term lasts a year. The one in progress began at most a year ago. */
function subscriptionJson(world: World, { tenantId }: CustomerTenant, product: Product): Resource {
  const id = world.seeded.guid('subscription', tenantId, product.sku.skuId);
  const random = world.seeded.random('term', id);
  const createdMs = world.establishedMs - Math.floor(random() * 700) * dayMs;
  const years = Math.floor((world.clock.nowMs() - createdMs) / (365 * dayMs));
  const startMs = createdMs + years * 365 * dayMs;
  const { skuPartNumber, skuId } = product.sku;
  return {
    ...resource('Subscription', `/customers/${tenantId}/subscriptions/${id}`, {
      id,
      offerId: `${world.seeded.guid('offer', skuId).slice(0, 12).toUpperCase()}:0001`,
      offerName: skuPartNumber,
      friendlyName: skuPartNumber,
      quantity: quantityOf(product),
      unitType: 'licenses',
      hasPurchasableAddons: false,
      creationDate: isoTime(createdMs),
      effectiveStartDate: isoTime(startMs),
      commitmentEndDate: isoTime(startMs + 365 * dayMs),
      status: product.enabled === 0 ? 'suspended' : 'active',
      autoRenewEnabled: product.enabled > 0,
      isTrial: false,
      billingType: 'license',
      billingCycle: 'monthly',
      termDuration: 'P1Y',
      contractType: 'subscription',
      orderId: world.seeded.guid('order', id),
    }),
  };
}

const subscriptionsOf = (context: PartnerCenterContext): readonly Resource[] => {
  const customer = findReselledCustomer(context);
  return soldProducts(context.world, customer).map((product) => subscriptionJson(context.world, customer, product));
};

/** `GET /v1/customers/{id}/subscriptions`. */
export const listSubscriptions = (context: PartnerCenterContext): Reply =>
  listOf(context.request, subscriptionsOf(context));

/** `GET /v1/customers/{id}/subscriptions/{subscriptionId}`. */
export function showSubscription(context: PartnerCenterContext): Reply {
  const wanted = context.parameters['subscriptionId']?.toLowerCase();
  const found = subscriptionsOf(context).find(({ id }) => id === wanted);
  if (found === undefined) throw new PartnerCenterError(404, 20003, 'The subscription was not found.');
  return json(200, found);
}

/** `GET /v1/customers/{id}/subscribedskus`: the licences as they are used. */
export function listSubscribedSkus(context: PartnerCenterContext): Reply {
  const customer = findReselledCustomer(context);
  const items = productsOf(context.world, customer).map((product) => ({
    availableUnits: Math.max(0, product.enabled - product.consumed),
    activeUnits: product.enabled,
    consumedUnits: product.consumed,
    suspendedUnits: product.suspended,
    warningUnits: product.warning,
    totalUnits: quantityOf(product) + product.suspended,
    productSku: {
      id: product.sku.skuId,
      name: product.sku.skuPartNumber,
      skuPartNumber: product.sku.skuPartNumber,
      targetType: 'User',
      licenseGroupId: 'group1',
    },
    servicePlans: product.sku.servicePlans.map(({ servicePlanId, servicePlanName, appliesTo }) => ({
      displayName: servicePlanName,
      serviceName: servicePlanName,
      id: servicePlanId,
      capabilityStatus: 'success',
      targetType: appliesTo,
    })),
    capabilityStatus: product.enabled === 0 ? 'warning' : 'enabled',
    attributes: { objectType: 'SubscribedSku' },
  }));
  return json(200, {
    totalCount: items.length,
    items,
    links: { self: link(`/customers/${customer.tenantId}/subscribedskus`) },
    attributes: { objectType: 'Collection' },
  });
}
