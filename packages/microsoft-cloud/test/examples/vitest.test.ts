import type { RunningCloud } from '../../src/index.ts';
import { redeem, startTrustedCloud, tenantWith } from '../../src/testing.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';

let cloud: RunningCloud;
beforeAll(async () => {
  cloud = await startTrustedCloud({ tenants: 25 });
});
afterAll(() => cloud.stop());

it('reports a tenant without consent', async () => {
  const { status, body } = await redeem(cloud, tenantWith(cloud, 'no_consent'));
  expect(status).toBe(400);
  expect(body['error_codes']).toEqual([65001]);
  expect(cloud.ledger.read().totals.unmatched).toBe(0);
});
