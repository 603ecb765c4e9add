import { dayMs } from '../../clock.ts';
import type { Row } from '../../graph/declaration.ts';
import { pick } from '../../seeded.ts';
import { familyNames, givenNames } from '../names.ts';
import { hourMs, idOf, isHybrid, randomOf, type TenantFacts, time } from './facts.ts';
import { hasIntune, organizationPlans } from './licensing.ts';

const domainNames = ({ initialDomain, defaultDomain }: TenantFacts): readonly string[] => [
  ...new Set([initialDomain, defaultDomain]),
];

/** `domains`: the initial domain, and the custom domain if there is one. */
export const domainRows = (facts: TenantFacts): readonly Row[] =>
  domainNames(facts).map((name) => ({
    id: name,
    authenticationType: 'Managed',
    availabilityStatus: null,
    isAdminManaged: true,
    isDefault: name === facts.defaultDomain,
    isInitial: name === facts.initialDomain,
    isRoot: true,
    isVerified: true,
    passwordNotificationWindowInDays: 14,
    passwordValidityPeriodInDays: 2_147_483_647,
    state: null,
    supportedServices: ['Email', 'OfficeCommunicationsOnline'],
  }));

/** `organization`. */
export function organizationRow(facts: TenantFacts): Row {
  const hybrid = isHybrid(facts);
  const admin = facts.users.find(({ isAdmin }) => isAdmin);
  return {
    id: facts.tenantId,
    deletedDateTime: null,
    businessPhones: [],
    city: null,
    country: null,
    countryLetterCode: 'GB',
    createdDateTime: '2019-03-11T09:20:00Z',
    defaultUsageLocation: 'GB',
    displayName: facts.name,
    marketingNotificationEmails: [],
    mobileDeviceManagementAuthority: hasIntune(facts) ? 'intune' : 'unknown',
    onPremisesLastSyncDateTime: hybrid ? time(facts.startMs - hourMs / 2) : null,
    onPremisesSyncEnabled: hybrid ? true : null,
    partnerTenantType: facts.isPartner ? 'breadthPartner' : null,
    postalCode: null,
    preferredLanguage: 'en',
    privacyProfile: null,
    securityComplianceNotificationMails: [],
    securityComplianceNotificationPhones: [],
    state: null,
    street: null,
    technicalNotificationMails: facts.isPartner || admin === undefined ? [] : [admin.userPrincipalName],
    tenantType: 'AAD',
    verifiedDomains: domainNames(facts).map((name) => ({
      capabilities: 'Email',
      isDefault: name === facts.defaultDomain,
      isInitial: name === facts.initialDomain,
      name,
      type: 'Managed',
    })),
    ...organizationPlans(facts),
  };
}

/** `contacts`: up to five people outside the tenant, in its address list. */
export function contactRows(facts: TenantFacts): readonly Row[] {
  if (facts.isPartner) return [];
  const random = randomOf(facts, 'contacts');
  return Array.from({ length: Math.floor(random() * 6) }, (_, at) => {
    const [givenName, surname] = [pick(random, givenNames), pick(random, familyNames)];
    const mail = `${givenName}.${surname}@supplier.example`.toLowerCase();
    return {
      id: idOf(facts, 'contact', at),
      deletedDateTime: null,
      addresses: [],
      companyName: 'Supplier',
      department: null,
      displayName: `${givenName} ${surname}`,
      givenName,
      jobTitle: null,
      mail,
      mailNickname: `${givenName}${surname}`.toLowerCase(),
      phones: [],
      proxyAddresses: [`SMTP:${mail}`],
      surname,
    };
  });
}

/** `directory/subscriptions`: what was bought, with its next date. */
export const companySubscriptionRows = ({ subscriptions, seeded, tenantId, startMs }: TenantFacts): readonly Row[] =>
  subscriptions.map(({ sku, enabled, warning }) => ({
    id: `${tenantId}_${sku.skuId}`,
    commerceSubscriptionId: seeded.guid('subscription', tenantId, sku.skuId),
    createdDateTime: time(startMs - 395 * dayMs),
    isTrial: seeded.random('trial', tenantId, sku.skuId)() < 0.15,
    nextLifecycleDateTime: time(startMs + (warning > 0 ? -5 : 120) * dayMs),
    ownerId: null,
    ownerTenantId: null,
    ownerType: null,
    skuId: sku.skuId,
    skuPartNumber: sku.skuPartNumber,
    status: warning > 0 ? 'Warning' : 'Enabled',
    totalLicenses: enabled + warning,
    serviceStatus: sku.servicePlans.map((plan) => ({ ...plan, provisioningStatus: 'Success' })),
  }));
