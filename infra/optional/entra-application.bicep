// The broker's own application in Entra: what callers ask tokens for. Optional, and apart from the rest, because the
// Microsoft Graph extension must be fetched from its registry; the checks of this repository do not compile this file.
// `ptb setup` makes the application that holds the partner credential; that is another one.
extension 'br:mcr.microsoft.com/bicep/extensions/microsoftgraph/v1.0:1.0.0'

@description('Name of the environment, for example prod.')
param environmentName string

@description('Principals (object ids of applications, managed identities, users or groups) by the role they get.')
param assignments { role: string, principalId: string }[] = []

// src/lib/callers/caller.ts names the same roles.
var roles = [
  { value: 'Tokens.Request', text: 'Ask for a token for a tenant, as the access policy allows.' }
  { value: 'Tenants.Read', text: 'See the delegated tenants.' }
  { value: 'Runs.Read', text: 'See runs and their results.' }
  { value: 'Runs.Write', text: 'Start and cancel runs.' }
  { value: 'Audit.Read', text: 'See who got which token.' }
]

var name = 'partner-token-broker-${environmentName}'
var roleIds = toObject(roles, role => role.value, role => guid(tenant().tenantId, name, role.value))

resource application 'Microsoft.Graph/applications@v1.0' = {
  uniqueName: name
  displayName: 'Partner Token Broker (${environmentName})'
  signInAudience: 'AzureADMyOrg'
  // The tenant id in it makes the address one that Entra accepts without a verified domain.
  identifierUris: ['api://${tenant().tenantId}/${name}']
  api: { requestedAccessTokenVersion: 2 }
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
