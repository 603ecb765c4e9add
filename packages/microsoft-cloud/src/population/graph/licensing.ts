import { dayMs } from '../../clock.ts';
import type { User } from '../../directory/records.ts';
import type { Row } from '../../graph/declaration.ts';
import { type Sku, skus } from '../skus.ts';
import { perTenant, type TenantFacts, time } from './facts.ts';

/** The service behind a plan, as `assignedPlans` names it: start of the plan's name → service. */
const services: readonly (readonly [string, string])[] = [
  ['EXCHANGE', 'exchange'],
  ['TEAMS', 'TeamspaceAPI'],
  ['SHAREPOINT', 'SharePoint'],
  ['AAD_PREMIUM', 'AADPremiumService'],
  ['INTUNE', 'SCO'],
  ['FLOW', 'ProcessSimple'],
  ['BI_', 'PowerBI'],
];

const serviceOf = (planName: string): string => services.find(([start]) => planName.startsWith(start))?.[1] ?? planName;

const skuById: ReadonlyMap<string, Sku> = new Map(skus.map((sku) => [sku.skuId, sku]));

/** The plans that licences contain, each once, and how users show them. */
interface Plans {
  readonly all: readonly Sku['servicePlans'][number][];
  readonly provisioned: readonly Row[];
}

// Few combinations of licences are in use, and many users share them.
const plansByLicences = new Map<string, Plans>();

function plansFor({ licences }: User): Plans {
  const key = licences.join();
  const known = plansByLicences.get(key);
  if (known !== undefined) return known;
  const plans = new Map<string, Sku['servicePlans'][number]>();
  for (const skuId of licences)
    for (const plan of skuById.get(skuId)?.servicePlans ?? []) plans.set(plan.servicePlanId, plan);
  const all = [...plans.values()];
  const provisioned = all.map(({ servicePlanName }) => ({
    capabilityStatus: 'Enabled',
    provisioningStatus: 'Success',
    service: serviceOf(servicePlanName),
  }));
  const found = { all, provisioned };
  plansByLicences.set(key, found);
  return found;
}

/** Names of the service plans that the tenant's subscriptions contain. */
const tenantPlansOf = perTenant(
  ({ subscriptions }): ReadonlySet<string> =>
    new Set(subscriptions.flatMap(({ sku }) => sku.servicePlans.map(({ servicePlanName }) => servicePlanName))),
);

/** Whether the tenant has Microsoft Entra ID P1 or P2. Without it, Graph refuses sign-in activity and sign-in logs. */
export const hasEntraPremium = (facts: TenantFacts): boolean =>
  tenantPlansOf(facts).has('AAD_PREMIUM') || hasEntraP2(facts);

/** Whether the tenant has Microsoft Entra ID P2, which risk detection and privileged identity management need. */
export const hasEntraP2 = (facts: TenantFacts): boolean => tenantPlansOf(facts).has('AAD_PREMIUM_P2');

export const hasIntune = (facts: TenantFacts): boolean => tenantPlansOf(facts).has('INTUNE_A');

/** Whether the tenant has SharePoint. A customer without Exchange uses nothing of Microsoft 365. */
export const hasSharePoint = ({ isPartner, hasExchange }: TenantFacts): boolean => isPartner || hasExchange;

export const hasPlan = (user: User, start: string): boolean =>
  plansFor(user).all.some(({ servicePlanName }) => servicePlanName.startsWith(start));

/** The properties of a user that describe licences. Licences are assigned one day after the account was created. */
export function licenceProperties(user: User): Row {
  const assigned = time(user.createdMs + dayMs);
  const { all: plans, provisioned } = plansFor(user);
  return {
    assignedLicenses: user.licences.map((skuId) => ({ disabledPlans: [], skuId })),
    assignedPlans: plans.map(({ servicePlanId, servicePlanName }) => ({
      assignedDateTime: assigned,
      capabilityStatus: 'Enabled',
      service: serviceOf(servicePlanName),
      servicePlanId,
    })),
    provisionedPlans: provisioned,
    licenseAssignmentStates: user.licences.map((skuId) => ({
      skuId,
      assignedByGroup: null,
      disabledPlans: [],
      state: 'Active',
      error: 'None',
      lastUpdatedDateTime: assigned,
    })),
  };
}

/** `subscribedSkus`: the products that the tenant has bought. */
export const subscribedSkuRows = ({ subscriptions, tenantId, initialDomain, seeded }: TenantFacts): readonly Row[] =>
  subscriptions.map(({ sku, enabled, warning, suspended, consumed }) => ({
    accountName: initialDomain.split('.')[0],
    accountId: tenantId,
    appliesTo: 'User',
    capabilityStatus: enabled > 0 ? 'Enabled' : 'Warning',
    consumedUnits: consumed,
    id: `${tenantId}_${sku.skuId}`,
    skuId: sku.skuId,
    skuPartNumber: sku.skuPartNumber,
    subscriptionIds: [seeded.guid('subscription', tenantId, sku.skuId)],
    prepaidUnits: { enabled, suspended, warning, lockedOut: 0 },
    servicePlans: sku.servicePlans.map((plan) => ({ ...plan, provisioningStatus: 'Success' })),
  }));

/** `organization/assignedPlans` and `provisionedPlans`. */
export function organizationPlans(facts: TenantFacts): Row {
  const plans = facts.subscriptions.flatMap(({ sku }) => sku.servicePlans);
  const unique = [...new Map(plans.map((plan) => [plan.servicePlanId, plan])).values()];
  return {
    assignedPlans: unique.map(({ servicePlanId, servicePlanName }) => ({
      assignedDateTime: time(facts.startMs - 400 * dayMs),
      capabilityStatus: 'Enabled',
      service: serviceOf(servicePlanName),
      servicePlanId,
    })),
    provisionedPlans: unique.map(({ servicePlanName }) => ({
      capabilityStatus: 'Enabled',
      provisioningStatus: 'Success',
      service: serviceOf(servicePlanName),
    })),
  };
}

/** `users/{id}/licenseDetails`: the products of a user with their plans. */
export const licenceDetailRows = ({ seeded }: TenantFacts, user: User): readonly Row[] =>
  user.licences.flatMap((skuId) => {
    const sku = skuById.get(skuId);
    if (sku === undefined) return [];
    return [
      {
        id: Buffer.from(seeded.guid('licence', user.id, skuId)).toString('base64url'),
        skuId,
        skuPartNumber: sku.skuPartNumber,
        servicePlans: sku.servicePlans.map((plan) => ({ ...plan, provisioningStatus: 'Success' })),
      },
    ];
  });
