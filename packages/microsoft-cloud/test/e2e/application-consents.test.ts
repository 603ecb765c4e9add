import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addFault, changeTenant, moveClock } from '../../src/client.ts';
import type { CloudOptions, RunningCloud } from '../../src/index.ts';
import { accessToken, adminToken, call, type JsonReply, redeem, startTrustedCloud } from '../../src/testing.ts';

const partnerCenter = 'https://api.partnercenter.microsoft.com';
const graphAppId = '00000003-0000-0000-c000-000000000000';
const exchangeAppId = '00000002-0000-0ff1-ce00-000000000000';

let cloud: RunningCloud;
let tenant: string;
let token: string;
const start = async (options: CloudOptions = {}): Promise<void> => {
  cloud = await startTrustedCloud({ tenants: 1, plain: true, customers: { 0: { state: 'no_consent' } }, ...options });
  tenant = cloud.document.tenants[0]?.tenantId ?? '';
  token = await accessToken(cloud, cloud.document.partnerTenantId, partnerCenter);
};
beforeEach(() => start());
afterEach(() => cloud.stop());

const path = (): string => `${cloud.document.partnerCenter}/v1/customers/${tenant}/applicationconsents`;
const post = (body: unknown, bearer = token): Promise<JsonReply> =>
  call(path(), bearer, { method: 'POST', body: JSON.stringify(body) });
const withdraw = (): Promise<JsonReply> =>
  call(`${path()}/${cloud.document.application.clientId}`, token, { method: 'DELETE' });

const grant = (enterpriseApplicationId = graphAppId, scope = 'User.Read, Directory.Read.All') => ({
  enterpriseApplicationId,
  scope,
});
const body = (...applicationGrants: readonly unknown[]) => ({
  applicationId: cloud.document.application.clientId,
  displayName: 'Partner scripts',
  applicationGrants,
});
const codeIn = async (resource = 'https://graph.microsoft.com'): Promise<unknown> =>
  (await redeem(cloud, tenant, { scope: `${resource}/.default` })).body['error_codes'];

