import { execFile } from 'node:child_process';
import { cp, glob, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { newProject } from '../../../src/cli/project/new-project.ts';
import { parseSettings, settingsSchema } from '../../../src/lib/config/settings.ts';
import { bicepProgram } from '../../../tools/get-bicep.ts';
import { projectRoot } from '../../paths.ts';
import { skippedBecause } from '../../support/skipped.ts';
import { compile, evaluate, noBicep, type Resource, templateFile } from './bicep.ts';
import { ofType, operator, property, rolesOf, the } from './resources.ts';

const roleAssignments = 'Microsoft.Authorization/roleAssignments';

interface Template {
  readonly resources: readonly { readonly name: string; readonly properties?: { readonly template?: Template } }[];
  readonly outputs?: Readonly<Record<string, { readonly value: string }>>;
}

const ofModule =
  /^\[reference\(.*'Microsoft\.Resources\/deployments', '([\w-]+)'\), '[\d-]+'\)\.outputs\.(\w+)\.value\]$/;

/** The expression of each output. That of a module is followed into the module, and a reference names type and property. */
function outputsOf({ outputs = {}, resources }: Template): Readonly<Record<string, string>> {
  const expressions = Object.entries(outputs).map(([name, { value }]) => {
    const [, module, output = ''] = ofModule.exec(value) ?? [];
    const inner = resources.find((each) => each.name === module)?.properties?.template?.outputs?.[output]?.value;
    const text = inner === undefined ? value : `${module}: ${inner}`;
    return [name, text.replace(/reference\(resourceId\('([\w./]+)', parameters\('\w+'\)\), '[\d-]+'\)/, '$1')];
  });
  return Object.fromEntries(expressions) as Readonly<Record<string, string>>;
}

