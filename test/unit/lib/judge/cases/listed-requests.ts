import { type Case, somebody } from './case.ts';

/** A part of every reason: the project's table and Microsoft's file refuse for different reasons. */
const refused = '';

/** Requests whose verdict follows from Microsoft's documentation of them, or from caution. */
export const listedCases: readonly Case[] = [
  [
    "None of the rule's permissions opens PATCH /users/{id}",
    'PATCH /v1.0/users/{u}',
    'User.Read.All',
    { jobTitle: 'x' },
  ],
  ['allow', 'DELETE /v1.0/groups/{u}', 'Group.ReadWrite.All'],
  ['allow', 'GET /v1.0/auditLogs/directoryAudits', 'Directory.Read.All'],
  ['allow', 'GET /v1.0/devices', 'Device.Read.All'],
  [
    'allow',
    'POST /v1.0/identityProtection/riskyUsers/dismiss',
    'IdentityRiskyUser.ReadWrite.All',
    { userIds: [somebody] },
  ],
  [
    "None of the rule's permissions opens POST /users/{id}/revokeSignInSessions",
    'POST /v1.0/users/{u}/revokeSignInSessions',
    'User.Read.All',
  ],
  [
    "None of the rule's permissions opens POST /roleManagement/directory/roleAssignments",
    'POST /v1.0/roleManagement/directory/roleAssignments',
    'RoleManagement.Read.Directory',
    { principalId: somebody },
  ],
  [
    'allow',
    'POST /v1.0/deviceManagement/managedDevices/{u}/wipe',
    'DeviceManagementManagedDevices.PrivilegedOperations.All',
  ],
  [
    'The reference names an object of /directoryObjects/{id}, which the rule may not read',
    'POST /v1.0/groups/{u}/members/$ref',
    'GroupMember.ReadWrite.All',
    { '@odata.id': `https://graph.microsoft.com/v1.0/directoryObjects/${somebody}` },
  ],
  [
    "None of the rule's permissions opens GET /directory/deletedItems/user",
    'GET /v1.0/directory/deletedItems/microsoft.graph.user',
    'Directory.Read.All',
  ],
  [refused, 'GET /beta/admin/forms/settings', 'OrgSettings-Forms.Read.All'],
  [
    'The permission map does not contain this path below /deviceManagement',
    'GET /beta/deviceManagement/settings',
    'DeviceManagementConfiguration.Read.All',
  ],
  [
    'The rule does not open DELETE /identity/conditionalAccess/namedLocations/{id}: Policy.Read.All only reads',
    'DELETE /v1.0/identity/conditionalAccess/namedLocations/{u}',
    'Policy.Read.All',
  ],
  [
    refused,
    'POST /v1.0/servicePrincipals/{u}/owners/$ref',
    'Directory.Read.All',
    { '@odata.id': `https://graph.microsoft.com/v1.0/users/${somebody}` },
  ],
  [
    'The rule does not open POST /servicePrincipals/{id}/appRoleAssignments: Directory.Read.All also needs AppRoleAssignment.ReadWrite.All',
    'POST /v1.0/servicePrincipals/{u}/appRoleAssignments',
    'Directory.Read.All',
    { principalId: somebody, resourceId: somebody, appRoleId: somebody },
  ],
  [refused, 'DELETE /beta/applications/{u}/appManagementPolicies', 'Application.Read.All'],
  [
    refused,
    'POST /beta/deviceManagement/managedDevices/{u}/initiateOnDemandProactiveRemediation',
    'DeviceManagementConfiguration.Read.All',
  ],
  [refused, 'DELETE /beta/search/bookmarks/{u}', 'SearchConfiguration.Read.All'],
  [
    refused,
    'POST /v1.0/servicePrincipals/{u}/getPasswordSingleSignOnCredentials',
    'Directory.Read.All',
    { id: somebody },
  ],
  [
    "None of the rule's permissions opens POST /security/runHuntingQuery",
    'POST /v1.0/security/runHuntingQuery',
    'SecurityIncident.Read.All',
    { Query: 'DeviceInfo' },
  ],
  [
    refused,
    'POST /v1.0/search/query',
    'Mail.Read',
    { requests: [{ entityTypes: ['driveItem'], query: { queryString: 'x' } }] },
  ],
  [
    refused,
    'POST /v1.0/servicePrincipals/{u}/appRoleAssignedTo',
    'AppRoleAssignment.ReadWrite.All',
    { principalId: somebody, resourceId: somebody, appRoleId: somebody },
  ],
  [
    'allow',
    'POST /v1.0/servicePrincipals/{u}/appRoleAssignedTo',
    'AppRoleAssignment.ReadWrite.All Application.Read.All',
    { principalId: somebody, resourceId: somebody, appRoleId: somebody },
  ],
  [
    'allow',
    'POST /v1.0/applications/{u}/owners/$ref',
    'Application.ReadWrite.All Directory.Read.All',
    { '@odata.id': `https://graph.microsoft.com/v1.0/users/${somebody}` },
  ],
  [
    'The rule does not open PATCH /policies/identitySecurityDefaultsEnforcementPolicy: Policy.Read.All also needs Policy.ReadWrite.ConditionalAccess or Policy.ReadWrite.SecurityDefaults',
    'PATCH /v1.0/policies/identitySecurityDefaultsEnforcementPolicy',
    'Policy.Read.All',
    { isEnabled: false },
  ],
  [
    'The rule does not open GET /drives/{id}/items/{id}: Files.Read covers only the signed-in account',
    'GET /v1.0/drives/{u}/items/01ABC',
    'Files.Read',
  ],
  ['allow', 'GET /v1.0/drives/{u}/items/01ABC', 'Files.Read.All'],
  [refused, 'GET /v1.0/chats/19:x@thread.v2/messages', 'Chat.Read'],
  [refused, 'GET /v1.0/sites/{u}/lists/{u}/items/1/documentSetVersions', 'Sites.Selected'],
  [refused, 'PATCH /beta/external/connections/{u}', 'ExternalConnection.ReadWrite.OwnedBy', { name: 'x' }],
  [refused, 'DELETE /v1.0/users/{u}', 'DeviceManagementApps.ReadWrite.All'],
  [refused, 'PATCH /v1.0/organization/{u}', 'DeviceManagementServiceConfig.ReadWrite.All', { displayName: 'x' }],
  [
    "None of the rule's permissions opens GET /users/delta",
    'GET /v1.0/users/microsoft.graph.delta',
    'User.ReadBasic.All',
  ],
  ['allow', 'GET /beta/users/{u}/memberOf/$/microsoft.graph.group', 'Directory.Read.All'],
  ['allow', "GET /v1.0/servicePrincipals(appId='{u}')/appRoleAssignedTo", 'Application.Read.All'],
  [
    "None of the rule's permissions opens GET /reports/getMailboxUsageDetail",
    "GET /v1.0/reports/getMailboxUsageDetail(period='D7')",
    'AuditLog.Read.All',
  ],
  ['The path contains a dot segment', 'GET /v1.0/users/%2e%2e/groups', 'User.Read.All'],
  ['The path contains an empty segment', 'GET /v1.0/users//{u}/messages', 'User.Read.All'],
  ['The path does not start with /v1.0/ or /beta/', 'GET /v2/{u}/directoryObjects/{u}', 'Directory.Read.All'],
  [
    'allow',
    'GET /beta/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/fido2',
    'Policy.Read.All',
  ],
  [
    'The rule does not open GET /users/{id}/memberOf: User.Read covers only the signed-in account',
    'GET /v1.0/users/{u}/memberOf/microsoft.graph.group',
    'User.Read',
  ],
  ['allow', "GET /v1.0/users('{u}')/memberOf", 'Directory.Read.All'],
  ['allow', 'GET /v1.0/groups?$expand=members', 'Group.Read.All'],
  ['The query reads /users/{id}/memberOf', 'GET /beta/users?$EXPAND=memberOf', 'User.Read.All'],
  [
    'The permission map does not contain the navigation "memberOf" of /users/{id}/manager',
    'GET /v1.0/users?$expand=manager($expand=memberOf)',
    'User.Read.All',
  ],
  ['allow', 'GET /v1.0/users?$expand=manager($levels=max;$select=id,displayName)', 'User.Read.All'],
  [
    'The rule does not open GET /groups/delta: Group-NestingSupport.ReadWrite.All may cover only a part of what this request can do',
    'GET /v1.0/groups/delta?$select=displayName,members',
    'Group-NestingSupport.ReadWrite.All',
  ],
  ['allow', "GET /v1.0/users?$filter=identities/any(c:c/issuerAssignedId eq 'a')", 'User.Read.All'],
  ['allow', 'GET /v1.0/users?$search="displayName:a"&$count=true', 'User.Read.All'],
  [
    'A batch is judged by its parts, never as one request',
    'POST /v1.0/$batch',
    'User.Read.All',
    { requests: [{ id: '1', method: 'DELETE', url: `/users/${somebody}` }] },
  ],
  [
    'Subscriptions send data to an address that the caller chooses',
    'PATCH /v1.0/subscriptions/{u}',
    'User.Read.All',
    { expirationDateTime: '2026-12-01T00:00:00Z' },
  ],
  [refused, 'POST /v1.0/me/drive/items/01ABC/createUploadSession', 'Files.ReadWrite'],
  ['A sharing link names any file', 'GET /v1.0/shares/u!aHR0cHM/driveItem', 'Files.Read.All'],
  ['"$entity" names no single resource', 'GET /v1.0/$entity?$id=users/{u}', 'Directory.Read.All'],
];

/** Requests that only Microsoft's file lists. */
export const publishedCases: readonly Case[] = [
  [
    'allow',
    'POST /v1.0/deviceManagement/reports/getPolicyNonComplianceReport',
    'DeviceManagementConfiguration.Read.All',
    {},
  ],
  [
    'allow',
    'POST /v1.0/search/query',
    'Mail.Read',
    { requests: [{ entityTypes: ['message'], query: { queryString: 'x' } }] },
  ],
  ['allow', 'GET /v1.0/sites/{u}/lists/{u}/items/1/documentSetVersions', 'Sites.Read.All'],
];
