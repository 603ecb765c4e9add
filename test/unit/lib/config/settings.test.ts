import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { callerAuthLevel } from '../../../../src/lib/config/environment.ts';
import { parseSettings, settingsSchema, unknownSettings } from '../../../../src/lib/config/settings.ts';
import { projectRoot } from '../../../paths.ts';

const valid = {
  PARTNER_TENANT_ID: 'AAAAAAAA-0000-4000-8000-000000000000',
  KEY_VAULT_URL: 'https://vault.vault.azure.net/',
  BROKER_AUDIENCES: 'api://broker, 11111111-1111-4111-8111-111111111111',
  AzureWebJobsStorage: 'UseDevelopmentStorage=true',
};
const problemOf = (environment: Record<string, string | undefined>): string => {
  try {
    parseSettings(environment);
  } catch (error) {
    return (error as { code: string; detail: string }).code === 'config_invalid'
      ? (error as { detail: string }).detail
      : 'another error';
  }
  return 'no problem';
};

describe('parseSettings', () => {
  test('normalizes a minimal environment and applies defaults', () => {
    const settings = parseSettings(valid);
    expect(settings).toMatchObject({
      PARTNER_TENANT_ID: 'aaaaaaaa-0000-4000-8000-000000000000',
      KEY_VAULT_URL: 'https://vault.vault.azure.net',
      BROKER_AUDIENCES: ['api://broker', '11111111-1111-4111-8111-111111111111'],
      ACCESS_POLICY: 'access-policy.json',
      ENTRA_CONCURRENCY: 32,
      cloud: { name: 'public', endpoints: { entra: 'https://login.microsoftonline.com' } },
    });
  });

  test('names all missing settings at once', () => {
    expect(problemOf({})).toBe(
      'PARTNER_TENANT_ID: is missing; KEY_VAULT_URL: is missing; BROKER_AUDIENCES: names no audience; AzureWebJobsStorage: is missing (or AzureWebJobsStorage__accountName for the managed identity).',
    );
  });

  test('treats an empty setting as missing', () => {
    expect(problemOf({ ...valid, PARTNER_TENANT_ID: '' })).toBe('PARTNER_TENANT_ID: is missing.');
  });

  test.each([
    [{ PARTNER_TENANT_ID: 'contoso.com' }, 'PARTNER_TENANT_ID: is not a tenant id (GUID).'],
    [{ CLOUD_ENDPOINTS: '{' }, 'CLOUD_ENDPOINTS: is not JSON.'],
    [{ CLOUD_ENDPOINTS: '[]' }, 'CLOUD_ENDPOINTS: is not a JSON object.'],
    [
      { CLOUD_ENDPOINTS: '{"login":"https://localhost"}' },
      'CLOUD_ENDPOINTS: has an unknown key. The keys are entra, graph, aadGraph, partnerCenter, exchange, arm and dns.',
    ],
    [{ CLOUD_ENDPOINTS: '{"dns":"dns://resolver.example:53"}' }, 'CLOUD_ENDPOINTS.dns: Invalid URL.'],
    [{ CLOUD_ENDPOINTS: '{"dns":"https://127.0.0.1:53"}' }, 'CLOUD_ENDPOINTS.dns: Invalid URL.'],
    [{ CLOUD_ENDPOINTS: '{"entra":"localhost"}' }, 'CLOUD_ENDPOINTS.entra: Invalid URL.'],
    [{ RESOURCES: 'graph' }, 'RESOURCES: entry 1 is not alias=https://…, alias=api://… or alias=GUID.'],
    [
      { RESOURCES: 'y=https://secure.example,x=http://insecure.example' },
      'RESOURCES: entry 2 is not alias=https://…, alias=api://… or alias=GUID.',
    ],
    [
      { TENANTS_EXCLUDE: 'contoso.com,not a tenant,neither' },
      'TENANTS_EXCLUDE: entry 2 is not a tenant id (GUID) or a domain; TENANTS_EXCLUDE: entry 3 is not a tenant id (GUID) or a domain.',
    ],
    [{ MANAGED_IDENTITY_CLIENT_ID: 'my-identity' }, 'MANAGED_IDENTITY_CLIENT_ID: is not a client id (GUID).'],
    [{ FUNCTION_KEYS: 'on' }, 'FUNCTION_KEYS: Invalid option: expected one of "off"|"required".'],
  ])('rejects %j and names the reason', (changes, problem) => {
    expect(problemOf({ ...valid, ...changes })).toBe(problem);
  });

  test('ignores settings of an earlier release', () => {
    const removed = {
      RESOURCE_CONCURRENCY: '64',
      TOKEN_CACHE_SIZE: 'none',
      CREDENTIAL_REREAD_SECONDS: '1',
      RUN_BATCH_SIZE: '0',
      RUN_ROUNDS: '99',
      RUN_RETRY_SECONDS: '-1',
    };
    expect(parseSettings({ ...valid, ...removed })).toEqual(parseSettings(valid));
  });

  test('accepts an invalid notification address', () => {
    expect(problemOf({ ...valid, NOTIFICATION_WEBHOOK: '@Microsoft.KeyVault(SecretUri=https://v/secrets/n)' })).toBe(
      'no problem',
    );
  });

  // Anyone can read the problem at /api/health, and a value pasted into the wrong setting may be a secret.
  test.each(Object.keys(settingsSchema.shape))('does not quote an invalid value of %s', (name) => {
    const secret = 'my8Q~secretValue';
    const forms = [
      secret,
      `${secret}=https://x.example,${secret}`,
      `contoso.com,${secret}`,
      JSON.stringify({ [secret]: secret, entra: secret }),
      JSON.stringify({ entra: { [secret]: secret } }),
      JSON.stringify([secret]),
      JSON.stringify(secret),
      `{"${secret}`,
      `https://${secret}:${secret}@[`,
    ];
    for (const form of forms) expect(problemOf({ ...valid, [name]: form })).not.toContain('secretValue');
  });

  test('names the setting when a number is invalid or out of range', () => {
    expect(problemOf({ ...valid, ENTRA_CONCURRENCY: 'many' })).toContain('ENTRA_CONCURRENCY: ');
    expect(problemOf({ ...valid, ENTRA_CONCURRENCY: '0' })).toContain('ENTRA_CONCURRENCY: ');
  });

  test('reads the identifier of each configured resource, and its application id if there is one', () => {
    const id = '12345678-0000-4000-8000-00000000000A';
    const { RESOURCES } = parseSettings({ ...valid, RESOURCES: `A=https://a.example/,b=api://b/#${id},c=${id}` });
    expect(RESOURCES).toEqual([
      ['a', 'https://a.example'],
      ['b', 'api://b', id.toLowerCase()],
      ['c', id],
    ]);
    expect(problemOf({ ...valid, RESOURCES: 'a=https://a.example#nonsense' })).toContain('RESOURCES: entry 1 is not');
  });

  test('overrides the endpoints of the cloud without changing its resource identifiers', () => {
    const { cloud } = parseSettings({
      ...valid,
      CLOUD_ENDPOINTS: '{"entra":"https://localhost:1/","graph":"https://localhost:2"}',
    });
    expect(cloud.endpoints).toMatchObject({
      entra: 'https://localhost:1',
      graph: 'https://localhost:2',
      arm: 'https://management.azure.com',
    });
    expect(cloud.resources.graph).toBe('https://graph.microsoft.com');
  });

  test('accepts a storage account name instead of a connection string', () => {
    expect(problemOf({ ...valid, AzureWebJobsStorage: undefined, AzureWebJobsStorage__accountName: 'store' })).toBe(
      'no problem',
    );
  });
});

