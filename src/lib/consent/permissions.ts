/**
 * The permissions of the broker's applications, by profile. docs/permissions.md prints this table with its reasons (a test
 * compares). Ids: "Microsoft Graph permissions reference" and the service principals of the resources.
 */

import { builtInResources } from '../core/resources.ts';

/** A permission of a resource: its id, its value in a token, and why the broker needs it. */
export interface Permission {
  readonly id: string;
  readonly value: string;
  readonly reason: string;
}

export interface ResourcePermissions {
  /** Application id of the resource, the same in every tenant. */
  readonly appId: string;
  readonly name: string;
  /** Delegated permissions, for the service account. */
  readonly scopes: readonly Permission[];
  /** Application permissions, for the application itself. */
  readonly roles: readonly Permission[];
}

export interface PermissionProfile {
  readonly name: string;
  readonly resources: readonly ResourcePermissions[];
}

export const profileNames = ['gdap', 'reader', 'changes', 'legacy'] as const;
export type ProfileName = (typeof profileNames)[number];

const published = 'Requested by the published secure application model script.';

const aadGraph: ResourcePermissions = {
  appId: builtInResources['aad-graph'].applicationId,
  name: 'Azure AD Graph',
  scopes: [
    { id: 'a42657d6-7f20-40e3-b6f0-cee03008a62a', value: 'Directory.AccessAsUser.All', reason: published },
    { id: '311a71cc-e848-46a1-bdf8-97ff7156d8e6', value: 'User.Read', reason: published },
  ],
  roles: [{ id: '5778995a-e1bf-45b8-affa-663a9f3f4d04', value: 'Directory.Read.All', reason: published }],
};

const graphRoles: readonly Permission[] = [
  { id: 'bf394140-e372-4bf9-a898-299cfc7564e5', value: 'SecurityEvents.Read.All', reason: published },
  { id: '7ab1d382-f21e-4acd-a863-ba3e13f7da61', value: 'Directory.Read.All', reason: published },
];

const microsoftGraph: ResourcePermissions = {
  appId: builtInResources.graph.applicationId,
  name: 'Microsoft Graph',
  scopes: [],
  roles: graphRoles,
};

/** A resource of which the broker needs one delegated permission. */
const withScope = (appId: string, name: string, scope: Permission): ResourcePermissions => ({
  appId,
  name,
  scopes: [scope],
  roles: [],
});

const partnerCenter = withScope(builtInResources['partner-center'].applicationId, 'Microsoft Partner Center', {
  id: '1cebfa2a-fb4d-419e-b5f9-839b4383e05a',
  value: 'user_impersonation',
  reason: 'Lists customers, consents in their tenants and proves MFA to Partner Center.',
});

const gdapGraphScopes: readonly Permission[] = [
  {
    id: 'e1fe6dd8-ba31-4d61-89e7-88639da4683d',
    value: 'User.Read',
    reason: 'Lets the service account sign in and read its own name.',
  },
  {
    id: '0c0064ea-477b-4130-82a5-4c2cc4ff68aa',
    value: 'DelegatedAdminRelationship.Read.All',
    reason: 'The tenant directory reads the GDAP relationships and their access assignments.',
  },
  {
    id: '06da0dbc-49e2-44d2-8312-53f166ab848a',
    value: 'Directory.Read.All',
    reason:
      'The tenant directory reads the reseller contracts. application-grants reads the permissions of applications.',
  },
  {
    id: '4908d5b9-3fb2-4b1e-9336-1888b7937185',
    value: 'Organization.Read.All',
    reason: 'licence-report reads the subscriptions; other reports read whether a licence is missing.',
  },
  {
    id: 'a154be20-db9c-4678-8ab7-66f6cc099a59',
    value: 'User.Read.All',
    reason: 'inactive-accounts and other reports read the users of a customer.',
  },
  {
    id: 'e4c9e354-4dc5-45b8-9e7c-e1393b0b1a20',
    value: 'AuditLog.Read.All',
    reason: 'mfa-report reads registered methods, inactive-accounts and legacy-authentication sign-ins.',
  },
  {
    id: 'c79f8feb-a9db-4090-85f9-90d820caa0eb',
    value: 'Application.Read.All',
    reason: 'secret-expiry-report reads the credentials of the applications of a customer.',
  },
  {
    id: 'c645bb69-adc4-4242-b620-02e635f03bf6',
    value: 'ConfigurationMonitoring.Read.All',
    reason: 'configuration-drift-report reads the monitors of a customer, their drifts and the snapshots.',
  },
  {
    id: '572fea84-0151-49b2-9301-11cb16974376',
    value: 'Policy.Read.All',
    reason: 'conditional-access-gaps and administrators read policies and security defaults.',
  },
  {
    id: '741c54c3-0c1e-44a1-818b-3f97ab4e8c83',
    value: 'RoleManagement.Read.Directory',
    reason: 'administrators reads who holds which role in a customer.',
  },
  {
    id: 'bc024368-1153-4739-b217-4326f2e966d0',
    value: 'GroupMember.Read.All',
    reason: 'administrators reads the members of groups, groups-and-teams their owners.',
  },
  {
    id: '64733abd-851e-478a-bffb-e47a14b18235',
    value: 'SecurityEvents.Read.All',
    reason: 'secure-score-gains reads the secure score of a customer.',
  },
  {
    id: 'd04bb851-cb7c-4146-97c7-ca3e71baf56c',
    value: 'IdentityRiskyUser.Read.All',
    reason: 'risky-users reads which users of a customer are at risk.',
  },
  {
    id: '951183d1-1a61-466f-a6d1-1fde911bfd95',
    value: 'Device.Read.All',
    reason: 'devices reads the devices of a customer.',
  },
  {
    id: '314874da-47d6-4978-88dc-cf0d37f0bb82',
    value: 'DeviceManagementManagedDevices.Read.All',
    reason: 'devices reads the devices that Intune manages.',
  },
  {
    id: '2f9ee017-59c1-4f1d-9472-bd5529a7b311',
    value: 'Domain.Read.All',
    reason: 'domain-protection reads the domains of a customer.',
  },
  {
    id: '02e97553-ed7b-43d0-ab3c-f8bace0d040c',
    value: 'Reports.Read.All',
    reason: 'mailbox-sizes reads the usage report of mailboxes.',
  },
  {
    id: '55896846-df78-47a7-aa94-8d3d4442ca7f',
    value: 'ServiceHealth.Read.All',
    reason: 'service-health reads the open issues of Microsoft 365.',
  },
  {
    id: '2ef70e10-5bfd-4ede-a5f6-67720500b258',
    value: 'SharePointTenantSettings.Read.All',
    reason: 'sharing-settings reads the settings of SharePoint.',
  },
];

