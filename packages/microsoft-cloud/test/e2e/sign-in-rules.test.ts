import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approveDeviceCode, signIn } from '../../src/client.ts';
import type { RunningCloud } from '../../src/index.ts';
import {
  accessToken,
  account,
  adminToken,
  call,
  type JsonReply,
  postForm,
  readReply,
  redeem,
  startTrustedCloud,
} from '../../src/testing.ts';

const graphAppId = '00000003-0000-0000-c000-000000000000';
const graphDefault = 'https://graph.microsoft.com/.default';
const webRedirect = 'http://localhost';
const spaRedirect = 'https://spa.example';
const verifier = 'v'.repeat(43);
let cloud: RunningCloud;
let tenant: string;
beforeAll(async () => {
  cloud = await startTrustedCloud({ tenants: 1, plain: true });
  tenant = cloud.document.tenants[0]?.tenantId ?? '';
  const address = `${cloud.document.graph}/v1.0/applications(appId='${cloud.document.application.clientId}')`;
  const body = JSON.stringify({ spa: { redirectUris: [spaRedirect] } });
  await call(address, await adminToken(cloud), { method: 'PATCH', body });
});
afterAll(() => cloud.stop());

const authorizeUrl = (change: Readonly<Record<string, string>> = {}, authority = cloud.document.partnerTenantId) =>
  `${cloud.document.entra}/${authority}/oauth2/v2.0/authorize?${new URLSearchParams({
    client_id: cloud.document.application.clientId,
    redirect_uri: webRedirect,
    response_type: 'code',
    scope: graphDefault,
    ...change,
  }).toString()}`;

const signedIn = async (change: Readonly<Record<string, string>> = {}): Promise<URLSearchParams> =>
  new URL(await signIn(cloud.control, authorizeUrl(change), account(cloud, 'broker'))).searchParams;

async function redeemCode(
  redirectUri: string,
  { authority = cloud.document.partnerTenantId, origin }: { authority?: string; origin?: string } = {},
): Promise<JsonReply> {
  const challenge = { code_challenge: verifier, code_challenge_method: 'plain' };
  const code = (await signedIn({ redirect_uri: redirectUri, ...challenge })).get('code') ?? '';
  const { clientId, clientSecret } = cloud.document.application;
  return readReply(
    await fetch(`${cloud.document.entra}/${authority}/oauth2/v2.0/token`, {
      method: 'POST',
      headers: origin === undefined ? {} : { origin },
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        client_id: clientId,
        client_secret: clientSecret,
        redirect_uri: redirectUri,
        code,
        code_verifier: verifier,
        scope: graphDefault,
      }),
    }),
  );
}

describe('an application that requires an assignment', () => {
  it('gives tokens only to those who are assigned to it, with its default role if it has none', async () => {
    const { graph, application } = cloud.document;
    const admin = await adminToken(cloud);
    const path = `${graph}/v1.0/servicePrincipals(appId='${application.clientId}')`;
    const principal = (await call(path, admin)).body;
    const send = (method: string, to: string, body: object) =>
      call(`${graph}/v1.0/${to}`, admin, { method, body: JSON.stringify(body) });
    const own = `servicePrincipals/${String(principal['id'])}`;
    await send('PATCH', own, { appRoleAssignmentRequired: true });
    const redeemed = () => redeem(cloud, cloud.document.partnerTenantId, { scope: graphDefault });
    expect((await redeemed()).body).toMatchObject({ error_codes: [50105] });
    const user = (await call(`${graph}/v1.0/users/${account(cloud, 'broker')}`, admin)).body['id'];
    const assignment = { principalId: user, resourceId: principal['id'] };
    const assign = (appRoleId: string) => send('POST', `${own}/appRoleAssignedTo`, { ...assignment, appRoleId });
    expect((await assign(crypto.randomUUID())).status).toBe(400);
    expect((await assign('00000000-0000-0000-0000-000000000000')).status).toBe(201);
    expect((await redeemed()).status).toBe(200);
    await send('PATCH', own, { appRoleAssignmentRequired: false });
  });

  it('keeps which properties of its service principals are locked', async () => {
    const { graph, application } = cloud.document;
    const admin = await adminToken(cloud);
    const path = `${graph}/v1.0/applications(appId='${application.clientId}')`;
    const patch = (servicePrincipalLockConfiguration: unknown) =>
      call(path, admin, { method: 'PATCH', body: JSON.stringify({ servicePrincipalLockConfiguration }) });
    const lock = { isEnabled: true, allProperties: true };
    expect((await patch(lock)).status).toBe(204);
    expect((await call(path, admin)).body['servicePrincipalLockConfiguration']).toMatchObject(lock);
    expect((await patch({ isEnabled: 'yes' })).status).toBe(400);
    expect((await patch(null)).status).toBe(204);
  });
});

