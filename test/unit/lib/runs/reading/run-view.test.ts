import { beforeEach, describe, expect, it, test, vi } from 'vitest';
import type { TenantId } from '../../../../../src/lib/core/identifiers.ts';
import type { Run, TenantRun } from '../../../../../src/lib/runs/store/run.ts';
import { createRunPlans } from '../../../../../src/lib/runs/store/runs.ts';
import {
  runsWithFailures,
  summarise,
  viewRun,
  viewRuns,
  viewRunTenant,
} from '../../../../../src/lib/runs/reading/run-view.ts';
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

describe('the list of runs with who has failed', () => {
  const ended = (failed: number, more: Partial<Run> = {}): Run => ({
    ...run,
    status: 'completed',
    tenants: { total: 4, succeeded: 4 - failed, failed, skipped: 0, notAttempted: 0 },
    ...more,
  });

  it('names them by code, and reads no records where nobody failed', async () => {
    await runLog.recordTenants(runId, [
      record(tenantId(1), 'failed', { code: 'consent_required' }),
      record(tenantId(2), 'failed', { code: 'consent_required' }),
      record(tenantId(3), 'failed'),
      record(tenantId(4), 'succeeded'),
    ]);
    const tenants = vi.spyOn(runLog, 'tenants');
    const [first, second] = await viewRuns(runLog, [ended(3), ended(0)], nowMs, true);
    expect(first).toMatchObject({ runId, outcome: summarise(ended(3), nowMs).outcome });
    expect(first).toHaveProperty('failed', {
      consent_required: [tenantId(1), tenantId(2)],
      internal: [tenantId(3)],
    });
    expect(second).toHaveProperty('failed', {});
    expect(tenants).toHaveBeenCalledOnce();
  });

  it('has them only if asked, of runs that have ended, and of the newest', async () => {
    const runs = [ended(0, { status: 'running' }), ...Array.from({ length: runsWithFailures }, () => ended(0))];
    const has = (list: readonly object[]) => list.map((each) => 'failed' in each);
    expect(has(await viewRuns(runLog, runs, nowMs, true))).toEqual([
      false,
      ...Array.from({ length: runsWithFailures - 1 }, () => true),
      false,
    ]);
    expect(has(await viewRuns(runLog, runs, nowMs, false))).not.toContain(true);
  });
});

describe('one tenant of a run', () => {
  const planned = async () => {
    const results = new MemoryRunResults(runLog);
    const attempt = [1, 2].map((number) => ({ tenantId: tenantId(number), name: `tenant ${number}` }));
    const { digest } = await results.putPlan(runId, { job: 'probe', parameters: {}, attempt, decided: [] });
    return { runs: { log: runLog, results }, run: { ...run, startedAtMs: nowMs, planDigest: digest } };
  };

  it('has what its failure means and what its job logged', async () => {
    const { runs, run } = await planned();
    const log = [{ atMs: nowMs, level: 'warn', event: 'probe.odd', fields: { seat: 1 } }] as const;
    const trace = { log, droppedLines: 2, error: 'x' };
    await runLog.recordTenants(runId, [
      record(tenantId(1), 'failed', { code: 'consent_required', detail: 'nobody consented', trace }),
    ]);
    expect(await viewRunTenant(runs, run, tenantId(1))).toMatchObject({
      runId,
      tenantId: tenantId(1),
      outcome: 'failed',
      code: 'consent_required',
      title: expect.stringContaining('consent') as string,
      advice: expect.any(String) as string,
      error: 'x',
      log: [{ at: '2026-11-24T01:00:00.000Z', level: 'warn', event: 'probe.odd', fields: { seat: 1 } }],
      droppedLines: 2,
    });
  });

  it('waits if it has no record yet, and has no advice if it succeeded', async () => {
    const { runs, run } = await planned();
    await runLog.recordTenants(runId, [record(tenantId(1), 'succeeded')]);
    const waiting = await viewRunTenant(runs, run, tenantId(2));
    expect(waiting).toEqual({
      runId,
      tenantId: tenantId(2),
      name: 'tenant 2',
      outcome: 'waiting',
      attempts: 0,
      rows: 0,
      log: [],
      droppedLines: 0,
    });
    const succeeded = await viewRunTenant(runs, run, tenantId(1));
    expect(succeeded).toMatchObject({ outcome: 'succeeded', log: [], droppedLines: 0 });
    expect(succeeded).not.toHaveProperty('title');
    await expect(viewRunTenant(runs, run, tenantId(3))).rejects.toMatchObject({ code: 'tenant_unknown' });
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
