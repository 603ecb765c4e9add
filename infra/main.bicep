// All Azure resources of the broker, in their own resource group. No parameter, setting or output is a secret: the app
// accesses storage, Key Vault and Application Insights with its managed identity.
targetScope = 'subscription'

@minLength(1)
@maxLength(40)
@description('Name of the environment, for example prod. It is part of the names of the resource group and the alert rules, and every other name is derived from it.')
param environmentName string

@minLength(1)
@description('Region of all resources. It must support Flex Consumption.')
@metadata({ azd: { type: 'location' } })
param location string

@description('Tenant id (GUID) of the partner tenant, to which the credential belongs.')
param partnerTenantId string = tenant().tenantId

@description('Audiences that callers\' tokens may have: client id and App ID URI of the broker\'s own Entra application, comma separated. If empty, the app starts, answers 503 config_invalid and gives the reason at /api/health.')
param brokerAudiences string = ''

@description('Client id of the application through which people sign in to the dashboard and with `ptb login`. `ptb setup api` prints it. If empty, a token has to be pasted into the dashboard.')
param signInClientId string = ''

@allowed(['public', 'usgovernment', 'china'])
@description('The Microsoft cloud of the partner tenant.')
param microsoftCloud string = environment().name == 'AzureUSGovernment'
  ? 'usgovernment'
  : environment().name == 'AzureChinaCloud' ? 'china' : 'public'

@allowed(['22', '24'])
@description('Major version of Node.js.')
param nodeVersion string = '24'

@allowed([512, 2048, 4096])
@description('Memory per instance in MB.')
param instanceMemoryMB int = 2048

@minValue(1)
@maxValue(1000)
@description('Maximum number of instances. They share ENTRA_CONCURRENCY.')
param maximumInstanceCount int = 40

// The platform's default for 2,048 MB is 16. A storm of requests then spreads over many new instances, each with an empty
// token cache. 100 lets an instance fill its 32 redemptions (ENTRA_CONCURRENCY) and serve cached tokens beside them.
@minValue(1)
@maxValue(1000)
@description('Concurrent HTTP requests per instance before the platform adds another one.')
param httpConcurrencyPerInstance int = 100

@minValue(0)
@maxValue(10)
@description('Instances that are always ready for the API. With 0, a request after a pause waits for a cold start.')
param alwaysReadyHttpInstances int = 0

@minValue(0)
@maxValue(10)
@description('Instances that are always ready for runs and schedules. With 0, a run starts some seconds late.')
param alwaysReadyDurableInstances int = 0

@description('Whether plan and storage are zone redundant.')
param zoneRedundant bool = false

@allowed(['azureStorage', 'durableTaskScheduler'])
@description('Storage backend for the state of runs. For durableTaskScheduler, build the package with DURABLE_BACKEND=durableTaskScheduler in the environment.')
param durableBackend string = 'azureStorage'

@description('Whether only private endpoints reach storage and vault.')
param virtualNetworkEnabled bool = false

@description('Address ranges (CIDR) that may call the API. If empty, all addresses may; a token is required in either case.')
param allowedAddressRanges array = []

@description('Address ranges (CIDR) from which operators reach a private vault, for `ptb setup` and `ptb consent`. Applies only with virtualNetworkEnabled.')
param operatorAddressRanges array = []

@description('Object id of the person, group or service principal that runs `ptb`. The default is who deploys. If empty, only the app gets rights.')
param operatorObjectId string = deployer().objectId

@allowed(['User', 'Group', 'ServicePrincipal'])
@description('Type of the operator\'s principal. The default is the type of who deploys: a service principal has no user principal name.')
param operatorType string = empty(deployer().?userPrincipalName ?? '') ? 'ServicePrincipal' : 'User'

@description('Whether to create custom roles: one that cannot delete secrets, and one that only signs. This needs the permission Microsoft.Authorization/roleDefinitions/write. With false, the app gets Key Vault Secrets Officer, and Key Vault Crypto User for one key.')
param customVaultRole bool = true

@description('Whether to recover the vault of a deleted environment, which keeps its name for 90 days. Set it for one deployment only.')
param recoverVault bool = false

