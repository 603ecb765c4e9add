import assert from 'node:assert/strict';
import { after, afterEach, describe, it } from 'node:test';
import { accessToken, call, createCloud } from '../../src/testing.ts';

const cloud = await createCloud({
  tenants: [{ name: 'Contoso', users: [{ userPrincipalName: 'ada@contoso.example', licences: ['SPB'] }] }],
});

const users = async () => {
  const [contoso] = cloud.document.tenants;
  const token = await accessToken(cloud, contoso?.tenantId ?? '');
  return call(`${cloud.document.graph}/v1.0/users?$select=userPrincipalName`, token);
};

describe('Graph', () => {
  afterEach(() => cloud.reset());
  after(() => cloud.close());

  it('lists the users of the test', async () => {
    const { body } = await users();
    assert.partialDeepStrictEqual(body, { value: [{ userPrincipalName: 'ada@contoso.example' }] });
  });

  it('throttles one request', async () => {
    cloud.faults.add({ service: 'graph', status: 429, headers: { 'retry-after': '1' }, count: 1 });
    assert.equal((await users()).status, 429);
    assert.equal((await users()).status, 200);
  });
});
