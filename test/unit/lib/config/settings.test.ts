import { describe, expect, test } from 'vitest';
import { parseSettings } from '../../../../src/lib/config/settings.ts';

const good = {
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

describe('settings', () => {
  test('of a minimal environment are complete, with defaults', () => {
    const settings = parseSettings(good);
    expect(settings).toMatchObject({
      PARTNER_TENANT_ID: 'aaaaaaaa-0000-4000-8000-000000000000',
      KEY_VAULT_URL: 'https://vault.vault.azure.net',
      BROKER_AUDIENCES: ['api://broker', '11111111-1111-4111-8111-111111111111'],
      ACCESS_POLICY: 'access-policy.json',
      ENTRA_CONCURRENCY: 32,
      cloud: { name: 'public', endpoints: { entra: 'https://login.microsoftonline.com' } },
    });
  });

  test('that are missing are all named at once', () => {
    expect(problemOf({})).toBe(
      'PARTNER_TENANT_ID: is missing; KEY_VAULT_URL: is missing; BROKER_AUDIENCES: names no audience; AzureWebJobsStorage: is missing (or AzureWebJobsStorage__accountName for the managed identity).',
    );
  });

  test('that are empty count as missing', () => {
    expect(problemOf({ ...good, PARTNER_TENANT_ID: '' })).toBe('PARTNER_TENANT_ID: is missing.');
  });

  test.each([
    [{ PARTNER_TENANT_ID: 'contoso.com' }, 'PARTNER_TENANT_ID: is not a tenant id (GUID).'],
    [{ CLOUD_ENDPOINTS: '{' }, 'CLOUD_ENDPOINTS: is not JSON.'],
    [{ RESOURCES: 'graph' }, 'RESOURCES: "graph" is not alias=https://…, alias=api://… or alias=GUID.'],
    [
      { RESOURCES: 'x=http://insecure.example' },
      'RESOURCES: "x=http://insecure.example" is not alias=https://…, alias=api://… or alias=GUID.',
    ],
    [{ TENANTS_EXCLUDE: 'not a tenant' }, 'TENANTS_EXCLUDE: "not a tenant" is neither a GUID nor a domain.'],
  ])('that make no sense are refused with the reason: %j', (wrong, problem) => {
    expect(problemOf({ ...good, ...wrong })).toBe(problem);
  });

  test('of a number outside its range name the setting', () => {
    expect(problemOf({ ...good, ENTRA_CONCURRENCY: 'many' })).toContain('ENTRA_CONCURRENCY: ');
    expect(problemOf({ ...good, ENTRA_CONCURRENCY: '0' })).toContain('ENTRA_CONCURRENCY: ');
  });

  test('can send every request of the cloud elsewhere, without changing what tokens are for', () => {
    const { cloud } = parseSettings({
      ...good,
      CLOUD_ENDPOINTS: '{"entra":"https://localhost:1/","graph":"https://localhost:2"}',
    });
    expect(cloud.endpoints).toMatchObject({
      entra: 'https://localhost:1',
      graph: 'https://localhost:2',
      arm: 'https://management.azure.com',
    });
    expect(cloud.resources.graph).toBe('https://graph.microsoft.com');
  });

  test('take a managed identity instead of a connection string', () => {
    expect(problemOf({ ...good, AzureWebJobsStorage: undefined, AzureWebJobsStorage__accountName: 'store' })).toBe(
      'no problem',
    );
  });
});
