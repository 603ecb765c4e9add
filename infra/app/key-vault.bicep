// The vault that holds the credential, and the key of the audit log. Only Azure roles grant access, and nobody can purge
// them.
@minLength(3)
@maxLength(24)
@description('Name of the vault.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Whether only private endpoints and the operators\' addresses reach the vault.')
param privateOnly bool

@description('Whether to recover a deleted vault of this name.')
param recover bool

@description('Address ranges (CIDR) from which operators reach a private vault.')
param operatorAddressRanges array

@description('Resource id of the Log Analytics workspace.')
param workspaceId string

// API versions before 2026-02-01 retire on 2027-02-27 ("Key Vault API versions", Microsoft Learn).
resource vault 'Microsoft.KeyVault/vaults@2026-02-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    createMode: recover ? 'recover' : 'default'
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enableSoftDelete: true
    // Neither this value nor purge protection can be changed later.
    softDeleteRetentionInDays: 90
    enablePurgeProtection: true
    enabledForDeployment: false
    enabledForDiskEncryption: false
    enabledForTemplateDeployment: false
    publicNetworkAccess: privateOnly && empty(operatorAddressRanges) ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'None'
      defaultAction: privateOnly ? 'Deny' : 'Allow'
      ipRules: [for range in (privateOnly ? operatorAddressRanges : []): { value: range }]
    }
  }
}

// Signs checkpoints of the audit log. Deploying again leaves an existing key as it is.
resource checkpointKey 'Microsoft.KeyVault/vaults/keys@2026-02-01' = {
  parent: vault
  name: 'audit-checkpoints'
  properties: {
    kty: 'EC'
    curveName: 'P-256'
    keyOps: ['sign', 'verify']
    attributes: { enabled: true, exportable: false }
  }
}

// Makes the indexes of tenants. It must not be rotated: another version gives every tenant a second index, and the trees of the
// checkpoints begin anew.
resource indexKey 'Microsoft.KeyVault/vaults/keys@2026-02-01' = {
  parent: vault
  name: 'audit-index'
  properties: {
    kty: 'RSA'
    keySize: 3072
    keyOps: ['sign', 'verify']
    attributes: { enabled: true, exportable: false }
  }
}

resource auditLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: vault
  properties: {
    workspaceId: workspaceId
    logAnalyticsDestinationType: 'Dedicated'
    logs: [{ category: 'AuditEvent', enabled: true }]
  }
}

output url string = vault.properties.vaultUri
