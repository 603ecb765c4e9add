// The broker's own application in Entra: what callers ask tokens for. Optional, and apart from the rest, because the
// Microsoft Graph extension must be fetched from its registry; the checks of this repository do not compile this file.
// `ptb setup` makes the application that holds the partner credential; that is another one.
extension 'br:mcr.microsoft.com/bicep/extensions/microsoftgraph/v1.0:1.0.0'

@description('Name of the environment, for example prod.')
param environmentName string

@description('Principals (object ids of applications, managed identities, users or groups) by the role they get.')
param assignments { role: string, principalId: string }[] = []

// To a client that is not authorized here, and that nobody consented to, Entra gives no token (AADSTS65001).
@description('Client ids of the programs that people may sign in with. If absent: Azure CLI, as which azd signs in too, and Azure PowerShell.')
param signInClients string[] = ['04b07795-8ddb-461a-bbee-02f9e1bf7b46', '1950a258-227b-4e31-a9cf-717495945fc2']

// src/lib/model/caller.ts names the same roles.
var roles = [
  { value: 'Tokens.Request', text: 'Ask for a token for a tenant, as the access policy allows.' }
  { value: 'Tenants.Read', text: 'See the delegated tenants.' }
  { value: 'Runs.Read', text: 'See runs and their results.' }
  { value: 'Runs.Write', text: 'Start and cancel runs.' }
  { value: 'Audit.Read', text: 'See who got which token.' }
]

var name = 'partner-token-broker-${environmentName}'
var roleIds = toObject(roles, role => role.value, role => guid(tenant().tenantId, name, role.value))
var scopeId = guid(tenant().tenantId, name, 'access_as_user')

resource application 'Microsoft.Graph/applications@v1.0' = {
  uniqueName: name
  displayName: 'Partner Token Broker (${environmentName})'
  signInAudience: 'AzureADMyOrg'
  // The tenant id in it makes the address one that Entra accepts without a verified domain.
  identifierUris: ['api://${tenant().tenantId}/${name}']
  api: {
    requestedAccessTokenVersion: 2
    // A person's token is always for a scope. It allows nothing: the app roles do.
    oauth2PermissionScopes: [
      {
        id: scopeId
        value: 'access_as_user'
        type: 'Admin'
        adminConsentDisplayName: 'Use the broker as the signed-in user'
        adminConsentDescription: 'Use the broker with the app roles that the signed-in user has.'
        isEnabled: true
      }
    ]
    preAuthorizedApplications: [for client in signInClients: { appId: client, delegatedPermissionIds: [scopeId] }]
  }
  appRoles: [
    for role in roles: {
      id: roleIds[role.value]
      value: role.value
      displayName: role.value
      description: role.text
      allowedMemberTypes: ['Application', 'User']
      isEnabled: true
    }
  ]
}

resource principal 'Microsoft.Graph/servicePrincipals@v1.0' = {
  appId: application.appId
  // Without an assigned role Entra issues no token at all.
  appRoleAssignmentRequired: true
}

resource grants 'Microsoft.Graph/appRoleAssignedTo@v1.0' = [
  for assignment in assignments: {
    appRoleId: roleIds[assignment.role]
    principalId: assignment.principalId
    resourceId: principal.id
  }
]

output BROKER_AUDIENCES string = '${application.appId},api://${tenant().tenantId}/${name}'
output BROKER_CLIENT_ID string = application.appId
