import { beforeEach, describe, expect, it } from 'vitest';
import type { TenantId } from '../../../../../src/lib/core/identifiers.ts';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import { tenantsOfRun, VisibleRuns } from '../../../../../src/lib/runs/reading/visible-runs.ts';
import type { Run, TenantRun } from '../../../../../src/lib/runs/store/run.ts';
import { MemoryRunLog, MemoryRunResults } from '../../../../fakes/memory-run-log.ts';
import { recordOf, tenantId } from '../store/stage.ts';

/* Runs as a caller sees them who may read tenant 1 only. Tenants 1 and 2 are in every plan. */

let log: MemoryRunLog;
let results: MemoryRunResults;
let createdAtMs = 0;
beforeEach(() => {
  log = new MemoryRunLog();
  results = new MemoryRunResults();
});
const readable = (...numbers: readonly number[]) =>
  new VisibleRuns({ log, results }, { tenants: new Set(numbers.map(tenantId)) });

async function add(runId: string, change: Partial<Run> = {}, only?: readonly TenantId[]): Promise<Run> {
  const [job = '', window = ''] = runId.split('@');
  createdAtMs += 1;
  await log.create(
    { runId, job, window, startedBy: 'timer', createdAtMs },
    { parameters: {}, ...(only === undefined ? {} : { tenants: only }) },
  );
  const planned = (number: number) => ({ tenantId: tenantId(number), name: `Tenant ${number}` });
  const decided = [3, 4].map((number) => recordOf(number, { outcome: 'skipped' }));
  await results.putPlan(runId, { job, parameters: {}, attempt: [1, 2].map(planned), decided });
  await log.recordTenants(runId, [
    recordOf(1, { rows: 1 }),
    recordOf(2, { outcome: 'failed', code: 'consent_required', detail: 'No consent.' }),
    ...decided,
  ]);
  await log.change(runId, { status: 'completed', ...change });
  const run = await log.find(runId);
  if (run === undefined) throw new Error('the run was not recorded');
  return run;
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
const numbers = (records: readonly Pick<TenantRun, 'tenantId'>[]) =>
  records.map((each) => Number(each.tenantId.slice(-2)));

describe('of a run over all tenants, a limited caller sees', () => {
  it('the records, the outcomes and the plan of its own tenants alone', async () => {
    const run = await add('job@w');
    const { log: seen, results: rows } = readable(1, 3);
    expect(numbers(await all(seen.tenants(run.runId)))).toEqual([1, 3]);
    expect(numbers(await all(seen.tenants(run.runId, 'skipped')))).toEqual([3]);
    const plan = await rows.plan(run);
    expect([numbers(plan?.attempt ?? []), numbers(plan?.decided ?? [])]).toEqual([[1], [3]]);
    for (const find of ['findTenant', 'findOutcome'] as const) {
      expect((await seen[find](run.runId, tenantId(1)))?.outcome).toBe('succeeded');
      expect(await seen[find](run.runId, tenantId(2))).toBeUndefined();
    }
    expect(await seen.countTenants(run.runId)).toEqual({ succeeded: 1, failed: 0, skipped: 1, retrying: 0 });
  });

  it('the counts of its own tenants, and no text that may name another', async () => {
    const stoppedBy = { code: 'credential_revoked', detail: 'Tenant 2 was the first.' } as const;
    const warnings = ['Tenant 2 is unknown.'];
    const asked = { tenants: ['tag:two'] };
    await add('job@w', { stoppedBy, warnings, asked });
    const found = await readable(1).log.find('job@w');
    expect(found).toMatchObject({
      runId: 'job@w',
      tenants: { total: 1, succeeded: 1, failed: 0, skipped: 0, notAttempted: 0 },
      asked: undefined,
      stoppedBy: { code: 'credential_revoked' },
    });
    expect(found?.warnings).toHaveLength(1);
    expect(JSON.stringify(found)).not.toMatch(/Tenant 2|tag:two/);
    await add('job@quiet');
    expect(await readable(1).log.find('job@quiet')).toMatchObject({ warnings: [] });
    expect((await readable(1).log.find('job@quiet'))?.stoppedBy).toBeUndefined();
  });

  it('how many of its own tenants were not attempted, once the run has ended', async () => {
    await add('job@w');
    await log.create(
      { runId: 'job@open', job: 'job', window: 'open', startedBy: 'timer', createdAtMs: 9 },
      { parameters: {} },
    );
    const planned = [1, 2, 5].map((number) => ({ tenantId: tenantId(number), name: `Tenant ${number}` }));
    await results.putPlan('job@open', { job: 'job', parameters: {}, attempt: planned, decided: [] });
    await log.recordTenants('job@open', [recordOf(1)]);
    const counts = async () => (await readable(1, 5).log.find('job@open'))?.tenants;
    await log.change('job@open', { status: 'running' });
    expect(await counts()).toMatchObject({ total: 2, succeeded: 1, notAttempted: 0 });
    await log.change('job@open', { status: 'cancelled' });
    expect(await counts()).toMatchObject({ total: 2, succeeded: 1, notAttempted: 1 });
  });

  it('the records alone if its stored plan was changed', async () => {
    const run = await add('job@w');
    const changed = Object.assign(Object.create(results) as MemoryRunResults, {
      plan: () => Promise.reject(new BrokerError('plan_changed', 'It was changed.')),
    });
    const { log: seen } = new VisibleRuns({ log, results: changed }, { tenants: new Set([tenantId(1)]) });
    expect((await seen.find(run.runId))?.tenants).toMatchObject({ total: 1, succeeded: 1 });
    const away = Object.assign(Object.create(results) as MemoryRunResults, {
      plan: () => Promise.reject(new BrokerError('storage_unavailable', 'It is away.')),
    });
    const failing = new VisibleRuns({ log, results: away }, { tenants: new Set([tenantId(1)]) });
    await expect(failing.log.find(run.runId)).rejects.toMatchObject({ code: 'storage_unavailable' });
  });
});

describe('a run over selected tenants', () => {
  it('does not exist for a caller who may read none of them', async () => {
    await add('job@mine', {}, [tenantId(1), tenantId(2)]);
    await add('job@other', {}, [tenantId(2)]);
    const { log: seen } = readable(1);
    expect((await seen.find('job@mine'))?.runId).toBe('job@mine');
    expect(await seen.find('job@other')).toBeUndefined();
    expect(await seen.find('job@none')).toBeUndefined();
    expect((await seen.list({ limit: 9 })).map(({ runId }) => runId)).toEqual(['job@mine']);
  });

  it('is over the tenants of its plan if groups or tags were asked for', async () => {
    const run = await add('job@tags', { scope: 'selected' });
    expect(await tenantsOfRun({ log, results }, run)).toEqual([1, 2, 3, 4].map(tenantId));
    expect((await readable(4).log.find('job@tags'))?.runId).toBe('job@tags');
    expect(await readable(5).log.find('job@tags')).toBeUndefined();
  });

  it('is over unknown tenants while it has no plan, and is shown to nobody then', async () => {
    await log.create(
      { runId: 'job@new', job: 'job', window: 'new', startedBy: 'timer', createdAtMs: 1 },
      { parameters: {}, choice: { tenants: ['tag:two'] } },
    );
    const run = await log.find('job@new');
    expect(run && (await tenantsOfRun({ log, results }, run))).toBeUndefined();
    expect(await readable(1, 2).log.find('job@new')).toBeUndefined();
  });
});

describe('a list for a limited caller', () => {
  it('has up to 50 runs, newest first', async () => {
    for (let number = 0; number < 60; number += 1) await add(`job@w${String(number).padStart(2, '0')}`);
    const listed = async (limit: number) => (await readable(1).log.list({ limit })).map(({ runId }) => runId);
    expect(await listed(3)).toEqual(['job@w59', 'job@w58', 'job@w57']);
    expect(await listed(9)).toHaveLength(9);
    expect(await listed(100)).toHaveLength(50);
  });

  it('looks behind runs that the caller may not see', async () => {
    const old = await add('job@old');
    for (let number = 0; number < 20; number += 1) await add(`job@w${number}`, {}, [tenantId(2)]);
    expect(await readable(1).log.list({ limit: 5 })).toMatchObject([{ runId: old.runId, tenants: { total: 1 } }]);
    expect(await readable(1).log.list({ limit: 5, job: 'another' })).toEqual([]);
  });
});

it('a caller who may read every tenant sees the runs as they are', async () => {
  await add('job@w', { asked: { tenants: ['tag:two'] } });
  const runs = new VisibleRuns({ log, results }, { tenants: '*' });
  expect(await runs.log.find('job@w')).toEqual(await log.find('job@w'));
  expect(numbers(await all(runs.log.tenants('job@w')))).toEqual([1, 2, 3, 4]);
});