describe('infra/main.bicep', { timeout: 600_000, ...skippedBecause(noBicep) }, () => {
  let usual: readonly Resource[];
  let locked: readonly Resource[];

  beforeAll(async () => {
    [usual, locked] = await Promise.all([
      evaluate({
        operatorObjectId: operator,
        alertEmail: 'operator@example.com',
        brokerAudiences: 'client-id,api://broker',
        signInClientId: 'sign-in-id',
      }),
      evaluate({
        virtualNetworkEnabled: true,
        durableBackend: 'durableTaskScheduler',
        customVaultRole: false,
        zoneRedundant: true,
        alwaysReadyDurableInstances: 1,
        allowedAddressRanges: ['192.0.2.0/24'],
        operatorAddressRanges: ['198.51.100.7/32'],
        additionalSettings: { TENANTS_EXCLUDE: 'fabrikam.com' },
        adminIsolationEnabled: true,
        recoverVault: true,
        httpConcurrencyPerInstance: 16,
      }),
    ]);
  });

  it('compiles without a warning, with every rule of the linter as an error', async () => {
    const { success, diagnostics, contents } = await compile(templateFile);
    expect({ success, diagnostics }).toEqual({ success: true, diagnostics: [] });
    expect(JSON.parse(contents)).toHaveProperty('resources');
  });

  it('uses no module or extension from a registry', async () => {
    for await (const file of glob(['main.bicep', 'app/*.bicep'], { cwd: join(projectRoot, 'infra') })) {
      expect(await readFile(join(projectRoot, 'infra', file), 'utf8')).not.toMatch(/^\s*extension |'(br|ts)[:/]/m);
    }
  });

  it('has every parameter that main.parameters.json sets, each with a description', async () => {
    const template = JSON.parse((await compile(templateFile)).contents) as { parameters: object };
    const given = JSON.parse(await readFile(join(projectRoot, 'infra/main.parameters.json'), 'utf8')) as {
      parameters: object;
    };
    expect(Object.keys(template.parameters)).toEqual(expect.arrayContaining(Object.keys(given.parameters)));
    expect(Object.values(template.parameters)).toEqual(
      Object.values(template.parameters).map((parameter: object) =>
        expect.objectContaining({
          metadata: expect.objectContaining({ description: expect.any(String) }),
          ...parameter,
        }),
      ),
    );
  });

  it('takes the parameters of a project of ptb init', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'own-'));
    try {
      await newProject(folder);
      const installed = join(folder, 'node_modules/partner-token-broker');
      await mkdir(installed, { recursive: true });
      await cp(join(projectRoot, 'infra'), join(installed, 'infra'), { recursive: true });
      const options = {
        env: {
          ...process.env,
          AZURE_ENV_NAME: 'own',
          AZURE_LOCATION: 'westeurope',
          AZURE_PRINCIPAL_TYPE: 'Group',
          VNET_ENABLED: 'true',
        },
        maxBuffer: 64 * 1024 * 1024,
      };
      const file = join(folder, 'infra/main.bicepparam');
      const { stdout } = await promisify(execFile)(bicepProgram, ['build-params', file, '--stdout'], options);
      const { parametersJson } = JSON.parse(stdout) as { parametersJson: string };
      expect(JSON.parse(parametersJson)).toMatchObject({
        parameters: {
          environmentName: { value: 'own' },
          operatorType: { value: 'Group' },
          virtualNetworkEnabled: { value: true },
          customVaultRole: { value: true },
        },
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('passes what `ptb` needs to the azd environment', async () => {
    expect(outputsOf(JSON.parse((await compile(templateFile)).contents) as Template)).toEqual({
      AZURE_LOCATION: "[parameters('location')]",
      AZURE_TENANT_ID: '[tenant().tenantId]',
      AZURE_RESOURCE_GROUP:
        "[format('{0}{1}', variables('abbreviations').resourceGroup, parameters('environmentName'))]",
      AZURE_FUNCTION_NAME: "function-app: [parameters('name')]",
      BROKER_URL: "function-app: [format('https://{0}', Microsoft.Web/sites.defaultHostName)]",
      PARTNER_TENANT_ID: "[parameters('partnerTenantId')]",
      KEY_VAULT_URL: 'key-vault: [Microsoft.KeyVault/vaults.vaultUri]',
      MICROSOFT_CLOUD: "[parameters('microsoftCloud')]",
      MANAGED_IDENTITY_CLIENT_ID: 'identity: [Microsoft.ManagedIdentity/userAssignedIdentities.clientId]',
      MANAGED_IDENTITY_PRINCIPAL_ID: 'identity: [Microsoft.ManagedIdentity/userAssignedIdentities.principalId]',
      ACCESS_POLICY_BLOB:
        "storage: [format('{0}{1}/access-policy.json', Microsoft.Storage/storageAccounts.primaryEndpoints.blob, parameters('policyContainerName'))]",
      LOG_ANALYTICS_WORKSPACE_ID: 'monitoring: [Microsoft.OperationalInsights/workspaces.customerId]',
      ADMIN_ISOLATION: "[parameters('adminIsolationEnabled')]",
    });
  });

  it('disables shared keys and public blobs on the storage account, and instrumentation keys', () => {
    expect(the(usual, 'Microsoft.Storage/storageAccounts').properties).toMatchObject({
      allowSharedKeyAccess: false,
      allowBlobPublicAccess: false,
      allowCrossTenantReplication: false,
      supportsHttpsTrafficOnly: true,
      minimumTlsVersion: 'TLS1_2',
    });
    expect(the(usual, 'Microsoft.Insights/components').properties).toMatchObject({ DisableLocalAuth: true });
  });

  it('creates a vault with role-based access and purge protection', () => {
    const vault = the(usual, 'Microsoft.KeyVault/vaults');
    expect(vault.apiVersion >= '2026-02-01').toBe(true);
    expect(vault.properties).toMatchObject({
      enableRbacAuthorization: true,
      enablePurgeProtection: true,
      softDeleteRetentionInDays: 90,
    });
  });

  it('keeps /admin open to the master key, which `func` and `az` need to publish, unless isolation is chosen', () => {
    const isolation = (resources: readonly Resource[]): unknown =>
      property(the(resources, 'Microsoft.Web/sites'), 'functionsRuntimeAdminIsolationEnabled');
    expect([isolation(usual), isolation(locked)]).toEqual([false, true]);
  });

  it('recovers a deleted vault only if told to', () => {
    const mode = (resources: readonly Resource[]): unknown =>
      property(the(resources, 'Microsoft.KeyVault/vaults'), 'createMode');
    expect([mode(usual), mode(locked)]).toEqual(['default', 'recover']);
  });

  it('gives an instance more concurrent requests than the platform does', () => {
    const scale = (resources: readonly Resource[]): unknown =>
      property(the(resources, 'Microsoft.Web/sites'), 'functionAppConfig');
    const concurrency = (perInstanceConcurrency: number) => ({
      scaleAndConcurrency: { triggers: { http: { perInstanceConcurrency } } },
    });
    expect(scale(usual)).toMatchObject(concurrency(100));
    expect(scale(locked)).toMatchObject(concurrency(16));
  });

  it('allows publishing only with an identity', () => {
    const site = the(usual, 'Microsoft.Web/sites');
    expect(site.properties).toMatchObject({
      httpsOnly: true,
      functionAppConfig: {
        runtime: { name: 'node', version: '24' },
        deployment: { storage: { authentication: { type: 'UserAssignedIdentity' } } },
      },
    });
    expect(
      ofType(usual, 'Microsoft.Web/sites/basicPublishingCredentialsPolicies').map(({ properties }) => properties),
    ).toEqual([{ allow: false }, { allow: false }]);
  });

  it('reads Key Vault references with the identity that has the role', () => {
    const site = the(usual, 'Microsoft.Web/sites');
    const { userAssignedIdentities } = site['identity'] as { userAssignedIdentities: object };
    expect([property(site, 'keyVaultReferenceIdentity')]).toEqual(Object.keys(userAssignedIdentities));
  });

  it('sets every required app setting, and no secret', () => {
    const settings = the(usual, 'Microsoft.Web/sites/config').properties ?? {};
    const known = new Set(Object.keys(settingsSchema.shape));
    expect(Object.keys(settings).filter((name) => !known.has(name))).toEqual([
      'FUNCTIONS_REQUEST_BODY_SIZE_LIMIT',
      'AzureWebJobsDisableHomepage',
      'AzureWebJobsStorage__credential',
      'AzureWebJobsStorage__clientId',
      'AzureWebJobsStorage__queueServiceUri',
      'APPLICATIONINSIGHTS_CONNECTION_STRING',
      'APPLICATIONINSIGHTS_AUTHENTICATION_STRING',
    ]);
    expect(settings).toMatchObject({
      PARTNER_TENANT_ID: '11111111-1111-1111-1111-111111111111',
      BROKER_AUDIENCES: 'client-id,api://broker',
      MICROSOFT_CLOUD: expect.stringMatching(/'usgovernment'.*'china', 'public'/),
      AzureWebJobsStorage__credential: 'managedidentity',
      AzureWebJobsStorage__blobServiceUri: expect.stringContaining('.blob'),
    });
    expect(Object.keys(settings)).toEqual(
      expect.arrayContaining([
        'PARTNER_TENANT_ID',
        'KEY_VAULT_URL',
        'BROKER_AUDIENCES',
        'MANAGED_IDENTITY_CLIENT_ID',
        'AzureWebJobsStorage__blobServiceUri',
        'AzureWebJobsStorage__tableServiceUri',
      ]),
    );
    expect(settings).not.toHaveProperty('AzureWebJobsStorage');
    expect(JSON.stringify(settings)).not.toMatch(/listKeys|AccountKey|SharedAccessSignature/i);
  });

  it('gives the app settings that it accepts, with the audiences that the azd environment passes', async () => {
    const audiences = 'aaaaaaaa-0000-4000-8000-000000000001,api://11111111-1111-1111-1111-111111111111/broker';
    const resources = await evaluate({ brokerAudiences: audiences });
    const settings = the(resources, 'Microsoft.Web/sites/config').properties ?? {};
    // What only Azure knows.
    const known = {
      KEY_VAULT_URL: 'https://vault.example/',
      MICROSOFT_CLOUD: 'public',
      MANAGED_IDENTITY_CLIENT_ID: 'aaaaaaaa-0000-4000-8000-000000000002',
      AzureWebJobsStorage__blobServiceUri: 'https://blob.example/',
      AzureWebJobsStorage__tableServiceUri: 'https://table.example/',
    };
    const unresolved = Object.entries(settings).filter(([, value]) => /^\[|reference\(/.test(String(value)));
    expect(unresolved.map(([name]) => name)).toEqual(expect.arrayContaining(Object.keys(known)));
    const parsed = parseSettings({ ...(settings as Record<string, string>), ...known });
    expect(parsed).toMatchObject({ BROKER_AUDIENCES: audiences.split(','), ACCESS_POLICY: 'access-policy.json' });
  });

  it('adds additional settings to its own', () => {
    expect(the(locked, 'Microsoft.Web/sites/config').properties).toMatchObject({
      PARTNER_TENANT_ID: expect.any(String),
      TENANTS_EXCLUDE: 'fabrikam.com',
    });
  });

  it('assigns exactly these roles to the app and the operator', () => {
    expect(rolesOf(usual, 'app')).toEqual([
      'Monitoring Metrics Publisher on Microsoft.Insights/components',
      'Storage Blob Data Owner on Microsoft.Storage/storageAccounts',
      'Storage Queue Data Contributor on Microsoft.Storage/storageAccounts',
      'Storage Table Data Contributor on Microsoft.Storage/storageAccounts',
      'custom on Microsoft.KeyVault/vaults',
      'custom on Microsoft.KeyVault/vaults/keys',
      'custom on Microsoft.KeyVault/vaults/keys',
    ]);
    expect(rolesOf(usual, 'operator')).toEqual([
      'Log Analytics Reader on the resource group',
      'Storage Blob Data Contributor on Microsoft.Storage/storageAccounts/blobServices/containers',
      'custom on Microsoft.KeyVault/vaults',
    ]);
    expect(rolesOf(locked, 'operator')).toEqual([]);
    expect(rolesOf(locked, 'app')).toContain('Key Vault Secrets Officer on Microsoft.KeyVault/vaults');
    expect(rolesOf(locked, 'app')).toContain('Key Vault Crypto User on Microsoft.KeyVault/vaults/keys');
  });

  it('makes who deploys the operator, of the type that its sign-in has', async () => {
    const [assignment] = ofType(await evaluate({ operatorObjectId: undefined }), roleAssignments).filter(
      ({ properties }) => String(properties?.['principalId']).includes('deployer'),
    );
    expect(assignment?.properties).toMatchObject({
      principalId: '[deployer().objectId]',
      principalType: expect.stringContaining("tryGet(deployer(), 'userPrincipalName')"),
    });
  });

  it("gives a service principal the operator's roles as a service principal", async () => {
    const resources = await evaluate({ operatorObjectId: operator, operatorType: 'ServicePrincipal' });
    const mine = ofType(resources, roleAssignments).filter(
      ({ properties }) => properties?.['principalId'] === operator,
    );
    expect(mine.map(({ properties }) => properties?.['principalType'])).toEqual(mine.map(() => 'ServicePrincipal'));
    expect(mine.length).toBeGreaterThan(2);
  });

  it('names the custom roles after their resource group, because role names are unique in the tenant', () => {
    const names = ofType(usual, 'Microsoft.Authorization/roleDefinitions').map((role) => property(role, 'roleName'));
    expect(names).toEqual([
      expect.stringMatching(/^Partner Token Broker Secret Keeper \(rg-try [a-z0-9]{13}\)$/),
      expect.stringMatching(/^Partner Token Broker Checkpoint Signer \(rg-try [a-z0-9]{13}\)$/),
    ]);
  });

  it('logs writes and deletions of rows and blobs, because a batch that deletes is logged as a write', () => {
    const scopes = ofType(usual, 'Microsoft.Insights/diagnosticSettings').map(({ id, properties }) => {
      const service = /(tableServices|blobServices|vaults)/.exec(id)?.[1];
      const logs = (properties?.['logs'] ?? []) as { category: string; enabled: boolean }[];
      return [service, logs.filter(({ enabled }) => enabled).map(({ category }) => category)];
    });
    expect(Object.fromEntries(scopes)).toEqual({
      tableServices: ['StorageWrite', 'StorageDelete'],
      blobServices: ['StorageWrite', 'StorageDelete'],
      vaults: ['AuditEvent'],
    });
  });

  it.each([
    [
      'that can write secrets and cannot delete them',
      'Secret Keeper',
      [
        'secrets/getSecret/action',
        'secrets/setSecret/action',
        'secrets/readMetadata/action',
        'secrets/update/action',
        'secrets/recover/action',
      ],
    ],
    ['that can sign with a key and not change it', 'Checkpoint Signer', ['keys/read', 'keys/sign/action']],
  ])('defines a role %s', (_what, name, actions) => {
    const roles = ofType(usual, 'Microsoft.Authorization/roleDefinitions');
    const [role] = roles.filter((each) => String(property(each, 'roleName')).includes(name));
    const [permission] = property(role ?? the([], name), 'permissions') as [
      { actions: string[]; dataActions: string[] },
    ];
    expect(permission.actions).toEqual([]);
    expect(permission.dataActions.map((action) => action.split('/vaults/')[1])).toEqual(actions);
  });

  it('sends alerts only if a mail address is given', () => {
    const receivers = (resources: readonly Resource[]): unknown[] =>
      ofType(resources, 'Microsoft.Insights/scheduledQueryRules').flatMap(
        (rule) => (property(rule, 'actions') as { actionGroups: unknown[] }).actionGroups,
      );
    expect(the(usual, 'Microsoft.Insights/actionGroups').properties).toMatchObject({
      emailReceivers: [{ emailAddress: 'operator@example.com' }],
    });
    expect(receivers(usual)).toHaveLength(ofType(usual, 'Microsoft.Insights/scheduledQueryRules').length);
    expect(ofType(locked, 'Microsoft.Insights/actionGroups')).toEqual([]);
    expect(receivers(locked)).toEqual([]);
  });

  it('makes storage and vault private with a virtual network', () => {
    expect(the(locked, 'Microsoft.Storage/storageAccounts').properties).toMatchObject({
      publicNetworkAccess: 'Disabled',
      networkAcls: { defaultAction: 'Deny', bypass: 'None' },
    });
    expect(the(locked, 'Microsoft.KeyVault/vaults').properties).toMatchObject({
      networkAcls: { defaultAction: 'Deny', bypass: 'None', ipRules: [{ value: '198.51.100.7/32' }] },
    });
    const groups = ofType(locked, 'Microsoft.Network/privateEndpoints').map(({ properties }) =>
      JSON.stringify(properties?.['privateLinkServiceConnections']).match(/"groupIds":\["(\w+)"\]/),
    );
    expect(groups.map((match) => match?.[1])).toEqual(['blob', 'queue', 'table', 'vault']);
    expect(the(locked, 'Microsoft.Web/sites').properties?.['virtualNetworkSubnetId']).toMatch(/\/subnets\/app$/);
    expect(the(usual, 'Microsoft.Web/sites').properties?.['virtualNetworkSubnetId']).toBeNull();
  });

  it('disables public access to the vault if no operator address is given', async () => {
    const resources = await evaluate({ virtualNetworkEnabled: true });
    expect(the(resources, 'Microsoft.KeyVault/vaults').properties).toMatchObject({ publicNetworkAccess: 'Disabled' });
  });

  it('restricts the API to the given addresses', () => {
    expect(the(locked, 'Microsoft.Web/sites').properties).toMatchObject({
      siteConfig: {
        ipSecurityRestrictionsDefaultAction: 'Deny',
        ipSecurityRestrictions: [{ ipAddress: '192.0.2.0/24', action: 'Allow' }],
      },
      functionAppConfig: { scaleAndConcurrency: { alwaysReady: [{ name: 'durable', instanceCount: 1 }] } },
    });
  });

  it('creates a Durable Task Scheduler that only the app may use, if that backend is chosen', () => {
    expect(the(locked, 'Microsoft.DurableTask/schedulers/taskHubs').name).toMatch(/\/PartnerTokenBroker$/);
    expect(rolesOf(locked, 'app')).toContain(
      'Durable Task Data Contributor on Microsoft.DurableTask/schedulers/taskHubs',
    );
    expect(the(locked, 'Microsoft.Web/sites/config').properties).toMatchObject({
      TASKHUB_NAME: 'PartnerTokenBroker',
      DURABLE_TASK_SCHEDULER_CONNECTION_STRING: expect.stringContaining('Authentication=ManagedIdentity'),
    });
    expect(ofType(usual, 'Microsoft.DurableTask/schedulers')).toEqual([]);
  });
});
