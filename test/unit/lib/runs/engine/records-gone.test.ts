import { describe, expect, test } from 'vitest';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import { finishRun } from '../../../../../src/lib/runs/engine/finish-run.ts';
import { planRun } from '../../../../../src/lib/runs/engine/plan-run.ts';
import { purgeRuns } from '../../../../../src/lib/runs/engine/watch-runs.ts';
import { rerunRequest } from '../../../../../src/lib/runs/engine/start-run.ts';
import { errorCodeSchema } from '../../../../../src/lib/runs/engine/run-schemas.ts';
import { FakeOrchestrations } from '../../../../fakes/fake-orchestrations.ts';
import { readPages } from '../../../../support/result-pages.ts';
import { runId, stageRun, tenantId, recordOf } from '../store/stage.ts';

// Records that are missing, or were written by another build, while a run still needs them.

const day = 86_400_000;
describe('a run whose record is missing', () => {
  test('starts no further tenant and logs the reason', async () => {
    const { attempt, runLog, started, logger } = await stageRun(async () => []);
    await runLog.remove(runId);
    expect(await attempt(0)).toEqual({ outcome: 'retrying', code: 'run_not_found', unrecorded: true });
    expect(started).toEqual([]);
    expect(logger.events()).toContain('tenant_run.broken');
  });

  test('cannot be finished', async () => {
    const { deps, runLog } = await stageRun(async () => []);
    await runLog.remove(runId);
    await expect(finishRun(deps, { runId })).rejects.toMatchObject({ code: 'run_not_found' });
  });

  test('cannot be planned and is not retried', async () => {
    const { deps, runLog, results } = await stageRun(async () => []);
    await runLog.remove(runId);
    await results.remove(runId);
    const mustNot = (): Promise<never> => Promise.reject(new Error('must not be called'));
    const directory = { snapshot: mustNot, tenantOf: mustNot };
    const groupsAndTags = { groups: mustNot, tenantTags: { current: mustNot } };
    expect(await planRun({ ...deps, ...groupsAndTags, directory }, { runId })).toMatchObject({
      ok: false,
      code: 'run_not_found',
      transient: false,
    });
  });
});

describe('a run whose plan is missing', () => {
  const reason = { code: 'plan_changed', detail: `Somebody has deleted the stored plan of the run ${runId}.` };

  test('fails with the reason, and keeps the recorded results', async () => {
    const { deps, attempt, runLog, results } = await stageRun(async () => []);
    await attempt(0);
    await results.remove(runId);
    const tenants = { total: 3, succeeded: 1, failed: 0, notAttempted: 2 };
    expect(await finishRun(deps, { runId })).toMatchObject({ status: 'failed', tenants });
    expect(await runLog.find(runId)).toMatchObject({ status: 'failed', stoppedBy: reason });
  });

  test('is completed if every tenant has a record', async () => {
    const { deps, attempt, results } = await stageRun(async () => []);
    for (const index of [0, 1, 2]) await attempt(index);
    await results.remove(runId);
    expect(await finishRun(deps, { runId })).toMatchObject({ status: 'completed', tenants: { succeeded: 3 } });
  });

  test('stops at the first tenant, because no other can be visited', async () => {
    const { deps, attempt, runLog, results, started } = await stageRun(async () => []);
    await results.remove(runId);
    expect(await attempt(0)).toEqual({ outcome: 'not_attempted', code: 'plan_changed' });
    expect(await finishRun(deps, { runId })).toMatchObject({ status: 'failed', tenants: { notAttempted: 3 } });
    expect(await runLog.find(runId)).toMatchObject({ stoppedBy: reason });
    expect(started).toEqual([]);
  });

  test('can still be exported', async () => {
    const { attempt, runLog, results } = await stageRun(async ({ tenant }) => [{ name: tenant.name }]);
    for (const index of [2, 0]) await attempt(index);
    results.plan = async () => undefined;
    const run = await runLog.find(runId);
    const [text = ''] = await readPages({ log: runLog, results }, run!, { format: 'jsonl' });
    expect(text.match(/Tenant \d/g)).toEqual(['Tenant 0', 'Tenant 0', 'Tenant 2', 'Tenant 2']);
  });

  test('fails a tenant run with an index beyond the plan', async () => {
    const { attempt, started } = await stageRun(async () => [], 1);
    expect(await attempt(7, { last: true })).toEqual({ outcome: 'failed', code: 'internal', unrecorded: true });
    expect(started).toEqual([]);
  });
});

