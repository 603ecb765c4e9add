// Logs and traces. Writers must authenticate with an identity; instrumentation keys are not accepted.
@description('Name of the Log Analytics workspace.')
param workspaceName string

@description('Name of the Application Insights resource.')
param applicationInsightsName string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Days that logs are kept.')
param retentionDays int

@description('Daily cap in GB; -1 for no cap.')
param dailyCapGB int

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' = {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: retentionDays
    workspaceCapping: { dailyQuotaGb: dailyCapGB }
    features: { disableLocalAuth: true, enableLogAccessUsingOnlyResourcePermissions: true }
  }
}

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' = {
  name: applicationInsightsName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    DisableLocalAuth: true
    DisableIpMasking: false
  }
}

// Its items read the workspace in `sourceId`.
resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(workspace.id, 'partner-token-broker')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Partner token broker'
    category: 'workbook'
    sourceId: workspace.id
    serializedData: loadTextContent('../dashboards/workbook.json')
    version: '1.0'
  }
}

output workspaceId string = workspace.id
// The id under which the query API knows the workspace.
output workspaceCustomerId string = workspace.properties.customerId
