import { dayMs } from '../clock.ts';
import {
  aadGraphAppId,
  armAppId,
  exchangeAppId,
  findMicrosoftResource,
  graphAppId,
  partnerCenterAppId,
} from '../directory/microsoft-resources.ts';
import type { Application, AppRole, Group, ResourceAccess, ServicePrincipal } from '../directory/records.ts';
import {
  assignRole,
  grantScopes,
  newApplication,
  newClientSecret,
  newPassword,
  newServicePrincipal,
  type TenantDirectory,
} from '../directory/tenant-directory.ts';
import type { Seeded } from '../seeded.ts';
import { apiCallers, apiRoles } from './api-callers.ts';

export interface ClientCredentials {
  readonly clientId: string;
  readonly clientSecret: string;
}

interface ApiCaller extends ClientCredentials {
  readonly name: string;
  readonly roles: readonly string[];
}

export interface ApiApplication {
  readonly clientId: string;
  readonly audience: string;
  /** The public client through which people sign in to the API: in a browser, on the command line, by device code. */
  readonly signInClientId: string;
  readonly callers: readonly ApiCaller[];
}

export interface ManagedIdentity {
  readonly clientId: string;
  readonly principalId: string;
  readonly resourceId: string;
}

export interface Permissions {
  readonly resourceAppId: string;
  readonly scopes: readonly string[];
  readonly roles: readonly string[];
}

/** Permissions of the ready-made application: those of Microsoft's published scripts, and more. */
export const readyPermissions: readonly Permissions[] = [
  {
    resourceAppId: graphAppId,
    scopes: [
      'User.Read',
      'User.Read.All',
      'Directory.Read.All',
      'Organization.Read.All',
      'Application.Read.All',
      'AuditLog.Read.All',
      'ConfigurationMonitoring.Read.All',
      'DeviceManagementManagedDevices.Read.All',
      'Device.Read.All',
      'IdentityRiskyUser.Read.All',
      'SecurityEvents.Read.All',
      'GroupMember.Read.All',
      'RoleManagement.Read.Directory',
      'Policy.Read.All',
      'Policy.ReadWrite.Authorization',
      'Policy.ReadWrite.ConditionalAccess',
      'SharePointTenantSettings.ReadWrite.All',
      'User.EnableDisableAccount.All',
      'Reports.Read.All',
      'ServiceHealth.Read.All',
      'SharePointTenantSettings.Read.All',
      'UserAuthenticationMethod.Read.All',
      'DelegatedAdminRelationship.Read.All',
      'User.RevokeSessions.All',
      'openid',
      'profile',
      'email',
      'offline_access',
    ],
    roles: ['Directory.Read.All', 'SecurityEvents.Read.All', 'Application.ReadWrite.OwnedBy'],
  },
  {
    resourceAppId: aadGraphAppId,
    scopes: ['Directory.AccessAsUser.All', 'User.Read'],
    roles: ['Directory.Read.All'],
  },
  { resourceAppId: exchangeAppId, scopes: ['Exchange.Manage'], roles: [] },
  { resourceAppId: partnerCenterAppId, scopes: ['user_impersonation'], roles: [] },
  { resourceAppId: armAppId, scopes: ['user_impersonation'], roles: [] },
];

interface Registration {
  readonly application: Application;
  readonly principal: ServicePrincipal;
}

/** Registers an application and creates its service principal. */
function register(directory: TenantDirectory, seeded: Seeded, name: string, nowMs: number): Registration {
  const ids = { id: seeded.guid('application', name), appId: seeded.guid('client', name) };
  const application = newApplication(directory.tenantId, name, nowMs, ids);
  const principal = newServicePrincipal(application, nowMs, seeded.guid('application-principal', name));
  directory.applications.set(application.id, application);
  directory.servicePrincipals.set(principal.id, principal);
  return { application, principal };
}

function addSecret(application: Application, nowMs: number): string {
  const secret = newClientSecret();
  application.passwords = [...application.passwords, newPassword(secret, 'ready-made', nowMs, nowMs + 180 * dayMs)];
  return secret;
}

/** An application as a partner's setup leaves it: consented, a member of AdminAgents and an owner of itself. */
export function createReadyApplication(
  directory: TenantDirectory,
  adminAgents: Group,
  seeded: Seeded,
  nowMs: number,
): ClientCredentials {
  const { application, principal } = register(directory, seeded, 'Partner scripts', nowMs);
  application.signInAudience = 'AzureADMultipleOrgs';
  application.redirectUris = { web: ['http://localhost', 'https://localhost'], publicClient: [], spa: [] };
  application.requiredResourceAccess = readyPermissions.map((permissions) =>
    grantPermissions(directory, principal, permissions, nowMs),
  );
  adminAgents.members.add(principal.id);
  application.owners.add(principal.id);
  return { clientId: application.appId, clientSecret: addSecret(application, nowMs) };
}

