import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { accessToken, call, startTrustedCloud } from '../../src/testing.ts';

const cloud = await startTrustedCloud({ tenants: 1, plain: true });
after(() => cloud.stop());

await test('Graph throttles one request', async () => {
  cloud.faults.add({ service: 'graph', status: 429, headers: { 'retry-after': '1' }, count: 1 });
  const token = await accessToken(cloud, cloud.document.partnerTenantId);
  const organization = () => call(`${cloud.document.graph}/v1.0/organization`, token);
  assert.equal((await organization()).status, 429);
  assert.equal((await organization()).status, 200);
});
