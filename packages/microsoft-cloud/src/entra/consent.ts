import type { TenantDirectory } from '../directory/tenant-directory.ts';
import type { CustomerTenant } from '../population/tenant.ts';
import type { World } from '../world.ts';
import { publicClients } from '../directory/microsoft-resources.ts';
import type { Target } from './target.ts';

/**
 * What an application may do where. In the partner tenant it is what the directory's grants and assignments say. In a
 * customer tenant the same holds if the application is pre-consented (its service principal is a member of AdminAgents;
 * "Control panel vendor" and "partner" applications of the Partner Center documentation), plus what was consented there.
 * A resource may grant scopes to a client without all that; Microsoft's own clients have nothing else.
 */
export interface Consent {
  readonly scopes: readonly string[];
  readonly roles: readonly string[];
  /** Whether the application has a service principal in the tenant. */
  readonly present: boolean;
}

const nothing: Consent = { scopes: [], roles: [], present: false };

export function consentIn(
  world: World,
  clientId: string,
  target: Target,
  customer: CustomerTenant | undefined,
  userId?: string,
): Consent {
  if (Object.hasOwn(publicClients, clientId))
    return { scopes: target.preAuthorized.get(clientId) ?? [], roles: [], present: true };
  const atHome = consentOf(world.partner.directory, clientId, target, Number.POSITIVE_INFINITY, userId);
  if (customer === undefined) return atHome;
  const directory = world.knownDirectoryOf(customer.tenantId);
  const effectiveMs = world.clock.nowMs() - world.settings.consentPropagationMs;
  const there = directory === undefined ? nothing : consentOf(directory, clientId, target, effectiveMs, userId);
  if (customer.state === 'no_consent' || !isPreconsented(world, clientId)) return there;
  return {
    scopes: [...new Set([...atHome.scopes, ...there.scopes])],
    roles: [...new Set([...atHome.roles, ...there.roles])],
    present: true,
  };
}

function isPreconsented(world: World, clientId: string): boolean {
  const principal = world.partner.directory.servicePrincipalOf(clientId);
  return principal !== undefined && world.partner.adminAgents.members.has(principal.id);
}

/** @param effectiveMs only grants made until then count. */
function consentOf(
  directory: TenantDirectory,
  clientId: string,
  target: Target,
  effectiveMs: number,
  userId?: string,
): Consent {
  const principal = directory.servicePrincipalOf(clientId);
  if (principal === undefined) return nothing;
  const resource = directory.servicePrincipalOf(target.appId);
  if (resource === undefined) return { ...nothing, present: true };
  const scopes = new Set(target.preAuthorized.get(clientId));
  for (const grant of directory.permissionGrants.values()) {
    if (grant.clientId !== principal.id || grant.resourceId !== resource.id || grant.createdMs > effectiveMs) continue;
    if (grant.consentType !== 'AllPrincipals' && grant.principalId !== userId) continue;
    for (const value of grant.scope.split(' ')) if (value !== '') scopes.add(value);
  }
  const valueOf = new Map(Object.entries(target.roles).map(([value, id]) => [id, value]));
  const roles = new Set<string>();
  for (const assignment of directory.roleAssignments.values()) {
    if (assignment.principalId !== principal.id || assignment.resourceId !== resource.id) continue;
    const value = valueOf.get(assignment.appRoleId);
    if (value !== undefined) roles.add(value);
  }
  return { scopes: [...scopes], roles: [...roles], present: true };
}