/** @returns the entry for the registration of the application. */
function grantPermissions(
  directory: TenantDirectory,
  principal: ServicePrincipal,
  { resourceAppId, scopes, roles }: Permissions,
  nowMs: number,
): ResourceAccess {
  const offered = findMicrosoftResource(resourceAppId)?.permissions;
  const resource = directory.servicePrincipalOf(resourceAppId);
  if (offered === undefined || resource === undefined) throw new RangeError(`Unknown resource: ${resourceAppId}`);
  const ids = (table: Readonly<Record<string, string>>, values: readonly string[]): readonly string[] =>
    values.map((value) => table[value] ?? '');
  const roleIds = ids(offered.roles, roles);
  grantScopes(directory, { clientId: principal.id, resourceId: resource.id, scopes }, nowMs);
  for (const appRoleId of roleIds) {
    assignRole(directory, { principalId: principal.id, resourceId: resource.id, appRoleId }, nowMs);
  }
  return {
    resourceAppId,
    resourceAccess: [
      ...ids(offered.scopes, scopes).map((id) => ({ id, type: 'Scope' })),
      ...roleIds.map((id) => ({ id, type: 'Role' })),
    ],
  };
}

/** A principal that has roles of the API. */
interface RoleHolder {
  readonly id: string;
  readonly roles: readonly string[];
}

/** An API that issues version 2.0 tokens, its callers, and the people with roles in it. */
export function createApiApplication(
  directory: TenantDirectory,
  seeded: Seeded,
  nowMs: number,
  people: readonly RoleHolder[],
): ApiApplication {
  const { application, principal } = register(directory, seeded, 'Partner API', nowMs);
  application.identifierUris = [`api://${application.appId}`];
  application.requestedAccessTokenVersion = 2;
  // Without them, the API cannot tell agents from other callers.
  const claim = { additionalProperties: [], essential: false, source: null };
  const accessToken = ['xms_act_fct', 'xms_sub_fct', 'xms_par_app_azp'].map((name) => ({ ...claim, name }));
  application.optionalClaims = { accessToken, idToken: [], saml2Token: [] };
  application.appRoles = apiRoles.map(
    (value): AppRole => ({
      id: seeded.guid('api-role', value),
      value,
      displayName: value,
      description: value,
      allowedMemberTypes: ['Application', 'User'],
      isEnabled: true,
    }),
  );
  const assign = ({ id, roles }: RoleHolder): void => {
    for (const role of roles) {
      const appRoleId = seeded.guid('api-role', role);
      assignRole(directory, { principalId: id, resourceId: principal.id, appRoleId }, nowMs);
    }
  };
  for (const person of people) assign(person);
  const callers = apiCallers.map(([name, roles]): ApiCaller => {
    const caller = register(directory, seeded, name, nowMs);
    assign({ id: caller.principal.id, roles });
    return { name, clientId: caller.application.appId, clientSecret: addSecret(caller.application, nowMs), roles };
  });
  const signInClientId = createSignInClient(directory, seeded, nowMs, application);
  return { clientId: application.appId, audience: application.appId, signInClientId, callers };
}

/** Registers the client through which people sign in. It needs no consent, because the API authorizes it in advance. */
function createSignInClient(directory: TenantDirectory, seeded: Seeded, nowMs: number, api: Application): string {
  const { application } = register(directory, seeded, 'Partner API sign-in', nowMs);
  application.isFallbackPublicClient = true;
  application.redirectUris = {
    web: [],
    publicClient: ['http://localhost'],
    // The port of a loopback address does not count, so these suit a page of the API on every port.
    spa: ['http://localhost/api/dashboard', 'http://127.0.0.1/api/dashboard'],
  };
  const scope = {
    id: seeded.guid('api-scope', 'access_as_user'),
    value: 'access_as_user',
    adminConsentDisplayName: 'Use the API as the signed-in user',
    adminConsentDescription: 'Use the API with the roles of the signed-in user.',
    type: 'Admin',
    isEnabled: true,
  };
  api.scopes = [scope];
  api.preAuthorized = [{ appId: application.appId, delegatedPermissionIds: [scope.id] }];
  return application.appId;
}

export function createManagedIdentity(directory: TenantDirectory, seeded: Seeded, nowMs: number): ManagedIdentity {
  const name = 'id-partner-app';
  const clientId = seeded.guid('identity-client');
  const principalId = seeded.guid('identity-principal');
  const subscription = seeded.guid('subscription');
  directory.servicePrincipals.set(principalId, {
    id: principalId,
    appId: clientId,
    createdMs: nowMs,
    ownerTenantId: directory.tenantId,
    type: 'ManagedIdentity',
    displayName: name,
    accountEnabled: true,
    appRoleAssignmentRequired: false,
    tags: [],
  });
  const resourceId = `/subscriptions/${subscription}/resourcegroups/rg-partner-app/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`;
  return { clientId, principalId, resourceId };
}
