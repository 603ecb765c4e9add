import type { DurableClient } from 'durable-functions';
import { expect, it } from 'vitest';
import { orchestrationsOf } from '../../../../../src/functions/orchestrations.ts';
import { createTenantSlots, visitInTurn } from '../../../../../src/lib/runs/engine/visit-tenants.ts';
import { runId, stageRun, tenantId } from '../store/stage.ts';

const input = { runId, indexes: [0, 1], round: 1, last: false };
const takenEvent = 'taken-r1-b0';

async function stage(raise: (instanceId: string, event: string) => Promise<void>, visit = async () => {}) {
  const run = await stageRun(async () => {
    await visit();
    return [];
  });
  const deps = {
    ...run.deps,
    tenantSlots: createTenantSlots(2),
    loneSlot: createTenantSlots(1),
    changeSlots: createTenantSlots(20),
    orchestrations: { raise },
  };
  return { ...run, visit: (more = {}) => visitInTurn(deps, { ...input, ...more }) };
}

it('tells the run at the beginning, while the tenants are visited', async () => {
  const raised: string[][] = [];
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const { visit, started } = await stage(
    async (...event) => void raised.push(event),
    () => held,
  );
  const visited = visit({ takenEvent });
  await expect.poll(() => started).toEqual([tenantId(0), tenantId(1)]);
  expect(raised).toEqual([[runId, takenEvent]]);
  release();
  expect(await visited).toEqual({});
});

it('tells nobody if no batch waits for it', async () => {
  const raised: unknown[] = [];
  const { visit, started } = await stage(async (...event) => void raised.push(event));
  expect(await visit()).toEqual({});
  expect([started.length, raised]).toEqual([2, []]);
});

it('does not let the visits wait for the event, and ends after it', async () => {
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const { visit, runLog } = await stage(() => held);
  let hasEnded = false;
  const visited = visit({ takenEvent }).finally(() => (hasEnded = true));
  await expect.poll(async () => (await runLog.findOutcomes(runId, [tenantId(0), tenantId(1)])).length).toBe(2);
  expect(hasEnded).toBe(false);
  release();
  await visited;
});

it('ends without an answer of the platform after 30 seconds, and logs that', async () => {
  const silent = { raiseEvent: () => new Promise(() => undefined) } as unknown as DurableClient;
  const { visit, clock, runLog, logger } = await stage((...event) => orchestrationsOf(silent, clock).raise(...event));
  let hasEnded = false;
  const visited = visit({ takenEvent }).finally(() => (hasEnded = true));
  await expect.poll(async () => (await runLog.findOutcomes(runId, [tenantId(0), tenantId(1)])).length).toBe(2);
  await clock.advance(29_999);
  expect(hasEnded).toBe(false);
  await clock.advance(1);
  expect(hasEnded).toBe(true);
  expect(await visited).toEqual({});
  expect(logger.events()).toEqual(['run.next_batch_late']);
});

it('visits the tenants although the event cannot be raised, and logs that', async () => {
  const { visit, logger } = await stage(() => Promise.reject(new TypeError('fetch failed')));
  expect(await visit({ takenEvent })).toEqual({});
  expect(logger.lines.map(({ level, line }) => [level, JSON.parse(line)])).toMatchObject([
    ['warn', { event: 'run.next_batch_late', runId }],
  ]);
});
