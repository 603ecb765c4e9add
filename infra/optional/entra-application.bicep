// The broker's own application in Entra, for which callers request tokens. This template is optional and separate because
// the Microsoft Graph extension must be downloaded from its registry; the checks of this repository do not compile it.
// `ptb setup` creates another application, which holds the partner credential.
extension 'br:mcr.microsoft.com/bicep/extensions/microsoftgraph/v1.0:1.0.0'

@description('Name of the environment, for example prod.')
param environmentName string

@description('App roles to assign, each with the object id of an application, managed identity, user or group.')
param assignments { role: string, principalId: string }[] = []

// Entra issues no token to a client that is neither authorized here nor consented to (AADSTS65001).
@description('Client ids of the programs that people may sign in with. The default is Azure CLI, which azd also uses, and Azure PowerShell.')
param signInClients string[] = ['04b07795-8ddb-461a-bbee-02f9e1bf7b46', '1950a258-227b-4e31-a9cf-717495945fc2']

// src/lib/model/caller.ts lists the same roles.
var roles = [
  { value: 'Tokens.Request', text: 'Request tokens for tenants, as the access policy allows.' }
  { value: 'Tenants.Read', text: 'Read the delegated tenants.' }
  { value: 'Runs.Read', text: 'Read runs and their results.' }
  { value: 'Runs.Write', text: 'Start and cancel runs.' }
  { value: 'Audit.Read', text: 'Read which caller got which token.' }
]

var name = 'partner-token-broker-${environmentName}'
var roleIds = toObject(roles, role => role.value, role => guid(tenant().tenantId, name, role.value))
var scopeId = guid(tenant().tenantId, name, 'access_as_user')

resource application 'Microsoft.Graph/applications@v1.0' = {
  uniqueName: name
  displayName: 'Partner Token Broker (${environmentName})'
  signInAudience: 'AzureADMyOrg'
  // Entra accepts an address with the tenant id without a verified domain.
  identifierUris: ['api://${tenant().tenantId}/${name}']
  api: {
    requestedAccessTokenVersion: 2
    // A person's token always has a scope. This scope grants nothing; the app roles do.
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
  // Entra issues no token to a principal without an assigned role.
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
