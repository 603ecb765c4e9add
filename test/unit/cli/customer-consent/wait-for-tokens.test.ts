import { expect, it } from 'vitest';
import { waitForTokens } from '../../../../src/cli/customer-consent/wait-for-tokens.ts';
import type { TenantId } from '../../../../src/lib/core/identifiers.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { tenants } from '../../lib/consent/customer-consent-bench.ts';

/** Waits for tenants whose tokens take a second each. */
function bench(issues: (tenantId: TenantId, nowMs: number) => boolean) {
  const clock = new FakeClock();
  const startMs = clock.nowMs();
  const interruption = new AbortController();
  const asked: TenantId[] = [];
  const deps = {
    toolbox: { clock, signal: interruption.signal },
    local: { tokens: { forgetTenant: () => undefined } },
    graphToken: async (tenantId: TenantId) => {
      asked.push(tenantId);
      await clock.sleep(1_000);
      if (!issues(tenantId, clock.nowMs() - startMs)) throw new Error('no consent yet');
    },
  };
  return { clock, startMs, interruption, asked, wait: (count: number) => waitForTokens(deps, tenants(count)) };
}

it('requests tokens of 3,000 tenants side by side', async () => {
  const { clock, wait } = bench(() => true);
  const working = wait(3_000);
  await clock.advance(120_000);
  expect(await Promise.race([working, Promise.resolve('still waiting')])).toBe(3_000);
});

it('counts the tenants that issue tokens within six minutes', async () => {
  const [slow] = tenants(1);
  const workingAfter = async (ms: number): Promise<number> => {
    const { clock, wait } = bench((tenantId, nowMs) => tenantId !== slow || nowMs > ms);
    const working = wait(3);
    await clock.advance(400_000);
    return working;
  };
  expect([await workingAfter(340_000), await workingAfter(400_000)]).toEqual([3, 2]);
});

it('starts no further request after an interruption, and counts what it knows', async () => {
  const { clock, interruption, asked, wait } = bench(() => true);
  const working = wait(3_000);
  await clock.advance(2_500);
  interruption.abort(new Error('Ctrl+C'));
  const before = asked.length;
  await clock.advance(600_000);
  expect(asked).toHaveLength(before);
  expect(await working).toBe(before);
});
