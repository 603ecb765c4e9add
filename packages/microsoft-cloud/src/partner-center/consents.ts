import { findMicrosoftResource } from '../directory/microsoft-resources.ts';
import type { Application } from '../directory/records.ts';
import { grantScopes, newServicePrincipal } from '../directory/tenant-directory.ts';
import type { CustomerTenant } from '../population/tenant.ts';
import { empty, json, jsonObjectOf, type Reply } from '../web/http.ts';
import type { PartnerCenterContext } from './context.ts';
import { PartnerCenterError } from './partner-center-error.ts';

interface Grant {
  readonly enterpriseApplicationId: string;
  readonly scopes: readonly string[];
}

interface ConsentBody {
  readonly applicationId: string;
  readonly grants: readonly Grant[];
}

/** @throws PartnerCenterError 400 for an invalid body. */
function parseBody(text: string): ConsentBody {
  const body = jsonObjectOf(text);
  const { applicationId, applicationGrants } = body ?? {};
  if (typeof applicationId !== 'string' || !Array.isArray(applicationGrants) || applicationGrants.length === 0) {
    throw new PartnerCenterError(400, 2000, 'applicationId and applicationGrants are required.');
  }
  const grants = applicationGrants.map((value: unknown): Grant => {
    const { enterpriseApplicationId, scope } = (value ?? {}) as Record<string, unknown>;
    if (typeof enterpriseApplicationId !== 'string' || typeof scope !== 'string') {
      throw new PartnerCenterError(400, 2000, 'enterpriseApplicationId and scope are required in each grant.');
    }
    return {
      enterpriseApplicationId,
      scopes: scope
        .split(',')
        .map((each) => each.trim())
        .filter(Boolean),
    };
  });
  return { applicationId, grants };
}

/** @throws PartnerCenterError 403 with 900329 for an application: only a user can consent. */
function checkUser({ caller }: PartnerCenterContext): void {
  if (caller.isApplication)
    throw new PartnerCenterError(403, 900329, 'This operation does not support application-only tokens.');
}

/** @throws PartnerCenterError where the state of the customer prevents a consent. */
function checkReachable({ state }: CustomerTenant): void {
  if (state === 'gdap_expired')
    throw new PartnerCenterError(403, 20002, 'Access denied: there is no active relationship with the customer.');
  if (state === 'deleted') throw new PartnerCenterError(404, 60003, 'The customer was not found.');
  if (state === 'conditional_access')
    throw new PartnerCenterError(403, 900309, 'Access blocked by a Conditional Access policy of the customer.');
}

/** @throws PartnerCenterError 400 */
function findMultiTenantApplication({ world }: PartnerCenterContext, applicationId: string): Application {
  const application = [...world.partner.directory.applications.values()].find(
    (each) => each.appId === applicationId.toLowerCase(),
  );
  if (application !== undefined && application.signInAudience !== 'AzureADMyOrg') return application;
  throw new PartnerCenterError(400, 2000, `The application ${applicationId} does not exist or is not multi-tenant.`);
}

/**
 * `POST /v1/customers/{id}/applicationconsents`: creates the service principal of the application in the customer tenant
 * and grants its scopes there.
 */
export function grantConsent(context: PartnerCenterContext, customer: CustomerTenant): Reply {
  checkUser(context);
  const { world, request } = context;
  const { applicationId, grants } = parseBody(request.body);
  checkReachable(customer);
  const application = findMultiTenantApplication(context, applicationId);
  const directory = world.directoryOf(customer);
  const existing = directory.servicePrincipalOf(application.appId);
  const consented = [...directory.permissionGrants.values()].some((grant) => grant.clientId === existing?.id);
  if (consented) throw new PartnerCenterError(409, 2000, 'Permission entry already exists.');
  const nowMs = world.clock.nowMs();
  const principal = existing ?? newServicePrincipal(application, nowMs);
  for (const { enterpriseApplicationId, scopes } of grants) {
    const known = findMicrosoftResource(enterpriseApplicationId);
    const resource = known && directory.servicePrincipalOf(known.appId);
    if (known === undefined || resource === undefined)
      throw new PartnerCenterError(400, 2000, `The enterprise application ${enterpriseApplicationId} was not found.`);
    const unknown = scopes.find((scope) => !Object.hasOwn(known.permissions.scopes, scope));
    if (unknown !== undefined)
      throw new PartnerCenterError(400, 2000, `The scope ${unknown} does not exist on ${known.displayName}.`);
    grantScopes(directory, { clientId: principal.id, resourceId: resource.id, scopes }, nowMs);
  }
  directory.servicePrincipals.set(principal.id, principal);
  return json(201, {
    applicationId: application.appId,
    displayName: application.displayName,
    applicationGrants: grants.map(({ enterpriseApplicationId, scopes }) => ({
      enterpriseApplicationId,
      scope: scopes.join(','),
    })),
  });
}

/** `DELETE /v1/customers/{id}/applicationconsents/{appId}`. */
export function removeConsent(context: PartnerCenterContext, customer: CustomerTenant): Reply {
  checkUser(context);
  const directory = context.world.directoryOf(customer);
  const principal = directory.servicePrincipalOf(context.parameters['appId']?.toLowerCase() ?? '');
  if (principal === undefined) throw new PartnerCenterError(404, 2001, 'The consent was not found.');
  for (const grant of directory.permissionGrants.values()) {
    if (grant.clientId === principal.id) directory.permissionGrants.delete(grant.id);
  }
  directory.servicePrincipals.delete(principal.id);
  return empty(204);
}
