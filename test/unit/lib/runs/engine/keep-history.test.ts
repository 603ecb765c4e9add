import { expect, test } from 'vitest';
import { historyKey } from '../../../../../src/lib/runs/history/tenant-numbers.ts';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import { finishRun } from '../../../../../src/lib/runs/engine/finish-run.ts';
import type { JobDefinition } from '../../../../../src/lib/runs/job/job.ts';
import { recordOf, type RunStage, runId, stageRun, tenantId } from '../store/stage.ts';

const columns: JobDefinition['columns'] = [
  { name: 'product', title: 'Product', type: 'text' },
  { name: 'free', title: 'Free', type: 'number' },
  { name: 'points', title: 'Points', type: 'number', compare: false },
  { name: 'daysLeft', title: 'Days left', type: 'number', compare: false, history: false },
];

/** What the history has of the only run on the stage. */
async function kept({ deps, clock }: RunStage, job = 'probe') {
  const period = { job, sinceMs: 0, untilMs: clock.nowMs() + 1 };
  const [run] = await deps.runs.history.runs(period, 9);
  const key = run && historyKey(run);
  const of = async (index: number) => (await deps.runs.history.ofTenant(tenantId(index), period)).get(key ?? '');
  return { run, totals: (await deps.runs.history.totals(period)).get(key ?? ''), of };
}

test('a run that ends is kept with the numbers of each tenant and all together', async () => {
  const stage = await stageRun(
    async ({ tenant }) => {
      if (tenant.tenantId === tenantId(2)) throw new BrokerError('consent_required', 'No.');
      if (tenant.tenantId === tenantId(3)) throw new BrokerError('resource_unavailable', 'No licence.');
      return [
        { product: 'E3', free: 2, points: 0.1, daysLeft: 3 },
        { product: 'E5', free: tenant.tenantId === tenantId(0) ? 3 : 30, points: 0.2, daysLeft: 9 },
      ];
    },
    4,
    { columns, historyBy: 'product' },
  );
  for (const index of [0, 1, 2, 3]) await stage.attempt(index);
  expect(await finishRun(stage.deps, { runId })).toMatchObject({ status: 'completed', tenants: { succeeded: 2 } });
  const { run, totals, of } = await kept(stage);
  expect(run).toMatchObject({ runId, status: 'completed', scope: 'all', isScheduled: true });
  expect(totals).toEqual({
    outcomes: { succeeded: 2, failed: 1, skipped: 1, not_attempted: 0 },
    sum: { names: ['free', 'points'], numbers: [4, 37, 0.6], counted: 2 },
    split: { by: 'product', values: ['E3', 'E5'] },
  });
  expect(await of(1)).toMatchObject({
    outcome: 'succeeded',
    found: { names: ['free', 'points'], numbers: [2, 32, 0.3] },
  });
  expect([await of(2), await of(3)]).toEqual([{ outcome: 'failed' }, { outcome: 'skipped' }]);
});

test('a run that is stopped keeps what it found, and which tenants it did not attempt', async () => {
  const stage = await stageRun(async () => [{ free: 1 }], 3);
  await stage.attempt(0);
  await finishRun(stage.deps, { runId, stoppedBy: { code: 'credential_revoked', detail: 'Gone.' } });
  const { run, totals, of } = await kept(stage);
  expect(run?.status).toBe('failed');
  expect(totals?.outcomes).toEqual({ succeeded: 1, failed: 0, skipped: 0, not_attempted: 2 });
  expect(await of(2)).toEqual({ outcome: 'not_attempted' });
});

test('a run that is stopped before it knows its tenants is kept, without a sum', async () => {
  const stage = await stageRun(async () => []);
  const early = 'probe@early';
  const createdAtMs = stage.clock.nowMs();
  await stage.runLog.create(
    { runId: early, job: 'probe', window: 'early', startedBy: 'timer', createdAtMs },
    { parameters: {} },
  );
  await finishRun(stage.deps, { runId: early, stoppedBy: { code: 'directory_unavailable', detail: 'Away.' } });
  const { run, totals } = await kept(stage);
  expect(run).toMatchObject({ runId: early, status: 'failed', startedAtMs: createdAtMs });
  expect(totals).toEqual({ outcomes: { succeeded: 0, failed: 0, skipped: 0, not_attempted: 0 } });
});

test('a tenant that waited for a retry has failed', async () => {
  const stage = await stageRun(() => Promise.reject(new BrokerError('throttled', 'Later.')), 1);
  await stage.attempt(0);
  await finishRun(stage.deps, { runId });
  expect(await (await kept(stage)).of(0)).toEqual({ outcome: 'failed' });
});

test('a tenant that an earlier version visited has its rows without further numbers', async () => {
  const stage = await stageRun(async () => [{ free: 1 }], 2);
  await stage.attempt(0);
  await stage.runLog.recordTenant(runId, recordOf(1, { rows: 5, rowsName: 'x' }));
  await finishRun(stage.deps, { runId });
  const { totals, of } = await kept(stage);
  expect(await of(1)).toEqual({ outcome: 'succeeded', found: { names: [], numbers: [5] } });
  expect(totals?.sum).toEqual({ names: ['free'], numbers: [6, 1], counted: 2 });
});

