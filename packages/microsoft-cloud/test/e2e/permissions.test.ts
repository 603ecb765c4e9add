import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signIn } from '../../src/client.ts';
import { type RunningCloud, startCloud } from '../../src/index.ts';
import {
  accessToken,
  account,
  adminToken,
  call,
  type JsonReply,
  postForm,
  redeem,
  startTrustedCloud,
} from '../../src/testing.ts';

/** As Microsoft's published file, with a permission that the package does not know. */
const publishedFile = JSON.stringify({
  permissions: Object.fromEntries(
    [
      ['User.Read.All', '/users'],
      ['Application.Read.All', '/servicePrincipals/{id}'],
      ['Zebra.Read.All', '/zebras'],
    ].map(([name = '', path = '']) => [
      name,
      {
        authorizationType: 'oAuth2',
        schemes: {},
        pathSets: [{ schemeKeys: ['DelegatedWork', 'Application'], methods: ['GET'], paths: { [path]: '' } }],
      },
    ]),
  ),
});

const folder = mkdtempSync(join(tmpdir(), 'permissions-'));
const permissions = join(folder, 'permissions.json');
const graph = '00000003-0000-0000-c000-000000000000';
let cloud: RunningCloud;
let tenant: string;
beforeAll(async () => {
  writeFileSync(permissions, publishedFile);
  cloud = await startTrustedCloud({
    tenants: 1,
    plain: true,
    customers: { 0: { state: 'no_consent' } },
    permissions,
    settings: { consentPropagationMs: 0 },
  });
  tenant = cloud.document.tenants[0]?.tenantId ?? '';
});
afterAll(async () => {
  await cloud.stop();
  rmSync(folder, { recursive: true });
});

const scopesOf = (token: unknown): string =>
  (JSON.parse(Buffer.from(String(token).split('.')[1] ?? '', 'base64url').toString('utf8')) as { scp: string }).scp;

const consent = async (scope: string): Promise<JsonReply> =>
  call(
    `${cloud.document.partnerCenter}/v1/customers/${tenant}/applicationconsents`,
    await accessToken(cloud, cloud.document.partnerTenantId, 'https://api.partnercenter.microsoft.com'),
    {
      method: 'POST',
      body: JSON.stringify({
        applicationId: cloud.document.application.clientId,
        displayName: 'Partner scripts',
        applicationGrants: [{ enterpriseApplicationId: graph, scope }],
      }),
    },
  );

describe('permissions of Microsoft Graph', () => {
  it('can be consented, whichever of the published ones they are', async () => {
    const names = 'DeviceManagementManagedDevices.Read.All, Mail.ReadBasic, Zebra.Read.All';
    expect((await consent('No.Such.Permission')).status).toBe(400);
    expect((await consent(names)).status).toBe(201);
    const { body } = await redeem(cloud, tenant);
    expect(scopesOf(body['access_token'])).toBe(names.replaceAll(',', ''));
  });

  it('are in the token of a client of Microsoft that names them', async () => {
    const oauth = `${cloud.document.entra}/organizations/oauth2/v2.0`;
    const request = {
      client_id: '14d82eec-204b-4c2f-b7e8-296a70dab67e',
      redirect_uri: 'http://localhost:51000',
      scope: 'Policy.ReadWrite.ConditionalAccess openid',
    };
    const query = new URLSearchParams({ ...request, response_type: 'code' });
    const address = `${oauth}/authorize?${query.toString()}`;
    const returned = new URL(await signIn(cloud.control, address, account(cloud, 'admin')));
    const code = returned.searchParams.get('code') ?? '';
    const { body } = await postForm(`${oauth}/token`, { ...request, grant_type: 'authorization_code', code });
    expect(scopesOf(body['access_token']).split(' ')).toContain('Policy.ReadWrite.ConditionalAccess');
  });

  it('are listed by the service principal, with those that users may consent to', async () => {
    const address = `${cloud.document.graph}/v1.0/servicePrincipals(appId='${graph}')`;
    const { body } = await call(address, await adminToken(cloud));
    const scopes = body['oauth2PermissionScopes'] as { value: string; type: string; id: string }[];
    expect(scopes.length).toBeGreaterThan(700);
    const typeOf = (value: string) => scopes.find((scope) => scope.value === value)?.type;
    expect(['Mail.Read', 'User.Read.All', 'Zebra.Read.All'].map(typeOf)).toEqual(['User', 'Admin', 'Admin']);
    expect(scopes.find(({ value }) => value === 'Zebra.Read.All')?.id).toMatch(/^[0-9a-f-]{36}$/);
  });
});

it.each([
  ['missing.json', /cannot be used: ENOENT/],
  [join(import.meta.dirname, '../../package.json'), /cannot be used: This is not Microsoft's published/],
])('a permission file that cannot be used is refused: %s', async (file, reason) => {
  await expect(startCloud({ tenants: 0, permissions: file })).rejects.toThrow(reason);
});
