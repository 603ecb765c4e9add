import { randomUUID } from 'node:crypto';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signIn } from '../../src/client.ts';
import type { RunningCloud } from '../../src/index.ts';
import { account, adminToken, call, type JsonReply, postForm, startTrustedCloud } from '../../src/testing.ts';

const azureCli = '04b07795-8ddb-461a-bbee-02f9e1bf7b46';

let cloud: RunningCloud;
beforeAll(async () => {
  cloud = await startTrustedCloud();
});
afterAll(() => cloud.stop());

/** Signs in as `az login` does. @returns a refresh token. */
async function login(): Promise<string> {
  const { entra, partnerTenantId, control } = cloud.document;
  const redirectUri = 'http://localhost:51000';
  const scope = 'https://graph.microsoft.com/.default offline_access';
  const query = new URLSearchParams({ client_id: azureCli, response_type: 'code', redirect_uri: redirectUri, scope });
  const address = `${entra}/${partnerTenantId}/oauth2/v2.0/authorize?${query.toString()}`;
  const back = new URL(await signIn(control, address, account(cloud, 'broker')));
  const { body } = await redeemAsCli({
    grant_type: 'authorization_code',
    code: back.searchParams.get('code') ?? '',
    redirect_uri: redirectUri,
    scope,
  });
  return String(body['refresh_token']);
}

const redeemAsCli = (form: Readonly<Record<string, string>>): Promise<JsonReply> =>
  postForm(`${cloud.document.entra}/${cloud.document.partnerTenantId}/oauth2/v2.0/token`, {
    client_id: azureCli,
    ...form,
  });

async function changeApi(api: object): Promise<number> {
  const { graph, brokerApplication } = cloud.document;
  const path = `${graph}/v1.0/applications(appId='${brokerApplication.clientId}')`;
  const reply = await call(path, await adminToken(cloud), { method: 'PATCH', body: JSON.stringify({ api }) });
  return reply.status;
}

describe('pre-authorized clients', () => {
  it('gives the Azure CLI a token for an API only if the API pre-authorizes it', async () => {
    const form = {
      grant_type: 'refresh_token',
      refresh_token: await login(),
      scope: `${cloud.document.brokerApplication.clientId}/.default`,
    };
    const scopes = ['access_as_user', 'something_else'].map((value) => ({ id: randomUUID(), value, type: 'Admin' }));
    expect(await changeApi({ oauth2PermissionScopes: scopes })).toBe(204);
    expect((await redeemAsCli(form)).body).toMatchObject({ error: 'invalid_grant', error_codes: [65001] });

    const client = { appId: azureCli, delegatedPermissionIds: [scopes[0]?.id] };
    expect(await changeApi({ preAuthorizedApplications: [client] })).toBe(204);
    const { body } = await redeemAsCli(form);
    expect(decodeJwt(String(body['access_token']))).toMatchObject({ azp: azureCli, scp: 'access_as_user' });
  });

  it('rejects pre-authorization for a scope that the API does not have', async () => {
    const client = { appId: azureCli, delegatedPermissionIds: [randomUUID()] };
    expect(await changeApi({ preAuthorizedApplications: [client] })).toBe(400);
  });
});
