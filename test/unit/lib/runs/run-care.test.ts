import { describe, expect, test } from 'vitest';
import { purgeRuns } from '../../../../src/lib/runs/purge-runs.ts';
import { watchRuns } from '../../../../src/lib/runs/watch-runs.ts';
import { FakeOrchestrations } from '../../../fakes/fake-orchestrations.ts';
import { runId, stageRun, tenantId } from './stage.ts';

const hour = 3_600_000;

async function stage() {
  const run = await stageRun(async () => [], 3);
  const orchestrations = new FakeOrchestrations();
  orchestrations.states.set(runId, 'active');
  const tuning = { batchSize: 100, rounds: 3, retryDelaySeconds: 60 };
  return { ...run, orchestrations, watch: () => watchRuns({ ...run.deps, orchestrations, tuning }) };
}

describe('the watchdog', () => {
  test('leaves a run alone that goes on', async () => {
    const { watch, attempt, clock, runLog } = await stage();
    await clock.advance(hour);
    await attempt(0);
    expect(await watch()).toEqual({ resumed: [], closed: [] });
    expect(await runLog.find(runId)).toMatchObject({ status: 'running' });
  });

  test('starts what was claimed and never begun, once', async () => {
    const { watch, clock, runLog, orchestrations } = await stage();
    await runLog.create(
      { runId: 'probe@w2', job: 'probe', window: 'w2', startedBy: 'timer', createdAtMs: clock.nowMs() },
      { parameters: {} },
    );
    expect(await watch()).toEqual({ resumed: [], closed: [] });
    await clock.advance(61_000);
    expect(await watch()).toEqual({ resumed: ['probe@w2'], closed: [] });
    expect(await watch()).toEqual({ resumed: [], closed: [] });
    expect(orchestrations.started).toHaveLength(1);
  });

  test('closes a run whose orchestration failed, with what was done', async () => {
    const { watch, attempt, clock, runLog, orchestrations } = await stage();
    await attempt(0);
    orchestrations.states.set(runId, 'ended');
    await clock.advance(120_000);
    expect(await watch()).toEqual({ resumed: [], closed: [runId] });
    const stoppedBy = { code: 'internal', detail: 'The orchestration of the run failed.' };
    expect(await runLog.find(runId)).toMatchObject({
      status: 'failed',
      stoppedBy,
      tenants: { succeeded: 1, notAttempted: 2 },
    });
    expect(await watch()).toEqual({ resumed: [], closed: [] });
  });

  test('starts a run again that the platform has lost', async () => {
    const { watch, clock, orchestrations } = await stage();
    orchestrations.states.delete(runId);
    expect(await watch()).toEqual({ resumed: [], closed: [] });
    await clock.advance(120_000);
    expect(await watch()).toEqual({ resumed: [runId], closed: [] });
  });

  test('ends a run that does not move for longer than a tenant may take', async () => {
    const { watch, attempt, clock, runLog, orchestrations } = await stage();
    await clock.advance(hour);
    await attempt(0);
    await clock.advance(1.5 * hour);
    expect((await watch()).closed).toEqual([]);
    await clock.advance(hour);
    expect((await watch()).closed).toEqual([runId]);
    expect(orchestrations.terminated).toEqual([runId]);
    expect(await runLog.find(runId)).toMatchObject({
      status: 'failed',
      stoppedBy: { detail: 'The run made no progress and was ended.' },
    });
  });

  test('a failure with one run does not keep it from the others', async () => {
    const { watch, clock, runLog, orchestrations, logger } = await stage();
    await runLog.create(
      { runId: 'probe@w2', job: 'probe', window: 'w2', startedBy: 'timer', createdAtMs: clock.nowMs() },
      { parameters: {} },
    );
    orchestrations.states.set(runId, 'ended');
    await clock.advance(120_000);
    orchestrations.broken = true;
    expect(await watch()).toEqual({ resumed: [], closed: [runId] });
    expect(logger.events()).toContain('run.watch_failed');
  });
});

describe('purging', () => {
  test('deletes ended runs older than the retention, with plan, rows and tenants, and histories after two weeks', async () => {
    const { deps, attempt, clock, runLog, results, orchestrations } = await stage();
    await attempt(0);
    const retention = { ...deps, orchestrations, retentionDays: 30 };
    await runLog.change(runId, { status: 'completed' });
    await clock.advance(29 * 24 * hour);
    expect(await purgeRuns(retention)).toMatchObject({ runs: 0 });
    await clock.advance(2 * 24 * hour);
    expect(await purgeRuns(retention)).toMatchObject({ runs: 1 });
    expect(await runLog.find(runId)).toBeUndefined();
    expect(await runLog.findTenant(runId, tenantId(0))).toBeUndefined();
    expect(await results.plan(runId)).toBeUndefined();
    expect(orchestrations.purged.at(-1)).toBe(clock.nowMs() - 14 * 24 * hour);
  });

  test('leaves a run alone that has not ended, however old', async () => {
    const { deps, clock, runLog, orchestrations } = await stage();
    await clock.advance(100 * 24 * hour);
    expect(await purgeRuns({ ...deps, orchestrations, retentionDays: 30 })).toMatchObject({ runs: 0 });
    expect(await runLog.find(runId)).toBeDefined();
  });
});
