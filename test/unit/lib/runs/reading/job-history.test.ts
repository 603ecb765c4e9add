import * as z from 'zod';
import { describe, expect, it } from 'vitest';
import { TableHistory } from '../../../../../src/lib/runs/history/table-history.ts';
import type { HistoryRun, HistoryTenant, TenantNumbers } from '../../../../../src/lib/runs/history/tenant-numbers.ts';
import { defineJob, type Job } from '../../../../../src/lib/runs/job/job.ts';
import {
  type JobHistoryDeps,
  type JobHistoryQuery,
  readJobHistory,
  readJobHistoryOfTenant,
} from '../../../../../src/lib/runs/reading/job-history.ts';
import { TransactionTable } from '../../../../fakes/transaction-table.ts';
import { tenantId } from '../store/stage.ts';

const day = 86_400_000;
const nowMs = Date.UTC(2026, 10, 24, 12);

const job = defineJob({
  name: 'licences',
  title: 'Licences',
  resources: ['graph'],
  timeoutSeconds: 60,
  columns: [
    { name: 'product', title: 'Product', type: 'text' },
    { name: 'free', title: 'Free licences', type: 'number' },
    { name: 'trial', title: 'Trial', type: 'boolean' },
  ],
  historyBy: 'product',
  parameters: z.object({ days: z.int().default(30), deep: z.boolean().default(false) }),
  run: async () => [],
});

/** A run so many days ago. */
const run = (daysAgo: number, more: Partial<HistoryRun> = {}): HistoryRun => {
  const window = `w${daysAgo}`;
  return {
    runId: `licences@${window}`,
    job: 'licences',
    window,
    startedAtMs: nowMs - daysAgo * day,
    status: 'completed',
    scope: 'all',
    isScheduled: true,
    ...more,
  };
};

const free = (rows: number, sum: number): TenantNumbers => ({ names: ['free'], all: [rows, sum] });
const succeeded = (number: number, numbers?: TenantNumbers): HistoryTenant => ({
  tenantId: tenantId(number),
  outcome: 'succeeded',
  rows: numbers?.all[0] ?? 0,
  ...(numbers === undefined ? {} : { numbers }),
});

async function stored(...runs: readonly (readonly [HistoryRun, readonly HistoryTenant[]])[]) {
  const table = new TransactionTable();
  const history = new TableHistory(async () => table.client);
  for (const [one, tenants] of runs) await history.add(one, tenants);
  const deps = (of: Job | undefined): JobHistoryDeps => ({
    history,
    job: of,
    nowMs,
    signal: new AbortController().signal,
  });
  return {
    all: (query: Partial<JobHistoryQuery> = {}, of: Job | undefined = job) =>
      readJobHistory(deps(of), { job: 'licences', ...query }),
    one: (query: Partial<JobHistoryQuery> = {}, of: Job | undefined = job) =>
      readJobHistoryOfTenant(deps(of), { job: 'licences', ...query }, tenantId(1)),
    gone: () => readJobHistory(deps(undefined), { job: 'licences' }),
  };
}

