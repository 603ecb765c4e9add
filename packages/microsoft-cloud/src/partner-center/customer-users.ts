import type { User } from '../directory/records.ts';
import { delegatedRolesOf } from '../resource/delegated-roles.ts';
import { json, type Reply } from '../web/http.ts';
import type { CustomerTenant } from '../population/tenant.ts';
import type { PartnerCenterContext } from './context.ts';
import { findCustomer } from './customers.ts';
import { type FilterFields, filtered } from './field-filter.ts';
import { PartnerCenterError } from './partner-center-error.ts';
import { pageOf, resource, type Resource } from './resources.ts';

/** @throws PartnerCenterError 403 for a user without a role in the customer, 404 for a deleted customer. */
function findReadable(context: PartnerCenterContext): CustomerTenant {
  const customer = findCustomer(context);
  const { caller, world } = context;
  if (customer.state === 'deleted') throw new PartnerCenterError(404, 60003, 'The customer was not found.');
  if (!caller.isApplication && delegatedRolesOf(world, caller.objectId, customer).size > 0) return customer;
  throw new PartnerCenterError(403, 2032, 'Access denied: the caller has no role in the customer.');
}

const userJson = ({ tenantId }: CustomerTenant, user: User): Resource =>
  resource('CustomerUser', `/customers/${tenantId}/users/${user.id}`, {
    usageLocation: 'GB',
    id: user.id,
    userPrincipalName: user.userPrincipalName,
    firstName: user.givenName,
    lastName: user.surname,
    displayName: user.displayName,
    userDomainType: 'none',
    state: 'active',
  });

/** No user here is deleted, so nobody is inactive. */
const filterFields: FilterFields<User> = {
  userstatus: { operators: ['equals'], valueOf: () => 'active' },
};

/** `GET /v1/customers/{id}/users`. */
export function listUsers(context: PartnerCenterContext): Reply {
  const customer = findReadable(context);
  const { request, world } = context;
  const users = filtered(world.usersOf(customer), request.query.get('filter'), filterFields);
  return pageOf(request, users, (user) => userJson(customer, user), { maxSize: 500 });
}

/** `GET /v1/customers/{id}/users/{userId}`. */
export function showUser(context: PartnerCenterContext): Reply {
  const customer = findReadable(context);
  const wanted = context.parameters['userId']?.toLowerCase();
  const user = context.world.usersOf(customer).find(({ id }) => id === wanted);
  if (user === undefined) throw new PartnerCenterError(404, 2000, 'The user was not found.');
  return json(200, userJson(customer, user));
}