describe('scopes', () => {
  it.each([
    ['.default with a named scope', `${graphDefault} https://graph.microsoft.com/User.Read`, 70011],
    ['two resources', `${graphDefault} https://outlook.office365.com/.default`, 28000],
    ['a known scope without consent', 'https://graph.microsoft.com/Group.ReadWrite.All', 65001],
    ['an unknown scope', 'https://graph.microsoft.com/No.Such.Scope', 70011],
  ])('at the token endpoint: rejects %s', async (_what, scope, number) => {
    expect((await redeem(cloud, tenant, { scope })).body).toMatchObject({ error_codes: [number] });
  });

  it('reads scopes in any letter case, and grants them as the resource spells them', async () => {
    const scope = 'openid user.read.all OFFLINE_ACCESS';
    const partner = await redeem(cloud, cloud.document.partnerTenantId, { scope });
    expect(partner.status).toBe(200);
    expect(String(partner.body['scope'])).toContain('User.Read.All');
    expect(String(partner.body['scope'])).not.toContain('user.read.all');
    expect(partner.body['refresh_token']).toEqual(expect.any(String));
    expect((await redeem(cloud, tenant, { scope: 'https://graph.microsoft.com/.DEFAULT' })).status).toBe(200);
    const named = 'https://graph.microsoft.com/group.readwrite.all';
    expect((await redeem(cloud, tenant, { scope: named })).body).toMatchObject({ error_codes: [65001] });
  });

  it('at the token endpoint: rejects a named scope with client credentials', async () => {
    const form = { grant_type: 'client_credentials', scope: 'https://graph.microsoft.com/User.Read.All' };
    expect((await redeem(cloud, cloud.document.partnerTenantId, form)).body).toMatchObject({
      error: 'invalid_scope',
      error_codes: [1002012],
    });
  });

  it('at a sign-in: accepts two resources and redirects with invalid_client for an unknown scope', async () => {
    const two = await signedIn({ scope: `${graphDefault} https://outlook.office365.com/.default` });
    expect(two.get('code')).toMatch(/^.{20,}$/);
    const unknown = await signedIn({ scope: 'https://graph.microsoft.com/No.Such.Scope' });
    expect(unknown.get('error')).toBe('invalid_client');
    expect(unknown.get('error_description')).toContain(
      `AADSTS650053: The application 'Partner scripts' asked for scope`,
    );
  });

  it('at a sign-in: needs an administrator for a named scope without consent', async () => {
    const scope = 'https://graph.microsoft.com/Group.Read.All';
    expect((await signedIn({ scope })).get('error')).toBe('consent_required');
    await signIn(cloud.control, authorizeUrl({ scope }), account(cloud, 'admin'));
    expect((await signedIn({ scope })).get('code')).toMatch(/^.{20,}$/);
  });

  it('accepts a device code for one scope with its resource', async () => {
    const begun = await postForm(`${cloud.document.entra}/organizations/oauth2/v2.0/devicecode`, {
      client_id: '14d82eec-204b-4c2f-b7e8-296a70dab67e',
      scope: 'https://graph.microsoft.com/User.Read',
    });
    await approveDeviceCode(cloud.control, String(begun.body['user_code']), account(cloud, 'broker'));
    const { status } = await postForm(`${cloud.document.entra}/organizations/oauth2/v2.0/token`, {
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      client_id: '14d82eec-204b-4c2f-b7e8-296a70dab67e',
      device_code: String(begun.body['device_code']),
    });
    expect(status).toBe(200);
  });
});