test('a run ends although its history cannot be written, and the log says so', async () => {
  const stage = await stageRun(async () => [], 1);
  stage.deps.runs.history.add = () => Promise.reject(new BrokerError('storage_unavailable', 'Away.'));
  await stage.attempt(0);
  expect(await finishRun(stage.deps, { runId })).toMatchObject({ status: 'completed' });
  const [failed] = stage.logger.lines.filter(({ line }) => line.includes('run.history_failed'));
  expect(failed?.level).toBe('error');
  expect(JSON.parse(failed?.line ?? '{}')).toMatchObject({ runId, code: 'storage_unavailable' });
});

test('the end of a run that was interrupted after its history is repeated without a difference', async () => {
  const stage = await stageRun(async () => [{ free: 1 }], 1);
  await stage.attempt(0);
  const change = stage.runLog.change.bind(stage.runLog);
  stage.runLog.change = () => Promise.reject(new BrokerError('storage_unavailable', 'Away.'));
  await expect(finishRun(stage.deps, { runId })).rejects.toMatchObject({ code: 'storage_unavailable' });
  const before = await kept(stage);
  stage.runLog.change = change;
  await finishRun(stage.deps, { runId });
  const after = await kept(stage);
  expect([after.run, after.totals]).toEqual([before.run, before.totals]);
  expect(after.run).toBeDefined();
});

test('a query has no history', async () => {
  const stage = await stageRun(async () => []);
  const { runLog, results } = stage;
  const tenants = { total: 1, succeeded: 0, failed: 0, skipped: 0, notAttempted: 0 };
  await runLog.create(
    { runId: 'query@w', job: 'query', window: 'w', startedBy: 'x', createdAtMs: 1, query: '/users' },
    { parameters: {} },
  );
  await results.putPlan('query@w', { job: 'query', parameters: {}, attempt: [], decided: [] });
  await runLog.recordTenant('query@w', recordOf(0, { rows: 3 }));
  await runLog.change('query@w', { status: 'running', startedAtMs: 1, tenants });
  expect(await finishRun(stage.deps, { runId: 'query@w' })).toMatchObject({ tenants: { succeeded: 1 } });
  expect((await kept(stage, 'query')).run).toBeUndefined();
});

test('a run that a person started is not kept as scheduled', async () => {
  const stage = await stageRun(async () => []);
  const byHand = 'probe@by-hand';
  const createdAtMs = stage.clock.nowMs();
  await stage.runLog.create(
    { runId: byHand, job: 'probe', window: 'by-hand', startedBy: 'ada', createdAtMs },
    { parameters: {} },
  );
  await finishRun(stage.deps, { runId: byHand, stoppedBy: { code: 'directory_unavailable', detail: 'Away.' } });
  expect((await kept(stage)).run).toMatchObject({ runId: byHand, isScheduled: false });
});

test('a run that is stopped counts each tenant once, and says so in the log', async () => {
  const stage = await stageRun(async ({ tenant }) => {
    const number = Number(tenant.tenantId.slice(-1));
    if (number === 1) throw new BrokerError('consent_required', 'No.');
    if (number === 2) throw new BrokerError('resource_unavailable', 'No licence.');
    return [];
  }, 6);
  for (const index of [0, 1, 2, 3]) await stage.attempt(index);
  await finishRun(stage.deps, { runId, stoppedBy: { code: 'credential_revoked', detail: 'Gone.' } });
  const counts = { total: 6, succeeded: 2, failed: 1, skipped: 1, notAttempted: 2 };
  expect(await stage.runLog.find(runId)).toMatchObject({ tenants: counts });
  const { level, line = '{}' } = stage.logger.lines.at(-1) ?? {};
  expect(level).toBe('error');
  expect(JSON.parse(line)).toMatchObject({
    event: 'run.finished',
    runId,
    status: 'failed',
    ...counts,
    stoppedBy: 'credential_revoked',
  });
});

test('a run that completes is no error in the log', async () => {
  const stage = await stageRun(async () => [], 1);
  await stage.attempt(0);
  await finishRun(stage.deps, { runId });
  expect(stage.logger.lines.at(-1)).toMatchObject({
    level: 'info',
    line: expect.stringContaining('run.finished') as string,
  });
});

test('a run is cancelled if one tenant waits for a retry and one has no record', async () => {
  const stage = await stageRun(() => Promise.reject(new BrokerError('throttled', 'Later.')), 2);
  await stage.attempt(0);
  await stage.runLog.change(runId, { cancelRequestedAtMs: 1 });
  expect(await finishRun(stage.deps, { runId })).toMatchObject({
    status: 'cancelled',
    tenants: { failed: 1, notAttempted: 1 },
  });
});

test('a run stays cancelled if its end is repeated after it closed as many tenants as have no record', async () => {
  const stage = await stageRun(() => Promise.reject(new BrokerError('throttled', 'Later.')), 2);
  await stage.attempt(0);
  await stage.runLog.change(runId, { cancelRequestedAtMs: 1 });
  const change = stage.runLog.change.bind(stage.runLog);
  stage.runLog.change = () => Promise.reject(new BrokerError('storage_unavailable', 'Away.'));
  await expect(finishRun(stage.deps, { runId })).rejects.toMatchObject({ code: 'storage_unavailable' });
  stage.runLog.change = change;
  expect(await finishRun(stage.deps, { runId })).toMatchObject({ status: 'cancelled' });
});
