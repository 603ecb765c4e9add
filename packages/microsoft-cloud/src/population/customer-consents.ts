import { findMicrosoftResource } from '../directory/microsoft-resources.ts';
import type { Application, PermissionGrant, ServicePrincipal } from '../directory/records.ts';
import { grantScopes, newServicePrincipal, type TenantDirectory } from '../directory/tenant-directory.ts';
import type { Partner } from './partner.ts';
import { type Permissions, readyPermissions } from './partner-applications.ts';
import type { CustomerTenant } from './tenant.ts';

type ScopesOfResource = Pick<Permissions, 'resourceAppId' | 'scopes'>;

/** Creates the service principal of a partner's application in a customer's directory. An existing one is returned. */
export function ensurePrincipal(
  directory: TenantDirectory,
  customer: CustomerTenant,
  application: Application,
  nowMs: number,
): ServicePrincipal {
  customer.deletedApplications.delete(application.appId);
  const existing = directory.servicePrincipalOf(application.appId);
  if (existing !== undefined) return existing;
  const principal = newServicePrincipal(application, nowMs);
  directory.servicePrincipals.set(principal.id, principal);
  return principal;
}

/** Grants delegated permissions to a partner's application in a customer. Leaves out resources that the customer lacks. */
export function grantInCustomer(
  directory: TenantDirectory,
  principal: ServicePrincipal,
  permissions: readonly ScopesOfResource[],
  nowMs: number,
): void {
  for (const { resourceAppId, scopes } of permissions) {
    const resource = directory.servicePrincipalOf(resourceAppId);
    if (resource === undefined || scopes.length === 0) continue;
    grantScopes(directory, { clientId: principal.id, resourceId: resource.id, scopes }, nowMs);
  }
}

/** Grants the delegated permissions that the registration of an application lists. */
export function grantRegistered(
  directory: TenantDirectory,
  customer: CustomerTenant,
  application: Application,
  nowMs: number,
): void {
  const permissions = application.requiredResourceAccess.map(({ resourceAppId, resourceAccess }) => {
    const ids = new Set(resourceAccess.filter(({ type }) => type === 'Scope').map(({ id }) => id));
    const offered = Object.entries(findMicrosoftResource(resourceAppId)?.permissions.scopes ?? {});
    return { resourceAppId, scopes: offered.filter(([, id]) => ids.has(id)).map(([value]) => value) };
  });
  grantInCustomer(directory, ensurePrincipal(directory, customer, application, nowMs), permissions, nowMs);
}

/** Prepares a new directory: without the resources that the customer lacks, and with the consent that it has given. */
export function grantReadyConsents(
  directory: TenantDirectory,
  customer: CustomerTenant,
  partner: Partner,
  nowMs: number,
): void {
  for (const appId of customer.lacks) {
    const resource = directory.servicePrincipalOf(appId);
    if (resource !== undefined) directory.servicePrincipals.delete(resource.id);
  }
  if (customer.state === 'no_consent') return;
  const application = [...partner.directory.applications.values()].find(
    ({ appId }) => appId === partner.application.clientId,
  );
  if (application === undefined) return;
  const principal = ensurePrincipal(directory, customer, application, nowMs);
  grantInCustomer(directory, principal, readyPermissions, nowMs);
}

/** The consents of a customer for applications of the partner. */
export interface CustomerConsents {
  readonly principals: readonly ServicePrincipal[];
  readonly grants: readonly PermissionGrant[];
}

export const consentsIn = (directory: TenantDirectory, partnerTenantId: string): CustomerConsents => {
  const principals = [...directory.servicePrincipals.values()].filter(
    ({ ownerTenantId }) => ownerTenantId === partnerTenantId,
  );
  const ids = new Set(principals.map(({ id }) => id));
  return { principals, grants: [...directory.permissionGrants.values()].filter(({ clientId }) => ids.has(clientId)) };
};
