import { TableClient } from '@azure/data-tables';
import { addFault, readLedger, resetLedger } from 'microsoft-cloud/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Instances, startInstances, usedPart } from './instances.ts';

const limit = 8;
const delayMs = 100;
let instances: Instances;
beforeAll(async () => {
  instances = await startInstances(4, {
    tenants: 60,
    delayMs,
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
  // Printed only, because it depends on the speed of the machine.
  const used = await usedPart(control, limit, delayMs);
  console.log(`used ${(used * 100).toFixed(0)} % of the concurrency towards Entra`);
  const table = TableClient.fromConnectionString(demo.connectionString, 'Budgets', { allowInsecureConnection: true });
  const row = await table.getEntity<{ ledger0: string }>('budgets', 'ledger');
  const { m: members } = JSON.parse(row.ledger0) as { m: Record<string, number> };
  expect(Object.keys(members)).toHaveLength(4);
});

it('a Retry-After of Graph that one instance hears reaches the others within seconds', async () => {
  const { demo, hosts } = instances;
  const { control, tenants } = demo.cloud;
  const tenantId = tenants[2]?.tenantId ?? '';
  const authorization = `Bearer ${await demo.callerToken()}`;
  const ask = async (url: string, of: string): Promise<number> => {
    const response = await fetch(`${url}/api/gateway/${of}/graph/v1.0/users?$select=id`, {
      headers: { authorization },
    });
    await response.arrayBuffer();
    return response.status;
  };
  expect(await Promise.all(hosts.map(({ url }) => ask(url, tenantId)))).toEqual([200, 200, 200, 200]);
  await resetLedger(control);
  const body = '{"error":{"code":"TooManyRequests"}}';
  await addFault(control, {
    service: 'graph',
    tenantId,
    status: 429,
    count: 1,
    headers: { 'retry-after': '60' },
    body,
  });
  expect(await ask(hosts[0]?.url ?? '', tenantId)).toBe(429);
  // An instance reads what others have heard while it sends anything, and after a rest before it does.
  for (const { url } of hosts) await expect.poll(() => ask(url, tenantId)).toBe(503);
  await resetLedger(control);
  const refused = await Promise.all(hosts.map(({ url }) => ask(url, tenantId)));
  expect(refused).toEqual([503, 503, 503, 503]);
  expect(await Promise.all(hosts.map(({ url }) => ask(url, tenants[3]?.tenantId ?? '')))).toEqual([200, 200, 200, 200]);
  const { requests } = await readLedger(control);
  expect(requests.filter((request) => request.service === 'graph' && request.tenantId === tenantId)).toEqual([]);
});
