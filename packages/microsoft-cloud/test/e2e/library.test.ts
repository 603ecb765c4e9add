import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startCloud } from '../../src/index.ts';
import { accessToken, adminToken, call, createCloud, redeem, type TestCloud } from '../../src/testing.ts';

const contosoId = '0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d';
const contoso = {
  tenantId: contosoId,
  name: 'Contoso',
  domain: 'contoso.example',
  users: [
    { userPrincipalName: 'ada@contoso.example', displayName: 'Ada Lovelace', licences: ['SPB'] },
    { userPrincipalName: 'alan@contoso.example', accountEnabled: false, isAdmin: true },
  ],
};

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await createCloud({ tenants: [contoso, { name: 'Fabrikam', state: 'gdap_expired' }, {}] });
});
afterEach(() => cloud.reset());
afterAll(() => cloud.close());

const graph = async (path: string, tenantId = contosoId) =>
  call(`${cloud.document.graph}/v1.0${path}`, await accessToken(cloud, tenantId));

describe('tenants of a test', () => {
  it('have the names, states and users of the test, and generated ones where it gives none', async () => {
    const [first, second, third] = cloud.document.tenants;
    expect(first).toEqual({ tenantId: contosoId, name: 'Contoso', domain: 'contoso.example', state: 'ok' });
    expect(second).toMatchObject({ name: 'Fabrikam', state: 'gdap_expired' });
    const { body } = await graph('/users?$select=userPrincipalName,displayName,accountEnabled');
    expect(body['value']).toMatchObject([
      { userPrincipalName: 'ada@contoso.example', displayName: 'Ada Lovelace', accountEnabled: true },
      { userPrincipalName: 'alan@contoso.example', displayName: 'alan', accountEnabled: false },
    ]);
    expect((await redeem(cloud, second?.tenantId ?? '')).body['error_codes']).toEqual([50020]);
    const generated = (await graph('/users', third?.tenantId)).body['value'] as unknown[];
    expect(generated.length).toBeGreaterThan(3);
  });

  it('count the licences of their users', async () => {
    const { body } = await graph('/subscribedSkus?$select=skuPartNumber,consumedUnits');
    expect(body['value']).toContainEqual(expect.objectContaining({ skuPartNumber: 'SPB', consumedUnits: 1 }));
  });

  it.each([
    [{ users: [] }, /needs at least one user/],
    [{ users: [{ userPrincipalName: 'a@b.example', licences: ['E99'] }] }, /no licence "E99"\. Use one of .*SPB/],
    [
      { users: [{ userPrincipalName: 'a@b.example' }, { userPrincipalName: 'A@b.example' }] },
      /"a@b.example" occurs twice/,
    ],
    [{ users: [{ userPrincipalName: 'ada' }] }, /"ada" is no user principal name/],
    [{ tenantId: '1' }, /"1" is no GUID/],
    [{ domain: 'no domain' }, /"no domain" is no domain/],
  ])('are refused when they cannot be used: %j', async (tenant, message) => {
    await expect(startCloud({ tenants: [tenant] })).rejects.toThrow(message);
  });
});

