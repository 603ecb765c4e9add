import { readFile, rm, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startRunStack, started, type RunStack } from './run-stack.ts';

const tenants = 30;

let stack: RunStack;
beforeAll(async () => {
  stack = await startRunStack(tenants, { retryDelaySeconds: 1 });
});
afterAll(() => stack?.stop());

test('removing the policy stops tokens and new runs of callers, and restoring it lets them go on', async () => {
  const { url, environment } = stack.demo;
  const path = environment['ACCESS_POLICY'] ?? '';
  const policy = await readFile(path, 'utf8');
  const order = { tenant: stack.demo.cloud.tenants[0]?.tenantId, resource: 'graph' };
  const requestToken = async (): Promise<number> => (await stack.call(url, 'POST', '/tokens', order)).status;
  // The directory and the policy are read before the policy is removed.
  await stack.call(url, 'GET', '/tenants');
  expect(await requestToken()).toBe(200);
  await rm(path);
  await expect.poll(requestToken, { interval: 500 }).toBe(403);

  await stack.control('DELETE', '/ledger');
  const start = (): ReturnType<typeof stack.call> => stack.call(url, 'POST', '/jobs/licence-report/runs', {});
  expect((await start()).status).toBe(403);
  expect(await stack.control('GET', '/ledger')).toMatchObject({ totals: { entraTokenRequests: 0 } });

  await writeFile(path, policy);
  await expect.poll(requestToken, { interval: 500 }).toBe(200);
  expect(await stack.ended(url, started(await start()))).toMatchObject({ status: 'completed' });
}, 600_000);
