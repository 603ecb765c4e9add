import { changeTenant } from 'microsoft-cloud/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startRunStack, started, type RunStack } from './run-stack.ts';

let stack: RunStack;
beforeAll(async () => {
  stack = await startRunStack(8, { retryDelaySeconds: 1 }, { plain: true });
});
afterAll(() => stack?.stop());

it('fails only the tenants whose relationship ended or that block the partner after the run was planned', async () => {
  const { url, cloud } = stack.demo;
  // The list of tenants is read, and is used for the run although it changes now.
  await stack.call(url, 'GET', '/tenants');
  const [ended, blocking] = cloud.tenants.map(({ tenantId }) => tenantId);
  await changeTenant(cloud.control, ended ?? '', { relationshipEndsInMs: 0 });
  await changeTenant(cloud.control, blocking ?? '', { state: 'conditional_access' });
  const runId = started(await stack.call(url, 'POST', '/jobs/licence-report/runs', {}));
  const run = await stack.ended(url, runId);
  expect(run).toMatchObject({ status: 'completed', tenants: { total: 8, succeeded: 6, failed: 2, notAttempted: 0 } });
  const { text } = await stack.call(url, 'GET', `/runs/${encodeURIComponent(runId)}/tenants?outcome=failed`);
  const { tenants, codes } = JSON.parse(text) as {
    tenants: { tenantId: string; code: string; detail: string }[];
    codes: { code: string; advice: string }[];
  };
  const of = (tenantId: string | undefined) => tenants.find((each) => each.tenantId === tenantId);
  expect(of(ended)).toMatchObject({ code: 'tenant_not_delegated', detail: expect.stringMatching(/AADSTS50020/) });
  expect(of(blocking)).toMatchObject({ code: 'blocked_by_policy', detail: expect.stringMatching(/AADSTS53003/) });
  const advice = Object.fromEntries(codes.map((each) => [each.code, each.advice]));
  expect(advice['blocked_by_policy']).toContain('service provider users');
  expect(advice['tenant_not_delegated']).toContain('GDAP');
  const health = JSON.parse((await stack.call(url, 'GET', '/health')).text) as { status: string };
  expect(health.status).not.toBe('down');
}, 240_000);
