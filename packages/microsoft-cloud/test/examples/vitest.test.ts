import { accessToken, call, createCloud, redeem, type TestCloud, tenantWith } from '../../src/testing.ts';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await createCloud({ tenants: 25 });
});
afterEach(() => cloud.reset());
afterAll(() => cloud.close());

it('reports a tenant without consent', async () => {
  const { status, body } = await redeem(cloud, tenantWith(cloud, 'no_consent'));
  expect(status).toBe(400);
  expect(body['error_codes']).toEqual([65001]);
  expect(cloud.ledger.read().totals.unmatched).toBe(0);
});

it('answers one path of one tenant with a reply of the test', async () => {
  const tenantId = tenantWith(cloud, 'slow');
  const path = '/v1.0/deviceManagement/managedDevices';
  cloud.reply({ service: 'graph', path, tenantId }, { body: { value: [{ id: '1', deviceName: 'LAPTOP-1' }] } });
  const token = await accessToken(cloud, tenantId);
  const { body } = await call(`${cloud.document.graph}${path}`, token);
  expect(body['value']).toMatchObject([{ deviceName: 'LAPTOP-1' }]);
});
