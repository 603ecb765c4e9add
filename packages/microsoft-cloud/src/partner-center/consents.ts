import { findMicrosoftResource } from '../directory/microsoft-resources.ts';
import type { Application, ServicePrincipal } from '../directory/records.ts';
import { grantScopes, type TenantDirectory } from '../directory/tenant-directory.ts';
import { ensurePrincipal } from '../population/customer-consents.ts';
import { rolesThatAllow } from '../population/roles.ts';
import type { CustomerTenant } from '../population/tenant.ts';
import { delegatedRolesOf } from '../resource/delegated-roles.ts';
import type { World } from '../world.ts';
import { empty, json, type Reply } from '../web/http.ts';
import { type ConsentBody, parseConsentBody } from './consent-body.ts';
import type { PartnerCenterContext } from './context.ts';
import { PartnerCenterError } from './partner-center-error.ts';

/** @throws PartnerCenterError 403 for an application, and for a user outside AdminAgents. */
function checkAgent({ caller, world }: PartnerCenterContext): void {
  if (caller.isApplication)
    throw new PartnerCenterError(403, 900329, 'This operation does not support application-only tokens.');
  if (!world.partner.adminAgents.members.has(caller.objectId))
    throw new PartnerCenterError(403, 900308, 'Access denied: the user is not a member of AdminAgents.');
}

/** @throws PartnerCenterError where the state of the customer prevents a consent. */
function checkReachable({ state }: CustomerTenant): void {
  if (state === 'gdap_expired')
    throw new PartnerCenterError(403, 20002, 'Access denied: there is no active relationship with the customer.');
  if (state === 'deleted') throw new PartnerCenterError(404, 60003, 'The customer was not found.');
  if (state === 'conditional_access')
    throw new PartnerCenterError(403, 900309, 'Access blocked by a Conditional Access policy of the customer.');
}

/** @throws PartnerCenterError 403 for a user without a role that allows to consent in the customer. */
function checkRole({ world, caller }: PartnerCenterContext, customer: CustomerTenant): void {
  const roles = delegatedRolesOf(world, caller.objectId, customer);
  if (rolesThatAllow.consent.some((id) => roles.has(id))) return;
  const description =
    roles.size === 0
      ? 'Access denied: the user has no role in the customer through an active relationship.'
      : 'Access denied: the user needs the role Cloud Application Administrator or Application Administrator in the customer.';
  throw new PartnerCenterError(403, 20002, description);
}

/** @throws PartnerCenterError 400 for another application than that of the token, or another name than the registered one. */
function findApplication({ world, caller }: PartnerCenterContext, body: ConsentBody): Application {
  const invalid = (description: string): PartnerCenterError => new PartnerCenterError(400, 2000, description);
  const application = [...world.partner.directory.applications.values()].find(
    (each) => each.appId === body.applicationId,
  );
  if (application === undefined || application.signInAudience === 'AzureADMyOrg')
    throw invalid(`The application ${body.applicationId} does not exist or is not multi-tenant.`);
  if (caller.clientId !== body.applicationId)
    throw invalid('The application of the access token is not the application of the consent.');
  if (application.displayName !== body.displayName)
    throw invalid('The displayName is not the registered name of the application.');
  return application;
}

/**
 * @returns the service principal of the resource in the customer.
 * @throws PartnerCenterError 400 for a resource that the customer lacks, and for a scope that the resource does not offer.
 */
function findResource(
  world: World,
  directory: TenantDirectory,
  { enterpriseApplicationId, scopes }: ConsentBody,
): ServicePrincipal {
  const known = findMicrosoftResource(enterpriseApplicationId);
  const resource = known && directory.servicePrincipalOf(known.appId);
  if (known === undefined || resource === undefined)
    throw new PartnerCenterError(
      400,
      2000,
      `The enterprise application ${enterpriseApplicationId} was not found in the customer.`,
    );
  const unknown = scopes.find((scope) => !Object.hasOwn(world.permissionsOf(known).scopes, scope));
  if (unknown !== undefined)
    throw new PartnerCenterError(400, 2000, `The scope ${unknown} does not exist on ${known.displayName}.`);
  return resource;
}

/**
 * `POST /v1/customers/{id}/applicationconsents`: creates the service principal of the application in the customer tenant
 * and grants the scopes of one resource there. 201 for the first resource, 200 for further ones.
 */
export function grantConsent(context: PartnerCenterContext, customer: CustomerTenant): Reply {
  checkAgent(context);
  const { world, request } = context;
  const body = parseConsentBody(request.body);
  const application = findApplication(context, body);
  checkReachable(customer);
  checkRole(context, customer);
  const directory = world.directoryOf(customer);
  const resource = findResource(world, directory, body);
  const existing = directory.servicePrincipalOf(application.appId);
  const isConsented = [...directory.permissionGrants.values()].some(
    (grant) => grant.clientId === existing?.id && grant.resourceId === resource.id,
  );
  if (isConsented) throw new PartnerCenterError(409, 2000, 'Permission entry already exists.');
  const nowMs = world.clock.nowMs();
  const principal = ensurePrincipal(directory, customer, application, nowMs);
  grantScopes(directory, { clientId: principal.id, resourceId: resource.id, scopes: body.scopes }, nowMs);
  return json(existing === undefined ? 201 : 200, {
    applicationId: application.appId,
    displayName: application.displayName,
    applicationGrants: [{ enterpriseApplicationId: body.enterpriseApplicationId, scope: body.scopes.join(', ') }],
  });
}

/** `DELETE /v1/customers/{id}/applicationconsents/{appId}`: removes the grants and keeps the service principal. */
export function removeConsent(context: PartnerCenterContext, customer: CustomerTenant): Reply {
  checkAgent(context);
  checkReachable(customer);
  checkRole(context, customer);
  const directory = context.world.directoryOf(customer);
  const principal = directory.servicePrincipalOf(context.parameters['appId']?.toLowerCase() ?? '');
  const grants = [...directory.permissionGrants.values()].filter(({ clientId }) => clientId === principal?.id);
  if (principal === undefined || grants.length === 0)
    throw new PartnerCenterError(404, 404, 'The consent was not found.');
  for (const { id } of grants) directory.permissionGrants.delete(id);
  return empty(204);
}
