import { beforeEach, describe, expect, it } from 'vitest';
import { createLastResults } from '../../../../../src/lib/runs/store/schedule-log.ts';
import type { RunStatus, TenantRun } from '../../../../../src/lib/runs/store/run.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { MemoryRunLog } from '../../../../fakes/memory-run-log.ts';
import { recordOf, tenantId } from './stage.ts';

let clock: FakeClock;
let runLog: MemoryRunLog;

beforeEach(() => {
  clock = new FakeClock();
  runLog = new MemoryRunLog();
});

const record = (tenant: number, outcome: TenantRun['outcome'], more: Partial<TenantRun> = {}): TenantRun =>
  recordOf(tenant, { outcome, finishedAtMs: 1000, ...more });

async function runOf(
  job: string,
  window: string,
  createdAtMs: number,
  records: readonly TenantRun[],
  options: { status?: RunStatus; only?: readonly number[] } = {},
): Promise<string> {
  const runId = `${job}@${window}`;
  const tenants = options.only?.map(tenantId);
  await runLog.create(
    { runId, job, window, startedBy: 'timer', createdAtMs },
    { parameters: {}, ...(tenants && { tenants }) },
  );
  await runLog.change(runId, { status: options.status ?? 'completed' });
  await runLog.recordTenants(runId, records);
  return runId;
}

const read = (...jobs: string[]) => createLastResults({ runLog, clock }).read(jobs);

describe('last results', () => {
  it('come from the newest run of each job, in job order', async () => {
    await runOf('access', 'w1', 1, [record(1, 'failed', { code: 'consent_required' })]);
    const newest = await runOf('access', 'w2', 2, [record(1, 'succeeded')]);
    const licences = await runOf('licences', 'w1', 1, [record(1, 'skipped')]);
    const results = await read('licences', 'access');
    expect(results.get(tenantId(1))).toEqual([
      { job: 'licences', runId: licences, outcome: 'skipped', finishedAt: '1970-01-01T00:00:01.000Z' },
      { job: 'access', runId: newest, outcome: 'succeeded', finishedAt: '1970-01-01T00:00:01.000Z' },
    ]);
  });

  it('include results older than a run over selected tenants', async () => {
    const all = await runOf('access', 'w1', 1, [record(1, 'succeeded'), record(2, 'succeeded')]);
    const some = await runOf('access', 'w2', 2, [record(2, 'failed', { code: 'throttled' })], { only: [2] });
    const results = await read('access');
    expect(results.get(tenantId(1))?.[0]?.runId).toBe(all);
    expect(results.get(tenantId(2))?.[0]).toMatchObject({ runId: some, outcome: 'failed', code: 'throttled' });
  });

  it('include results older than many runs over selected tenants', async () => {
    const all = await runOf('access', 'w1', 1, [record(1, 'succeeded'), record(2, 'succeeded')]);
    for (let run = 2; run < 40; run += 1)
      await runOf('access', `w${run}`, run, [record(2, 'failed', { code: 'throttled' })], { only: [2] });
    const results = await read('access');
    expect(results.get(tenantId(1))?.[0]?.runId).toBe(all);
    expect(results.get(tenantId(2))?.[0]).toMatchObject({ runId: 'access@w39', outcome: 'failed' });
  });

  it('ignore runs before the last complete run: a tenant that is not in it has left', async () => {
    await runOf('access', 'w1', 1, [record(1, 'succeeded'), record(2, 'succeeded')]);
    await runOf('access', 'w2', 2, [record(1, 'succeeded')]);
    expect([...(await read('access')).keys()]).toEqual([tenantId(1)]);
  });

  it('use the previous run for a tenant that waits for a retry', async () => {
    const before = await runOf('access', 'w1', 1, [record(1, 'succeeded')]);
    await runOf('access', 'w2', 2, [record(1, 'retrying', { code: 'throttled' })], { status: 'running' });
    expect((await read('access')).get(tenantId(1))?.[0]?.runId).toBe(before);
  });

  it('are cached for a few seconds', async () => {
    await runOf('access', 'w1', 1, [record(1, 'succeeded')]);
    const reader = createLastResults({ runLog, clock });
    const first = await reader.read(['access']);
    await runOf('access', 'w2', 2, [record(1, 'failed', { code: 'throttled' })]);
    expect(await reader.read(['access'])).toBe(first);
    await clock.advance(15_000);
    expect((await reader.read(['access'])).get(tenantId(1))?.[0]?.outcome).toBe('failed');
  });

  it('are cached for each list of jobs alone', async () => {
    await runOf('access', 'w1', 1, [record(1, 'succeeded')]);
    const reader = createLastResults({ runLog, clock });
    const of = async (...jobs: string[]) => (await reader.read(jobs)).size;
    expect([await of('access'), await of('licences'), await of('acc', 'ess')]).toEqual([1, 0, 0]);
  });

  it('do not cache a storage failure', async () => {
    const reader = createLastResults({ runLog, clock });
    runLog.broken = true;
    await expect(reader.read(['access'])).rejects.toMatchObject({ code: 'storage_unavailable' });
    runLog.broken = false;
    expect((await reader.read(['access'])).size).toBe(0);
  });
});
