import { addFault, readLedger } from 'microsoft-cloud/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Instances, startInstances, usedPart } from './instances.ts';

// The steady state, which budgets.test.ts is too short for. A slot is also taken while the hosts build a request and read its
// answer. So Entra answers as slowly as the real one, and this time counts little.

const limit = 8;
const delayMs = 400;
const resources = ['exchange', 'arm'];
/** Requests of one host at a time: more than its slots, and few enough that each is answered within its minute. */
const atOnce = 12;
let instances: Instances;
beforeAll(async () => {
  instances = await startInstances(4, { tenants: 150, delayMs, settings: { ENTRA_CONCURRENCY: String(limit) } });
});
afterAll(() => instances?.stop());

test('four busy instances use nine tenths of the concurrency towards Entra, and none is throttled', {
  timeout: 15 * 60_000,
}, async () => {
  const { demo, hosts, askForTokens } = instances;
  const { control } = demo.cloud;
  await addFault(control, { service: 'entra', grant: 'refresh_token', status: 429, concurrent: limit });
  const tenants = demo.cloud.tenants.map(({ tenantId }) => tenantId);
  const statuses = await Promise.all(hosts.map((host) => askForTokens(host, tenants, resources, atOnce)));
  expect(new Set(statuses.flat())).toEqual(new Set([200]));
  const { totals } = await readLedger(control);
  expect(totals).toMatchObject({ throttled: 0, entraTokenRequests: 4 * tenants.length * resources.length });
  expect(totals.maxConcurrentEntra).toBeLessThanOrEqual(limit);
  const used = await usedPart(control, limit, delayMs);
  console.log(`used ${(used * 100).toFixed(0)} % of the concurrency towards Entra`);
  expect(used).toBeGreaterThanOrEqual(0.9);
});