/** What the tenant directory reads in the partner's own tenant. The built-in reports read the rest in a customer. */
const directoryScope = 'DelegatedAdminRelationship.Read.All';

/** For reports that read Exchange as well, which the profile `reader` does not open. */
const besideExchange = ['Domain.Read.All', 'Reports.Read.All'];

const readerGraph: ResourcePermissions = {
  ...microsoftGraph,
  scopes: gdapGraphScopes.filter(({ value }) => value !== directoryScope && !besideExchange.includes(value)),
  roles: [],
};

/** Partner Center accepts a consent only with a token of the application that is consented. */
const readerPartnerCenter: ResourcePermissions = {
  ...partnerCenter,
  scopes: partnerCenter.scopes.map((scope) => ({
    ...scope,
    reason: 'Consents to this application in customer tenants. It is not consented there.',
  })),
};

const gdapGraph: ResourcePermissions = {
  ...microsoftGraph,
  scopes: gdapGraphScopes,
  roles: [
    ...graphRoles,
    {
      id: '18a4783c-866b-4cc7-a460-3d5e5662c884',
      value: 'Application.ReadWrite.OwnedBy',
      reason: 'The broker renews its own client credential before it expires. It owns no other application.',
    },
  ],
};

const exchange = withScope(builtInResources.exchange.applicationId, 'Office 365 Exchange Online', {
  id: 'ab4f2b77-0b06-4fc1-a9de-02113fc2ab7c',
  value: 'Exchange.Manage',
  reason: 'The resource exchange: jobs read it, access-check tests it, and callers get tokens for it.',
});

const azureResourceManager = withScope(builtInResources.arm.applicationId, 'Azure Resource Manager', {
  id: '41094075-9dad-400e-a0bd-54e686782033',
  value: 'user_impersonation',
  reason: 'The resource arm: access-check tests it, and callers get tokens for it.',
});

/** What the built-in change jobs write with Microsoft Graph. */
const changeScopes: readonly Permission[] = [
  {
    id: 'edd3c878-b384-41fd-95ad-e7407dd775be',
    value: 'Policy.ReadWrite.Authorization',
    reason: 'block-user-consent sets how users may consent.',
  },
  {
    id: 'f92e74e7-2563-467f-9dd0-902688cb5863',
    value: 'User.EnableDisableAccount.All',
    reason: 'block-stale-guests blocks and unblocks the sign-in of guests.',
  },
  {
    id: 'ad902697-1014-4ef5-81ef-2b4301988e8c',
    value: 'Policy.ReadWrite.ConditionalAccess',
    reason: 'partner-named-locations creates and updates named locations.',
  },
  {
    id: 'aa07f155-3612-49b8-a147-6c590df35536',
    value: 'SharePointTenantSettings.ReadWrite.All',
    reason: 'sharepoint-sharing-level sets how far SharePoint shares.',
  },
];

/**
 * `legacy` is exactly the list of the published script. `gdap` is what the tenant directory, the jobs and the resources
 * need; it leaves out Azure AD Graph, which Microsoft retired on 2025-08-31. `reader` is for a second application that can
 * only read, `changes` for one whose plans are applied.
 */
export const profiles: Readonly<Record<ProfileName, PermissionProfile>> = {
  legacy: { name: 'legacy', resources: [aadGraph, microsoftGraph, partnerCenter] },
  gdap: { name: 'gdap', resources: [gdapGraph, partnerCenter, exchange, azureResourceManager] },
  reader: { name: 'reader', resources: [readerGraph, readerPartnerCenter] },
  changes: {
    name: 'changes',
    resources: [
      { ...gdapGraph, scopes: [...gdapGraphScopes, ...changeScopes] },
      partnerCenter,
      exchange,
      azureResourceManager,
    ],
  },
};

/** The application id of Microsoft Graph, whose service principal also holds the sign-in scopes. */
export const graphAppId = microsoftGraph.appId;
export const partnerCenterAppId = partnerCenter.appId;

/** Scopes for signing in and for the refresh token. Setup consents to them in addition to the profile. */
export const signInScopes: readonly string[] = ['openid', 'profile', 'offline_access'];

/** `requiredResourceAccess` of an application with exactly this profile. */
export function requiredResourceAccess(
  profile: PermissionProfile,
): { resourceAppId: string; resourceAccess: { id: string; type: 'Scope' | 'Role' }[] }[] {
  return profile.resources.map(({ appId, scopes, roles }) => ({
    resourceAppId: appId,
    resourceAccess: [
      ...roles.map(({ id }) => ({ id, type: 'Role' as const })),
      ...scopes.map(({ id }) => ({ id, type: 'Scope' as const })),
    ],
  }));
}