@description('Whether the platform closes /admin to the master key. `func azure functionapp publish` and `az functionapp deployment source config-zip` need /admin, azd does not.')
param adminIsolationEnabled bool = false

@description('Mail address for alerts. If empty, alerts are visible only in the portal.')
param alertEmail string = ''

@minValue(30)
@maxValue(730)
@description('Days that logs are kept.')
param logRetentionDays int = 90

@minValue(-1)
@description('Daily cap for logs in GB; -1 for no cap. Reaching the cap also stops the alerts.')
param dailyLogCapGB int = -1

@minValue(1)
@maxValue(146000)
@description('Days during which nobody can change or delete a signed checkpoint of the audit log. At least AUDIT_RETENTION_DAYS.')
param checkpointRetentionDays int = 400

@description('Name of the secret in the vault that holds the address of a chat\'s incoming webhook. If empty, no chat gets notices. See docs/notices.md.')
param notificationWebhookSecretName string = ''

@description('Https address of a program that gets signed notices, or a Key Vault reference to it. If empty, none does.')
param notificationSignedWebhook string = ''

@description('Name of the secret in the vault that signs these notices.')
param notificationSigningSecretName string = ''

@description('Which notices are sent, for example `chat severity=warning; webhook kind=run.*`. If empty, all are.')
param notificationFilter string = ''

@description('Additional app settings, by name. See docs/settings.md.')
param additionalSettings object = {}

@description('Tags for every resource.')
param tags object = {}

var abbreviations = loadJsonContent('./abbreviations.json')
var token = toLower(uniqueString(subscription().id, environmentName, location))
var allTags = union(tags, { 'azd-env-name': environmentName })
var functionAppName = '${abbreviations.functionApp}ptb-${token}'
var identityName = '${abbreviations.managedIdentity}ptb-${token}'
var storageAccountName = '${abbreviations.storageAccount}${token}'
var vaultName = '${abbreviations.keyVault}${token}'
var applicationInsightsName = '${abbreviations.applicationInsights}${token}'
var deploymentContainerName = 'app-package'
var policyContainerName = 'access-policy'
var useScheduler = durableBackend == 'durableTaskScheduler'

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: '${abbreviations.resourceGroup}${environmentName}'
  location: location
  tags: allTags
}

module identity 'app/identity.bicep' = {
  name: 'identity'
  scope: group
  params: { name: identityName, location: location, tags: allTags }
}

module monitoring 'app/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    workspaceName: '${abbreviations.logAnalyticsWorkspace}${token}'
    applicationInsightsName: applicationInsightsName
    location: location
    tags: allTags
    retentionDays: logRetentionDays
    dailyCapGB: dailyLogCapGB
  }
}

module storage 'app/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    name: storageAccountName
    location: location
    tags: allTags
    zoneRedundant: zoneRedundant
    privateOnly: virtualNetworkEnabled
    deploymentContainerName: deploymentContainerName
    policyContainerName: policyContainerName
    checkpointRetentionDays: checkpointRetentionDays
    workspaceId: monitoring.outputs.workspaceId
  }
}

module vault 'app/key-vault.bicep' = {
  name: 'key-vault'
  scope: group
  params: {
    name: vaultName
    location: location
    tags: allTags
    privateOnly: virtualNetworkEnabled
    recover: recoverVault
    operatorAddressRanges: operatorAddressRanges
    workspaceId: monitoring.outputs.workspaceId
  }
}

module scheduler 'app/durable-task-scheduler.bicep' = if (useScheduler) {
  name: 'durable-task-scheduler'
  scope: group
  params: {
    name: '${abbreviations.durableTaskScheduler}${token}'
    location: location
    tags: allTags
    identityName: identityName
  }
  dependsOn: [identity]
}

module roles 'app/roles.bicep' = {
  name: 'roles'
  scope: group
  params: {
    storageAccountName: storageAccountName
    policyContainerName: policyContainerName
    vaultName: vaultName
    applicationInsightsName: applicationInsightsName
    identityName: identityName
    operatorObjectId: operatorObjectId
    operatorType: operatorType
    customVaultRole: customVaultRole
  }
  dependsOn: [identity, monitoring, storage, vault]
}

