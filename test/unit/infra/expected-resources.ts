// The properties that the template must give each resource. Names are without the suffix that is unique per subscription,
// and a reference to a property that only Azure knows is written `[resource.property]`.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../paths.ts';

const storage = 'Microsoft.Storage/storageAccounts/st*';
const vault = 'Microsoft.KeyVault/vaults/kv-*';
const identity = 'Microsoft.ManagedIdentity/userAssignedIdentities/id-ptb-*';
const workspaceId = 'Microsoft.OperationalInsights/workspaces/log-*';
const applicationInsights = 'Microsoft.Insights/components/appi-*';
const plan = 'Microsoft.Web/serverfarms/plan-*';
const site = 'Microsoft.Web/sites/func-ptb-*';
const network = 'Microsoft.Network/virtualNetworks/vnet-*';
const logs = 'providers/Microsoft.Insights/diagnosticSettings/to-workspace';

type Expected = Readonly<Record<string, unknown>>;

const logged = (...categories: readonly string[]): Expected => ({
  workspaceId,
  logAnalyticsDestinationType: 'Dedicated',
  logs: categories.map((category) => ({ category, enabled: true })),
});

const account = (publicNetworkAccess: string, defaultAction: string, bypass: string): Expected => ({
  allowSharedKeyAccess: false,
  defaultToOAuthAuthentication: true,
  allowBlobPublicAccess: false,
  allowCrossTenantReplication: false,
  minimumTlsVersion: 'TLS1_2',
  supportsHttpsTrafficOnly: true,
  publicNetworkAccess,
  networkAcls: { defaultAction, bypass },
});

const keyVault = (createMode: string, defaultAction: string, ipRules: readonly object[]): Expected => ({
  createMode,
  tenantId: '11111111-1111-1111-1111-111111111111',
  sku: { family: 'A', name: 'standard' },
  enableRbacAuthorization: true,
  enableSoftDelete: true,
  softDeleteRetentionInDays: 90,
  enablePurgeProtection: true,
  enabledForDeployment: false,
  enabledForDiskEncryption: false,
  enabledForTemplateDeployment: false,
  publicNetworkAccess: 'Enabled',
  networkAcls: { defaultAction, bypass: 'None', ipRules },
});

const workspace = (retentionInDays: number, dailyQuotaGb: number): Expected => ({
  sku: { name: 'PerGB2018' },
  retentionInDays,
  workspaceCapping: { dailyQuotaGb },
  features: { disableLocalAuth: true, enableLogAccessUsingOnlyResourcePermissions: true },
});

interface AppChoice {
  readonly isolated: boolean;
  readonly subnet: string | null;
  readonly ranges: readonly string[];
  readonly node: string;
  readonly scale: object;
}

const app = ({ isolated, subnet, ranges, node, scale }: AppChoice): Expected => ({
  serverFarmId: plan,
  httpsOnly: true,
  functionsRuntimeAdminIsolationEnabled: isolated,
  keyVaultReferenceIdentity: identity,
  virtualNetworkSubnetId: subnet,
  siteConfig: {
    minTlsVersion: '1.2',
    scmMinTlsVersion: '1.2',
    ipSecurityRestrictionsDefaultAction: ranges.length === 0 ? 'Allow' : 'Deny',
    ipSecurityRestrictions: ranges.map((ipAddress, at) => ({
      name: `allowed-${at}`,
      ipAddress,
      action: 'Allow',
      priority: 100 + at,
    })),
  },
  functionAppConfig: {
    deployment: {
      storage: {
        type: 'blobContainer',
        value: `[format('{0}{1}', ${storage}.primaryEndpoints.blob, 'app-package')]`,
        authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identity },
      },
    },
    runtime: { name: 'node', version: node },
    scaleAndConcurrency: scale,
  },
});

/** The policy of the container of checkpoints. */
const retention = (days: number): Expected => ({
  [`${storage}/blobServices/default/containers/audit-checkpoints/immutabilityPolicies/default`]: {
    immutabilityPeriodSinceCreationInDays: days,
    allowProtectedAppendWrites: true,
  },
});

const settings = (more: Expected): Expected => ({
  FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '5242880',
  AzureWebJobsDisableHomepage: 'true',
  AzureWebJobsStorage__credential: 'managedidentity',
  AzureWebJobsStorage__clientId: `[${identity}.clientId]`,
  AzureWebJobsStorage__blobServiceUri: `[${storage}.primaryEndpoints.blob]`,
  AzureWebJobsStorage__queueServiceUri: `[${storage}.primaryEndpoints.queue]`,
  AzureWebJobsStorage__tableServiceUri: `[${storage}.primaryEndpoints.table]`,
  APPLICATIONINSIGHTS_CONNECTION_STRING: `[${applicationInsights}.ConnectionString]`,
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: `[format('ClientId={0};Authorization=AAD', ${identity}.clientId)]`,
  KEY_VAULT_URL: `[${vault}.vaultUri]`,
  MANAGED_IDENTITY_CLIENT_ID: `[${identity}.clientId]`,
  ...more,
});

