import {
  ClientAssertionCredential,
  ClientSecretCredential,
  DefaultAzureCredential,
  DeviceCodeCredential,
  ManagedIdentityCredential,
} from '@azure/identity';
import { SecretClient } from '@azure/keyvault-secrets';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { approveDeviceCode, moveClock } from '../../src/client.ts';
import type { RunningCloud } from '../../src/index.ts';
import { accessToken, account, adminToken, call, startTrustedCloud } from '../../src/testing.ts';

const graphScope = 'https://graph.microsoft.com/.default';
let cloud: RunningCloud;
beforeAll(async () => {
  cloud = await startTrustedCloud();
  vi.stubEnv('IDENTITY_ENDPOINT', cloud.document.managedIdentity.endpoint);
  vi.stubEnv('IDENTITY_HEADER', cloud.document.managedIdentity.header);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await cloud.stop();
});

const options = () => ({ authorityHost: cloud.document.entra, disableInstanceDiscovery: true });
const ownSecret = () => {
  const { partnerTenantId, application } = cloud.document;
  return new ClientSecretCredential(partnerTenantId, application.clientId, application.clientSecret, options());
};
const ownIdentity = () => new ManagedIdentityCredential({ clientId: cloud.document.managedIdentity.clientId });
const claimsOf = async (token: Promise<{ token: string } | null>) => decodeJwt((await token)?.token ?? '');

