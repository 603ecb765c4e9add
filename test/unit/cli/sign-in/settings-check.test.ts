import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { TableServiceClient } from '@azure/data-tables';
import { BlobServiceClient } from '@azure/storage-blob';
import { afterEach, expect, it, vi } from 'vitest';
import { partnerMap } from 'graph-permissions/partner-table';
import { settingsChecks } from '../../../../src/cli/sign-in/settings-check.ts';
import { MapBlobs, mapContainer } from '../../../../src/lib/gateway/map-store.ts';
import { writeStoredMap } from '../../../../src/lib/judge/stored-map.ts';
import { projectRoot } from '../../../paths.ts';
import { emptyAzurite } from '../../../support/azurite.ts';

afterEach(() => vi.unstubAllEnvs());

it('reads storage with the user-assigned identity of MANAGED_IDENTITY_CLIENT_ID', async () => {
  const asked: (string | null)[] = [];
  const server = createServer((request, response) => {
    asked.push(new URL(request.url ?? '', 'http://localhost').searchParams.get('client_id'));
    response.writeHead(400).end('{"statusCode":400,"message":"refused"}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const clientId = '12121212-0000-4000-8000-000000000001';
  const environment = {
    PARTNER_TENANT_ID: '99999999-9999-4999-8999-999999999999',
    KEY_VAULT_URL: 'https://vault.example',
    BROKER_AUDIENCES: 'api://broker',
    ACCESS_POLICY: 'https://policy.example/access-policy.json',
    AzureWebJobsStorage__accountName: 'store',
    MANAGED_IDENTITY_CLIENT_ID: clientId,
    IDENTITY_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}/msi/token`,
    IDENTITY_HEADER: 'header',
  };
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  const checks = [];
  for await (const { check, status } of settingsChecks({})) checks.push([check, status]);
  server.close();
  expect(checks).toEqual([
    ['Settings', 'ok'],
    ['Access policy', 'notice'],
    ['Storage', 'failed'],
  ]);
  expect(asked.length).toBeGreaterThan(0);
  expect(new Set(asked)).toEqual(new Set([clientId]));
});

it('warns of a setting that is none', async () => {
  const environment = {
    PARTNER_TENANT_ID: '99999999-9999-4999-8999-999999999999',
    KEY_VAULT_URL: 'https://vault.example',
    BROKER_AUDIENCES: 'api://broker',
    AzureWebJobsStorage__accountName: 'store',
    TENANT_EXCLUDE: 'contoso.com',
  };
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  const { value } = await settingsChecks({}).next();
  const message = 'TENANT_EXCLUDE is not a setting. Rename it to TENANTS_EXCLUDE, or remove it.';
  expect(value).toEqual({ check: 'Settings', status: 'warning', message });
});

it('returns the rules of the policy for later checks, and nothing where the settings are wrong', async () => {
  const environment = {
    PARTNER_TENANT_ID: '99999999-9999-4999-8999-999999999999',
    KEY_VAULT_URL: 'https://vault.example',
    BROKER_AUDIENCES: 'api://broker',
    AzureWebJobsStorage__accountName: 'store',
    ACCESS_POLICY: join(projectRoot, 'access-policy.sample.json'),
  };
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  const endOf = async () => {
    const checks = settingsChecks({});
    for (;;) {
      const { done, value } = await checks.next();
      if (done === true) return value;
    }
  };
  expect((await endOf())?.filter(({ protect }) => protect !== undefined)).toMatchObject([{ application: 'changes' }]);
  vi.stubEnv('ACCESS_POLICY', 'nowhere.json');
  expect(await endOf()).toEqual([]);
  vi.stubEnv('KEY_VAULT_URL', 'no address');
  expect(await endOf()).toBeUndefined();
});

it('says which permission map is in force', async () => {
  const azurite = await emptyAzurite();
  const environment = {
    PARTNER_TENANT_ID: '99999999-9999-4999-8999-999999999999',
    KEY_VAULT_URL: 'https://vault.example',
    BROKER_AUDIENCES: 'api://broker',
    ACCESS_POLICY: 'https://policy.example/access-policy.json',
    AzureWebJobsStorage: azurite.connectionString,
  };
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  const mapCheck = async () => {
    const checks = [];
    for await (const check of settingsChecks({})) checks.push(check);
    return checks.at(-1);
  };
  const tables = TableServiceClient.fromConnectionString(azurite.connectionString, { allowInsecureConnection: true });
  expect(await mapCheck()).toMatchObject({
    check: 'Permission map',
    status: 'ok',
    message: expect.stringContaining("project's own table") as string,
  });
  // It only reads: a new deployment has no tables, and whoever checks may not be allowed to create one.
  expect(await Array.fromAsync(tables.listTables())).toEqual([]);
  const container = BlobServiceClient.fromConnectionString(azurite.connectionString).getContainerClient(mapContainer);
  const blobs = new MapBlobs(async () => container);
  const origin = { source: 'a.json', retrievedAt: '2026-11-24T00:00:00.000Z', sha256: 'a'.repeat(64) };
  await blobs.replace(writeStoredMap({ origin, map: partnerMap() }));
  expect(await mapCheck()).toMatchObject({
    status: 'ok',
    message: expect.stringContaining('In force: a.json') as string,
  });
  await blobs.replace('nonsense');
  expect(await mapCheck()).toMatchObject({
    status: 'warning',
    remedy: 'Run `ptb permissions update`, or `ptb permissions rollback`.',
  });
});
