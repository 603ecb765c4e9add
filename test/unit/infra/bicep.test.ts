import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { beforeAll, describe, expect, it } from 'vitest';
import { settingsSchema } from '../../../src/lib/config/settings.ts';
import { projectRoot } from '../../paths.ts';
import { bicep, bicepIsInstalled, evaluate, type Resource, templateFile } from './bicep.ts';
import { ofType, operator, property, rolesOf, the } from './resources.ts';

describe.skipIf(!bicepIsInstalled)('infra/main.bicep', { timeout: 600_000 }, () => {
  let usual: readonly Resource[];
  let locked: readonly Resource[];

  beforeAll(async () => {
    [usual, locked] = await Promise.all([
      evaluate({ operatorObjectId: operator, alertEmail: 'operator@example.com' }),
      evaluate({
        virtualNetworkEnabled: true,
        durableBackend: 'durableTaskScheduler',
        customVaultRole: false,
        zoneRedundant: true,
        alwaysReadyDurableInstances: 1,
        allowedAddressRanges: ['192.0.2.0/24'],
        operatorAddressRanges: ['198.51.100.7/32'],
        additionalSettings: { TENANTS_EXCLUDE: 'fabrikam.com' },
      }),
    ]);
  });

  it('compiles without a warning', async () => {
    const { stdout, stderr, failed } = await bicep('build', templateFile, '--stdout');
    expect({ failed, stderr }).toEqual({ failed: false, stderr: '' });
    expect(JSON.parse(stdout)).toHaveProperty('resources');
  });

  it('passes the linter with every rule as an error', async () => {
    expect(await bicep('lint', templateFile)).toEqual({ failed: false, stdout: '', stderr: '' });
  });

  it('uses no module or extension from a registry', async () => {
    for await (const file of glob(['main.bicep', 'app/*.bicep'], { cwd: join(projectRoot, 'infra') })) {
      expect(await readFile(join(projectRoot, 'infra', file), 'utf8')).not.toMatch(/^\s*extension |'(br|ts)[:/]/m);
    }
  });

  it('has every parameter that main.parameters.json sets, each with a description', async () => {
    const template = JSON.parse((await bicep('build', templateFile, '--stdout')).stdout) as { parameters: object };
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

  it('allows publishing only with an identity, and closes /admin', () => {
    const site = the(usual, 'Microsoft.Web/sites');
    expect(site.properties).toMatchObject({
      httpsOnly: true,
      functionsRuntimeAdminIsolationEnabled: true,
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
      'AzureWebJobsStorage__credential',
      'AzureWebJobsStorage__clientId',
      'AzureWebJobsStorage__queueServiceUri',
      'APPLICATIONINSIGHTS_CONNECTION_STRING',
      'APPLICATIONINSIGHTS_AUTHENTICATION_STRING',
    ]);
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
    ]);
    expect(rolesOf(usual, 'operator')).toEqual([
      'Storage Blob Data Contributor on Microsoft.Storage/storageAccounts/blobServices/containers',
      'custom on Microsoft.KeyVault/vaults',
    ]);
    expect(rolesOf(locked, 'operator')).toEqual([]);
    expect(rolesOf(locked, 'app')).toContain('Key Vault Secrets Officer on Microsoft.KeyVault/vaults');
  });

  it('defines a role that can write secrets and cannot delete them', () => {
    const [permission] = property(the(usual, 'Microsoft.Authorization/roleDefinitions'), 'permissions') as [
      { actions: string[]; dataActions: string[] },
    ];
    expect(permission.actions).toEqual([]);
    expect(permission.dataActions.map((action) => action.split('/secrets/')[1])).toEqual([
      'getSecret/action',
      'setSecret/action',
      'readMetadata/action',
      'update/action',
      'recover/action',
    ]);
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

  it.each([
    ['credential.dead', 3, 'credential', 'credential-broken'],
    ['credential.state_changed', 3, '', 'credential-broken'],
    ['credential.rotation_failed', 3, 'credential', 'credential-broken'],
    ['request.failed', 2, 'credential', 'credential-broken'],
    ['credential.rotation_failed', 3, 'platform', 'credential-warning'],
    ['credential.care_failed', 3, 'platform', 'credential-warning'],
    ['credential.state_changed', 2, '', 'credential-warning'],
    ['credential.notice_failed', 2, 'platform', 'credential-warning'],
    ['credential.of_a_new_kind', 3, '', 'credential-warning'],
    ['credential.rotated', 1, '', undefined],
    ['request.failed', 3, 'platform', undefined],
  ])('raises for %s of severity %i and scope "%s" the alert %s', (event, SeverityLevel, errorScope, expected) => {
    const fires = (name: string): boolean => {
      const [rule] = ofType(usual, 'Microsoft.Insights/scheduledQueryRules').filter((each) => each.name.endsWith(name));
      const { allOf } = property(rule ?? usual[0]!, 'criteria') as { allOf: { query: string }[] };
      const [, condition = ''] = allOf[0]?.query.split('| where ').slice(1) ?? [];
      // Translates the KQL of these rules into JavaScript. `and` binds more tightly than `or` in both.
      const script = condition
        .replaceAll(' and ', ' && ')
        .replaceAll(' or ', ' || ')
        .replaceAll('not(', '!(')
        .replaceAll(/(\w+) startswith ("[^"]+")/g, '$1.startsWith($2)');
      return runInNewContext(script, { event, SeverityLevel, errorScope }) as boolean;
    };
    expect(['credential-broken', 'credential-warning'].filter(fires)).toEqual(expected === undefined ? [] : [expected]);
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
