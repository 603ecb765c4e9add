import { dayMs } from '../clock.ts';
import type { User } from '../directory/records.ts';
import { pick, type Seeded } from '../seeded.ts';
import { familyNames, givenNames } from './names.ts';
import { mainSkuPartNumbers, type Sku, skus } from './skus.ts';
import type { CustomerTenant } from './tenant.ts';

/** Licences of one product in a tenant. */
export interface Subscription {
  readonly sku: Sku;
  readonly enabled: number;
  readonly warning: number;
  readonly suspended: number;
  readonly consumed: number;
}

const findSku = (partNumber: string): Sku => {
  const found = skus.find((sku) => sku.skuPartNumber === partNumber);
  if (found === undefined) throw new RangeError(`Unknown SKU: ${partNumber}`);
  return found;
};

/** The main product of a customer, and the extras that some customers have. */
function productsOf(tenant: CustomerTenant, seeded: Seeded): { readonly main: Sku; readonly extra: readonly Sku[] } {
  const random = seeded.random('skus', tenant.tenantId);
  const main = findSku(pick(random, mainSkuPartNumbers));
  const extra = skus.filter((sku) => !mainSkuPartNumbers.includes(sku.skuPartNumber) && random() < 0.3);
  return { main, extra };
}

const methodSets: readonly (readonly string[])[] = [
  ['microsoftAuthenticatorPush', 'softwareOneTimePasscode'],
  ['microsoftAuthenticatorPush', 'mobilePhone'],
  ['mobilePhone'],
  ['fido2SecurityKey', 'microsoftAuthenticatorPush'],
  [],
];

/** Creates the users of a customer tenant. The same seed gives the same users. The first user is the administrator. */
export function createUsers(tenant: CustomerTenant, seeded: Seeded, nowMs: number): readonly User[] {
  const random = seeded.random('users', tenant.tenantId);
  const signIns = seeded.random('sign-ins', tenant.tenantId);
  const { main, extra } = productsOf(tenant, seeded);
  return Array.from({ length: tenant.userCount }, (_, index) => {
    const givenName = pick(random, givenNames);
    const surname = pick(random, familyNames);
    const isGuest = index > 0 && random() < 0.08;
    const local = `${givenName}.${surname}${index}`.toLowerCase();
    const licences =
      isGuest || random() < 0.12 ? [] : [main.skuId, ...extra.filter(() => random() < 0.3).map((sku) => sku.skuId)];
    return {
      id: seeded.guid('user', tenant.tenantId, index),
      userPrincipalName: isGuest
        ? `${local}_partner.example#EXT#@${tenant.initialDomain}`
        : `${local}@${tenant.defaultDomain}`,
      displayName: `${givenName} ${surname}`,
      givenName,
      surname,
      userType: isGuest ? ('Guest' as const) : ('Member' as const),
      createdMs: nowMs - Math.floor((100 + random() * 1500) * dayMs),
      licences,
      methods: pick(random, methodSets),
      isAdmin: index === 0,
      lastSignInMs: lastSignIn(signIns, nowMs, isGuest),
      accountEnabled: random() >= 0.06,
      validFromMs: 0,
    };
  });
}

/** Members signed in within 40 days, guests within 300. A tenth of both never signed in. */
function lastSignIn(random: () => number, nowMs: number, isGuest: boolean): number | undefined {
  const [never, daysAgo] = [random() < 0.1, random() * (isGuest ? 300 : 40)];
  return never ? undefined : nowMs - Math.floor(daysAgo * dayMs);
}

/** Creates the subscriptions of a customer. `consumed` counts the users who have a licence. */
export function createSubscriptions(
  tenant: CustomerTenant,
  seeded: Seeded,
  users: readonly User[],
): readonly Subscription[] {
  const random = seeded.random('subscriptions', tenant.tenantId);
  const { main, extra } = productsOf(tenant, seeded);
  // Users that the caller gives may have other licences.
  const held = new Set(users.flatMap(({ licences }) => licences));
  const more = skus.filter((sku) => held.has(sku.skuId) && sku !== main && !extra.includes(sku));
  return [main, ...extra, ...more].map((sku) => {
    const consumed = users.filter((user) => user.licences.includes(sku.skuId)).length;
    const isFree = sku.skuPartNumber === 'FLOW_FREE';
    const lapsing = !isFree && random() < 0.1;
    const enabled = isFree ? 10_000 : consumed + Math.floor(random() * 6);
    return { sku, enabled: lapsing ? 0 : enabled, warning: lapsing ? enabled : 0, suspended: 0, consumed };
  });
}
