// The app on Flex Consumption. All publishing credentials of the platform are disabled.
@description('Name of the function app.')
param name string

@description('Name of the plan.')
param planName string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Major version of Node.js.')
param nodeVersion string

@description('Memory per instance in MB.')
param instanceMemoryMB int

@description('Maximum number of instances.')
param maximumInstanceCount int

@description('Concurrent HTTP requests per instance.')
param httpConcurrencyPerInstance int

@description('Whether the platform closes /admin to the master key.')
param adminIsolationEnabled bool

@description('Instances that are always ready for the API.')
param alwaysReadyHttpInstances int

@description('Instances that are always ready for runs.')
param alwaysReadyDurableInstances int

@description('Whether the plan is zone redundant.')
param zoneRedundant bool

@description('Resource id of the subnet for outbound traffic; empty for none.')
param subnetId string

@description('Address ranges (CIDR) that may call the API; empty for all.')
param allowedAddressRanges array

@description('Resource id of the managed identity.')
param identityId string

@description('Client id of the managed identity.')
param identityClientId string

@description('Name of the storage account.')
param storageAccountName string

@description('Name of the container that holds the package.')
param deploymentContainerName string

@description('Name of the Application Insights resource.')
param applicationInsightsName string

@description('The app\'s own settings.')
param settings object

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: storageAccountName
}

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { tier: 'FlexConsumption', name: 'FC1' }
  properties: { reserved: true, zoneRedundant: zoneRedundant }
}

var alwaysReady = concat(
  alwaysReadyHttpInstances == 0 ? [] : [{ name: 'http', instanceCount: alwaysReadyHttpInstances }],
  alwaysReadyDurableInstances == 0 ? [] : [{ name: 'durable', instanceCount: alwaysReadyDurableInstances }]
)

resource functionApp 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  // azd finds the app by this tag, which holds the name of the service in azure.yaml.
  tags: union(tags, { 'azd-service-name': 'broker' })
  kind: 'functionapp,linux'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    // The property works but is missing from the published schema.
    #disable-next-line BCP037
    functionsRuntimeAdminIsolationEnabled: adminIsolationEnabled
    // The identity for Key Vault references. The default is the system-assigned identity, which this app does not have.
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ipSecurityRestrictionsDefaultAction: empty(allowedAddressRanges) ? 'Allow' : 'Deny'
      ipSecurityRestrictions: [
        for (range, index) in allowedAddressRanges: {
          name: 'allowed-${index}'
          ipAddress: range
          action: 'Allow'
          priority: 100 + index
        }
      ]
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${account.properties.primaryEndpoints.blob}${deploymentContainerName}'
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identityId }
        }
      }
      runtime: { name: 'node', version: nodeVersion }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReady
        triggers: { http: { perInstanceConcurrency: httpConcurrencyPerInstance } }
      }
    }
  }

  resource ftp 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }

  resource scm 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }

  resource appSettings 'config' = {
    name: 'appsettings'
    properties: union(
      {
        // Bytes. The host reads a whole body before the app can refuse it, and answers a longer one itself: 500, without a
        // line in the log. The largest that a route accepts has 4 MiB (src/functions/gateway.ts).
        FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '5242880'
        // Without it, the host answers `/` with a page of its own.
        AzureWebJobsDisableHomepage: 'true'
        AzureWebJobsStorage__credential: 'managedidentity'
        AzureWebJobsStorage__clientId: identityClientId
        AzureWebJobsStorage__blobServiceUri: account.properties.primaryEndpoints.blob
        AzureWebJobsStorage__queueServiceUri: account.properties.primaryEndpoints.queue
        AzureWebJobsStorage__tableServiceUri: account.properties.primaryEndpoints.table
        APPLICATIONINSIGHTS_CONNECTION_STRING: applicationInsights.properties.ConnectionString
        APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
      },
      settings
    )
  }
}

output name string = functionApp.name
output url string = 'https://${functionApp.properties.defaultHostName}'
