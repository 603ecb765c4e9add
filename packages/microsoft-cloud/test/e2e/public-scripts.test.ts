import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setTenantState } from '../../src/client.ts';
import type { RunningCloud } from '../../src/index.ts';
import { account, call, type JsonReply, postForm, redeem, startTrustedCloud, tenantWith } from '../../src/testing.ts';

/** The forms are those that Microsoft's published scripts for the secure application model send. */
let cloud: RunningCloud;
beforeAll(async () => {
  cloud = await startTrustedCloud();
});
afterAll(() => cloud.stop());

const accessTokenByResource = (
  tenantId: string,
  resource: string,
  more: Readonly<Record<string, string>> = {},
): Promise<JsonReply> =>
  postForm(`${cloud.document.entra}/${tenantId}/oauth2/token`, {
    grant_type: 'refresh_token',
    client_id: cloud.document.application.clientId,
    client_secret: cloud.document.application.clientSecret,
    resource,
    refresh_token: cloud.document.refreshToken,
    ...more,
  });

describe('token requests of the published scripts (version 1.0)', () => {
  it('returns numbers as text, with expires_on and resource', async () => {
    const beforeSeconds = Math.floor(Date.now() / 1000);
    const { status, body } = await accessTokenByResource(cloud.document.partnerTenantId, 'https://graph.microsoft.com');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      token_type: 'Bearer',
      resource: 'https://graph.microsoft.com',
      expires_in: expect.stringMatching(/^\d+$/) as string,
    });
    const issuedSeconds = Number(body['expires_on']) - Number(body['expires_in']);
    expect(issuedSeconds).toBeGreaterThanOrEqual(beforeSeconds - 1);
    expect(issuedSeconds).toBeLessThanOrEqual(Date.now() / 1000 + 1);
    expect(decodeJwt(String(body['access_token']))).toMatchObject({
      aud: 'https://graph.microsoft.com',
      tid: cloud.document.partnerTenantId,
      upn: account(cloud, 'broker'),
      amr: ['pwd', 'mfa'],
    });
  });

  it('gives access to Azure AD Graph in the token’s tenant only', async () => {
    const { tenantId, name, domain } = cloud.document.tenants[1] ?? { tenantId: '', name: '', domain: '' };
    const token = String((await accessTokenByResource(tenantId, 'https://graph.windows.net')).body['access_token']);
    const details = await call(`${cloud.document.aadGraph}/${tenantId}/tenantDetails?api-version=1.6`, token);
    expect(details.body['value']).toMatchObject([{ objectId: tenantId, displayName: name }]);
    const skus = await call(`${cloud.document.aadGraph}/${domain}/subscribedSkus?api-version=1.6`, token);
    expect((skus.body['value'] as unknown[]).length).toBeGreaterThan(0);
    const foreign = await call(
      `${cloud.document.aadGraph}/${cloud.document.partnerTenantId}/tenantDetails?api-version=1.6`,
      token,
    );
    expect(foreign).toMatchObject({ status: 403, body: { 'odata.error': { code: 'Authentication_Unauthorized' } } });
  });

  it('accepts the tenant’s domain instead of its id', async () => {
    const { tenantId, domain } = cloud.document.tenants[1] ?? { tenantId: '', domain: '' };
    const { body } = await accessTokenByResource(domain, 'https://outlook.office365.com');
    expect(decodeJwt(String(body['access_token']))['tid']).toBe(tenantId);
  });

  it('keeps the trailing slash of a resource in the audience', async () => {
    const { body } = await accessTokenByResource(
      cloud.document.partnerTenantId,
      'https://management.core.windows.net/',
    );
    expect(decodeJwt(String(body['access_token'])).aud).toBe('https://management.core.windows.net/');
    const subscriptions = await call(
      `${cloud.document.arm}/subscriptions?api-version=2022-12-01`,
      String(body['access_token']),
    );
    expect((subscriptions.body['value'] as unknown[]).length).toBe(1);
  });

  it('rejects resources that the application does not list or that do not exist', async () => {
    const { partnerTenantId } = cloud.document;
    expect((await accessTokenByResource(partnerTenantId, 'https://manage.office.com')).body).toMatchObject({
      error: 'invalid_resource',
      error_codes: [650057],
    });
    expect((await accessTokenByResource(partnerTenantId, 'https://nowhere.example')).body).toMatchObject({
      error: 'invalid_resource',
      error_codes: [500011],
    });
  });

  it('returns interaction_required for a policy, where version 2.0 returns invalid_grant', async () => {
    const tenant = tenantWith(cloud, 'conditional_access');
    const first = await accessTokenByResource(tenant, 'https://graph.microsoft.com');
    expect(first.body).toMatchObject({ error: 'interaction_required', error_codes: [53003] });
    expect((await redeem(cloud, tenant)).body).toMatchObject({ error: 'invalid_grant', error_codes: [53003] });
  });

  it('rejects scopes of two resources, unknown scopes and unknown resources', async () => {
    const { partnerTenantId } = cloud.document;
    const codes = async (scope: string) => (await redeem(cloud, partnerTenantId, { scope })).body['error_codes'];
    expect(await codes('https://graph.microsoft.com/.default https://outlook.office365.com/.default')).toEqual([28000]);
    expect(await codes('https://graph.microsoft.com/No.Such.Scope')).toEqual([70011]);
    expect(await codes('https://nowhere.example/.default')).toEqual([500011]);
  });

  it('rejects the resource parameter in version 2.0', async () => {
    expect(
      (await redeem(cloud, cloud.document.partnerTenantId, { resource: 'https://graph.microsoft.com' })).body,
    ).toMatchObject({ error: 'invalid_request', error_codes: [901002] });
  });

  it('reads Exchange, and refuses tokens for Exchange in a tenant without it', async () => {
    const { tenantId } = cloud.document.tenants[0] ?? { tenantId: '' };
    const token = String((await accessTokenByResource(tenantId, 'https://outlook.office365.com')).body['access_token']);
    const invoke = (command: string) =>
      call(`${cloud.document.exchange}/adminapi/beta/${tenantId}/InvokeCommand`, token, {
        method: 'POST',
        body: JSON.stringify({ CmdletInput: { CmdletName: command, Parameters: {} } }),
      });
    expect((await invoke('Get-OrganizationConfig')).body['value']).toMatchObject([
      { DisplayName: cloud.document.tenants[0]?.name },
    ]);
    expect((await invoke('Get-Nonsense')).status).toBe(400);
    const none = await accessTokenByResource(tenantWith(cloud, 'no_exchange'), 'https://outlook.office365.com');
    expect([500011, 650052]).toContain((none.body['error_codes'] as number[])[0]);
    expect((await accessTokenByResource(tenantWith(cloud, 'no_exchange'), 'https://graph.microsoft.com')).status).toBe(
      200,
    );
  });
});

