import type { Client } from '@microsoft/microsoft-graph-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningCloud } from '../../src/index.ts';
import { readLedger, readRows } from '../../src/client.ts';
import { accessToken, account, adminToken, postForm, startTrustedCloud } from '../../src/testing.ts';
import { all, failureOf, first, graphClient, type Page } from './graph-client.ts';

let cloud: RunningCloud;
beforeAll(async () => {
  cloud = await startTrustedCloud({ tenants: 30 });
});
afterAll(() => cloud.stop());

const graphIn = async (tenant: string): Promise<Client> => graphClient(cloud, await accessToken(cloud, tenant));

interface Created {
  readonly id: string;
  readonly appId: string;
}

describe('@microsoft/microsoft-graph-client in the partner tenant', () => {
  it('knows users that a client creates and deletes, in actions too', async () => {
    const graph = graphClient(cloud, await adminToken(cloud));
    const userPrincipalName = `new.person@${account(cloud, 'admin').split('@')[1] ?? ''}`;
    const created = (await graph.api('/users').post({
      accountEnabled: true,
      displayName: 'New Person',
      mailNickname: 'new.person',
      userPrincipalName,
      passwordProfile: { password: 'Correct-Horse-1' },
    })) as { readonly id: string };
    const revoke = (key: string): Promise<unknown> => graph.api(`/users/${key}/revokeSignInSessions`).post({});
    expect(await revoke(created.id)).toMatchObject({ value: true });
    expect(await revoke(userPrincipalName)).toMatchObject({ value: true });
    await graph.api(`/users/${created.id}`).delete();
    await expect(revoke(created.id)).rejects.toMatchObject({ statusCode: 404 });
  });

  it('lists relationships and access assignments for a member of AdminAgents', async () => {
    const graph = await graphIn(cloud.document.partnerTenantId);
    const relationships = await all(graph, '/tenantRelationships/delegatedAdminRelationships?$top=10');
    const status = (wanted: string) => relationships.filter((each) => each['status'] === wanted).length;
    expect(status('active')).toBeGreaterThan(20);
    expect(status('terminated')).toBeGreaterThan(0);
    const active = await all(graph, "/tenantRelationships/delegatedAdminRelationships?$filter=status eq 'active'");
    expect(active).toHaveLength(status('active'));
    const one = (await graph
      .api(`/tenantRelationships/delegatedAdminRelationships/${String(active[0]?.['id'])}/accessAssignments`)
      .get()) as Page;
    expect(one.value[0]).toMatchObject({ status: 'active', accessContainer: { accessContainerType: 'securityGroup' } });
  });

  it('rejects pages of more than 300 relationships', async () => {
    const graph = await graphIn(cloud.document.partnerTenantId);
    const failure = await failureOf(graph.api('/tenantRelationships/delegatedAdminRelationships?$top=301').get());
    expect(failure).toMatchObject({ statusCode: 400, code: 'Request_BadRequest' });
  });

  it('returns empty lists, not errors, to accounts outside AdminAgents', async () => {
    const graph = graphClient(cloud, await adminToken(cloud, account(cloud, 'outsider')));
    expect(await all(graph, '/tenantRelationships/delegatedAdminRelationships')).toEqual([]);
    expect(await all(graph, '/tenantRelationships/delegatedAdminCustomers')).toEqual([]);
  });

  it('finds tenant information by id and by domain', async () => {
    const graph = graphClient(cloud, await adminToken(cloud));
    const { tenantId, domain, name } = cloud.document.tenants[1] ?? { tenantId: '', domain: '', name: '' };
    const byId = (await graph
      .api(`/tenantRelationships/findTenantInformationByTenantId(tenantId='${tenantId}')`)
      .get()) as unknown;
    const byDomain = (await graph
      .api(`/tenantRelationships/findTenantInformationByDomainName(domainName='${domain}')`)
      .get()) as unknown;
    expect(byId).toMatchObject({ displayName: name, defaultDomainName: domain });
    expect(byDomain).toEqual(byId);
  });

  it('checks the parts of a batch separately and rejects more than 20', async () => {
    const graph = await graphIn(cloud.document.partnerTenantId);
    const requests = [
      { id: 'a', method: 'GET', url: '/organization?$select=id' },
      { id: 'b', method: 'GET', url: '/users/nobody' },
      { id: 'c', method: 'GET', url: '/me', dependsOn: ['b'] },
      { id: 'd', method: 'GET', url: '/users/$count', headers: { ConsistencyLevel: 'eventual' } },
      { id: 'e', method: 'GET', url: '/users/$count' },
    ];
    const { responses } = (await graph.api('/$batch').post({ requests })) as {
      responses: { id: string; status: number; body: unknown }[];
    };
    const statusOf = Object.fromEntries(responses.map(({ id, status }) => [id, status]));
    expect(statusOf).toEqual({ a: 200, b: 404, c: 424, d: 200, e: 400 });
    const lost = [{ id: 'a', method: 'GET', url: '/me', dependsOn: ['z'] }];
    expect(await failureOf(graph.api('/$batch').post({ requests: lost }))).toMatchObject({ statusCode: 400 });
    const many = Array.from({ length: 21 }, (_, id) => ({ id: String(id), method: 'GET', url: '/me' }));
    expect(await failureOf(graph.api('/$batch').post({ requests: many }))).toMatchObject({ statusCode: 400 });
  });

  it('sets up an application as an administrator', async () => {
    const graph = graphClient(cloud, await adminToken(cloud));
    const resource = await first(graph, "/servicePrincipals?$filter=appId eq '00000003-0000-0000-c000-000000000000'");
    const role = (resource['appRoles'] as { id: string; value: string }[]).find(
      ({ value }) => value === 'Directory.Read.All',
    );
    const application = (await graph
      .api('/applications')
      .post({ displayName: 'New', signInAudience: 'AzureADMultipleOrgs', tags: ['ours'] })) as Created;
    const principal = (await graph.api('/servicePrincipals').post({ appId: application.appId })) as Created;
    const grant = {
      clientId: principal.id,
      consentType: 'AllPrincipals',
      resourceId: resource['id'],
      scope: 'User.Read',
    };
    await graph.api('/oauth2PermissionGrants').post(grant);
    expect(await failureOf(graph.api('/oauth2PermissionGrants').post(grant))).toMatchObject({ statusCode: 409 });
    await graph
      .api(`/servicePrincipals/${principal.id}/appRoleAssignments`)
      .post({ principalId: principal.id, resourceId: resource['id'], appRoleId: role?.id });
    expect(await all(graph, `/servicePrincipals/${principal.id}/appRoleAssignments`)).toHaveLength(1);
    const group = await first(graph, "/groups?$filter=displayName eq 'AdminAgents'");
    const reference = { '@odata.id': `https://graph.microsoft.com/v1.0/directoryObjects/${principal.id}` };
    await graph.api(`/groups/${String(group['id'])}/members/$ref`).post(reference);
    expect((await failureOf(graph.api(`/groups/${String(group['id'])}/members/$ref`).post(reference))).message).toMatch(
      /already exist/,
    );
    expect(
      (await all(graph, `/servicePrincipals/${principal.id}/memberOf`)).map(({ displayName }) => displayName),
    ).toEqual(['AdminAgents']);
    const secret = (await graph
      .api(`/applications/${application.id}/addPassword`)
      .post({ passwordCredential: { displayName: 'one' } })) as { keyId: string; secretText: string };
    expect(secret.secretText).toHaveLength(40);
    const shown = (await graph.api(`/applications(appId='${application.appId}')`).get()) as {
      passwordCredentials: { keyId: string; secretText: null }[];
    };
    expect(shown.passwordCredentials).toMatchObject([{ keyId: secret.keyId, secretText: null }]);
    await graph.api(`/applications/${application.id}/removePassword`).post({ keyId: secret.keyId });
    await graph.api(`/applications/${application.id}`).delete();
    expect(await failureOf(graph.api(`/applications/${application.id}`).get())).toMatchObject({
      statusCode: 404,
      code: 'Request_ResourceNotFound',
    });
  });

  it('lets an application renew its secret if it owns itself and its principal is enabled', async () => {
    const { entra, partnerTenantId, application } = cloud.document;
    const own = () =>
      postForm(`${entra}/${partnerTenantId}/oauth2/v2.0/token`, {
        grant_type: 'client_credentials',
        client_id: application.clientId,
        client_secret: application.clientSecret,
        scope: 'https://graph.microsoft.com/.default',
      });
    const itself = graphClient(cloud, String((await own()).body['access_token']));
    const admin = graphClient(cloud, await adminToken(cloud));
    const path = `/applications(appId='${application.clientId}')`;
    const principal = await first(admin, `/servicePrincipals?$filter=appId eq '${application.clientId}'`);
    const id = String(principal['id']);
    await admin.api(`${path}/owners/${id}/$ref`).delete();
    expect(await failureOf(itself.api(`${path}/addPassword`).post({}))).toMatchObject({ statusCode: 403 });
    await admin
      .api(`${path}/owners/$ref`)
      .post({ '@odata.id': `https://graph.microsoft.com/v1.0/directoryObjects/${id}` });
    expect(await itself.api(`${path}/addPassword`).post({})).toHaveProperty('secretText');
    await admin.api(`/servicePrincipals/${id}`).patch({ accountEnabled: false });
    expect((await own()).body).toMatchObject({ error: 'unauthorized_client', error_codes: [7000112] });
    await admin.api(`/servicePrincipals/${id}`).patch({ accountEnabled: true });
  });

  it('keeps what an administrator changes, also for sign-ins', async () => {
    const graph = graphClient(cloud, await adminToken(cloud));
    const digest = async () =>
      (await fetch(`${cloud.control}/tenants/${cloud.document.partnerTenantId}/digest`)).json();
    const before: unknown = await digest();
    expect(await digest()).toEqual(before);
    const nomfa = account(cloud, 'nomfa');
    await graph.api(`/users/${nomfa}`).patch({ accountEnabled: false, jobTitle: 'Tester' });
    expect(await graph.api(`/users/${nomfa}?$select=accountEnabled,jobTitle`).get()).toMatchObject({
      accountEnabled: false,
      jobTitle: 'Tester',
    });
    expect(
      [...cloud.world.partner.directory.users.values()].find((user) => user.userPrincipalName === nomfa),
    ).toMatchObject({
      accountEnabled: false,
    });
    expect(await digest()).not.toEqual(before);
    expect((await fetch(`${cloud.control}/tenants/nobody/digest`)).status).toBe(400);
  });

  it('the control endpoint reads rows of sets without a request in the ledger', async () => {
    const { control, partnerTenantId, accounts } = cloud.document;
    const before = (await readLedger(control)).requests.length;
    const { users, groups } = await readRows(control, partnerTenantId, ['users', 'groups']);
    expect(users.map((user) => user['userPrincipalName'])).toEqual(accounts.map(({ username }) => username));
    expect(groups.map((group) => group['displayName'])).toContain('AdminAgents');
    expect((await readLedger(control)).requests).toHaveLength(before);
    await expect(readRows(control, 'nobody', ['users'])).rejects.toThrow('There is no tenant "nobody".');
  });

  it('lets only administrators change the directory', async () => {
    const graph = graphClient(cloud, await adminToken(cloud, account(cloud, 'broker')));
    expect(await failureOf(graph.api('/groups').post({ displayName: 'No' }))).toMatchObject({ statusCode: 403 });
    expect(await failureOf(graph.api('/applications').post({ displayName: 'No' }))).toMatchObject({
      statusCode: 403,
      code: 'Authorization_RequestDenied',
    });
  });
});