module network 'app/network.bicep' = if (virtualNetworkEnabled) {
  name: 'network'
  scope: group
  params: {
    name: '${abbreviations.virtualNetwork}${token}'
    endpointPrefix: abbreviations.privateEndpoint
    location: location
    tags: allTags
    storageAccountName: storageAccountName
    vaultName: vaultName
  }
  dependsOn: [storage, vault]
}

module functionApp 'app/function-app.bicep' = {
  name: 'function-app'
  scope: group
  params: {
    name: functionAppName
    planName: '${abbreviations.hostingPlan}${token}'
    location: location
    tags: allTags
    nodeVersion: nodeVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    httpConcurrencyPerInstance: httpConcurrencyPerInstance
    adminIsolationEnabled: adminIsolationEnabled
    alwaysReadyHttpInstances: alwaysReadyHttpInstances
    alwaysReadyDurableInstances: alwaysReadyDurableInstances
    zoneRedundant: zoneRedundant
    subnetId: network.?outputs.appSubnetId ?? ''
    allowedAddressRanges: allowedAddressRanges
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    storageAccountName: storageAccountName
    deploymentContainerName: deploymentContainerName
    applicationInsightsName: applicationInsightsName
    settings: union(
      {
        PARTNER_TENANT_ID: partnerTenantId
        KEY_VAULT_URL: vault.outputs.url
        BROKER_AUDIENCES: brokerAudiences
        SIGN_IN_CLIENT_ID: signInClientId
        MICROSOFT_CLOUD: microsoftCloud
        MANAGED_IDENTITY_CLIENT_ID: identity.outputs.clientId
        // The platform replaces a reference by the newest version of the secret. An empty setting counts as absent.
        NOTIFICATION_WEBHOOK: empty(notificationWebhookSecretName)
          ? ''
          : '@Microsoft.KeyVault(SecretUri=${vault.outputs.url}secrets/${notificationWebhookSecretName})'
        NOTIFICATION_SIGNED_WEBHOOK: notificationSignedWebhook
        NOTIFICATION_SIGNING_SECRET: empty(notificationSigningSecretName)
          ? ''
          : '@Microsoft.KeyVault(SecretUri=${vault.outputs.url}secrets/${notificationSigningSecretName})'
        NOTIFICATION_FILTER: notificationFilter
      },
      useScheduler
        ? {
            DURABLE_TASK_SCHEDULER_CONNECTION_STRING: 'Endpoint=${scheduler.?outputs.endpoint ?? ''};Authentication=ManagedIdentity;ClientID=${identity.outputs.clientId}'
            TASKHUB_NAME: scheduler.?outputs.taskHubName ?? ''
          }
        : {},
      additionalSettings
    )
  }
  // Without its roles the first start of the app fails, and the platform retries a failed start only after a while.
  dependsOn: [roles, storage]
}

module alerts 'app/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    rulePrefix: '${abbreviations.alertRule}${environmentName}-'
    actionGroupName: '${abbreviations.actionGroup}${token}'
    location: location
    tags: allTags
    workspaceId: monitoring.outputs.workspaceId
    identityPrincipalId: identity.outputs.principalId
    email: alertEmail
  }
}

// The names are those of the app settings and of azd, so that `azd env get-values` provides the environment of `ptb`.
output AZURE_LOCATION string = location
output AZURE_TENANT_ID string = tenant().tenantId
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_FUNCTION_NAME string = functionApp.outputs.name
output BROKER_URL string = functionApp.outputs.url
output PARTNER_TENANT_ID string = partnerTenantId
output KEY_VAULT_URL string = vault.outputs.url
output MICROSOFT_CLOUD string = microsoftCloud
output MANAGED_IDENTITY_CLIENT_ID string = identity.outputs.clientId
output MANAGED_IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId
output ACCESS_POLICY_BLOB string = storage.outputs.policyBlobUrl
output LOG_ANALYTICS_WORKSPACE_ID string = monitoring.outputs.workspaceCustomerId
output ADMIN_ISOLATION bool = adminIsolationEnabled
