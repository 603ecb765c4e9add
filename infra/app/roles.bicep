// Role assignments for the app and, if one is named, the operator. Nobody else gets rights here.
@description('Name of the storage account.')
param storageAccountName string

@description('Name of the blob container for the access policy.')
param policyContainerName string

@description('Name of the vault.')
param vaultName string

@description('Name of the Application Insights resource.')
param applicationInsightsName string

@description('Name of the managed identity.')
param identityName string

@description('Object id of the operator; empty for none.')
param operatorObjectId string

@description('Type of the operator\'s principal: User, Group or ServicePrincipal.')
param operatorType string

@description('Whether to create and use the custom role.')
param customVaultRole bool

// "Azure built-in roles" (Microsoft Learn).
var builtIn = {
  keyVaultCryptoUser: '12338af0-0e69-4776-bea7-57ae8d297424'
  keyVaultSecretsOfficer: 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'
  logAnalyticsReader: '73c42c96-874c-492b-b04d-ab87d138a893'
  monitoringMetricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb'
  storageBlobDataContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  storageBlobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  storageQueueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  storageTableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
}

// The host needs Owner on blobs for leases and host keys. Durable Functions also needs queues and tables. Owner may manage
// containers, too: it can delete a retention policy that is not locked (storage.bicep).
var storageRoles = [
  builtIn.storageBlobDataOwner
  builtIn.storageQueueDataContributor
  builtIn.storageTableDataContributor
]

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: storageAccountName

  resource blobs 'blobServices' existing = {
    name: 'default'

    resource policyContainer 'containers' existing = {
      name: policyContainerName
    }
  }
}

resource vault 'Microsoft.KeyVault/vaults@2026-02-01' existing = {
  name: vaultName

  resource checkpointKey 'keys' existing = {
    name: 'audit-checkpoints'
  }

  resource indexKey 'keys' existing = {
    name: 'audit-index'
  }
}

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
}

// No built-in role may write secrets but not delete them. Rotation reads secrets, sets new versions, lists versions,
// disables old ones and recovers a deleted name.
resource secretKeeper 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (customVaultRole) {
  name: guid(resourceGroup().id, 'secret-keeper')
  properties: {
    // Role names are unique in the tenant: two subscriptions may have a resource group of the same name.
    roleName: 'Partner Token Broker Secret Keeper (${resourceGroup().name} ${uniqueString(resourceGroup().id)})'
    description: 'Reads and writes secrets. Cannot delete, purge, back up or restore them.'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: []
        notActions: []
        dataActions: [
          'Microsoft.KeyVault/vaults/secrets/getSecret/action'
          'Microsoft.KeyVault/vaults/secrets/setSecret/action'
          'Microsoft.KeyVault/vaults/secrets/readMetadata/action'
          'Microsoft.KeyVault/vaults/secrets/update/action'
          'Microsoft.KeyVault/vaults/secrets/recover/action'
        ]
        notDataActions: []
      }
    ]
  }
}

// Key Vault Crypto User may also change a key, so the app gets less.
resource checkpointSigner 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (customVaultRole) {
  name: guid(resourceGroup().id, 'checkpoint-signer')
  properties: {
    roleName: 'Partner Token Broker Checkpoint Signer (${resourceGroup().name} ${uniqueString(resourceGroup().id)})'
    description: 'Reads the public part of a key, and signs with it. Cannot change, export or delete it.'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: []
        notActions: []
        dataActions: [
          'Microsoft.KeyVault/vaults/keys/read'
          'Microsoft.KeyVault/vaults/keys/sign/action'
        ]
        notDataActions: []
      }
    ]
  }
}

var signerRoleId = customVaultRole
  ? checkpointSigner.id
  : subscriptionResourceId('Microsoft.Authorization/roleDefinitions', builtIn.keyVaultCryptoUser)

var vaultRoleId = customVaultRole
  ? secretKeeper.id
  : subscriptionResourceId('Microsoft.Authorization/roleDefinitions', builtIn.keyVaultSecretsOfficer)

resource appOnStorage 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in storageRoles: {
    name: guid(account.id, identity.id, role)
    scope: account
    properties: {
      principalId: identity.properties.principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    }
  }
]

resource appOnVault 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, identity.id, vaultRoleId)
  scope: vault
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: vaultRoleId
  }
}

// The role is limited to the two keys.
resource appOnCheckpointKey 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault::checkpointKey.id, identity.id, signerRoleId)
  scope: vault::checkpointKey
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: signerRoleId
  }
}

resource appOnIndexKey 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault::indexKey.id, identity.id, signerRoleId)
  scope: vault::indexKey
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: signerRoleId
  }
}

resource appOnApplicationInsights 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(applicationInsights.id, identity.id, builtIn.monitoringMetricsPublisher)
  scope: applicationInsights
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      builtIn.monitoringMetricsPublisher
    )
  }
}

resource operatorOnVault 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorObjectId)) {
  name: guid(vault.id, operatorObjectId, vaultRoleId)
  scope: vault
  properties: {
    principalId: operatorObjectId
    principalType: operatorType
    roleDefinitionId: vaultRoleId
  }
}

resource operatorOnPolicy 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorObjectId)) {
  name: guid(account::blobs::policyContainer.id, operatorObjectId, builtIn.storageBlobDataContributor)
  scope: account::blobs::policyContainer
  properties: {
    principalId: operatorObjectId
    principalType: operatorType
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      builtIn.storageBlobDataContributor
    )
  }
}

// `ptb verify` reads the function app's configuration and the logs. The role reads every resource of the group and queries
// its workspace; it reads no secret and no key.
resource operatorOnGroup 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorObjectId)) {
  name: guid(resourceGroup().id, operatorObjectId, builtIn.logAnalyticsReader)
  properties: {
    principalId: operatorObjectId
    principalType: operatorType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', builtIn.logAnalyticsReader)
  }
}
