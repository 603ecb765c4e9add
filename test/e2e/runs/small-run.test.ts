import { addFault } from 'microsoft-cloud/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RunAnswer } from '../../../src/lib/api/answers/runs.ts';
import { startRunStack, type RunStack, started } from './run-stack.ts';

// One host has ten places for activities. Each activity visits one tenant, which takes longer than all other work.

const tenants = 160;
let stack: RunStack;
beforeAll(async () => {
  stack = await startRunStack(
    tenants,
    { retryDelaySeconds: 1, runs: { batchSize: 10, groupSize: 1 } },
    { plain: true },
  );
  await addFault(stack.demo.cloud.control, { service: 'graph', kind: 'delay', delayMs: 400 });
});
afterAll(() => stack?.stop());

const post = async (path: string, body: object): Promise<string> =>
  started(await stack.call(stack.demo.url, 'POST', path, body));

const doneOf = async (runId: string): Promise<number> => {
  const { text } = await stack.call(stack.demo.url, 'GET', `/runs/${encodeURIComponent(runId)}`);
  return (JSON.parse(text) as RunAnswer).progress.done;
};

it('a small run and a query that start after a large run end long before it, and it can be cancelled then', async () => {
  const { cloud, url } = stack.demo;
  const some = cloud.tenants.slice(0, 3).map(({ tenantId }) => tenantId);
  const large = await post('/jobs/licence-report/runs', { window: 'large' });
  await expect.poll(() => doneOf(large)).toBeGreaterThan(0);
  const small = [
    await post('/jobs/licence-report/runs', { window: 'small', tenants: some }),
    await post('/queries', { path: '/users?$top=1', tenants: some }),
  ];
  for (const run of await Promise.all(small.map((runId) => stack.ended(url, runId))))
    expect(run).toMatchObject({ status: 'completed', tenants: { total: 3, succeeded: 3 } });
  // Both wait for the tenants that were waiting before them, three times: for their list, their visits and their end.
  expect(await doneOf(large)).toBeLessThan(tenants / 2);

  // Most of its batches have not started.
  expect((await stack.call(url, 'POST', `/runs/${encodeURIComponent(large)}/cancel`)).status).toBe(202);
  const { status, tenants: counts } = await stack.ended(url, large);
  expect([status, counts.total, counts.failed]).toEqual(['cancelled', tenants, 0]);
  expect(counts.notAttempted).toBeGreaterThan(tenants / 4);
  expect(counts.succeeded + counts.notAttempted).toBe(tenants);
});
