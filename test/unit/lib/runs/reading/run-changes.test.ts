import { describe, expect, test } from 'vitest';
import { defineJob } from '../../../../../src/lib/runs/job/job.ts';
import { rerunRequest } from '../../../../../src/lib/runs/engine/start-run.ts';
import type { Row } from '../../../../../src/lib/runs/job/row.ts';
import { compareRows, compareRuns, previousRun } from '../../../../../src/lib/runs/reading/run-changes.ts';
import type { Run, TenantOutcome } from '../../../../../src/lib/runs/store/run.ts';
import { MemoryRunLog, MemoryRunResults } from '../../../../fakes/memory-run-log.ts';
import { tenantId } from '../store/stage.ts';

describe('compareRows', () => {
  test('reports added, removed and changed rows by key', () => {
    const before = [
      { id: 1, n: 5, note: 'x' },
      { id: 2, n: 1 },
      { id: 3, n: 0 },
    ];
    const after = [
      { id: 3, n: 0, extra: null },
      { id: 1, n: 6, note: 'y' },
      { id: 4, n: 9 },
    ];
    expect(compareRows(before, after, ['id'])).toEqual([
      { change: 'changed', before: before[0], after: after[1], columns: ['n', 'note'] },
      { change: 'added', after: after[2] },
      { change: 'removed', before: before[1] },
    ]);
  });

  test('reports only added and removed rows without a key, regardless of column order', () => {
    expect(
      compareRows(
        [{ a: 1, b: 2 }],
        [
          { b: 2, a: 1 },
          { a: 1, b: 3 },
        ],
        undefined,
      ),
    ).toEqual([{ change: 'added', after: { a: 1, b: 3 } }]);
  });

  test('ignores columns that are not compared, with and without a key', () => {
    const [before, after] = [[{ id: 1, daysLeft: 9 }], [{ id: 1, daysLeft: 8 }]];
    const uncompared = new Set(['daysLeft']);
    expect(compareRows(before, after, ['id'], uncompared)).toEqual([]);
    expect(compareRows(before, after, undefined, uncompared)).toEqual([]);
    const renewed = [{ id: 1, daysLeft: 30, endsAt: 'later' }];
    expect(compareRows(before, renewed, ['id'], uncompared)).toMatchObject([{ columns: ['endsAt'] }]);
  });

  test('matches duplicate rows one by one', () => {
    expect(compareRows([{ id: 1 }, { id: 1 }], [{ id: 1 }], ['id'])).toEqual([
      { change: 'removed', before: { id: 1 } },
    ]);
    expect(compareRows([{ id: 1 }], [{ id: 1 }, { id: 1 }], ['id'])).toEqual([{ change: 'added', after: { id: 1 } }]);
  });

  test('distinguishes composite keys, and the number 1 from the text "1"', () => {
    expect(compareRows([{ a: 'x', b: 'yz' }], [{ a: 'xy', b: 'z' }], ['a', 'b'])).toHaveLength(2);
    expect(compareRows([{ a: 1 }], [{ a: '1' }], ['a'])).toHaveLength(2);
  });
});

const job = defineJob({
  name: 'job',
  title: 'Job',
  resources: [],
  timeoutSeconds: 1,
  key: ['id'],
  run: async () => [],
});

function stage() {
  const runLog = new MemoryRunLog();
  const results = new MemoryRunResults();
  const put = async (
    window: string,
    createdAtMs: number,
    tenants: Record<number, Row[] | TenantOutcome>,
    more: Partial<Run> = {},
  ): Promise<Run> => {
    const runId = `job@${window}`;
    const selected = more.scope === 'selected' ? { tenants: [tenantId(1)] } : {};
    await runLog.create(
      { runId, job: 'job', window, startedBy: 'timer', createdAtMs },
      { parameters: {}, ...selected },
    );
    await runLog.change(runId, { status: 'completed', ...more });
    for (const [number, rows] of Object.entries(tenants)) {
      const id = tenantId(Number(number));
      const list = typeof rows === 'string' ? [] : rows;
      if (list.length > 0)
        await results.putRows(runId, `${id}.attempt`, list.map((row) => `${JSON.stringify(row)}\n`).join(''));
      await runLog.recordTenant(runId, {
        tenantId: id,
        name: `Tenant ${number}`,
        outcome: typeof rows === 'string' ? rows : 'succeeded',
        round: 1,
        rows: list.length,
        rowsName: list.length === 0 ? undefined : `${id}.attempt`,
        columns: [],
        startedAtMs: 0,
        finishedAtMs: 0,
      });
    }
    return (await runLog.find(runId))!;
  };
  return { runLog, results, put };
}

