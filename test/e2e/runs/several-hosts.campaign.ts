import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addFault, clearFaults } from 'microsoft-cloud/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunningChild } from '../../../src/cli/demo/child.ts';
import type { RunAnswer } from '../../../src/lib/api/answers/runs.ts';
import { seededRandom } from '../../fakes/fake-clock.ts';
import { type ThrottledStorage, throttleStorage } from '../../support/throttled-storage.ts';
import { noApp } from '../../support/watched-demo.ts';
import { type RunStack, startRunStack, started } from './run-stack.ts';

// What goes wrong around four hosts on one hub. Kills and skewed clocks: killed-hosts.campaign.ts.

const tenants = 300;
const hosts = 4;
const timeoutMs = 15 * 60_000;

let stack: RunStack;
let storage: ThrottledStorage;
let share = 0;
const alive: RunningChild<{ url: string }>[] = [];
beforeAll(async () => {
  // Five batches, which start one after another.
  const runs = { batchSize: 60, groupSize: 6 };
  stack = await startRunStack(tenants, { retryDelaySeconds: 1, runs }, { plain: true, startApp: noApp });
  const random = seededRandom(1);
  storage = await throttleStorage(stack.demo.connectionString, () => random() < share);
  for (let host = 0; host < hosts; host += 1) alive.push(await start());
});
afterAll(async () => {
  await stack?.stop();
  storage?.stop();
});

const start = (appFolder?: string): Promise<RunningChild<{ url: string }>> =>
  stack.startHost({
    shared: true,
    environment: { AzureWebJobsStorage: storage.connectionString },
    ...(appFolder === undefined ? {} : { appFolder }),
  });

async function run(url: string): Promise<RunAnswer> {
  return stack.ended(url, started(await stack.call(url, 'POST', '/jobs/licence-report/runs', {})));
}

const url = (place = 0): string => alive[place]?.ready.url ?? '';
const complete = {
  status: 'completed',
  tenants: { total: tenants, succeeded: tenants, failed: 0, notAttempted: 0 },
};

test('a tenant that answers after 200 seconds costs only itself', { timeout: timeoutMs }, async () => {
  const { tenantId } = stack.demo.cloud.tenants[7] ?? { tenantId: '' };
  await addFault(stack.demo.cloud.control, { service: 'graph', tenantId, kind: 'delay', delayMs: 200_000 });
  const runId = started(await stack.call(url(), 'POST', '/jobs/licence-report/runs', {}));
  await expect
    .poll(
      async () => {
        const { text } = await stack.call(url(1), 'GET', `/runs/${encodeURIComponent(runId)}`);
        return (JSON.parse(text) as RunAnswer).progress.done;
      },
      { timeout: 120_000 },
    )
    .toBeGreaterThanOrEqual(tenants - 1);
  const ended = await stack.ended(url(), runId);
  expect(ended).toMatchObject({ status: 'completed', tenants: { total: tenants, succeeded: tenants - 1, failed: 1 } });
  expect(ended.failures.map((failure) => failure.tenantId)).toEqual([tenantId]);
  await clearFaults(stack.demo.cloud.control);
});

test('storage that refuses one request in ten loses no tenant and no row', { timeout: timeoutMs }, async () => {
  share = 0.1;
  const before = storage.refused();
  const runId = started(await stack.call(url(), 'POST', '/jobs/licence-report/runs', { window: 'throttled' }));
  const ended = await stack.ended(url(), runId);
  share = 0;
  expect(ended).toMatchObject(complete);
  expect(storage.refused() - before).toBeGreaterThan(10);
  const { text } = await stack.call(url(), 'GET', `/runs/${encodeURIComponent(runId)}/results?format=jsonl`);
  const rows = text.trimEnd().split('\n');
  expect(new Set(rows).size).toBe(rows.length);
  const visited = rows.map((row) => (JSON.parse(row) as { tenantId: string }).tenantId);
  expect(new Set(visited).size).toBe(tenants);
});

test('hosts of the previous version of the orchestrations leave newer runs to the others', {
  timeout: timeoutMs,
}, async () => {
  const older = join(stack.demo.folder, 'older');
  await mkdir(older);
  await cp(stack.appFolder, older, { recursive: true });
  const hostJson = await readFile(join(older, 'host.json'), 'utf8');
  await writeFile(join(older, 'host.json'), hostJson.replace('"defaultVersion": "3.0.0"', '"defaultVersion": "2.0.0"'));
  const old = await start(older);
  // It starts a run of the old version, which every host may continue.
  expect(await run(old.ready.url)).toMatchObject(complete);
  const newer = started(await stack.call(url(), 'POST', '/jobs/licence-report/runs', { window: 'newer' }));
  await alive[3]?.stop();
  // As during a deployment: the old instances end.
  await old.stop();
  expect(await stack.ended(url(), newer)).toMatchObject(complete);
});
