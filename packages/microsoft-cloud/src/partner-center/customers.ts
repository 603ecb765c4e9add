import type { CustomerTenant } from '../population/tenant.ts';
import { json, type Reply } from '../web/http.ts';
import type { PartnerCenterContext } from './context.ts';
import { type FilterFields, filtered } from './field-filter.ts';
import { PartnerCenterError } from './partner-center-error.ts';
import { pageOf, resource, type Resource } from './resources.ts';

/** @throws PartnerCenterError 404 for an unknown customer. */
export function findCustomer({ world, parameters }: PartnerCenterContext): CustomerTenant {
  const customer = world.findCustomer(parameters['id'] ?? '');
  if (customer?.sources.customer || customer?.sources.relationship) return customer;
  throw new PartnerCenterError(404, 60003, 'The customer was not found.');
}

/** @throws PartnerCenterError 403 for a customer without a reseller contract, and 404 for one that was deleted. */
export function findReselledCustomer(context: PartnerCenterContext): CustomerTenant {
  const customer = findCustomer(context);
  if (customer.state === 'deleted') throw new PartnerCenterError(404, 60003, 'The customer was not found.');
  if (customer.sources.contract) return customer;
  const { tenantId } = context.world.partner;
  const description = `The partner ID ${tenantId} has no commerce relationship with the customer ID ${customer.tenantId}.`;
  throw new PartnerCenterError(403, 20002, description);
}

const companyProfile = ({ tenantId, defaultDomain, name }: CustomerTenant): Resource =>
  resource('CustomerCompanyProfile', `/customers/${tenantId}/profiles/company`, {
    tenantId,
    domain: defaultDomain,
    companyName: name,
  });

const customerJson = (customer: CustomerTenant): Resource =>
  resource('Customer', `/customers/${customer.tenantId}`, {
    id: customer.tenantId,
    commerceId: customer.tenantId,
    companyProfile: companyProfile(customer),
    relationshipToPartner: customer.sources.contract ? 'reseller' : 'advisor',
  });

const filterFields: FilterFields<CustomerTenant> = {
  companyname: { operators: ['starts_with'], valueOf: ({ name }) => name },
  domain: { operators: ['starts_with'], valueOf: ({ defaultDomain }) => defaultDomain },
};

/** `GET /v1/customers`. */
export function listCustomers({ world, request }: PartnerCenterContext): Reply {
  const listed = world.customers.filter(({ sources }) => sources.customer);
  return pageOf(request, filtered(listed, request.query.get('filter'), filterFields), customerJson, { maxSize: 500 });
}

/** `GET /v1/customers/{id}`. */
export function showCustomer(context: PartnerCenterContext): Reply {
  const customer = findCustomer(context);
  return json(200, {
    ...customerJson(customer),
    billingProfile: billingProfile(customer),
    allowDelegatedAccess: true,
  });
}

const billingProfile = ({ tenantId, name, defaultDomain }: CustomerTenant): Resource =>
  resource('CustomerBillingProfile', `/customers/${tenantId}/profiles/billing`, {
    id: tenantId,
    email: `accounts@${defaultDomain}`,
    culture: 'en-GB',
    language: 'en',
    companyName: name,
    defaultAddress: { country: 'GB' },
  });

/** `GET /v1/customers/{id}/profiles/company`. */
export const showCompanyProfile = (context: PartnerCenterContext): Reply =>
  json(200, companyProfile(findCustomer(context)));

/** `GET /v1/customers/{id}/profiles/billing`. */
export const showBillingProfile = (context: PartnerCenterContext): Reply =>
  json(200, billingProfile(findCustomer(context)));