describe('compareRuns', () => {
  test('compares tenants that succeeded in both runs and names the others', async () => {
    const { runLog, results, put } = stage();
    const before = await put('1', 1, { 1: [{ id: 1, n: 1 }], 2: [{ id: 1 }], 3: 'failed', 4: [{ id: 1 }], 5: [] });
    const after = await put('2', 2, {
      1: [{ id: 1, n: 2 }],
      2: 'failed',
      3: [{ id: 1 }],
      4: [{ id: 1 }],
      5: [{ id: 7 }],
    });
    expect(await compareRuns({ log: runLog, results }, job, before, after)).toEqual({
      runId: 'job@2',
      comparedWith: 'job@1',
      changes: [
        {
          tenantId: tenantId(1),
          name: 'Tenant 1',
          change: 'changed',
          before: { id: 1, n: 1 },
          after: { id: 1, n: 2 },
          columns: ['n'],
        },
        { tenantId: tenantId(5), name: 'Tenant 5', change: 'added', after: { id: 7 } },
      ],
      truncated: false,
      comparedTenants: 3,
      onlyBefore: [{ tenantId: tenantId(2), name: 'Tenant 2' }],
      onlyAfter: [{ tenantId: tenantId(3), name: 'Tenant 3' }],
    });
  });

  test('orders changes by tenant name', async () => {
    const { runLog, results, put } = stage();
    const before = await put('1', 1, { 1: [], 2: [], 3: [] });
    const after = await put('2', 2, { 1: [{ id: 1 }], 2: [{ id: 1 }], 3: [{ id: 1 }] });
    for (const [number, name] of ['Zebra', 'Aardvark', 'Mole'].entries()) {
      const found = await runLog.findTenant('job@2', tenantId(number + 1));
      await runLog.recordTenants('job@2', [{ ...found!, name }]);
    }
    const { changes } = await compareRuns({ log: runLog, results }, job, before, after);
    expect(changes.map(({ name }) => name)).toEqual(['Aardvark', 'Mole', 'Zebra']);
  });

  test('truncates after 10,000 changes and says so', async () => {
    const { runLog, results, put } = stage();
    const before = await put('1', 1, { 1: [], 2: [] });
    const many = Array.from({ length: 6_000 }, (_, id) => ({ id }));
    const after = await put('2', 2, { 1: many, 2: many });
    const { changes, truncated } = await compareRuns({ log: runLog, results }, job, before, after);
    expect([changes.length, truncated]).toEqual([10_000, true]);
  });

  test('does not say that 10,000 changes are too many', async () => {
    const { runLog, results, put } = stage();
    const before = await put('1', 1, { 1: [] });
    const after = await put('2', 2, { 1: Array.from({ length: 10_000 }, (_, id) => ({ id })) });
    const { changes, truncated } = await compareRuns({ log: runLog, results }, job, before, after);
    expect([changes.length, truncated]).toEqual([10_000, false]);
  });

  test('reads the rows of eight tenants at a time, and of no more than it needs', async () => {
    const { runLog, results, put } = stage();
    const numbers = Array.from({ length: 20 }, (_, index) => index + 1);
    const of = (rows: Row[]) => Object.fromEntries(numbers.map((number) => [number, rows]));
    const before = await put('1', 1, of([]));
    const after = await put('2', 2, of(Array.from({ length: 2_000 }, (_, id) => ({ id }))));
    let now = 0;
    let most = 0;
    const read: string[] = [];
    const watched: Pick<MemoryRunResults, 'plan' | 'rows'> = {
      plan: (run) => results.plan(run),
      rows: async function* (runId, rowsName, fromByte) {
        read.push(rowsName);
        most = Math.max(most, (now += 1));
        await new Promise((done) => setImmediate(done));
        yield* results.rows(runId, rowsName, fromByte);
        now -= 1;
      },
    };
    const { changes } = await compareRuns({ log: runLog, results: watched }, job, before, after);
    expect([changes.length, most, read.length]).toEqual([10_000, 8, 8]);
  });
});

describe('previousRun', () => {
  test('is the latest run of the job that completed over all tenants', async () => {
    const { runLog, put } = stage();
    await put('old', 1, {});
    await put('good', 2, {});
    await put('chosen', 3, {}, { scope: 'selected' });
    await put('failed', 4, {}, { status: 'failed' });
    await put('cut-short', 4.5, {}, { status: 'cancelled' });
    await put('going', 5, {}, { status: 'running' });
    const run = await put('now', 6, {});
    expect((await previousRun(runLog, run))?.runId).toBe('job@good');
  });

  test('skips hundreds of runs over selected tenants', async () => {
    const { runLog, put } = stage();
    await put('good', 1, {});
    for (let number = 0; number < 200; number += 1)
      await put(`chosen-${number}`, 2 + number, {}, { scope: 'selected' });
    expect((await previousRun(runLog, await put('now', 300, {})))?.runId).toBe('job@good');
  });

  test('is undefined for the first run', async () => {
    const { runLog, put } = stage();
    expect(await previousRun(runLog, await put('first', 1, {}))).toBeUndefined();
  });
});

describe('rerunRequest', () => {
  test('contains the tenants that failed or were not attempted', async () => {
    const { runLog, results, put } = stage();
    const run = await put('1', 1, { 1: [], 2: 'failed', 3: 'skipped' }, { status: 'cancelled' });
    await results.putPlan('job@1', {
      job: 'job',
      parameters: {},
      decided: [],
      attempt: [1, 2, 3, 4].map((number) => ({ tenantId: tenantId(number), name: `${number}` })),
    });
    expect(await rerunRequest({ log: runLog, results }, run)).toMatchObject({ tenants: [tenantId(2), tenantId(4)] });
  });

  test('repeats the whole request of a run without a plan', async () => {
    const { runLog, results, put } = stage();
    const all = await put('1', 1, {}, { status: 'failed' });
    expect(await rerunRequest({ log: runLog, results }, all)).toEqual({ parameters: {} });
    const chosen = await put('2', 2, {}, { status: 'failed', scope: 'selected' });
    expect(await rerunRequest({ log: runLog, results }, chosen)).toEqual({ parameters: {}, tenants: [tenantId(1)] });
  });

  test('is rejected while the run is active, and when no tenant is left', async () => {
    const { runLog, results, put } = stage();
    const going = await put('1', 1, { 1: 'failed' }, { status: 'running' });
    await expect(rerunRequest({ log: runLog, results }, going)).rejects.toMatchObject({ code: 'request_invalid' });
    const fine = await put('2', 2, { 1: [] });
    const attempt = [{ tenantId: tenantId(1), name: '1' }];
    await results.putPlan('job@2', { job: 'job', parameters: {}, decided: [], attempt });
    await expect(rerunRequest({ log: runLog, results }, fine)).rejects.toMatchObject({ code: 'request_invalid' });
  });
});
