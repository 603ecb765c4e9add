import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningCloud } from '../../src/index.ts';
import { accessToken, call, postForm, startTrustedCloud } from '../../src/testing.ts';
import { failureOf, graphClient } from './graph-client.ts';

let cloud: RunningCloud;
beforeAll(async () => {
  cloud = await startTrustedCloud({ tenants: 1 });
});
afterAll(() => cloud.stop());

describe('Graph errors', () => {
  const get = (token: string, path: string) => failureOf(graphClient(cloud, token).api(path).get());

  it('rejects tokens that are for another resource, forged or malformed', async () => {
    const { partnerTenantId } = cloud.document;
    const other = await accessToken(cloud, partnerTenantId, 'https://api.partnercenter.microsoft.com');
    const [head = '', , signature = ''] = (await accessToken(cloud, partnerTenantId)).split('.');
    const forged = `${head}.${Buffer.from('{"aud":"https://graph.microsoft.com"}').toString('base64url')}.${signature}`;
    for (const token of [other, forged, 'nonsense']) {
      expect(await get(token, '/me')).toMatchObject({ statusCode: 401, code: 'InvalidAuthenticationToken' });
    }
  });

  it('rejects tokens without the permission', async () => {
    const { entra, partnerTenantId, application } = cloud.document;
    const { body } = await postForm(`${entra}/${partnerTenantId}/oauth2/v2.0/token`, {
      grant_type: 'client_credentials',
      client_id: application.clientId,
      client_secret: application.clientSecret,
      scope: 'https://graph.microsoft.com/.default',
    });
    const token = String(body['access_token']);
    const report = '/reports/authenticationMethods/userRegistrationDetails';
    expect(await get(token, report)).toMatchObject({ statusCode: 403, code: 'Authorization_RequestDenied' });
    expect(await get(token, '/me')).toMatchObject({ statusCode: 400 });
  });

  it('rejects unsupported filters and unknown properties', async () => {
    const token = await accessToken(cloud, cloud.document.partnerTenantId);
    expect(await get(token, '/users?$filter=indexof(displayName,1) eq 1')).toMatchObject({
      statusCode: 400,
      code: 'Request_UnsupportedQuery',
    });
    expect(await get(token, '/users?$select=nonsense')).toMatchObject({ statusCode: 400 });
  });

  it('rejects a body that is not sent as JSON, alone and in a batch', async () => {
    const token = await accessToken(cloud, cloud.document.partnerTenantId);
    const root = `${cloud.document.graph}/v1.0`;
    const body = JSON.stringify({ displayName: 'X', mailNickname: 'x', mailEnabled: false, securityEnabled: true });
    for (const type of ['application/x-www-form-urlencoded', 'text/plain']) {
      const headers = { 'content-type': type };
      const alone = await call(`${root}/groups`, token, { method: 'POST', body, headers });
      expect(alone.status).toBe(400);
      expect(alone.body['error']).toMatchObject({ message: expect.stringContaining('ensure Content-Type') as string });
      const part = { id: '1', method: 'POST', url: '/groups', body: JSON.parse(body) as unknown, headers };
      const batch = { method: 'POST', body: JSON.stringify({ requests: [part] }) };
      const { responses } = (await call(`${root}/$batch`, token, batch)).body as { responses?: { status: number }[] };
      expect(responses).toMatchObject([{ status: 400 }]);
      expect((await call(`${root}/$batch`, token, { ...batch, headers })).status).toBe(400);
    }
    // The application has no permission to create groups.
    const headers = { 'content-type': 'application/json; charset=utf-8' };
    expect((await call(`${root}/groups`, token, { method: 'POST', body, headers })).status).toBe(403);
  });

  it('returns 400 for an unknown address and marks it as unmatched', async () => {
    const before = cloud.ledger.read().totals.unmatched;
    expect(await get(await accessToken(cloud, cloud.document.partnerTenantId), '/nonsense')).toMatchObject({
      statusCode: 400,
      code: 'BadRequest',
    });
    expect(cloud.ledger.read().totals.unmatched).toBe(before + 1);
  });
});
