import { json, type Reply } from '../web/http.ts';
import { route, type Route } from '../web/router.ts';
import type { World } from '../world.ts';
import type { PartnerCenterContext } from './context.ts';
import { resource, type Resource } from './resources.ts';

const address = { country: 'GB', city: 'London', addressLine1: '1 Lighthouse Road', postalCode: 'E1 1AA' };

/** The partner's own profiles, by the name in their address ("Profile resources"). */
const profiles: Readonly<Record<string, (world: World) => Resource>> = {
  organization: ({ partner }) =>
    resource('PartnerOrganizationProfile', '/profiles/organization', {
      id: partner.tenantId,
      companyName: partner.name,
      defaultAddress: address,
      tenantId: partner.tenantId,
      domain: partner.domain,
      email: `office@${partner.domain}`,
      language: 'en',
      culture: 'en-GB',
    }),
  legalbusiness: ({ partner }) =>
    resource('PartnerLegalBusinessProfile', '/profiles/legalbusiness', {
      companyName: partner.name,
      address,
      primaryContact: { email: `office@${partner.domain}` },
      vettingStatus: 'authorized',
      vettingSubStatus: 'none',
      profileType: 'legal_business_profile',
    }),
  mpn: ({ partner, seeded }) => {
    const partnerId = String(1_000_000 + Math.floor(seeded.random('mpn')() * 9_000_000));
    return resource('PartnerMpnProfile', '/profiles/mpn', {
      // The name in "Profile resources", and the older one that Microsoft's libraries read.
      partnerId,
      mpnId: partnerId,
      partnerName: partner.name,
      profileType: 'mpn_profile',
    });
  },
  support: ({ partner }) =>
    resource('PartnerSupportProfile', '/profiles/support', {
      email: `support@${partner.domain}`,
      website: `https://${partner.domain}`,
      profileType: 'support_profile',
    }),
  billing: ({ partner }) =>
    resource('PartnerBillingProfile', '/profiles/billing', {
      companyName: partner.name,
      address,
      billingCurrency: 'GBP',
      billingDay: 1,
      profileType: 'partner_billing_profile',
    }),
};

/** `GET /v1/profiles/organization` and so on. */
export const profileRoutes: readonly Route<(context: PartnerCenterContext) => Reply>[] = Object.entries(profiles).map(
  ([name, profile]) => route('GET', `/v1/profiles/${name}`, ({ world }) => json(200, profile(world))),
);
