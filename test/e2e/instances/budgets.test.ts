import { TableClient } from '@azure/data-tables';
import { addFault, readLedger } from 'microsoft-cloud/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Instances, startInstances } from './instances.ts';

const limit = 8;
let instances: Instances;
beforeAll(async () => {
  instances = await startInstances(4, {
    tenants: 60,
    delayMs: 100,
    settings: { ENTRA_CONCURRENCY: String(limit) },
  });
});
afterAll(() => instances?.stop());

it('four instances share the concurrency towards Entra: none is throttled, and each gets a part', async () => {
  const { demo, hosts, askForTokens } = instances;
  const { control } = demo.cloud;
  await addFault(control, { service: 'entra', grant: 'refresh_token', status: 429, concurrent: limit });
  const tenants = demo.cloud.tenants.map(({ tenantId }) => tenantId);
  const statuses = await Promise.all(hosts.map((host) => askForTokens(host, tenants, ['exchange', 'arm'])));
  expect(new Set(statuses.flat())).toEqual(new Set([200]));
  const { totals } = await readLedger(control);
  expect(totals).toMatchObject({ throttled: 0, entraTokenRequests: 4 * tenants.length * 2 });
  expect(totals.maxConcurrentEntra).toBeLessThanOrEqual(limit);
  const table = TableClient.fromConnectionString(demo.connectionString, 'Budgets', { allowInsecureConnection: true });
  const row = await table.getEntity<{ ledger0: string }>('budgets', 'ledger');
  const { m: members } = JSON.parse(row.ledger0) as { m: Record<string, number> };
  expect(Object.keys(members)).toHaveLength(4);
});
