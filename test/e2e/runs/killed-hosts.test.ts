import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { seededRandom } from '../../fakes/fake-clock.ts';
import { startRunStack, started, type RunStack } from './run-stack.ts';

// PTB_KILLS=50 PTB_TENANTS=200 is the figure that the product promises; the suite does a part of it each time.
const kills = Number(process.env['PTB_KILLS'] ?? '8');
const tenants = Number(process.env['PTB_TENANTS'] ?? '60');
const seed = Number(process.env['PTB_SEED'] ?? '1');

let stack: RunStack;
beforeAll(async () => {
  stack = await startRunStack(tenants, { RUN_RETRY_SECONDS: '1' });
});
afterAll(() => stack?.stop());

test(
  `runs survive a host that is killed ${kills} times: none lost, none stuck, each tenant once`,
  async () => {
    const random = seededRandom(seed);
    const runs = new Set<string>();
    let host = await stack.startHost();
    let open: string | undefined;
    for (let kill = 0; kill < kills; kill += 1) {
      if (open === undefined || (await isEnded(host.ready.url, open))) {
        open = started(
          await stack.call(host.ready.url, 'POST', '/jobs/licence-report/runs', { window: `kill-${kill}` }),
        );
        runs.add(open);
      }
      await sleep(50 + random() * 600);
      await host.kill();
      host = await stack.startHost();
    }
    const broken = stack.demo.cloud.tenants.filter(({ state }) => state !== 'ok').length;
    for (const runId of runs) {
      const run = await stack.ended(host.ready.url, runId);
      expect(run).toMatchObject({
        status: 'completed',
        tenants: { total: tenants, failed: broken, succeeded: tenants - broken, notAttempted: 0 },
      });
      const { text } = await stack.call(
        host.ready.url,
        'GET',
        `/runs/${encodeURIComponent(runId)}/results?format=jsonl`,
      );
      const rows = text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { tenantId: string; skuId: string });
      expect(new Set(rows.map(({ tenantId, skuId }) => `${tenantId} ${skuId}`)).size).toBe(rows.length);
      expect(new Set(rows.map(({ tenantId }) => tenantId)).size).toBe(tenants - broken);
    }
  },
  60_000 + kills * 10_000,
);

async function isEnded(url: string, runId: string): Promise<boolean> {
  const { text } = await stack.call(url, 'GET', `/runs/${encodeURIComponent(runId)}`);
  return !['pending', 'running'].includes((JSON.parse(text) as { status: string }).status);
}