/** What the platform replaces by a secret of the vault. */
const reference = (name: string): string =>
  `[format('@Microsoft.KeyVault(SecretUri={0}secrets/{1})', ${vault}.vaultUri, '${name}')]`;

/** In every deployment. */
const always: Expected = {
  [applicationInsights]: {
    Application_Type: 'web',
    WorkspaceResourceId: workspaceId,
    DisableLocalAuth: true,
    DisableIpMasking: false,
  },
  'Microsoft.Insights/workbooks/*': {
    displayName: 'Partner token broker',
    category: 'workbook',
    sourceId: workspaceId,
    serializedData: readFileSync(join(projectRoot, 'infra/dashboards/workbook.json'), 'utf8'),
    version: '1.0',
  },
  [`${storage}/blobServices/default`]: {
    deleteRetentionPolicy: { enabled: true, days: 7 },
    containerDeleteRetentionPolicy: { enabled: true, days: 7 },
  },
  [`${vault}/keys/audit-checkpoints`]: {
    kty: 'EC',
    curveName: 'P-256',
    keyOps: ['sign', 'verify'],
    attributes: { enabled: true, exportable: false },
  },
  [`${vault}/keys/audit-index`]: {
    kty: 'RSA',
    keySize: 3072,
    keyOps: ['sign', 'verify'],
    attributes: { enabled: true, exportable: false },
  },
  [`${storage}/blobServices/default/${logs}`]: logged('StorageWrite', 'StorageDelete'),
  [`${storage}/tableServices/default/${logs}`]: logged('StorageWrite', 'StorageDelete'),
  [`${vault}/${logs}`]: logged('AuditEvent'),
  [`${site}/basicPublishingCredentialsPolicies/ftp`]: { allow: false },
  [`${site}/basicPublishingCredentialsPolicies/scm`]: { allow: false },
};

/** Defaults, with an operator, an address for alerts and audiences. */
export const usualResources: Expected = {
  ...always,
  ...retention(400),
  [workspaceId]: workspace(90, -1),
  [storage]: account('Enabled', 'Allow', 'AzureServices'),
  [vault]: keyVault('default', 'Allow', []),
  [plan]: { reserved: true, zoneRedundant: false },
  [site]: app({
    isolated: false,
    subnet: null,
    ranges: [],
    node: '24',
    scale: {
      instanceMemoryMB: 2048,
      maximumInstanceCount: 40,
      alwaysReady: [],
      triggers: { http: { perInstanceConcurrency: 100 } },
    },
  }),
  [`${site}/config/appsettings`]: settings({
    PARTNER_TENANT_ID: '11111111-1111-1111-1111-111111111111',
    BROKER_AUDIENCES: 'client-id,api://broker',
    SIGN_IN_CLIENT_ID: 'sign-in-id',
    NOTIFICATION_WEBHOOK: '',
    NOTIFICATION_SIGNED_WEBHOOK: '',
    NOTIFICATION_SIGNING_SECRET: '',
    NOTIFICATION_FILTER: '',
    MICROSOFT_CLOUD:
      "[if(equals(environment().name, 'AzureUSGovernment'), 'usgovernment', if(equals(environment().name, 'AzureChinaCloud'), 'china', 'public'))]",
  }),
  'Microsoft.Insights/actionGroups/ag-*': {
    groupShortName: 'ptb',
    enabled: true,
    emailReceivers: [{ name: 'operator', emailAddress: 'operator@example.com', useCommonAlertSchema: true }],
  },
};

const suffix = 'environment().suffixes.storage';
const vaultZone =
  "createObject('AzureCloud', 'privatelink.vaultcore.azure.net', 'AzureUSGovernment', 'privatelink.vaultcore.usgovcloudapi.net', 'AzureChinaCloud', 'privatelink.vaultcore.azure.cn')[environment().name]";