describe('the history of a job', () => {
  it('has the runs of the last 90 days, newest first, with their sums', async () => {
    const { all } = await stored(
      [run(91), [succeeded(1, free(1, 1))]],
      [run(90), [succeeded(1, free(1, 2))]],
      [run(1), [succeeded(1, free(2, 3)), succeeded(2, free(3, 4)), { ...succeeded(3), outcome: 'failed' }]],
    );
    expect(await all()).toEqual({
      job: 'licences',
      since: new Date(nowMs - 90 * day + 1).toISOString(),
      until: new Date(nowMs + 1).toISOString(),
      otherParameters: 0,
      truncated: false,
      columns: [{ name: 'free', title: 'Free licences' }],
      split: { column: 'product', title: 'Product', values: [] },
      runs: [
        {
          runId: 'licences@w1',
          startedAt: new Date(nowMs - day).toISOString(),
          status: 'completed',
          scope: 'all',
          tenants: { total: 3, succeeded: 2, failed: 1, skipped: 0, notAttempted: 0 },
          counted: 2,
          rows: 5,
          numbers: { free: 7 },
        },
      ],
    });
    const from90 = await all({ sinceMs: nowMs - 90 * day, untilMs: nowMs - day });
    expect(from90.runs.map(({ runId }) => runId)).toEqual(['licences@w90']);
  });

  it('has no number for a run in which no tenant succeeded, and zeros for one without rows', async () => {
    const { all, one } = await stored(
      [run(3), [succeeded(1, free(2, 3))]],
      [run(2), [succeeded(1)]],
      [run(1, { status: 'failed' }), [{ ...succeeded(1), outcome: 'failed' }]],
    );
    const [failed, empty, full] = (await all()).runs;
    expect(failed).toMatchObject({ status: 'failed', counted: 0 });
    expect(failed).not.toHaveProperty('rows');
    expect(failed).not.toHaveProperty('numbers');
    expect(empty).toMatchObject({ counted: 1, rows: 0, numbers: { free: 0 } });
    expect(full).toMatchObject({ rows: 2, numbers: { free: 3 } });
    expect((await one()).runs).toEqual([
      { runId: 'licences@w1', startedAt: expect.any(String), outcome: 'failed' },
      { runId: 'licences@w2', startedAt: expect.any(String), outcome: 'succeeded', rows: 0, numbers: { free: 0 } },
      { runId: 'licences@w3', startedAt: expect.any(String), outcome: 'succeeded', rows: 2, numbers: { free: 3 } },
    ]);
  });

  it('keeps old columns under their old name, without zeros for later runs', async () => {
    const renamed: TenantNumbers = { names: ['available', 'trial=true', 'trial=false'], all: [1, 9, 1, 0] };
    const { one } = await stored([run(2), [succeeded(1, free(1, 3))]], [run(1), [succeeded(1, renamed)]]);
    const { columns, runs } = await one();
    expect(columns).toEqual([
      { name: 'available', title: 'available' },
      { name: 'trial=true', title: 'Trial: yes' },
      { name: 'trial=false', title: 'Trial: no' },
      { name: 'free', title: 'Free licences' },
    ]);
    expect(runs.map(({ numbers }) => numbers)).toEqual([
      { available: 9, 'trial=true': 1, 'trial=false': 0 },
      { free: 3 },
    ]);
  });

  it('leaves out numbers that are not known', async () => {
    const { one } = await stored([run(1), [succeeded(1, { names: ['free', 'sum'], all: [2, 1, null] })]]);
    expect((await one()).runs[0]?.numbers).toEqual({ free: 1 });
  });

  it('shows the rows with one value, and which values there are', async () => {
    const split = (values: Readonly<Record<string, number>>): TenantNumbers => ({
      names: ['free'],
      all: [2, 99],
      split: { by: 'product', values: Object.entries(values).map(([value, sum]) => [value, [1, sum]] as const) },
    });
    const byStatus: TenantNumbers = { ...free(1, 1), split: { by: 'status', values: [['E5', [1, 1]]] } };
    const { all, one } = await stored(
      [run(3), [succeeded(1, byStatus)]],
      [run(2), [succeeded(1, split({ E3: 1 }))]],
      [run(1), [succeeded(1, split({ E5: 3 })), succeeded(2, split({ E5: 4, F1: 5 }))]],
    );
    expect((await all()).split).toEqual({ column: 'product', title: 'Product', values: ['E3', 'E5', 'F1'] });
    expect((await one()).split?.values).toEqual(['E3', 'E5']);
    expect((await all({ value: 'E5' })).runs).toMatchObject([
      { rows: 2, numbers: { free: 7 } },
      { rows: 0, numbers: { free: 0 } },
      { counted: 0 },
    ]);
    expect((await one({ value: 'E5' })).runs[2]).not.toHaveProperty('rows');
  });

  it('refuses a value for a job whose history is not split', async () => {
    const plain = defineJob({ ...job, schedule: '0 0 5 * * *', historyBy: undefined, parameters: undefined } as never);
    const { all } = await stored([run(1), [succeeded(1)]]);
    await expect(all({ value: 'E5' }, plain)).rejects.toMatchObject({ code: 'request_invalid' });
  });

  it('exists for a job that was removed, and not for one that nobody knows', async () => {
    const { gone } = await stored([run(1), [succeeded(1, free(1, 2))]]);
    expect(await gone()).toMatchObject({ columns: [{ name: 'free', title: 'free' }], runs: [{ rows: 1 }] });
    await expect((await stored()).gone()).rejects.toMatchObject({ code: 'job_unknown' });
    expect((await (await stored()).all()).runs).toEqual([]);
  });

  it('has at most 1,000 runs, and says that there are more', async () => {
    const runs = Array.from({ length: 1_001 }, (_, at) => [run(at / 100), [succeeded(1, free(1, at))]] as const);
    const { all, one } = await stored(...runs);
    for (const read of [all, one]) {
      const { runs: shown, truncated } = await read();
      expect([shown.length, shown[0]?.numbers, shown.at(-1)?.numbers]).toEqual([1_000, { free: 0 }, { free: 999 }]);
      expect(truncated).toBe(true);
      expect(await read({ untilMs: nowMs - 1 })).toMatchObject({ truncated: false });
    }
  });

  it('says where the older runs begin, and leaves none of them out', async () => {
    // The oldest run that fits, and the one after it, started at the same time.
    const daysAgo = (at: number): number => Math.min(at, 999) / 100;
    const runs = Array.from(
      { length: 1_002 },
      (_, at) => [{ ...run(daysAgo(at)), window: `w${at}`, runId: `licences@w${at}` }, [succeeded(1)]] as const,
    );
    const { all, one } = await stored(...runs);
    for (const read of [all, one]) {
      const newest = await read();
      const older = await read({ untilMs: Date.parse(newest.since) });
      expect([newest.truncated, older.truncated]).toEqual([true, false]);
      const shown = [...newest.runs, ...older.runs].map(({ runId }) => runId);
      expect(new Set(shown).size).toBe(1_002);
      expect(shown).toHaveLength(1_002);
    }
  });

  it('has at most 100 columns and 500 values', async () => {
    const own = (at: number): TenantNumbers => {
      const names = Array.from({ length: 40 }, (_, column) => `c${at} ${column}`);
      const values = Array.from({ length: 100 }, (_, value) => [`p${at} ${value}`, [1]] as const);
      return { names, all: [1, ...names.map(() => 1)], split: { by: 'product', values } };
    };
    const runs = Array.from({ length: 6 }, (_, at) => [run(at + 1), [succeeded(1, own(at))]] as const);
    const { all, one } = await stored(...runs, [run(9), [succeeded(1)]]);
    for (const read of [all, one]) {
      const { columns, split, runs: shown } = await read();
      expect([columns.length, split?.values.length]).toEqual([100, 500]);
      expect(columns[0]).toEqual({ name: 'c0 0', title: 'c0 0' });
      const names = new Set(columns.map(({ name }) => name));
      const counts = shown.map(({ numbers = {} }) => Object.keys(numbers));
      expect(counts.flat().every((name) => names.has(name))).toBe(true);
      expect(counts.map(({ length }) => length)).toEqual([40, 40, 20, 0, 0, 0, 100]);
    }
  });

  it('compares the newest complete run over all tenants with the oldest, in the tenants that were counted in both', async () => {
    const { all } = await stored(
      [run(8, { status: 'cancelled' }), [succeeded(1, free(9, 9))]],
      [run(7), [succeeded(1, free(2, 3)), succeeded(2, free(3, 4)), succeeded(4, free(1, 100))]],
      [run(4), [succeeded(1, free(50, 50))]],
      [
        run(2),
        [succeeded(1, free(1, 2)), { ...succeeded(2), outcome: 'failed' }, succeeded(3, free(9, 9)), succeeded(4)],
      ],
      [run(1, { scope: 'selected' }), [succeeded(1, free(7, 7))]],
    );
    expect((await all()).comparison).toBeUndefined();
    expect((await all({ compares: true })).comparison).toEqual({
      tenants: 2,
      now: { runId: 'licences@w2', startedAt: new Date(nowMs - 2 * day).toISOString(), rows: 1, numbers: { free: 2 } },
      before: {
        runId: 'licences@w7',
        startedAt: new Date(nowMs - 7 * day).toISOString(),
        rows: 3,
        numbers: { free: 103 },
      },
    });
    // One run is nothing to compare.
    expect((await all({ compares: true, sinceMs: nowMs - 3 * day })).comparison).toBeUndefined();
  });

  it('refuses a period that ends before it begins', async () => {
    const { all } = await stored();
    await expect(all({ sinceMs: nowMs, untilMs: nowMs })).rejects.toMatchObject({ code: 'request_invalid' });
  });
});

