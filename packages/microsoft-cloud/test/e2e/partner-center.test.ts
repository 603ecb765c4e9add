import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changeSettings, moveClock, signIn } from '../../src/client.ts';
import type { RunningCloud } from '../../src/index.ts';
import {
  accessToken,
  account,
  call,
  type JsonReply,
  postForm,
  redeem,
  startTrustedCloud,
  tenantWith,
} from '../../src/testing.ts';

const resource = 'https://api.partnercenter.microsoft.com';
let cloud: RunningCloud;
let token: string;
beforeAll(async () => {
  cloud = await startTrustedCloud({ tenants: 30 });
  token = await accessToken(cloud, cloud.document.partnerTenantId, resource);
});
afterAll(() => cloud.stop());

const at = (path: string, init: RequestInit = {}, bearer = token): Promise<JsonReply> =>
  call(`${cloud.document.partnerCenter}/v1${path}`, bearer, init);

async function tokenWithoutMfa(): Promise<string> {
  const { entra, application, control, partnerTenantId } = cloud.document;
  const redirectUri = 'http://localhost:1';
  const query = new URLSearchParams({
    client_id: application.clientId,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: `${resource}/.default`,
  });
  const back = await signIn(
    control,
    `${entra}/${partnerTenantId}/oauth2/v2.0/authorize?${query.toString()}`,
    account(cloud, 'nomfa'),
  );
  const { body } = await postForm(`${entra}/${partnerTenantId}/oauth2/v2.0/token`, {
    grant_type: 'authorization_code',
    client_id: application.clientId,
    client_secret: application.clientSecret,
    redirect_uri: redirectUri,
    code: new URL(back).searchParams.get('code') ?? '',
    scope: `${resource}/.default`,
  });
  return String(body['access_token']);
}

describe('Partner Center', () => {
  it('pages customers by a continuation token in a header', async () => {
    const found: string[] = [];
    let next: { uri: string; headers: { key: string; value: string }[] } | undefined = {
      uri: `${cloud.document.partnerCenter}/v1/customers?size=7`,
      headers: [],
    };
    while (next !== undefined) {
      const headers = Object.fromEntries(next.headers.map(({ key, value }) => [key, value]));
      const { body }: JsonReply = await call(next.uri, token, { headers });
      found.push(...(body['items'] as { id: string }[]).map(({ id }) => id));
      next = (body['links'] as { next?: typeof next }).next;
    }
    expect(found.length).toBeGreaterThan(14);
    expect(new Set(found).size).toBe(found.length);
  });

  it('reports MFA, repeats request ids, and rejects a user without MFA', async () => {
    const id = randomUUID();
    const fine = await at('/customers?size=1', { headers: { ValidateMfa: 'true', 'MS-RequestId': id } });
    expect([fine.headers.get('ismfacompliant'), fine.headers.get('ms-requestid')]).toEqual(['true', id]);
    const refused = await at('/customers?size=1', { headers: { ValidateMfa: 'true' } }, await tokenWithoutMfa());
    expect(refused).toMatchObject({ status: 401, body: { code: 900421, data: [], source: 'PartnerFD' } });
    expect(refused.headers.get('ismfacompliant')).toBe('false');
  });

  it('rejects a token for Azure AD Graph', async () => {
    const old = await accessToken(cloud, cloud.document.partnerTenantId, 'https://graph.windows.net');
    expect(await at('/customers', {}, old)).toMatchObject({ status: 401, body: { code: 900420 } });
  });

  it('returns 404 for an unknown customer', async () => {
    expect(await at(`/customers/${randomUUID()}`)).toMatchObject({ status: 404, body: { code: 60003 } });
  });
});

const consent = (tenant: string, scope = 'User.Read,Directory.Read.All'): Promise<JsonReply> =>
  at(`/customers/${tenant}/applicationconsents`, {
    method: 'POST',
    body: JSON.stringify({
      applicationId: cloud.document.application.clientId,
      applicationGrants: [{ enterpriseApplicationId: '00000003-0000-0000-c000-000000000000', scope }],
    }),
  });

describe('applicationconsents', () => {
  it('grants the requested scopes in a customer tenant and removes them again', async () => {
    const tenant = tenantWith(cloud, 'no_consent');
    expect((await redeem(cloud, tenant)).body).toMatchObject({ error_codes: [65001] });
    expect((await consent(tenant)).status).toBe(201);
    const { status, body } = await redeem(cloud, tenant);
    expect([status, body['scope']]).toEqual([
      200,
      'https://graph.microsoft.com/User.Read https://graph.microsoft.com/Directory.Read.All https://graph.microsoft.com/.default',
    ]);
    expect((await redeem(cloud, tenant, { scope: 'https://outlook.office365.com/.default' })).body).toMatchObject({
      error_codes: [65001],
    });
    expect((await consent(tenant)).body['description']).toContain('Permission entry already exists');
    const removed = await at(`/customers/${tenant}/applicationconsents/${cloud.document.application.clientId}`, {
      method: 'DELETE',
    });
    expect(removed.status).toBe(204);
    expect((await redeem(cloud, tenant)).status).toBe(400);
  });

  it('delays the effect of a consent by consentPropagationMs', async () => {
    await changeSettings(cloud.document.control, { consentPropagationMs: 180_000 });
    const tenant = cloud.document.tenants.filter(({ state }) => state === 'no_consent')[1]?.tenantId ?? '';
    expect((await consent(tenant)).status).toBe(201);
    expect((await redeem(cloud, tenant)).body).toMatchObject({ error_codes: [90099] });
    await moveClock(cloud.document.control, 180_001);
    expect((await redeem(cloud, tenant)).status).toBe(200);
    token = await accessToken(cloud, cloud.document.partnerTenantId, resource);
  });

  it('rejects application tokens, unknown scopes and tenants without a relationship', async () => {
    const tenant = tenantWith(cloud, 'no_consent');
    const { body } = await redeem(cloud, cloud.document.partnerTenantId, {
      grant_type: 'client_credentials',
      scope: `${resource}/.default`,
    });
    const own = await at(
      `/customers/${tenant}/applicationconsents`,
      { method: 'POST', body: '{}' },
      String(body['access_token']),
    );
    expect(own).toMatchObject({ status: 403, body: { code: 900329 } });
    expect((await consent(tenant, 'No.Such.Scope')).status).toBe(400);
    expect(await consent(tenantWith(cloud, 'gdap_expired'))).toMatchObject({ status: 403, body: { code: 20002 } });
  });
});
