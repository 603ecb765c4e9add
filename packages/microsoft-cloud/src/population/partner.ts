import {
  assignRole,
  createTenantDirectory,
  grantScopes,
  newApplication,
  newClientSecret,
  newPassword,
  newServicePrincipal,
  type TenantDirectory,
} from '../directory/tenant-directory.ts';
import type { Application, AppRole, Group, ResourceAccess, ServicePrincipal, User } from '../directory/records.ts';
import {
  aadGraphAppId,
  armAppId,
  exchangeAppId,
  findMicrosoftResource,
  graphAppId,
  partnerCenterAppId,
} from '../directory/microsoft-resources.ts';
import type { Seeded } from '../seeded.ts';

/** An account of the partner tenant, and what is special about it. */
export interface Account {
  readonly username: string;
  readonly state: 'admin' | 'service' | 'no_mfa' | 'outsider' | 'disabled';
}

export interface Caller {
  readonly name: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly roles: readonly string[];
}

export interface ManagedIdentity {
  readonly clientId: string;
  readonly principalId: string;
  readonly resourceId: string;
}

export interface Partner {
  readonly tenantId: string;
  readonly name: string;
  readonly domain: string;
  readonly directory: TenantDirectory;
  readonly adminAgents: Group;
  readonly accounts: readonly Account[];
  /** An application that is set up already: consented, a member of AdminAgents, with one secret. */
  readonly application: { readonly clientId: string; readonly clientSecret: string };
  readonly brokerApplication: {
    readonly clientId: string;
    readonly audience: string;
    readonly callers: readonly Caller[];
  };
  readonly managedIdentity: ManagedIdentity;
}

const dayMs = 24 * 3600 * 1000;
const domain = 'lighthousepartners.onmicrosoft.com';

export const brokerRoles = ['Tokens.Request', 'Tenants.Read', 'Runs.Read', 'Runs.Write', 'Audit.Read'] as const;

const callerRoles: readonly (readonly [string, readonly string[]])[] = [
  ['Operations console', brokerRoles],
  ['Helpdesk', ['Tokens.Request']],
  ['Reporting', ['Tenants.Read', 'Runs.Read']],
  ['Scheduler', ['Runs.Read', 'Runs.Write']],
  ['Auditor', ['Audit.Read']],
  ['Stranger', []],
];

/** What the ready-made application asks for: the union of the published script and of what its successors add. */
const permissions: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  [
    graphAppId,
    [
      'User.Read',
      'User.Read.All',
      'Directory.Read.All',
      'Organization.Read.All',
      'Application.Read.All',
      'AuditLog.Read.All',
      'Reports.Read.All',
      'UserAuthenticationMethod.Read.All',
      'DelegatedAdminRelationship.Read.All',
      'User.RevokeSessions.All',
      'openid',
      'profile',
      'email',
      'offline_access',
    ],
    ['Directory.Read.All', 'SecurityEvents.Read.All', 'Application.ReadWrite.OwnedBy'],
  ],
  [aadGraphAppId, ['Directory.AccessAsUser.All', 'User.Read'], ['Directory.Read.All']],
  [exchangeAppId, ['Exchange.Manage'], []],
  [partnerCenterAppId, ['user_impersonation'], []],
  [armAppId, ['user_impersonation'], []],
];

const people: readonly (readonly [string, string, Account['state']])[] = [
  ['admin', 'Global Administrator', 'admin'],
  ['broker', 'Token Broker', 'service'],
  ['nomfa', 'No Mfa', 'no_mfa'],
  ['outsider', 'Out Sider', 'outsider'],
  ['disabled', 'Dis Abled', 'disabled'],
];

function createPeople(seeded: Seeded, nowMs: number): readonly User[] {
  return people.map(([local, displayName, state]) => ({
    id: seeded.guid('partner-user', local),
    userPrincipalName: `${local}@${domain}`,
    displayName,
    givenName: displayName.split(' ')[0] ?? local,
    surname: displayName.split(' ')[1] ?? local,
    userType: 'Member',
    createdMs: nowMs - 900 * dayMs,
    licences: [],
    methods: state === 'no_mfa' ? [] : ['microsoftAuthenticatorPush', 'softwareOneTimePasscode'],
    isAdmin: state === 'admin',
    accountEnabled: state !== 'disabled',
    validFromMs: 0,
  }));
}

