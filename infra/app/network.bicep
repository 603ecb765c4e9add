// A virtual network with one subnet for the app's outbound traffic and one for private endpoints.
@description('Name of the virtual network.')
param name string

@description('Prefix of the names of private endpoints.')
param endpointPrefix string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Name of the storage account.')
param storageAccountName string

@description('Name of the vault.')
param vaultName string

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: storageAccountName
}

resource vault 'Microsoft.KeyVault/vaults@2026-02-01' existing = {
  name: vaultName
}

resource network 'Microsoft.Network/virtualNetworks@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: ['10.0.0.0/16'] }
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: '10.0.1.0/24'
          // Flex Consumption runs on the platform of Container Apps.
          delegations: [
            { name: 'flex-consumption', properties: { serviceName: 'Microsoft.App/environments' } }
          ]
        }
      }
      {
        name: 'private-endpoints'
        properties: { addressPrefix: '10.0.2.0/24' }
      }
    ]
  }

  resource appSubnet 'subnets' existing = {
    name: 'app'
  }

  resource endpointSubnet 'subnets' existing = {
    name: 'private-endpoints'
  }
}

var vaultZone = {
  AzureCloud: 'privatelink.vaultcore.azure.net'
  AzureUSGovernment: 'privatelink.vaultcore.usgovcloudapi.net'
  AzureChinaCloud: 'privatelink.vaultcore.azure.cn'
}

// Durable Functions needs blobs, queues and tables.
var endpoints = [
  { group: 'blob', target: account.id, zone: 'privatelink.blob.${environment().suffixes.storage}' }
  { group: 'queue', target: account.id, zone: 'privatelink.queue.${environment().suffixes.storage}' }
  { group: 'table', target: account.id, zone: 'privatelink.table.${environment().suffixes.storage}' }
  { group: 'vault', target: vault.id, zone: vaultZone[environment().name] }
]

module privateEndpoints 'private-endpoint.bicep' = [
  for endpoint in endpoints: {
    name: 'private-endpoint-${endpoint.group}'
    params: {
      name: '${endpointPrefix}${endpoint.group}-${name}'
      location: location
      tags: tags
      targetId: endpoint.target
      group: endpoint.group
      zoneName: endpoint.zone
      networkId: network.id
      subnetId: network::endpointSubnet.id
    }
  }
]

output appSubnetId string = network::appSubnet.id
