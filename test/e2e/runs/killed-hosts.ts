import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunningChild } from '../../../src/cli/demo/child.ts';
import { seededRandom } from '../../fakes/fake-clock.ts';
import { noApp } from '../../support/watched-demo.ts';
import { startRunStack, started, type RunStack } from './run-stack.ts';

/** PTB_SEED=7 chooses other moments for the kills. */
const seed = Number(process.env['PTB_SEED'] ?? '1');
const hourMs = 3_600_000;

interface Kills {
  readonly kills: number;
  readonly tenants: number;
  /** Hosts that are on the hub at the same time. */
  readonly hosts: number;
}

/** Registers a test: runs over `tenants` customers survive `kills` kills of one of the hosts. */
export function testKilledHosts({ kills, tenants, hosts }: Kills): void {
  let stack: RunStack;
  beforeAll(async () => {
    // The test starts and kills all hosts. A run has several batches, which start one after another.
    const runs = { batchSize: 20, groupSize: 4 };
    stack = await startRunStack(tenants, { retryDelaySeconds: 1, runs }, { startApp: noApp });
  });
  afterAll(() => stack?.stop());

  test(
    `runs over ${tenants} tenants survive ${kills} kills among ${hosts} hosts: none lost, none stuck, each tenant once`,
    async () => {
      const { ids, front } = await killAndStart(stack, kills, hosts);
      const { url } = front.ready;
      const broken = stack.demo.cloud.tenants.filter(({ state }) => state !== 'ok').length;
      for (const runId of ids) {
        const run = await stack.ended(url, runId);
        expect(run).toMatchObject({
          status: 'completed',
          tenants: { total: tenants, failed: broken, succeeded: tenants - broken, notAttempted: 0 },
        });
        const path = `/runs/${encodeURIComponent(runId)}/results?format=jsonl`;
        const { text } = await stack.call(url, 'GET', path);
        const rows = text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as { tenantId: string; skuId: string });
        expect(new Set(rows.map(({ tenantId, skuId }) => `${tenantId} ${skuId}`)).size).toBe(rows.length);
        expect(new Set(rows.map(({ tenantId }) => tenantId)).size).toBe(tenants - broken);
      }
      console.log(
        `seed ${seed}: ${kills} kills among ${hosts} hosts, ${ids.length} runs of ${tenants} tenants, 0 lost, 0 stuck, 0 twice`,
      );
    },
    60_000 + kills * 20_000,
  );
}

type Host = RunningChild<{ url: string }>;

/**
 * Starts runs one after another and kills hosts while they execute. The clocks of all but the first are up to an hour off; the
 * first answers the test, whose tokens the others would refuse.
 * @returns the runs and the last host in front.
 */
async function killAndStart(
  stack: RunStack,
  kills: number,
  hosts: number,
): Promise<{ ids: readonly string[]; front: Host }> {
  const random = seededRandom(seed);
  const ids: string[] = [];
  const start = (place: number): Promise<Host> =>
    stack.startHost({ shared: hosts > 1, skewMs: place === 0 ? 0 : Math.round((random() * 2 - 1) * hourMs) });
  const alive = await Promise.all(Array.from({ length: hosts }, (_, place) => start(place)));
  for (let kill = 0; kill < kills; kill += 1) {
    const url = alive[0]?.ready.url ?? '';
    const open = ids.at(-1);
    // Sometimes several at a time: a run must not be lost because of another one.
    if (open === undefined || kill % 5 === 0 || (await isEnded(stack, url, open)))
      ids.push(started(await stack.call(url, 'POST', '/jobs/licence-report/runs', { window: `kill-${kill}` })));
    // Most hosts live briefly, some long enough for the slow tenants.
    await sleep(50 + random() ** 2 * 3_000);
    const place = Math.floor(random() * hosts);
    await alive[place]?.kill();
    alive[place] = await start(place);
  }
  return { ids, front: alive[0] as Host };
}

async function isEnded(stack: RunStack, url: string, runId: string): Promise<boolean> {
  const { text } = await stack.call(url, 'GET', `/runs/${encodeURIComponent(runId)}`);
  return !['pending', 'running'].includes((JSON.parse(text) as { status: string }).status);
}