/** The partner's own tenant: its accounts, the AdminAgents group, the ready-made applications and the identity of the app. */
export function createPartner(seeded: Seeded, nowMs: number): Partner {
  const tenantId = seeded.guid('partner');
  const users = createPeople(seeded, nowMs);
  const directory = createTenantDirectory(tenantId, seeded, users, nowMs);
  const adminAgents = createGroups(directory, seeded);
  for (const user of users) {
    if (!user.userPrincipalName.startsWith('outsider@')) adminAgents.members.add(user.id);
  }
  return {
    tenantId,
    name: 'Lighthouse Partners',
    domain,
    directory,
    adminAgents,
    accounts: people.map(([local, , state]) => ({ username: `${local}@${domain}`, state })),
    application: createReadyApplication(directory, adminAgents, seeded, nowMs),
    brokerApplication: createBrokerApplication(directory, seeded, nowMs),
    managedIdentity: createManagedIdentity(directory, seeded, nowMs),
  };
}

function createGroups(directory: TenantDirectory, seeded: Seeded): Group {
  const group = (displayName: string, description: string): Group => {
    const created = { id: seeded.guid('group', displayName), displayName, description, members: new Set<string>() };
    directory.groups.set(created.id, created);
    return created;
  };
  group('HelpdeskAgents', 'Agents who help customers of this partner.');
  group('SalesAgents', 'Agents who sell to customers of this partner.');
  group('GDAP Readers', 'Holds the roles of the delegated relationships.');
  return group('AdminAgents', 'Agents who administer customers of this partner.');
}

interface Registered {
  readonly application: Application;
  readonly principal: ServicePrincipal;
}

function register(directory: TenantDirectory, seeded: Seeded, name: string, nowMs: number): Registered {
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

function createReadyApplication(
  directory: TenantDirectory,
  adminAgents: Group,
  seeded: Seeded,
  nowMs: number,
): Partner['application'] {
  const { application, principal } = register(directory, seeded, 'Partner scripts', nowMs);
  application.signInAudience = 'AzureADMultipleOrgs';
  application.redirectUris = { web: ['http://localhost', 'https://localhost'], publicClient: [], spa: [] };
  application.requiredResourceAccess = permissions.map(([resourceAppId, scopes, roles]): ResourceAccess => {
    const table = findMicrosoftResource(resourceAppId)?.permissions;
    const resourcePrincipal = directory.servicePrincipalOf(resourceAppId);
    if (table === undefined || resourcePrincipal === undefined)
      throw new RangeError(`no such resource: ${resourceAppId}`);
    grantScopes(directory, principal.id, resourcePrincipal.id, scopes, nowMs);
    for (const role of roles) assignRole(directory, principal.id, resourcePrincipal.id, table.roles[role] ?? '', nowMs);
    const wanted = (values: readonly string[], type: 'Scope' | 'Role') =>
      values.map((value) => ({ id: (type === 'Scope' ? table.scopes : table.roles)[value] ?? '', type }));
    return { resourceAppId, resourceAccess: [...wanted(scopes, 'Scope'), ...wanted(roles, 'Role')] };
  });
  adminAgents.members.add(principal.id);
  application.owners.add(principal.id);
  return { clientId: application.appId, clientSecret: addSecret(application, nowMs) };
}

function createBrokerApplication(
  directory: TenantDirectory,
  seeded: Seeded,
  nowMs: number,
): Partner['brokerApplication'] {
  const { application, principal } = register(directory, seeded, 'Partner Token Broker', nowMs);
  application.identifierUris = [`api://${application.appId}`];
  application.requestedAccessTokenVersion = 2;
  application.appRoles = brokerRoles.map(
    (value): AppRole => ({
      id: seeded.guid('broker-role', value),
      value,
      displayName: value,
      description: value,
      allowedMemberTypes: ['Application', 'User'],
      isEnabled: true,
    }),
  );
  const callers = callerRoles.map(([name, roles]): Caller => {
    const caller = register(directory, seeded, name, nowMs);
    for (const role of roles) {
      assignRole(directory, caller.principal.id, principal.id, seeded.guid('broker-role', role), nowMs);
    }
    return { name, clientId: caller.application.appId, clientSecret: addSecret(caller.application, nowMs), roles };
  });
  return { clientId: application.appId, audience: application.appId, callers };
}

function createManagedIdentity(directory: TenantDirectory, seeded: Seeded, nowMs: number): ManagedIdentity {
  const name = 'id-partner-token-broker';
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
  const resourceId = `/subscriptions/${subscription}/resourcegroups/rg-broker/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`;
  return { clientId, principalId, resourceId };
}