describe('tenant state', () => {
  it('takes effect at the next request and can be reset', async () => {
    const tenant = cloud.document.tenants[0]?.tenantId ?? '';
    const { control } = cloud.document;
    const code = async () => (await redeem(cloud, tenant)).body['error_codes'];
    const seen: unknown[] = [];
    for (const state of ['gdap_expired', 'conditional_access', 'deleted', 'ok']) {
      await setTenantState(control, tenant, state);
      seen.push(await code());
    }
    expect(seen).toEqual([[50020], [53003], [90002], undefined]);
  });
});

describe('Entra error body', () => {
  it('has all properties of Entra’s error bodies', async () => {
    const { status, body, headers } = await redeem(cloud, cloud.document.partnerTenantId, { client_secret: 'wrong' });
    expect(status).toBe(401);
    expect(Object.keys(body)).toEqual([
      'error',
      'error_description',
      'error_codes',
      'timestamp',
      'trace_id',
      'correlation_id',
      'error_uri',
    ]);
    expect(body['error_description']).toMatch(
      /^AADSTS7000215: .+\r\nTrace ID: [0-9a-f-]{36}\r\nCorrelation ID: [0-9a-f-]{36}\r\nTimestamp: \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$/,
    );
    expect(body['timestamp']).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$/);
    expect(headers.get('cache-control')).toContain('no-store');
  });

  it('repeats the client’s correlation id', async () => {
    const id = '6b1f0a3e-2b8a-4c55-9a39-6f1d20f0c0de';
    const response = await fetch(`${cloud.document.entra}/${cloud.document.partnerTenantId}/oauth2/v2.0/token`, {
      method: 'POST',
      headers: { 'client-request-id': id },
      body: new URLSearchParams(),
    });
    expect(await response.json()).toMatchObject({ error_codes: [900144], correlation_id: id });
  });
});