/** A private endpoint and its zone. */
function endpoint(group: string, privateLinkServiceId: string, zone: string): Expected {
  const name = `Microsoft.Network/privateEndpoints/pep-${group}-vnet-*`;
  const privateDnsZoneId = `[resourceId('Microsoft.Network/privateDnsZones', ${zone})]`;
  return {
    [name]: {
      subnet: { id: `${network}/subnets/private-endpoints` },
      privateLinkServiceConnections: [{ name: group, properties: { privateLinkServiceId, groupIds: [group] } }],
    },
    [`${name}/privateDnsZoneGroups/default`]: {
      privateDnsZoneConfigs: [{ name: group, properties: { privateDnsZoneId } }],
    },
    [`link of ${zone}`]: { registrationEnabled: false, virtualNetwork: { id: network } },
  };
}

const privateEndpoints = Object.assign(
  {},
  ...['blob', 'queue', 'table'].map((group) =>
    endpoint(group, storage, `format('privatelink.${group}.{0}', ${suffix})`),
  ),
  endpoint('vault', vault, vaultZone),
) as Expected;

/** The parameters of {@link chosenResources}: none has its default. */
export const chosenParameters: Expected = {
  partnerTenantId: '99999999-9999-4999-8999-999999999999',
  microsoftCloud: 'china',
  nodeVersion: '22',
  instanceMemoryMB: 512,
  maximumInstanceCount: 7,
  httpConcurrencyPerInstance: 16,
  alwaysReadyHttpInstances: 2,
  alwaysReadyDurableInstances: 1,
  zoneRedundant: true,
  durableBackend: 'durableTaskScheduler',
  virtualNetworkEnabled: true,
  allowedAddressRanges: ['192.0.2.0/24', '203.0.113.0/24'],
  operatorAddressRanges: ['198.51.100.7/32'],
  customVaultRole: false,
  recoverVault: true,
  adminIsolationEnabled: true,
  logRetentionDays: 400,
  dailyLogCapGB: 5,
  checkpointRetentionDays: 2000,
  notificationWebhookSecretName: 'chat-webhook',
  notificationSignedWebhook: 'https://events.example.com/broker',
  notificationSigningSecretName: 'notice-signing',
  notificationFilter: 'chat severity=warning; webhook kind=run.*',
  additionalSettings: { TENANTS_EXCLUDE: 'fabrikam.com' },
  tags: { owner: 'operations' },
};

export const chosenResources: Expected = {
  ...always,
  ...retention(2000),
  ...privateEndpoints,
  [workspaceId]: workspace(400, 5),
  [storage]: account('Disabled', 'Deny', 'None'),
  [vault]: keyVault('recover', 'Deny', [{ value: '198.51.100.7/32' }]),
  [plan]: { reserved: true, zoneRedundant: true },
  [network]: {
    addressSpace: { addressPrefixes: ['10.0.0.0/16'] },
    subnets: [
      {
        name: 'app',
        properties: {
          addressPrefix: '10.0.1.0/24',
          delegations: [{ name: 'flex-consumption', properties: { serviceName: 'Microsoft.App/environments' } }],
        },
      },
      { name: 'private-endpoints', properties: { addressPrefix: '10.0.2.0/24' } },
    ],
  },
  'Microsoft.DurableTask/schedulers/dts-*': { sku: { name: 'Consumption' }, ipAllowlist: ['0.0.0.0/0'] },
  [site]: app({
    isolated: true,
    subnet: `${network}/subnets/app`,
    ranges: ['192.0.2.0/24', '203.0.113.0/24'],
    node: '22',
    scale: {
      instanceMemoryMB: 512,
      maximumInstanceCount: 7,
      alwaysReady: [
        { name: 'http', instanceCount: 2 },
        { name: 'durable', instanceCount: 1 },
      ],
      triggers: { http: { perInstanceConcurrency: 16 } },
    },
  }),
  [`${site}/config/appsettings`]: settings({
    PARTNER_TENANT_ID: '99999999-9999-4999-8999-999999999999',
    BROKER_AUDIENCES: '',
    SIGN_IN_CLIENT_ID: '',
    MICROSOFT_CLOUD: 'china',
    DURABLE_TASK_SCHEDULER_CONNECTION_STRING: `[format('Endpoint={0};Authentication=ManagedIdentity;ClientID={1}', coalesce(Microsoft.DurableTask/schedulers/dts-*.endpoint, ''), ${identity}.clientId)]`,
    TASKHUB_NAME: 'PartnerTokenBroker',
    NOTIFICATION_WEBHOOK: reference('chat-webhook'),
    NOTIFICATION_SIGNED_WEBHOOK: 'https://events.example.com/broker',
    NOTIFICATION_SIGNING_SECRET: reference('notice-signing'),
    NOTIFICATION_FILTER: 'chat severity=warning; webhook kind=run.*',
    TENANTS_EXCLUDE: 'fabrikam.com',
  }),
};