describe('own replies', () => {
  it('answer one path of one tenant, with the values of its braces, and leave the others alone', async () => {
    const remove = cloud.reply({ service: 'graph', path: '/v1.0/users/{id}', tenantId: contosoId }, (request) => ({
      status: 418,
      headers: { 'x-own': 'yes' },
      body: { error: { code: `Teapot${request.parameters['id']}${request.query.get('$top')}` } },
    }));
    const { status, headers, body } = await graph('/users/7?$top=3');
    expect([status, headers.get('x-own'), body]).toEqual([418, 'yes', { error: { code: 'Teapot73' } }]);
    expect((await graph('/users')).status).toBe(200);
    const third = cloud.document.tenants[2]?.tenantId;
    expect((await graph('/users/7', third)).status).toBe(404);
    remove();
    expect((await graph('/users/7')).status).toBe(404);
  });

  it('let the latest win, and make an unknown path a known one', async () => {
    cloud.reply({ service: 'graph', path: '/v1.0/newThings' }, { body: { value: [1] } });
    cloud.reply({ service: 'graph', method: 'GET', path: '/v1.0/newThings' }, { body: { value: [2] } });
    expect((await graph('/newThings')).body).toEqual({ value: [2] });
    expect(cloud.ledger.read().totals.unmatched).toBe(0);
  });

  it('never answer a caller without a valid token', async () => {
    cloud.reply({ service: 'graph', path: '/v1.0/organization' }, { body: { value: [] } });
    const { status, body } = await call(`${cloud.document.graph}/v1.0/organization`, 'no.valid.token');
    expect([status, body]).toMatchObject([401, { error: { code: 'InvalidAuthenticationToken' } }]);
    const other = await accessToken(cloud, contosoId, 'https://outlook.office365.com');
    expect((await call(`${cloud.document.graph}/v1.0/organization`, other)).status).toBe(401);
  });

  it('answer for Entra, and give way to faults', async () => {
    const path = `/${contosoId}/oauth2/v2.0/token`;
    cloud.reply({ service: 'entra', method: 'POST', path }, { status: 503, body: 'later' });
    expect((await redeem(cloud, contosoId)).status).toBe(503);
    cloud.faults.add({ service: 'entra', status: 429, count: 1 });
    expect((await redeem(cloud, contosoId)).status).toBe(429);
  });

  it('report a reply that fails, as a defect of the test', async () => {
    cloud.reply({ service: 'graph', path: '/v1.0/organization' }, () => {
      throw new Error('no such fixture');
    });
    const { status, body } = await graph('/organization');
    expect([status, body]).toEqual([500, { error: 'The simulated cloud failed: no such fixture' }]);
    expect(cloud.ledger.read().totals.unmatched).toBe(1);
  });

  it('need a path', () => {
    expect(() => cloud.reply({ service: 'graph', path: 'users' }, {})).toThrow(/starts with a slash/);
    expect(() => cloud.reply({ service: 'graph', path: '/users?$top=1' }, {})).toThrow(/has no query/);
  });
});

describe('reset', () => {
  it('puts data, clock, faults, own replies, settings and ledger back, and keeps addresses and trust', async () => {
    const { addresses, control } = cloud;
    const partnerId = cloud.document.partnerTenantId;
    const applications = `${cloud.document.graph}/v1.0/applications`;
    const created = await call(applications, await adminToken(cloud), {
      method: 'POST',
      body: JSON.stringify({ displayName: 'Left over' }),
    });
    expect(created.status).toBe(201);
    cloud.clock.advance(86_400_000);
    cloud.addFaultSet('revoked');
    cloud.reply({ service: 'graph', path: '/v1.0/organization' }, { status: 418 });
    cloud.world.settings.strictRefreshTokens = true;

    cloud.reset();

    expect([cloud.addresses, cloud.control]).toEqual([addresses, control]);
    expect(cloud.clock.aheadMs).toBe(0);
    expect(cloud.faults.list()).toEqual([]);
    expect(cloud.ledger.read().requests).toEqual([]);
    expect(cloud.world.settings.strictRefreshTokens).toBe(false);
    expect((await graph('/organization', partnerId)).status).toBe(200);
    const { body } = await call(applications, await adminToken(cloud));
    expect(JSON.stringify(body)).not.toContain('Left over');
    expect(await (await fetch(`${control}/faults`)).json()).toEqual({ faults: [] });
  });
});

describe('the ledger', () => {
  it('names the account and the application of a request, and no token', async () => {
    await graph('/organization');
    await call(`${cloud.document.graph}/v1.0/organization`, 'not a token');
    const { requests } = cloud.ledger.read();
    const { clientId } = cloud.document.application;
    const account = cloud.document.accounts.find(({ state }) => state === 'service')?.username;
    expect(requests).toMatchObject([
      { service: 'entra', grant: 'refresh_token', account, application: clientId, status: 200 },
      { service: 'graph', account, application: clientId, tenantId: contosoId, status: 200 },
      { service: 'graph', status: 401 },
    ]);
    expect(requests[2]).not.toHaveProperty('account');
    expect(JSON.stringify(requests)).not.toMatch(/eyJ|"secret/);
  });
});

describe('several clouds', () => {
  it('run beside each other, each trusted, and end with the block that uses them', async () => {
    let address: string;
    {
      await using other = await createCloud({ tenants: 1, plain: true });
      address = other.control;
      expect(other.control).not.toBe(cloud.control);
      const token = await accessToken(other, other.document.partnerTenantId);
      expect((await call(`${other.document.graph}/v1.0/organization`, token)).status).toBe(200);
      expect((await graph('/organization')).status).toBe(200);
    }
    await expect(fetch(`${address}/document`)).rejects.toThrow('fetch failed');
  });
});