describe('runs with other parameters', () => {
  const of = (daysAgo: number, parameters?: HistoryRun['parameters'], isScheduled = true) =>
    [run(daysAgo, { isScheduled, ...(parameters && { parameters }) }), [succeeded(1, free(1, daysAgo))]] as const;
  const shown = ({ runs }: { readonly runs: readonly { readonly runId: string }[] }) => runs.map(({ runId }) => runId);

  it('are left out and counted: those of the newest scheduled run are shown', async () => {
    const { one } = await stored(
      of(4, { days: 30, deep: false }),
      of(3, { days: 60, deep: false }),
      of(2, { days: 30, deep: false }),
      of(1, { days: 90, deep: false }, false),
    );
    const history = await one();
    expect(shown(history)).toEqual(['licences@w2', 'licences@w4']);
    expect(history).toMatchObject({ parameters: { days: 30, deep: false }, otherParameters: 2 });
  });

  it('are those of the newest run where nothing is scheduled', async () => {
    const { one } = await stored(of(2, { days: 30 }, false), of(1, { days: 60 }, false));
    expect(await one()).toMatchObject({ runs: [{ runId: 'licences@w1' }], parameters: { days: 60 } });
  });

  it('are not those that lack a parameter which the job got later', async () => {
    const { one } = await stored(of(3), of(2, { days: 30 }), of(1, { deep: false, days: 30 }));
    expect(shown(await one())).toEqual(['licences@w1', 'licences@w2', 'licences@w3']);
  });

  it('are compared as they are if the job does not accept them any more', async () => {
    const { one } = await stored(of(3, { depth: 1 }), of(2, { depth: 2 }), of(1, { depth: 1 }));
    expect(shown(await one())).toEqual(['licences@w1', 'licences@w3']);
  });

  it('do not count for a tenant that they did not visit', async () => {
    const other = [run(1, { parameters: { days: 9, deep: false } }), [succeeded(2, free(1, 1))]] as const;
    const { one } = await stored(of(2, { days: 30, deep: false }), other);
    expect(await one()).toMatchObject({ runs: [{ runId: 'licences@w2' }], otherParameters: 0 });
  });
});
