import type { Application } from '../../directory/records.ts';
import type { Declaration, EntitySet, References, Row, TenantView } from '../declaration.ts';
import { applicationJson, permissionGrantJson, roleAssignmentJson, servicePrincipalJson } from '../json.ts';
import { liveSet } from './live-set.ts';

/** What applications, service principals and grants have. Their writes have rules of their own (`graph/applications.ts`). */

/** Leaves out what was created in a customer tenant too recently to be visible there. */
function visible<T extends { readonly createdMs: number }>(
  { world, customer }: TenantView,
  records: Iterable<T>,
): readonly T[] {
  const untilMs = customer === undefined ? Number.POSITIVE_INFINITY : world.visibleUntilMs();
  return [...records].filter(({ createdMs }) => createdMs <= untilMs);
}

const applicationOf = ({ directory }: TenantView, id: string): Application | undefined =>
  directory.applications.get(id);

/** The certificates, which Graph returns only if a request for one application selects them. */
function keysOf(tenant: TenantView, row: Row): unknown {
  const shown = row['keyCredentials'] as readonly Row[];
  const keys = applicationOf(tenant, String(row['id']))?.keys ?? [];
  return shown.map((each, at) => ({ ...each, key: keys[at]?.key === '' ? null : (keys[at]?.key ?? null) }));
}

const owners: References = {
  kind: 'references',
  path: 'applications/{id}/owners',
  type: 'microsoft.graph.directoryObject',
  targets: ['users', 'servicePrincipals'],
  ids: (tenant, id = '') => [...(applicationOf(tenant, id)?.owners ?? [])],
  live: true,
};

/** Whoever creates a service principal does not become its owner. */
const principalOwners: References = { ...owners, path: 'servicePrincipals/{id}/owners', ids: () => [] };

const assignments = (path: string, side: 'principalId' | 'resourceId'): EntitySet =>
  liveSet(path, 'appRoleAssignment', ({ directory }, id) =>
    [...directory.roleAssignments.values()]
      .filter((assignment) => assignment[side] === id)
      .map((each) => roleAssignmentJson(directory, each)),
  );

const memberships: Declaration = {
  kind: 'inverse',
  path: 'servicePrincipals/{id}/memberOf',
  type: 'microsoft.graph.directoryObject',
  of: ['groups/{id}/members'],
};

export const applicationSets: readonly Declaration[] = [
  liveSet('applications', 'application', ({ directory }) => [...directory.applications.values()].map(applicationJson), {
    alternateKeys: ['appId'],
    properties: { keyCredentials: { ofOne: keysOf } },
  }),
  owners,
  liveSet(
    'applications/{id}/federatedIdentityCredentials',
    'federatedIdentityCredential',
    (tenant, id = '') => [...(applicationOf(tenant, id)?.federated.values() ?? [])].map((each) => ({ ...each })),
    { alternateKeys: ['name'] },
  ),
  liveSet(
    'servicePrincipals',
    'servicePrincipal',
    (tenant) =>
      visible(tenant, tenant.directory.servicePrincipals.values()).map((each) =>
        servicePrincipalJson(tenant.world, each),
      ),
    { alternateKeys: ['appId'] },
  ),
  principalOwners,
  assignments('servicePrincipals/{id}/appRoleAssignments', 'principalId'),
  assignments('servicePrincipals/{id}/appRoleAssignedTo', 'resourceId'),
  assignments('users/{id}/appRoleAssignments', 'principalId'),
  memberships,
  { ...memberships, path: 'servicePrincipals/{id}/transitiveMemberOf', transitive: true },
  liveSet('servicePrincipals/{id}/oauth2PermissionGrants', 'oAuth2PermissionGrant', (tenant, id) =>
    visible(tenant, tenant.directory.permissionGrants.values())
      .filter(({ clientId }) => clientId === id)
      .map(permissionGrantJson),
  ),
  liveSet('users/{id}/oauth2PermissionGrants', 'oAuth2PermissionGrant', (tenant, id) =>
    visible(tenant, tenant.directory.permissionGrants.values())
      .filter(({ principalId }) => principalId === id)
      .map(permissionGrantJson),
  ),
  liveSet('oauth2PermissionGrants', 'oAuth2PermissionGrant', (tenant) =>
    visible(tenant, tenant.directory.permissionGrants.values()).map(permissionGrantJson),
  ),
];