test.each([
  [undefined, 'anonymous'],
  ['', 'anonymous'],
  ['off', 'anonymous'],
  ['required', 'function'],
  ['Off', 'function'],
  ['true', 'function'],
])('callerAuthLevel maps FUNCTION_KEYS=%s to %s', (value, level) => {
  expect(callerAuthLevel({ FUNCTION_KEYS: value })).toBe(level);
});

describe('unknownSettings', () => {
  test.each([
    ['TENANT_EXCLUDE', 'TENANTS_EXCLUDE'],
    ['TENANTS_EXLCUDE', 'TENANTS_EXCLUDE'],
    ['TENANTS_XCLUDE', 'TENANTS_EXCLUDE'],
    ['Tenants_Include', 'TENANTS_INCLUDE'],
    ['KEYVAULT_URL', 'KEY_VAULT_URL'],
    ['FUNCTIONS_KEYS', 'FUNCTION_KEYS'],
    ['RESOURCE', 'RESOURCES'],
    ['AzureWebJobsStorage_accountName', 'AzureWebJobsStorage__accountName'],
  ])('names the setting that %s should be: %s', (name, meant) => {
    expect(unknownSettings({ [name]: 'value', ...valid })).toEqual([
      `${name} is not a setting. Rename it to ${meant}, or remove it.`,
    ]);
  });

  test('names settings of earlier versions', () => {
    expect(unknownSettings({ RUN_BATCH_SIZE: '50', TOKEN_CACHE_SIZE: '' })).toEqual([
      'RUN_BATCH_SIZE has no effect in this version. Remove it.',
    ]);
  });

  test('says nothing of settings, and of variables of the platform and other programs', () => {
    const names = [
      ...Object.keys(settingsSchema.shape),
      ...[...readFileSync(join(projectRoot, 'infra/main.bicep'), 'utf8').matchAll(/^\s*(\w+): /gm)].map(
        ([, name]) => name,
      ),
      // Of Azure, of azd, and of the scripts of this project.
      'AzureWebJobsStorage__queueServiceUri',
      'AzureWebJobsStorage__credential',
      'AzureWebJobsStorage__clientId',
      'FUNCTIONS_EXTENSION_VERSION',
      'WEBSITE_HOSTNAME',
      'AZURE_TENANT_ID',
      'AZURE_KEY_VAULT_URL',
      'ACCESS_POLICY_BLOB',
      'ADMIN_ISOLATION',
      'PATH',
    ];
    expect(unknownSettings(Object.fromEntries(names.map((name) => [name, 'value'])))).toEqual([]);
  });

  test('are told with the settings that are missing', () => {
    const { KEY_VAULT_URL: url, ...rest } = valid;
    expect(problemOf({ ...rest, KEYVAULT_URL: url })).toBe(
      'KEY_VAULT_URL: is missing. KEYVAULT_URL is not a setting. Rename it to KEY_VAULT_URL, or remove it.',
    );
  });
});
