import { Client, PageIterator, type GraphError } from '@microsoft/microsoft-graph-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningCloud } from '../../src/index.ts';
import { accessToken, account, adminToken, postForm, startTrustedCloud, tenantWith } from '../../src/testing.ts';

let cloud: RunningCloud;
beforeAll(async () => {
  cloud = await startTrustedCloud({ tenants: 30 });
});
afterAll(() => cloud.stop());

const clientOf = (token: string): Client =>
  Client.initWithMiddleware({
    baseUrl: `${cloud.document.graph}/`,
    customHosts: new Set([new URL(cloud.document.graph).hostname]),
    authProvider: { getAccessToken: () => Promise.resolve(token) },
  });

const graphIn = async (tenant: string): Promise<Client> => clientOf(await accessToken(cloud, tenant));

interface Page {
  readonly value: readonly Record<string, unknown>[];
  readonly '@odata.nextLink'?: string;
}

async function all(client: Client, path: string): Promise<Record<string, unknown>[]> {
  const found: Record<string, unknown>[] = [];
  const first = (await client.api(path).get()) as Page;
  await new PageIterator(client, { ...first, value: [...first.value] }, (item: Record<string, unknown>) => {
    found.push(item);
    return true;
  }).iterate();
  return found;
}

const failureOf = (work: Promise<unknown>): Promise<GraphError> =>
  work.then(
    () => Promise.reject(new Error('it works')),
    (error: GraphError) => error,
  );

describe('@microsoft/microsoft-graph-client in a customer tenant', () => {
  it('sees the organization of the token’s tenant', async () => {
    const { tenantId, name, domain } = cloud.document.tenants[1] ?? { tenantId: '', name: '', domain: '' };
    const [organization] = await all(await graphIn(tenantId), '/organization');
    expect(organization).toMatchObject({ id: tenantId, displayName: name });
    expect(organization?.['verifiedDomains']).toContainEqual(
      expect.objectContaining({ name: domain, isDefault: true }),
    );
  });

  it('pages through users, selects and filters', async () => {
    const graph = await graphIn(cloud.document.tenants[7]?.tenantId ?? '');
    const users = await all(graph, '/users?$top=50&$select=id,userPrincipalName,accountEnabled');
    expect(users).toHaveLength(130);
    expect(new Set(users.map(({ id }) => id)).size).toBe(130);
    expect(Object.keys(users[0] ?? {})).toEqual(['id', 'userPrincipalName', 'accountEnabled']);
    const disabled = await all(graph, '/users?$filter=accountEnabled eq false&$select=accountEnabled');
    expect(disabled.length).toBeGreaterThan(0);
    expect(disabled.every(({ accountEnabled }) => accountEnabled === false)).toBe(true);
  });

  it('tells when users signed in last to whoever asks for it', async () => {
    const tenant = cloud.document.tenants[7]?.tenantId ?? '';
    const graph = await graphIn(tenant);
    const users = await all(graph, '/users?$top=999&$select=userPrincipalName,signInActivity');
    const times = users.map(({ signInActivity }) => signInActivity as { lastSignInDateTime: string } | undefined);
    expect(times.filter((each) => each === undefined).length).toBeGreaterThan(0);
    expect(times.filter((each) => Date.parse(each?.lastSignInDateTime ?? '') < Date.now()).length).toBeGreaterThan(100);
    expect((await all(graph, '/users'))[0]).not.toHaveProperty('signInActivity');
  });

  it('counts licences as its users have them', async () => {
    const graph = await graphIn(cloud.document.tenants[0]?.tenantId ?? '');
    const users = await all(graph, '/users?$select=assignedLicenses');
    for (const sku of await all(graph, '/subscribedSkus')) {
      const holders = users.filter((user) =>
        (user['assignedLicenses'] as { skuId: string }[]).some(({ skuId }) => skuId === sku['skuId']),
      );
      expect(sku['consumedUnits']).toBe(holders.length);
    }
  });

  it('reports the sign-in methods of every user', async () => {
    const graph = await graphIn(cloud.document.tenants[0]?.tenantId ?? '');
    const rows = await all(graph, '/reports/authenticationMethods/userRegistrationDetails');
    expect(rows).toHaveLength((await all(graph, '/users')).length);
    expect(rows.some(({ isMfaRegistered }) => isMfaRegistered === false)).toBe(true);
  });

  it('shows applications with credentials that end soon', async () => {
    const ends: number[] = [];
    for (const { tenantId } of cloud.document.tenants.filter(
      ({ state, trait }) => state === 'ok' && trait === undefined,
    )) {
      for (const application of await all(await graphIn(tenantId), '/applications')) {
        for (const kind of ['passwordCredentials', 'keyCredentials']) {
          ends.push(
            ...(application[kind] as { endDateTime: string }[]).map(({ endDateTime }) => Date.parse(endDateTime)),
          );
        }
      }
    }
    const month = Date.now() + 30 * 24 * 3600 * 1000;
    expect(ends.some((end) => end > Date.now() && end < month)).toBe(true);
    expect(ends.some((end) => end > month)).toBe(true);
  });

  it('waits out a throttled tenant and then works', async () => {
    expect(await all(await graphIn(tenantWith(cloud, 'throttled')), '/organization')).toHaveLength(1);
    expect(cloud.ledger.read().totals.throttled).toBe(1);
  });
});

