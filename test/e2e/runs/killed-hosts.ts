import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { seededRandom } from '../../fakes/fake-clock.ts';
import { startRunStack, started, type RunStack } from './run-stack.ts';

/** PTB_SEED=7 chooses other moments for the kills. */
const seed = Number(process.env['PTB_SEED'] ?? '1');

/** Registers a test: runs over `tenants` customers survive `kills` kills of the host. */
export function testKilledHosts(kills: number, tenants: number): void {
  let stack: RunStack;
  beforeAll(async () => {
    stack = await startRunStack(tenants, { retryDelaySeconds: 1 });
  });
  afterAll(() => stack?.stop());

  test(
    `runs over ${tenants} tenants survive a host that is killed ${kills} times: none lost, none stuck, each tenant once`,
    async () => {
      const runs = await killAndStart(stack, kills);
      const broken = stack.demo.cloud.tenants.filter(({ state }) => state !== 'ok').length;
      for (const runId of runs.ids) {
        const run = await stack.ended(runs.url, runId);
        expect(run).toMatchObject({
          status: 'completed',
          tenants: { total: tenants, failed: broken, succeeded: tenants - broken, notAttempted: 0 },
        });
        const path = `/runs/${encodeURIComponent(runId)}/results?format=jsonl`;
        const { text } = await stack.call(runs.url, 'GET', path);
        const rows = text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as { tenantId: string; skuId: string });
        expect(new Set(rows.map(({ tenantId, skuId }) => `${tenantId} ${skuId}`)).size).toBe(rows.length);
        expect(new Set(rows.map(({ tenantId }) => tenantId)).size).toBe(tenants - broken);
      }
      console.log(
        `seed ${seed}: ${kills} kills, ${runs.ids.length} runs of ${tenants} tenants, 0 lost, 0 stuck, 0 twice`,
      );
    },
    60_000 + kills * 20_000,
  );
}

/** Starts runs one after another and kills the host while they execute. @returns the runs and the URL of the last host. */
async function killAndStart(stack: RunStack, kills: number): Promise<{ ids: readonly string[]; url: string }> {
  const random = seededRandom(seed);
  const ids: string[] = [];
  let host = await stack.startHost();
  for (let kill = 0; kill < kills; kill += 1) {
    const { url } = host.ready;
    const open = ids.at(-1);
    // Sometimes several at a time: a run must not be lost because of another one.
    if (open === undefined || kill % 5 === 0 || (await isEnded(stack, url, open)))
      ids.push(started(await stack.call(url, 'POST', '/jobs/licence-report/runs', { window: `kill-${kill}` })));
    // Most hosts live briefly, some long enough for the slow tenants.
    await sleep(50 + random() ** 2 * 3_000);
    await host.kill();
    host = await stack.startHost();
  }
  return { ids, url: host.ready.url };
}

async function isEnded(stack: RunStack, url: string, runId: string): Promise<boolean> {
  const { text } = await stack.call(url, 'GET', `/runs/${encodeURIComponent(runId)}`);
  return !['pending', 'running'].includes((JSON.parse(text) as { status: string }).status);
}