describe('@azure/identity', () => {
  it('gets a token with a client secret', async () => {
    const { partnerTenantId, application } = cloud.document;
    const claims = await claimsOf(ownSecret().getToken(graphScope));
    expect(claims).toMatchObject({ tid: partnerTenantId, appid: application.clientId, idtyp: 'app', ver: '1.0' });
    expect(claims['roles']).toContain('Directory.Read.All');
  });

  it('gets version 2.0 tokens with application roles for the callers of an API', async () => {
    const { partnerTenantId, brokerApplication, entra } = cloud.document;
    for (const { clientId, clientSecret, roles } of brokerApplication.callers) {
      const credential = new ClientSecretCredential(partnerTenantId, clientId, clientSecret, options());
      const claims = await claimsOf(credential.getToken(`${brokerApplication.audience}/.default`));
      expect(claims).toMatchObject({
        aud: brokerApplication.clientId,
        iss: `${entra}/${partnerTenantId}/v2.0`,
        azp: clientId,
        ver: '2.0',
      });
      expect(claims['roles'] ?? []).toEqual(roles);
    }
  });

  it.each([
    ['with its client id', ownIdentity],
    [
      'through DefaultAzureCredential',
      () => new DefaultAzureCredential({ managedIdentityClientId: cloud.document.managedIdentity.clientId }),
    ],
  ])('gets a managed identity token for Key Vault: %s', async (_how, make) => {
    const claims = await claimsOf(make().getToken('https://vault.azure.net/.default'));
    expect(claims).toMatchObject({
      aud: 'https://vault.azure.net',
      oid: cloud.document.managedIdentity.principalId,
      idtyp: 'app',
    });
  });

  it('rejects an unknown managed identity', async () => {
    const credential = new ManagedIdentityCredential({ clientId: '11111111-1111-4111-8111-111111111111' });
    await expect(credential.getToken('https://vault.azure.net/.default')).rejects.toThrow(
      /No User Assigned or Delegated Managed Identity/,
    );
  });

  it('rejects a request without a client id, because there is no system-assigned identity', async () => {
    await expect(new ManagedIdentityCredential().getToken('https://vault.azure.net/.default')).rejects.toThrow(
      /No User Assigned or Delegated Managed Identity/,
    );
  });

  it('gets a token through a federated credential, or an error that names the mismatch', async () => {
    const { partnerTenantId, application, graph, entra, managedIdentity } = cloud.document;
    const identity = new ManagedIdentityCredential({ clientId: managedIdentity.clientId });
    const assertion = async () => (await identity.getToken('api://AzureADTokenExchange/.default')).token;
    const ask = () =>
      new ClientAssertionCredential(partnerTenantId, application.clientId, assertion, options()).getToken(graphScope);
    await expect(ask()).rejects.toThrow(/AADSTS70021/);
    const token = await adminToken(cloud);
    const path = `${graph}/v1.0/applications(appId='${application.clientId}')/federatedIdentityCredentials`;
    const right = {
      name: 'managed-identity',
      issuer: `${entra}/${partnerTenantId}/v2.0`,
      subject: managedIdentity.principalId,
      audiences: ['api://AzureADTokenExchange'],
    };
    const trust = async (change: object) => {
      const { status } = await call(`${path}/managed-identity`, token, {
        method: 'PATCH',
        body: JSON.stringify({ ...right, ...change }),
      });
      expect(status).toBe(204);
    };
    expect(
      (
        await call(path, token, {
          method: 'POST',
          body: JSON.stringify({ ...right, issuer: 'https://elsewhere.example' }),
        })
      ).status,
    ).toBe(201);
    await expect(ask()).rejects.toThrow(/AADSTS700211/);
    await trust({ subject: 'another' });
    await expect(ask()).rejects.toThrow(/AADSTS700213/);
    await trust({ audiences: ['api://other'] });
    await expect(ask()).rejects.toThrow(/AADSTS700212/);
    await trust({});
    expect(await claimsOf(ask())).toMatchObject({ appid: application.clientId });
  });

  it('signs a person in with a device code', async () => {
    const { partnerTenantId, control } = cloud.document;
    const credential = new DeviceCodeCredential({
      tenantId: partnerTenantId,
      ...options(),
      userPromptCallback: ({ userCode }) =>
        void approveDeviceCode(control, userCode, account(cloud, 'broker'), { mfa: false }),
    });
    expect(await claimsOf(credential.getToken(graphScope))).toMatchObject({
      upn: account(cloud, 'broker'),
      amr: ['pwd'],
    });
  });

  it('rejects managed identity requests without the identity header', async () => {
    const address = `${cloud.document.managedIdentity.endpoint}?api-version=2019-08-01&resource=https://vault.azure.net`;
    expect((await fetch(address)).status).toBe(403);
    expect((await fetch(address, { headers: { 'x-identity-header': 'guess' } })).status).toBe(403);
  });

  it('rejects a user token for a federated credential', async () => {
    const { partnerTenantId, application, graph } = cloud.document;
    const token = await accessToken(cloud, partnerTenantId);
    const { iss, sub } = decodeJwt(token);
    const body = { name: 'person', issuer: iss, subject: sub, audiences: ['https://graph.microsoft.com'] };
    const path = `${graph}/v1.0/applications(appId='${application.clientId}')/federatedIdentityCredentials`;
    const created = await call(path, await adminToken(cloud), { method: 'POST', body: JSON.stringify(body) });
    expect(created.status).toBe(201);
    const credential = new ClientAssertionCredential(
      partnerTenantId,
      application.clientId,
      () => Promise.resolve(token),
      options(),
    );
    await expect(credential.getToken(graphScope)).rejects.toThrow(/AADSTS700229/);
  });

  it('keeps managed identity tokens on the wall clock when the cloud clock moves', async () => {
    const vault = new SecretClient(cloud.document.keyVault, ownIdentity(), {
      disableChallengeResourceVerification: true,
    });
    await vault.setSecret('before', 'value');
    await moveClock(cloud.document.control, 95 * 24 * 3600 * 1000);
    const claims = await claimsOf(ownIdentity().getToken('https://management.azure.com/.default'));
    expect(Number(claims.exp) * 1000).toBeLessThan(Date.now() + 25 * 3600 * 1000);
    expect((await vault.getSecret('before')).value).toBe('value');
  });

  it('reports an expired client secret', async () => {
    await moveClock(cloud.document.control, 100 * 24 * 3600 * 1000);
    await expect(ownSecret().getToken(graphScope)).rejects.toThrow(/AADSTS7000222/);
  });
});