describe('the rows of a run', () => {
  test('are empty for a record without rows, and the rest is exported', async () => {
    const { attempt, runLog, results } = await stageRun(async () => [{ a: 1 }]);
    await attempt(0);
    await runLog.recordTenant(runId, recordOf(1, { rows: 3, columns: ['a'] }));
    const run = await runLog.find(runId);
    const [text = ''] = await readPages({ log: runLog, results }, run!, { format: 'jsonl' });
    expect(text.trimEnd().split('\n')).toHaveLength(1);
  });

  test('that cannot be read fail the export without an unhandled rejection', async () => {
    const { attempt, runLog, results } = await stageRun(async () => [{ a: 1 }]);
    for (const index of [0, 1, 2]) await attempt(index);
    results.rows = () => {
      throw new BrokerError('storage_unavailable', 'Away.');
    };
    const run = await runLog.find(runId);
    await expect(readPages({ log: runLog, results }, run!, { format: 'jsonl' })).rejects.toMatchObject({
      code: 'storage_unavailable',
    });
  });
});

test('a tenant without a record gets a round above those of all others, in whatever order these are read', async () => {
  const { deps, runLog } = await stageRun(async () => []);
  await runLog.recordTenants(runId, [recordOf(0, { round: 3 }), recordOf(1, { round: 1 })]);
  await finishRun(deps, { runId });
  const lost = { outcome: 'failed', code: 'internal', round: 4, attempts: 3 };
  expect(await runLog.findTenant(runId, tenantId(2))).toMatchObject(lost);
  // What a late activity of the last round records.
  await runLog.recordTenant(runId, recordOf(2, { round: 3 }));
  expect(await runLog.findTenant(runId, tenantId(2))).toMatchObject(lost);
});

test('a cancelled run records the reason for a waiting tenant, even if its record has no code', async () => {
  const { deps, runLog } = await stageRun(async () => [], 1);
  await runLog.recordTenant(runId, recordOf(0, { outcome: 'retrying' }));
  await runLog.change(runId, { cancelRequestedAtMs: 1 });
  await finishRun(deps, { runId });
  expect(await runLog.findTenant(runId, tenantId(0))).toMatchObject({
    outcome: 'failed',
    code: 'run_cancelled',
    detail: 'The run was cancelled before the next attempt. Last failure: An unexpected error occurred.',
  });
});

test('a run that cannot be purged does not stop the purge of others', async () => {
  const { deps, clock, runLog, results, logger } = await stageRun(async () => []);
  const other = { runId: 'probe@w2', job: 'probe', window: 'w2', startedBy: 'timer', createdAtMs: clock.nowMs() };
  await runLog.create(other, { parameters: {} });
  for (const id of [runId, 'probe@w2']) await runLog.change(id, { status: 'completed' });
  await clock.advance(31 * day);
  const remove = results.remove.bind(results);
  results.remove = async (id) =>
    id === runId ? Promise.reject(new BrokerError('storage_unavailable', 'Away.')) : remove(id);
  const purge = { ...deps, orchestrations: new FakeOrchestrations(), retentionDays: 30, timerIsOff: () => false };
  expect(await purgeRuns(purge)).toMatchObject({ runs: 1 });
  expect(await runLog.find(runId)).toMatchObject({ runId, status: 'completed' });
  expect(await runLog.find('probe@w2')).toBeUndefined();
  expect(logger.events()).toContain('run.purge_failed');
});

test('a rerun of a run whose request is missing uses the same tenants without parameters', async () => {
  const { runLog, results } = await stageRun(async () => [], 2);
  await runLog.change(runId, { status: 'cancelled' });
  runLog.request = async () => undefined;
  const run = await runLog.find(runId);
  expect(await rerunRequest({ log: runLog, results }, run!)).toEqual({
    parameters: {},
    tenants: [tenantId(0), tenantId(1)],
  });
});

test('an unknown error code written by another build counts as internal', () => {
  expect(errorCodeSchema.parse('throttled')).toBe('throttled');
  expect(errorCodeSchema.parse('code_of_tomorrow')).toBe('internal');
  expect(errorCodeSchema.safeParse(7).success).toBe(false);
});