describe('authorization codes', () => {
  it('are redeemed in the tenant of the sign-in only', async () => {
    expect((await redeemCode(webRedirect, { authority: tenant })).body).toMatchObject({
      error: 'invalid_grant',
      error_codes: [700005],
    });
    expect((await redeemCode(webRedirect)).status).toBe(200);
  });

  it('of a single-page app need an Origin header, those of other platforms must not have it', async () => {
    expect((await redeemCode(spaRedirect)).body).toMatchObject({ error: 'invalid_request', error_codes: [9002327] });
    expect((await redeemCode(webRedirect, { origin: spaRedirect })).body).toMatchObject({ error_codes: [9002326] });
    const reply = await redeemCode(spaRedirect, { origin: spaRedirect });
    expect([reply.status, reply.headers.get('access-control-allow-origin')]).toEqual([200, spaRedirect]);
  });

  it('can be redeemed by a browser after a preflight request', async () => {
    const reply = await fetch(`${cloud.document.entra}/${tenant}/oauth2/v2.0/token`, {
      method: 'OPTIONS',
      headers: { origin: spaRedirect, 'access-control-request-headers': 'content-type,client-request-id' },
    });
    expect(reply.status).toBe(200);
    expect(reply.headers.get('access-control-allow-headers')).toBe('content-type,client-request-id');
  });
});

describe('requests to Entra', () => {
  it('are refused at the authority consumers', async () => {
    expect((await redeem(cloud, 'consumers')).body).toMatchObject({ error: 'invalid_request', error_codes: [9002332] });
  });

  it.each([
    ['token', '#', 70005],
    ['id_token', '#', 700054],
    ['id_token token', '#', 700054],
    ['banana', '?', 70005],
  ])('tell the client that response_type=%s is not enabled', async (responseType, separator, number) => {
    const reply = await fetch(authorizeUrl({ response_type: responseType, state: 'kept' }), { redirect: 'manual' });
    const [address, values] = (reply.headers.get('location') ?? '').split(separator);
    expect(address).toBe(webRedirect);
    const told = new URLSearchParams(values);
    expect([told.get('error'), told.get('state')]).toEqual(['unsupported_response_type', 'kept']);
    expect(told.get('error_description')).toContain(`AADSTS${number}:`);
  });

  it('report a resource and an application that are disabled in the customer', async () => {
    const customer = cloud.world.findCustomer(tenant);
    const directory = customer && cloud.world.directoryOf(customer);
    const code = async () => (await redeem(cloud, tenant)).body['error_codes'];
    const disable = (appId: string, isDisabled: boolean) => {
      const principal = directory?.servicePrincipalOf(appId);
      if (principal !== undefined) principal.accountEnabled = !isDisabled;
    };
    disable(graphAppId, true);
    expect(await code()).toEqual([500014]);
    disable(graphAppId, false);
    disable(cloud.document.application.clientId, true);
    expect(await code()).toEqual([7000112]);
    disable(cloud.document.application.clientId, false);
    expect(await code()).toBeUndefined();
  });

  it('find the user at the userinfo endpoint, which is inside the simulation', async () => {
    const { body } = await readReply(
      await fetch(`${cloud.document.entra}/${cloud.document.partnerTenantId}/v2.0/.well-known/openid-configuration`),
    );
    const address = String(body['userinfo_endpoint']);
    expect(address).toBe(`${cloud.document.graph}/oidc/userinfo`);
    const info = await call(address, await accessToken(cloud, cloud.document.partnerTenantId));
    expect(info.body).toMatchObject({ name: 'Service Account', email: account(cloud, 'broker') });
  });
});