describe('@microsoft/microsoft-graph-client in the partner tenant', () => {
  it('lists relationships, customers and contracts to a member of AdminAgents', async () => {
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

  it('refuses a page larger than 300 relationships', async () => {
    const graph = await graphIn(cloud.document.partnerTenantId);
    const failure = await failureOf(graph.api('/tenantRelationships/delegatedAdminRelationships?$top=301').get());
    expect(failure).toMatchObject({ statusCode: 400, code: 'Request_BadRequest' });
  });

  it('answers an empty list, not an error, to who is not in AdminAgents', async () => {
    const graph = clientOf(await adminToken(cloud, account(cloud, 'outsider')));
    expect(await all(graph, '/tenantRelationships/delegatedAdminRelationships')).toEqual([]);
    expect(await all(graph, '/tenantRelationships/delegatedAdminCustomers')).toEqual([]);
  });

  it('names a tenant by id and by domain', async () => {
    const graph = await graphIn(cloud.document.partnerTenantId);
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

  it('judges the parts of a batch alone, in any order', async () => {
    const graph = await graphIn(cloud.document.partnerTenantId);
    const requests = [
      { id: 'a', method: 'GET', url: '/organization?$select=id' },
      { id: 'b', method: 'GET', url: '/users/nobody' },
      { id: 'c', method: 'GET', url: '/me', dependsOn: ['b'] },
    ];
    const { responses } = (await graph.api('/$batch').post({ requests })) as {
      responses: { id: string; status: number; body: unknown }[];
    };
    const statusOf = Object.fromEntries(responses.map(({ id, status }) => [id, status]));
    expect(statusOf).toEqual({ a: 200, b: 404, c: 424 });
    const many = Array.from({ length: 21 }, (_, id) => ({ id: String(id), method: 'GET', url: '/me' }));
    expect(await failureOf(graph.api('/$batch').post({ requests: many }))).toMatchObject({ statusCode: 400 });
  });

  it('sets up an application from nothing, as an administrator', async () => {
    const graph = clientOf(await adminToken(cloud));
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

  it('lets an application renew its own secret once it owns itself, until its principal is disabled', async () => {
    const { entra, partnerTenantId, application } = cloud.document;
    const own = () =>
      postForm(`${entra}/${partnerTenantId}/oauth2/v2.0/token`, {
        grant_type: 'client_credentials',
        client_id: application.clientId,
        client_secret: application.clientSecret,
        scope: 'https://graph.microsoft.com/.default',
      });
    const itself = clientOf(String((await own()).body['access_token']));
    const admin = clientOf(await adminToken(cloud));
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

  it('lets nobody but an administrator change the directory', async () => {
    const graph = clientOf(await adminToken(cloud, account(cloud, 'broker')));
    expect(await failureOf(graph.api('/applications').post({ displayName: 'No' }))).toMatchObject({
      statusCode: 403,
      code: 'Authorization_RequestDenied',
    });
  });
});

interface Created {
  readonly id: string;
  readonly appId: string;
}

async function first(graph: Client, path: string): Promise<Record<string, unknown>> {
  const [found] = await all(graph, path);
  return found ?? {};
}

describe('Graph’s refusals', () => {
  const get = (token: string, path: string) => failureOf(clientOf(token).api(path).get());

  it('refuses a token for another resource, a forged one and none', async () => {
    const { partnerTenantId } = cloud.document;
    const other = await accessToken(cloud, partnerTenantId, 'https://api.partnercenter.microsoft.com');
    const [head = '', , signature = ''] = (await accessToken(cloud, partnerTenantId)).split('.');
    const forged = `${head}.${Buffer.from('{"aud":"https://graph.microsoft.com"}').toString('base64url')}.${signature}`;
    for (const token of [other, forged, 'nonsense']) {
      expect(await get(token, '/me')).toMatchObject({ statusCode: 401, code: 'InvalidAuthenticationToken' });
    }
  });

  it('refuses a token without the permission', async () => {
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

  it('refuses a filter that it does not support and a property that there is none of', async () => {
    const token = await accessToken(cloud, cloud.document.partnerTenantId);
    expect(await get(token, '/users?$filter=indexof(displayName,1) eq 1')).toMatchObject({
      statusCode: 400,
      code: 'Request_UnsupportedQuery',
    });
    expect(await get(token, '/users?$select=nonsense')).toMatchObject({ statusCode: 400 });
  });

  it('answers an unknown address as Graph does and marks it as unmatched', async () => {
    const before = cloud.ledger.read().totals.unmatched;
    expect(await get(await accessToken(cloud, cloud.document.partnerTenantId), '/nonsense')).toMatchObject({
      statusCode: 400,
      code: 'BadRequest',
    });
    expect(cloud.ledger.read().totals.unmatched).toBe(before + 1);
  });
});
