import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signIn } from '../../src/client.ts';
import type { RunningCloud } from '../../src/index.ts';
import { accessToken, account, call, type JsonReply, postForm, startTrustedCloud } from '../../src/testing.ts';

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
