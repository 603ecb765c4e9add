// One account for the package, run state, results and audit log. Shared keys are disabled, so that no connection string
// can leak.
@minLength(3)
@maxLength(24)
@description('Name of the storage account.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Whether the data is zone redundant.')
param zoneRedundant bool

@description('Whether only private endpoints reach the account.')
param privateOnly bool

@description('Resource id of the Log Analytics workspace.')
param workspaceId string

@description('Name of the container for the package.')
param deploymentContainerName string

@description('Name of the container for the access policy.')
param policyContainerName string

@description('Days during which nobody can change or delete a checkpoint of the audit log.')
param checkpointRetentionDays int

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: zoneRedundant ? 'Standard_ZRS' : 'Standard_LRS' }
  properties: {
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: privateOnly ? 'Disabled' : 'Enabled'
    networkAcls: privateOnly
      ? { defaultAction: 'Deny', bypass: 'None' }
      : { defaultAction: 'Allow', bypass: 'AzureServices' }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' = {
  parent: account
  name: 'default'
  properties: {
    // A policy or a result that was overwritten or deleted by mistake can be restored for a week.
    deleteRetentionPolicy: { enabled: true, days: 7 }
    containerDeleteRetentionPolicy: { enabled: true, days: 7 }
  }
}

resource deploymentContainer 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = {
  parent: blobs
  name: deploymentContainerName
}

resource policyContainer 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = {
  parent: blobs
  name: policyContainerName
}

// Checkpoints of the audit log. While the policy is there, they can be appended to, and neither changed nor deleted. It is not
// locked, so that the environment can be deleted: until it is, whoever may manage the account can delete the policy, and then
// the container. So can the app itself, with the role that the host needs (roles.bicep). To lock it: docs/audit-evidence.md.
resource checkpointContainer 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = {
  parent: blobs
  name: 'audit-checkpoints'

  resource retention 'immutabilityPolicies' = {
    name: 'default'
    properties: {
      immutabilityPeriodSinceCreationInDays: checkpointRetentionDays
      allowProtectedAppendWrites: true
    }
  }
}

resource tables 'Microsoft.Storage/storageAccounts/tableServices@2025-01-01' = {
  parent: account
  name: 'default'
}

// The app's identity may change and delete audit records, so both are logged where the app cannot change the log. The log
// names a batch of rows `EntityGroupTransaction`, in the category StorageWrite even if it only deletes.
var logChanges = {
  workspaceId: workspaceId
  logAnalyticsDestinationType: 'Dedicated'
  logs: [
    { category: 'StorageWrite', enabled: true }
    { category: 'StorageDelete', enabled: true }
  ]
}

resource tableLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: tables
  properties: logChanges
}

// Blobs hold the access policy, the package, plans and results of runs.
resource blobLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: blobs
  properties: logChanges
}

output policyBlobUrl string = '${account.properties.primaryEndpoints.blob}${policyContainer.name}/access-policy.json'
