import { publicClients } from '../directory/microsoft-resources.ts';
import type { TenantDirectory } from '../directory/tenant-directory.ts';
import type { CustomerTenant } from '../population/tenant.ts';
import type { World } from '../world.ts';
import type { TargetResource } from './requested-access.ts';

interface Consent {
  readonly scopes: readonly string[];
  readonly roles: readonly string[];
  /** Whether the client has a service principal in the tenant. */
  readonly hasPrincipal: boolean;
}

interface ConsentQuery {
  readonly clientId: string;
  readonly target: TargetResource;
  /** Absent for the partner's own tenant. */
  readonly customer: CustomerTenant | undefined;
  /** Includes the grants of this user alone. */
  readonly userId?: string;
}

const noConsent: Consent = { scopes: [], roles: [], hasPrincipal: false };

/**
 * The permissions that a client has been granted for a resource in a tenant: the grants and role assignments of the
 * tenant's directory. Microsoft's own clients have only the scopes that a resource pre-authorizes for them. Membership of
 * AdminAgents consents nothing in customers under GDAP (GDAP FAQ).
 */
export function consentIn(world: World, query: ConsentQuery): Consent {
  const { clientId, target, customer } = query;
  if (Object.hasOwn(publicClients, clientId))
    return { scopes: target.preAuthorized.get(clientId) ?? [], roles: [], hasPrincipal: true };
  if (customer === undefined) return consentOf(world.partner.directory, query, Number.POSITIVE_INFINITY);
  return consentOf(world.directoryOf(customer), query, world.visibleUntilMs());
}

/** @param effectiveMs ignores grants that were made later. */
function consentOf(
  directory: TenantDirectory,
  { clientId, target, userId }: ConsentQuery,
  effectiveMs: number,
): Consent {
  const principal = directory.servicePrincipalOf(clientId);
  if (principal === undefined || principal.createdMs > effectiveMs) return noConsent;
  const resource = directory.servicePrincipalOf(target.appId);
  if (resource === undefined) return { ...noConsent, hasPrincipal: true };
  const scopes = new Set(target.preAuthorized.get(clientId));
  for (const grant of directory.permissionGrants.values()) {
    if (grant.clientId !== principal.id || grant.resourceId !== resource.id || grant.createdMs > effectiveMs) continue;
    if (grant.consentType !== 'AllPrincipals' && grant.principalId !== userId) continue;
    for (const value of grant.scope.split(' ')) if (value !== '') scopes.add(value);
  }
  const assigned = new Set<string>();
  for (const { principalId, resourceId, appRoleId } of directory.roleAssignments.values())
    if (principalId === principal.id && resourceId === resource.id) assigned.add(appRoleId);
  return { scopes: [...scopes], roles: rolesWith(target, assigned), hasPrincipal: true };
}

/** The roles of a resource that have one of the ids. */
export const rolesWith = ({ roles }: Pick<TargetResource, 'roles'>, ids: ReadonlySet<string>): readonly string[] =>
  ids.size === 0
    ? []
    : Object.entries(roles)
        .filter(([, id]) => ids.has(id))
        .map(([value]) => value);