describe('applicationconsents', () => {
  it('grants the scopes of one resource and creates the service principal after a delay', async () => {
    expect(await codeIn()).toEqual([65001]);
    expect(await post(body(grant()))).toMatchObject({ status: 201 });
    expect(await codeIn()).toEqual([65001]);
    await moveClock(cloud.control, 1001);
    const { status, body: reply } = await redeem(cloud, tenant);
    expect([status, reply['scope']]).toEqual([
      200,
      'https://graph.microsoft.com/User.Read https://graph.microsoft.com/Directory.Read.All https://graph.microsoft.com/.default',
    ]);
    expect(await codeIn('https://outlook.office365.com')).toEqual([65001]);
    const graph = (end: string) => call(`${cloud.document.graph}/v1.0${end}`, String(reply['access_token']));
    const principal = await graph(`/servicePrincipals(appId='${cloud.document.application.clientId}')`);
    const grants = await graph(`/oauth2PermissionGrants?$filter=clientId eq '${String(principal.body['id'])}'`);
    expect(grants.body['value']).toMatchObject([
      { consentType: 'AllPrincipals', principalId: null, scope: 'User.Read Directory.Read.All' },
    ]);
  });

  it('shows a new grant in oauth2PermissionGrants only after the delay', async () => {
    await post(body(grant()));
    await moveClock(cloud.control, 1001);
    const graphToken = await accessToken(cloud, tenant);
    expect((await post(body(grant(exchangeAppId, 'Exchange.Manage')))).status).toBe(200);
    const count = async () =>
      ((await call(`${cloud.document.graph}/v1.0/oauth2PermissionGrants`, graphToken)).body['value'] as unknown[])
        .length;
    expect(await count()).toBe(1);
    await moveClock(cloud.control, 1001);
    expect(await count()).toBe(2);
  });

  it('rejects grants for more than one resource', async () => {
    expect(await post(body(grant(), grant(exchangeAppId, 'Exchange.Manage')))).toMatchObject({
      status: 400,
      body: { description: 'applicationGrants must contain one enterprise application.' },
    });
  });

  it('reads property names without regard to case', async () => {
    const reply = await post({
      ApplicationId: cloud.document.application.clientId.toUpperCase(),
      DisplayName: 'Partner scripts',
      ApplicationGrants: [{ EnterpriseApplicationId: graphAppId, Scope: 'User.Read,Directory.Read.All' }],
    });
    expect(reply.status).toBe(201);
  });

  it('rejects scopes that only a blank separates, and unknown scopes', async () => {
    expect((await post(body(grant(graphAppId, 'User.Read Directory.Read.All')))).status).toBe(400);
    expect((await post(body(grant(graphAppId, 'No.Such.Scope')))).status).toBe(400);
  });

  it('rejects a token of another application', async () => {
    const [other] = [...cloud.world.partner.directory.applications.values()].filter(
      ({ displayName }) => displayName === 'Partner API',
    );
    if (other === undefined) throw new Error('The partner has no second application.');
    other.signInAudience = 'AzureADMultipleOrgs';
    const reply = await post({ ...body(grant()), applicationId: other.appId, displayName: other.displayName });
    expect(reply).toMatchObject({ status: 400, body: { description: expect.stringContaining('token') as string } });
  });

  it('rejects a name that is not the registered one, also after a renaming', async () => {
    expect((await post({ ...body(grant()), displayName: 'Other' })).status).toBe(400);
    const application = `${cloud.document.graph}/v1.0/applications(appId='${cloud.document.application.clientId}')`;
    await call(application, await adminToken(cloud), { method: 'PATCH', body: '{"displayName":"Renamed"}' });
    expect((await post(body(grant()))).status).toBe(400);
    expect((await post({ ...body(grant()), displayName: 'Renamed' })).status).toBe(201);
  });

  it('needs AdminAgents and a role for consent in the customer', async () => {
    await changeTenant(cloud.control, tenant, { withoutRoles: ['Cloud Application Administrator'] });
    expect(await post(body(grant()))).toMatchObject({ status: 403, body: { code: 20002 } });
    await changeTenant(cloud.control, tenant, { withoutRoles: [] });
    const { adminAgents, serviceAccount } = cloud.world.partner;
    adminAgents.members.delete(serviceAccount.id);
    expect(await post(body(grant()))).toMatchObject({ status: 403, body: { code: 900308 } });
    adminAgents.members.add(serviceAccount.id);
    expect((await post(body(grant()))).status).toBe(201);
  });

  it('rejects application-only tokens', async () => {
    const { body: own } = await redeem(cloud, cloud.document.partnerTenantId, {
      grant_type: 'client_credentials',
      scope: `${partnerCenter}/.default`,
    });
    expect(await post(body(grant()), String(own['access_token']))).toMatchObject({
      status: 403,
      body: { code: 900329 },
    });
  });

  it('fails for a resource that the customer lacks, and for no other', async () => {
    await changeTenant(cloud.control, tenant, { lacks: [exchangeAppId, 'https://api.securitycenter.microsoft.com'] });
    expect(await post(body(grant(exchangeAppId, 'Exchange.Manage')))).toMatchObject({
      status: 400,
      body: { description: expect.stringContaining('was not found in the customer') as string },
    });
    expect((await post(body(grant('fc780465-2017-40d4-a0c5-307022471b92', 'Machine.Read')))).status).toBe(400);
    expect((await post(body(grant()))).status).toBe(201);
  });

  it('returns 409 for a resource that is consented, whatever the scopes', async () => {
    await post(body(grant()));
    expect(await post(body(grant(graphAppId, 'User.Read.All')))).toMatchObject({
      status: 409,
      body: { description: 'Permission entry already exists.' },
    });
  });

  it('removes the grants and keeps the service principal', async () => {
    await post(body(grant()));
    await post(body(grant(exchangeAppId, 'Exchange.Manage')));
    await moveClock(cloud.control, 1001);
    expect((await withdraw()).status).toBe(204);
    expect(await codeIn()).toEqual([65001]);
    expect((await withdraw()).status).toBe(404);
    const customer = cloud.world.findCustomer(tenant);
    const directory = customer && cloud.world.directoryOf(customer);
    const appId = cloud.document.application.clientId;
    expect(directory?.servicePrincipalOf(appId)).toMatchObject({ appId });
    expect((await post(body(grant()))).status).toBe(200);
  });

  it('does the work before a late_500', async () => {
    await addFault(cloud.control, { service: 'partnerCenter', method: 'POST', kind: 'late_500', count: 1 });
    expect((await post(body(grant()))).status).toBe(500);
    expect((await post(body(grant()))).status).toBe(409);
  });

  it.each([
    ['gdap_expired', 403, 20002],
    ['conditional_access', 403, 900309],
    ['deleted', 404, 60003],
  ] as const)('returns an error in a customer of the state %s', async (state, status, code) => {
    await changeTenant(cloud.control, tenant, { state });
    expect(await post(body(grant()))).toMatchObject({ status, body: { code } });
  });

  it('consents nothing through membership of AdminAgents', async () => {
    const { adminAgents, directory } = cloud.world.partner;
    const principal = directory.servicePrincipalOf(cloud.document.application.clientId);
    expect(adminAgents.members.has(principal?.id ?? '')).toBe(true);
    expect(await codeIn()).toEqual([65001]);
  });

  it('reports a consent that the customer removed, and an application that it deleted', async () => {
    await changeTenant(cloud.control, tenant, { state: 'ok' });
    expect(await codeIn()).toBeUndefined();
    await changeTenant(cloud.control, tenant, { consent: 'removed' });
    expect(await codeIn()).toEqual([65001]);
    await changeTenant(cloud.control, tenant, { consent: 'deleted' });
    expect(await codeIn()).toEqual([700016]);
    expect((await post(body(grant()))).status).toBe(201);
    await moveClock(cloud.control, 1001);
    expect(await codeIn()).toBeUndefined();
  });
});
