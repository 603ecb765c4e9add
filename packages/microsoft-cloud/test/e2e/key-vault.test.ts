import { ClientSecretCredential, ManagedIdentityCredential } from '@azure/identity';
import { type SecretProperties, SecretClient } from '@azure/keyvault-secrets';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { moveClock, changeSettings } from '../../src/client.ts';
import type { RunningCloud } from '../../src/index.ts';
import { call, readReply, startTrustedCloud } from '../../src/testing.ts';

let cloud: RunningCloud;
let secrets: SecretClient;
beforeAll(async () => {
  cloud = await startTrustedCloud({ tenants: 1, settings: { keyVaultDelayMs: 50 } });
  vi.stubEnv('IDENTITY_ENDPOINT', cloud.document.managedIdentity.endpoint);
  vi.stubEnv('IDENTITY_HEADER', cloud.document.managedIdentity.header);
  secrets = new SecretClient(
    cloud.document.keyVault,
    new ManagedIdentityCredential({ clientId: cloud.document.managedIdentity.clientId }),
    {
      disableChallengeResourceVerification: true,
    },
  );
});
afterEach(() => cloud.faults.clear());
afterAll(async () => {
  vi.unstubAllEnvs();
  await cloud.stop();
});

async function listed(items: AsyncIterable<SecretProperties>): Promise<SecretProperties[]> {
  const found: SecretProperties[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe('@azure/keyvault-secrets', () => {
  it('receives a challenge if it sends no token', async () => {
    const { status, headers } = await readReply(await fetch(`${cloud.document.keyVault}/secrets/any?api-version=7.4`));
    expect(status).toBe(401);
    expect(headers.get('www-authenticate')).toBe(
      `Bearer authorization="${cloud.document.entra}/${cloud.document.partnerTenantId}", resource="https://vault.azure.net"`,
    );
  });

  it('creates a version that is disabled, or not valid yet, if it is told to', async () => {
    const notBefore = new Date(1_900_000_000_000);
    const { properties } = await secrets.setSecret('staged', 'value', { enabled: false, notBefore });
    expect(properties).toMatchObject({ enabled: false, notBefore });
    await expect(secrets.getSecret('staged')).rejects.toMatchObject({ statusCode: 403 });
  });

  it('keeps every version with its attributes and tags', async () => {
    const expiresOn = new Date(1_900_000_000_000);
    const first = await secrets.setSecret('kept', 'one', {
      expiresOn,
      contentType: 'text/plain',
      tags: { account: 'a' },
    });
    await secrets.setSecret('kept', 'two');
    expect((await secrets.getSecret('kept')).value).toBe('two');
    const old = await secrets.getSecret('kept', { version: first.properties.version ?? '' });
    expect(old.value).toBe('one');
    expect(old.properties).toMatchObject({
      expiresOn,
      contentType: 'text/plain',
      tags: { account: 'a' },
      enabled: true,
      recoveryLevel: 'Recoverable+Purgeable',
    });
    expect(await listed(secrets.listPropertiesOfSecretVersions('kept'))).toHaveLength(2);
  });

  it('rejects a disabled version until it is enabled again', async () => {
    const { properties } = await secrets.setSecret('switched', 'value');
    const version = properties.version ?? '';
    await secrets.updateSecretProperties('switched', version, { enabled: false, tags: { why: 'old' } });
    await expect(secrets.getSecret('switched')).rejects.toMatchObject({
      statusCode: 403,
      code: 'Forbidden',
      details: { error: { innerError: { code: 'SecretDisabled' } } },
    });
    const updated = await secrets.updateSecretProperties('switched', version, { enabled: true });
    expect(updated.tags).toEqual({ why: 'old' });
    expect((await secrets.getSecret('switched')).value).toBe('value');
  });

  it('lists secrets and versions page by page', async () => {
    for (let number = 0; number < 30; number += 1) await secrets.setSecret('many', String(number));
    const pages: number[] = [];
    for await (const page of secrets.listPropertiesOfSecretVersions('many').byPage({ maxPageSize: 12 }))
      pages.push(page.length);
    expect(pages).toEqual([12, 12, 6]);
    expect((await listed(secrets.listPropertiesOfSecrets())).map(({ name }) => name)).toContain('many');
  });

  it('soft-deletes a secret and keeps its name until it is recovered or purged', async () => {
    await secrets.setSecret('leaving', 'value');
    const deleted = await (await secrets.beginDeleteSecret('leaving', { intervalInMs: 1 })).pollUntilDone();
    expect(deleted.properties.recoveryId).toBe(`${cloud.document.keyVault}/deletedsecrets/leaving`);
    await expect(secrets.getSecret('leaving')).rejects.toMatchObject({ statusCode: 404, code: 'SecretNotFound' });
    await expect(secrets.setSecret('leaving', 'again')).rejects.toMatchObject({ statusCode: 409, code: 'Conflict' });
    await (await secrets.beginRecoverDeletedSecret('leaving', { intervalInMs: 1 })).pollUntilDone();
    expect((await secrets.getSecret('leaving')).value).toBe('value');
    await (await secrets.beginDeleteSecret('leaving', { intervalInMs: 1 })).pollUntilDone();
    await secrets.purgeDeletedSecret('leaving');
    await expect(secrets.getDeletedSecret('leaving')).rejects.toMatchObject({ statusCode: 404 });
    await moveClock(cloud.control, 50);
    expect((await secrets.setSecret('leaving', 'new')).value).toBe('new');
  });

  it('takes a while to delete, recover and purge a secret', async () => {
    await changeSettings(cloud.control, { keyVaultDelayMs: 60_000 });
    const conflict = (innerError: string) => ({
      statusCode: 409,
      code: 'Conflict',
      details: { error: { innerError: { code: innerError } } },
    });
    await secrets.setSecret('slow', 'value');
    await secrets.beginDeleteSecret('slow');
    await expect(secrets.getSecret('slow')).rejects.toMatchObject({ statusCode: 404 });
    await expect(secrets.getDeletedSecret('slow')).rejects.toMatchObject({ statusCode: 404 });
    await expect(secrets.setSecret('slow', 'x')).rejects.toMatchObject(conflict('ObjectIsBeingDeleted'));
    await expect(secrets.purgeDeletedSecret('slow')).rejects.toMatchObject(conflict('ObjectIsBeingDeleted'));
    await moveClock(cloud.control, 60_000);
    expect((await secrets.getDeletedSecret('slow')).name).toBe('slow');
    await expect(secrets.setSecret('slow', 'x')).rejects.toMatchObject(conflict('ObjectIsDeletedButRecoverable'));
    await secrets.beginRecoverDeletedSecret('slow');
    await expect(secrets.getSecret('slow')).rejects.toMatchObject({ statusCode: 404 });
    await expect(secrets.setSecret('slow', 'x')).rejects.toMatchObject(conflict('ObjectIsBeingRecovered'));
    await moveClock(cloud.control, 60_000);
    expect((await secrets.getSecret('slow')).value).toBe('value');
    await changeSettings(cloud.control, { keyVaultDelayMs: 50 });
  });

  it.each([
    ['', 'api-version must be specified'],
    ['?api-version=', 'api-version must be specified'],
    ['?api-version=9.9', 'The specified version (9.9) is not recognized.'],
  ])('rejects the version "%s"', async (query, message) => {
    const token = await new ManagedIdentityCredential({
      clientId: cloud.document.managedIdentity.clientId,
    }).getToken('https://vault.azure.net/.default');
    const reply = await call(`${cloud.document.keyVault}/secrets${query}`, token.token);
    expect(reply).toMatchObject({ status: 400, body: { error: { code: 'BadParameter', message } } });
  });

  it('retries after Retry-After when it is throttled', async () => {
    await secrets.setSecret('busy', 'value');
    const answer = { status: 429, headers: { 'retry-after': '0' }, body: '{"error":{"code":"Throttled"}}' };
    cloud.faults.add({ service: 'keyVault', method: 'GET', count: 2, ...answer });
    expect((await secrets.getSecret('busy')).value).toBe('value');
    expect(cloud.faults.list()[0]?.applied).toBe(2);
  });

  it('stores a write whose reply is lost', async () => {
    cloud.faults.add({ service: 'keyVault', method: 'PUT', kind: 'lost_reply', count: 1 });
    await secrets.setSecret('lost', 'value');
    // The SDK repeats the request, so there are two versions.
    expect(await listed(secrets.listPropertiesOfSecretVersions('lost'))).toHaveLength(2);
  });

  it('rejects a caller without a role in the vault', async () => {
    const { partnerTenantId, application, entra, keyVault } = cloud.document;
    const stranger = new ClientSecretCredential(partnerTenantId, application.clientId, application.clientSecret, {
      authorityHost: entra,
      disableInstanceDiscovery: true,
    });
    const client = new SecretClient(keyVault, stranger, { disableChallengeResourceVerification: true });
    await expect(client.getSecret('kept')).rejects.toMatchObject({
      statusCode: 403,
      details: { error: { innerError: { code: 'ForbiddenByRbac' } } },
    });
  });

  it('rejects values that are too long and invalid names', async () => {
    await expect(secrets.setSecret('too-long', 'x'.repeat(25 * 1024 + 1))).rejects.toMatchObject({ statusCode: 400 });
    await expect(secrets.setSecret('not_a_name', 'x')).rejects.toMatchObject({ statusCode: 400 });
  });

  it('counts reads and writes without the challenge, and records no value', () => {
    const { totals, requests } = cloud.ledger.read();
    expect(totals.keyVaultReads).toBeGreaterThan(0);
    expect(totals.keyVaultWrites).toBeGreaterThan(30);
    const answered = requests.filter(({ service, status }) => service === 'keyVault' && status !== 401);
    expect(totals.keyVaultReads + totals.keyVaultWrites).toBe(answered.length);
    expect(JSON.stringify(requests)).not.toContain('value');
    expect(totals.unmatched).toBe(0);
  });
});
