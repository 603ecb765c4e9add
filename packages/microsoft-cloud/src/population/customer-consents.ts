import { findMicrosoftResource } from '../directory/microsoft-resources.ts';
import type { Application, PermissionGrant, RoleAssignment, ServicePrincipal } from '../directory/records.ts';
import {
  assignRole,
  grantScopes,
  newServicePrincipal,
  sha256Hex,
  type TenantDirectory,
} from '../directory/tenant-directory.ts';
import type { Partner } from './partner.ts';
import { type Permissions, readyPermissions } from './partner-applications.ts';
import type { CustomerTenant } from './tenant.ts';

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

/**
 * Grants delegated and application permissions to a partner's application, as an administrator of the customer can.
 * Leaves out resources that the customer lacks.
 */
export function grantInCustomer(
  directory: TenantDirectory,
  principal: ServicePrincipal,
  permissions: readonly Permissions[],
  nowMs: number,
): void {
  const assigned = new Set(
    [...directory.roleAssignments.values()]
      .filter(({ principalId }) => principalId === principal.id)
      .map(({ appRoleId }) => appRoleId),
  );
  for (const { resourceAppId, scopes, roles } of permissions) {
    const resource = directory.servicePrincipalOf(resourceAppId);
    if (resource === undefined) continue;
    const ids = { resourceId: resource.id };
    if (scopes.length > 0) grantScopes(directory, { ...ids, clientId: principal.id, scopes }, nowMs);
    for (const role of roles) {
      const appRoleId = findMicrosoftResource(resourceAppId)?.permissions.roles[role] ?? '';
      if (!assigned.has(appRoleId)) assignRole(directory, { ...ids, principalId: principal.id, appRoleId }, nowMs);
    }
  }
}

/** The permissions that the registration of an application lists. It looks through all that the resources offer. */
export const registeredPermissions = (application: Application): readonly Permissions[] =>
  application.requiredResourceAccess.map(({ resourceAppId, resourceAccess }) => {
    const offered = findMicrosoftResource(resourceAppId)?.permissions;
    const values = (type: string, table: Readonly<Record<string, string>> = {}): readonly string[] =>
      Object.keys(table).filter((value) =>
        resourceAccess.some((access) => access.type === type && access.id === table[value]),
      );
    return { resourceAppId, scopes: values('Scope', offered?.scopes), roles: values('Role', offered?.roles) };
  });

/** The id of a principal that is there from the start, the same in clouds of the same seed. */
function derivedGuid(...words: readonly string[]): string {
  const hex = sha256Hex(words.join(' '));
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
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
  if (directory.servicePrincipalOf(application.appId) === undefined) {
    const ready = newServicePrincipal(application, nowMs, derivedGuid(customer.tenantId, application.id));
    directory.servicePrincipals.set(ready.id, ready);
  }
  const principal = ensurePrincipal(directory, customer, application, nowMs);
  grantInCustomer(directory, principal, readyPermissions, nowMs);
}

/** The consents of a customer for applications of the partner. */
export interface CustomerConsents {
  readonly principals: readonly ServicePrincipal[];
  readonly grants: readonly PermissionGrant[];
  readonly roles: readonly RoleAssignment[];
}

export const consentsIn = (directory: TenantDirectory, partnerTenantId: string): CustomerConsents => {
  const principals = [...directory.servicePrincipals.values()].filter(
    ({ ownerTenantId }) => ownerTenantId === partnerTenantId,
  );
  const ids = new Set(principals.map(({ id }) => id));
  return {
    principals,
    grants: [...directory.permissionGrants.values()].filter(({ clientId }) => ids.has(clientId)),
    roles: [...directory.roleAssignments.values()].filter(({ principalId }) => ids.has(principalId)),
  };
};
