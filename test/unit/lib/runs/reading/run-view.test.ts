import { beforeEach, describe, expect, it, test } from 'vitest';
import type { TenantId } from '../../../../../src/lib/core/identifiers.ts';
import type { Run, TenantRun } from '../../../../../src/lib/runs/store/run.ts';
import { createRunPlans } from '../../../../../src/lib/runs/store/runs.ts';
import { summarise, viewRun } from '../../../../../src/lib/runs/reading/run-view.ts';
import { MemoryRunLog, MemoryRunResults } from '../../../../fakes/memory-run-log.ts';
import { tenantId } from '../store/stage.ts';

const nowMs = Date.UTC(2026, 10, 24, 1);
const runId = 'probe@w';
const run: Run = {
  runId,
  job: 'probe',
  window: 'w',
  status: 'running',
  startedBy: 'timer',
  createdAtMs: nowMs - 10_000,
  scope: 'all',
  tenants: { total: 4, succeeded: 0, failed: 0, skipped: 0, notAttempted: 0 },
};
const record = (id: TenantId, outcome: TenantRun['outcome'], more: Partial<TenantRun> = {}): TenantRun => ({
  tenantId: id,
  name: `tenant ${id.slice(-1)}`,
  outcome,
  round: 1,
  rows: 0,
  columns: [],
  startedAtMs: nowMs,
  finishedAtMs: nowMs,
  ...more,
});

let runLog: MemoryRunLog;
beforeEach(async () => {
  runLog = new MemoryRunLog();
  await runLog.create(run, { parameters: {} });
});

test('a run shows its parameters, and the list of runs does not', async () => {
  const given = { ...run, parameters: { days: 3 } };
  expect((await viewRun(runLog, given, nowMs)).parameters).toEqual({ days: 3 });
  expect(await viewRun(runLog, run, nowMs)).not.toHaveProperty('parameters');
  expect(summarise(given, nowMs)).not.toHaveProperty('parameters');
});

describe('the summary of a run', () => {
  it('has a duration from creation until now while the run is pending', () => {
    expect(summarise(run, nowMs)).toEqual({
      runId,
      job: 'probe',
      window: 'w',
      status: 'running',
      outcome: 'running',
      tenants: run.tenants,
      startedBy: 'timer',
      startedAt: '2026-11-24T00:59:50.000Z',
      durationMs: 10_000,
      warnings: [],
    });
  });

  it('includes the warnings about the tenant list', () => {
    expect(summarise({ ...run, warnings: ['old list'] }, nowMs).warnings).toEqual(['old list']);
  });

  it('has a duration from start to end that is never negative', () => {
    const ended = { ...run, startedAtMs: nowMs - 5_000, finishedAtMs: nowMs - 1_000 };
    expect(summarise(ended, nowMs)).toMatchObject({ durationMs: 4_000, finishedAt: '2026-11-24T00:59:59.000Z' });
    expect(summarise({ ...ended, finishedAtMs: nowMs - 9_000 }, nowMs).durationMs).toBe(0);
  });

  it('shows a requested cancellation and the stop reason with title and advice', () => {
    const stopped = {
      ...run,
      cancelRequestedAtMs: nowMs,
      stoppedBy: { code: 'credential_revoked' as const, detail: 'gone' },
    };
    expect(summarise(stopped, nowMs)).toMatchObject({
      cancelRequested: true,
      stoppedBy: {
        code: 'credential_revoked',
        detail: 'gone',
        title: expect.any(String) as string,
        advice: expect.any(String) as string,
      },
    });
  });
});

describe('the view of a run', () => {
  it('counts tenant records while the run is active, and sorts failures by name', async () => {
    await runLog.recordTenants(runId, [
      record(tenantId(1), 'succeeded'),
      record(tenantId(3), 'failed', { code: 'consent_required', detail: 'nobody consented' }),
      record(tenantId(2), 'failed'),
      record(tenantId(4), 'retrying'),
    ]);
    const view = await viewRun(runLog, { ...run, warnings: ['old list'] }, nowMs);
    expect(view).toMatchObject({
      tenants: { total: 4, succeeded: 1, failed: 2, skipped: 0 },
      progress: { done: 3, retrying: 1, total: 4 },
      warnings: ['old list'],
    });
    expect(view.failures.map(({ name, code, detail }) => [name, code, detail])).toEqual([
      ['tenant 2', 'internal', undefined],
      ['tenant 3', 'consent_required', 'nobody consented'],
    ]);
  });

  it('counts nothing until the number of tenants is known', async () => {
    await runLog.recordTenants(runId, [record(tenantId(3), 'failed'), record(tenantId(2), 'skipped')]);
    const tenants = { ...run.tenants, total: 0 };
    expect(await viewRun(runLog, { ...run, tenants }, nowMs)).toMatchObject({
      outcome: 'starting',
      tenants: { total: 0, succeeded: 0, failed: 0, skipped: 0, notAttempted: 0 },
      progress: { done: 0, retrying: 0, total: 0 },
    });
  });

  it('uses the counts of the record once the run has ended', async () => {
    await runLog.recordTenants(runId, [record(tenantId(1), 'retrying')]);
    const tenants = { total: 4, succeeded: 4, failed: 0, skipped: 0, notAttempted: 0 };
    expect(await viewRun(runLog, { ...run, status: 'completed', tenants }, nowMs)).toMatchObject({
      tenants,
      progress: { done: 4, retrying: 0, total: 4 },
      failures: [],
      warnings: [],
    });
  });
});

describe('createRunPlans', () => {
  it('reads a plan once for concurrent callers, and again after a failure', async () => {
    const results = new MemoryRunResults();
    const plans = createRunPlans({ results, runLog });
    await expect(plans.get(runId)).rejects.toMatchObject({ code: 'plan_changed' });
    await results.putPlan(runId, { job: 'probe', parameters: {}, attempt: [], decided: [] });
    const both = await Promise.all([plans.get(runId), plans.get(runId)]);
    expect(both[0]).toBe(both[1]);
    expect(results.planReads).toBe(2);
  });
});
