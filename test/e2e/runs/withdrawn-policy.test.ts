import { readFile, rm, writeFile } from 'node:fs/promises';
import { TableClient } from '@azure/data-tables';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startRunStack, started, type RunStack } from './run-stack.ts';

const tenants = 30;

let stack: RunStack;
beforeAll(async () => {
  stack = await startRunStack(tenants, { retryDelaySeconds: 1 });
});
afterAll(() => stack?.stop());

test('removing the policy ends a run as failed without a token for any tenant, and restoring it lets jobs run', async () => {
  const { url, environment } = stack.demo;
  const path = environment['ACCESS_POLICY'] ?? '';
  const policy = await readFile(path, 'utf8');
  const order = { tenant: stack.demo.cloud.tenants[0]?.tenantId, resource: 'graph' };
  const requestToken = async (): Promise<number> => (await stack.call(url, 'POST', '/tokens', order)).status;
  // The directory and the policy are read before the policy is removed.
  await stack.call(url, 'GET', '/tenants');
  expect(await requestToken()).toBe(200);
  await rm(path);
  await expect.poll(requestToken, { timeout: 120_000, interval: 500 }).toBe(403);

  await stack.control('DELETE', '/ledger');
  const runId = started(await stack.call(url, 'POST', '/jobs/licence-report/runs', {}));
  // Nobody may read runs without a policy, so the test looks into the table.
  const runs = TableClient.fromConnectionString(environment['AzureWebJobsStorage'] ?? '', 'Runs', {
    allowInsecureConnection: true,
  });
  const [job = '', window = ''] = runId.split('@');
  const status = async (): Promise<unknown> => (await runs.getEntity(job, window))['status'];
  await expect.poll(status, { timeout: 120_000, interval: 200 }).toBe('failed');
  expect(await stack.control('GET', '/ledger')).toMatchObject({ totals: { entraTokenRequests: 0 } });

  await writeFile(path, policy);
  await expect.poll(requestToken, { timeout: 120_000, interval: 500 }).toBe(200);
  const stopped = await stack.ended(url, runId);
  expect(stopped).toMatchObject({ status: 'failed', stoppedBy: { code: 'policy_missing' } });
  expect(stopped.tenants).toMatchObject({
    succeeded: 0,
    failed: stopped.failures.length,
    notAttempted: expect.any(Number),
  });
  expect(stopped.failures.map(({ code }) => code)).not.toContain('policy_missing');
  const again = started(await stack.call(url, 'POST', `/runs/${encodeURIComponent(runId)}/rerun`));
  expect(await stack.ended(url, again)).toMatchObject({ status: 'completed' });
}, 600_000);
