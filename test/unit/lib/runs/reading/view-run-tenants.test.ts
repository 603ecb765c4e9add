import { describe, expect, it } from 'vitest';
import { errorTable } from '../../../../../src/lib/core/errors.ts';
import { viewRunTenants } from '../../../../../src/lib/runs/reading/run-view.ts';
import type { RunStatus, TenantRun } from '../../../../../src/lib/runs/store/run.ts';
import { MemoryRunLog, MemoryRunResults } from '../../../../fakes/memory-run-log.ts';
import { recordOf, tenantId } from '../store/stage.ts';

const runId = 'access@w1';

const record = (tenant: number, more: Partial<TenantRun>): TenantRun =>
  recordOf(tenant, { finishedAtMs: 1000, ...more });

/** A run over five tenants: three to attempt, two already decided. */
async function stage(status: RunStatus, records: readonly TenantRun[], planned = true) {
  const runLog = new MemoryRunLog();
  const results = new MemoryRunResults();
  await runLog.create({ runId, job: 'access', window: 'w1', startedBy: 'timer', createdAtMs: 0 }, { parameters: {} });
  await runLog.change(runId, { status });
  const decided = [
    record(4, { outcome: 'failed', code: 'tenant_not_delegated', round: 0 }),
    record(5, { outcome: 'skipped', code: 'tenant_excluded', round: 0 }),
  ];
  const attempt = [1, 2, 3].map((tenant) => ({ tenantId: tenantId(tenant), name: `Tenant ${tenant}` }));
  if (planned) await results.putPlan(runId, { job: 'access', parameters: {}, attempt, decided });
  await runLog.recordTenants(runId, [...(planned ? decided : []), ...records]);
  const run = await runLog.find(runId);
  if (run === undefined) throw new Error('the run was not recorded');
  return { source: { log: runLog, results }, run };
}

describe('the tenants of a run', () => {
  it('show the number of attempts, also for a record that finishRun closed', async () => {
    const closed = record(1, { outcome: 'failed', code: 'run_cancelled', round: 2, attempts: 1 });
    const { source, run } = await stage('cancelled', [closed, record(2, { round: 2 })]);
    const { tenants } = await viewRunTenants(source, run);
    expect(tenants.map(({ attempts }) => attempts)).toEqual([1, 2, 0, 0, 0]);
  });

  it('say what failed, and that Microsoft Graph has more rows', async () => {
    const failure = { outcome: 'failed', code: 'consent_required', detail: 'No consent.' } as const;
    const { source, run } = await stage('running', [record(1, { more: true, rows: 5 }), record(2, failure)]);
    const [more, failed, waiting] = (await viewRunTenants(source, run)).tenants;
    expect([more?.more, more?.rows]).toEqual([true, 5]);
    for (const name of ['code', 'detail']) expect(more).not.toHaveProperty(name);
    expect(failed).toMatchObject(failure);
    expect([failed, waiting].filter((each) => each !== undefined && 'more' in each)).toEqual([]);
  });

  it('have the times of their last attempt, as far as there was one', async () => {
    const { source, run } = await stage('running', [record(1, { round: 2, startedAtMs: 500 })]);
    const [visited, waiting] = (await viewRunTenants(source, run)).tenants;
    expect(visited).toMatchObject({ startedAt: '1970-01-01T00:00:00.500Z', finishedAt: '1970-01-01T00:00:01.000Z' });
    expect(waiting).not.toHaveProperty('startedAt');
  });

  it('are listed in plan order, including waiting ones', async () => {
    const { source, run } = await stage('running', [record(2, { rows: 7 })]);
    const { tenants, status } = await viewRunTenants(source, run);
    expect(status).toBe('running');
    expect(tenants.map(({ name, outcome, attempts, rows }) => [name, outcome, attempts, rows])).toEqual([
      ['Tenant 1', 'waiting', 0, 0],
      ['Tenant 2', 'succeeded', 1, 7],
      ['Tenant 3', 'waiting', 0, 0],
      ['Tenant 4', 'failed', 0, 0],
      ['Tenant 5', 'skipped', 0, 0],
    ]);
  });

  it('are not attempted if the run ended first', async () => {
    const { source, run } = await stage('cancelled', [record(1, {})]);
    const { tenants } = await viewRunTenants(source, run, 'not_attempted');
    expect(tenants.map(({ name }) => name)).toEqual(['Tenant 2', 'Tenant 3']);
  });

  it('have each code explained once', async () => {
    const failed = { outcome: 'failed', code: 'consent_required', detail: 'AADSTS65001' } as const;
    const { source, run } = await stage('completed', [record(1, failed), record(2, failed)]);
    const { tenants, codes } = await viewRunTenants(source, run, 'failed');
    expect(tenants.map(({ code, detail }) => [code, detail])).toEqual([
      ['consent_required', 'AADSTS65001'],
      ['consent_required', 'AADSTS65001'],
      ['tenant_not_delegated', undefined],
    ]);
    expect(codes.map(({ code, title }) => [code, title])).toEqual([
      ['consent_required', errorTable.consent_required.title],
      ['tenant_not_delegated', errorTable.tenant_not_delegated.title],
    ]);
  });

  it('are empty before the run is planned', async () => {
    const { source, run } = await stage('pending', [], false);
    expect(await viewRunTenants(source, run)).toMatchObject({ status: 'pending', tenants: [], codes: [] });
  });
});
