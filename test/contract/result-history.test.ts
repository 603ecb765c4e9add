import { TableClient } from '@azure/data-tables';
import { beforeAll, describe, expect, test } from 'vitest';
import { TableHistory } from '../../src/lib/runs/history/table-history.ts';
import {
  historyKey,
  type HistoryRun,
  type HistoryTenant,
  type TenantNumbers,
} from '../../src/lib/runs/history/tenant-numbers.ts';
import { parseTenantId, type TenantId } from '../../src/lib/core/identifiers.ts';
import { TransactionTable } from '../fakes/transaction-table.ts';
import { type Azurite, emptyAzurite } from '../support/azurite.ts';

let azurite: Azurite;
let tables = 0;
beforeAll(async () => {
  azurite = await emptyAzurite();
});

/** Tenants 0 to 255 are in every shard four times. */
const tenant = (number: number): TenantId =>
  parseTenantId(`00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`)!;

const day = 86_400_000;
const startMs = Date.UTC(2026, 8, 1, 5);

const run = (window: string, atMs: number, more: Partial<HistoryRun> = {}): HistoryRun => ({
  runId: `licences@${window}`,
  job: 'licences',
  window,
  startedAtMs: atMs,
  status: 'completed',
  scope: 'all',
  isScheduled: true,
  ...more,
});

const succeeded = (number: number, numbers?: TenantNumbers): HistoryTenant => ({
  tenantId: tenant(number),
  outcome: 'succeeded',
  rows: numbers?.all[0] ?? 0,
  ...(numbers === undefined ? {} : { numbers }),
});
const free = (number: number): TenantNumbers => ({ names: ['free'], all: [1, number] });
const byProduct = (e3: number, e5: number): TenantNumbers => ({
  names: ['free'],
  all: [2, e3 + e5],
  split: {
    by: 'product',
    values: [
      ['E3', [1, e3]],
      ['E5', [1, e5]],
    ],
  },
});

const all = { job: 'licences', sinceMs: 0, untilMs: startMs + 1000 * day };
const part = { by: 'product', value: 'E5' };

describe.each([
  ['in memory', () => new TransactionTable().client],
  [
    'in a table',
    () =>
      TableClient.fromConnectionString(azurite.connectionString, `History${(tables += 1)}`, {
        allowInsecureConnection: true,
      }),
  ],
])('the history of results %s', (_name, client) => {
  const make = (): TableHistory => {
    const table = client();
    return new TableHistory(async () => table);
  };

  test('returns the newest runs of a period, newest first', async () => {
    const history = make();
    const runs = [0, 1, 2, 3].map((at) => run(`w${at}`, startMs + at * day));
    const other = run('w9', startMs + day, { job: 'licences-2', runId: 'licences-2@w9' });
    for (const one of [...runs, other]) await history.add(one, [succeeded(1)]);
    expect(await history.runs(all, 9)).toEqual(runs.toReversed());
    expect(await history.runs(all, 2)).toEqual([runs[3], runs[2]]);
    expect(await history.runs(all, 0)).toEqual([]);
    const period = { ...all, sinceMs: startMs + day, untilMs: startMs + 3 * day };
    expect(await history.runs(period, 9)).toEqual([runs[2], runs[1]]);
    expect(await history.runs({ ...all, job: 'none' }, 9)).toEqual([]);
  });

  test('keeps what a run was', async () => {
    const history = make();
    const kept = run('manual-1', startMs, {
      status: 'cancelled',
      scope: 'selected',
      isScheduled: false,
      parameters: { days: 3, parts: ["a'b", 'c'], deep: true },
    });
    await history.add(kept, [succeeded(1)]);
    expect(await history.runs(all, 9)).toEqual([kept]);
  });

  test('tells two runs of one window apart', async () => {
    const history = make();
    const [first, again] = [run('monthly', startMs), run('monthly', startMs + 120 * day)];
    await history.add(first, [succeeded(1, free(3))]);
    await history.add(again, [succeeded(1, free(4))]);
    const found = await history.ofTenant(tenant(1), all);
    expect(found.get(historyKey(first))?.found?.numbers).toEqual([1, 3]);
    expect(found.get(historyKey(again))?.found?.numbers).toEqual([1, 4]);
  });

  test('returns the numbers of one tenant, its outcome without numbers, and no run that did not concern it', async () => {
    const history = make();
    const runs = [0, 1, 2, 3, 4].map((at) => run(`w${at}`, startMs + at * day));
    const [a, b, c, d, e] = runs as [HistoryRun, HistoryRun, HistoryRun, HistoryRun, HistoryRun];
    // Tenants 65 and 129 are in the same shard as tenant 1.
    await history.add(a, [succeeded(1, free(3)), succeeded(65, { names: ['secret'], all: [1, 99] })]);
    await history.add(b, [{ tenantId: tenant(1), outcome: 'failed', rows: 0 }, succeeded(129, free(5))]);
    await history.add(c, [succeeded(65, free(6)), succeeded(2, free(7))]);
    await history.add(d, [succeeded(1)]);
    await history.add(e, [{ tenantId: tenant(1), outcome: 'not_attempted', rows: 0 }]);
    expect(await history.ofTenant(tenant(1), all)).toEqual(
      new Map([
        [historyKey(e), { outcome: 'not_attempted' }],
        [historyKey(d), { outcome: 'succeeded', found: { names: [], numbers: [0] } }],
        [historyKey(b), { outcome: 'failed' }],
        [historyKey(a), { outcome: 'succeeded', found: { names: ['free'], numbers: [1, 3] } }],
      ]),
    );
  });

  test('returns the numbers of a part: none is zero where rows were split, and not known where they were not', async () => {
    const history = make();
    const [a, b, c, d] = [0, 1, 2, 3].map((at) => run(`w${at}`, startMs + at * day)) as [
      HistoryRun,
      HistoryRun,
      HistoryRun,
      HistoryRun,
    ];
    const onlyE3: TenantNumbers = {
      names: ['free'],
      all: [1, 4],
      split: { by: 'product', values: [['E3', [1, 4]]] },
    };
    await history.add(a, [succeeded(1, byProduct(2, 3))]);
    await history.add(b, [succeeded(1, onlyE3), succeeded(65, byProduct(8, 9))]);
    await history.add(c, [succeeded(1, free(7))]);
    await history.add(d, [succeeded(1)]);
    const found = await history.ofTenant(tenant(1), all, { part });
    expect(found.get(historyKey(a))).toEqual({
      outcome: 'succeeded',
      found: { names: ['free'], numbers: [1, 3] },
      split: { by: 'product', values: ['E3', 'E5'] },
    });
    // The values of the other tenant in the same row are not shown.
    expect(found.get(historyKey(b))).toEqual({
      outcome: 'succeeded',
      found: { names: [], numbers: [0] },
      split: { by: 'product', values: ['E3'] },
    });
    expect(found.get(historyKey(c))).toEqual({ outcome: 'succeeded' });
    expect(found.get(historyKey(d))?.found?.numbers).toEqual([0]);
    const elsewhere = await history.ofTenant(tenant(1), all, { part: { by: 'status', value: 'E5' } });
    expect(elsewhere.get(historyKey(a))?.found).toBeUndefined();
  });

  test('adds all tenants, or those that are wanted, and says how many it counted', async () => {
    const history = make();
    const one = run('w1', startMs);
    await history.add(one, [
      succeeded(1, byProduct(2, 3)),
      succeeded(2, byProduct(10, 20)),
      succeeded(3, free(100)),
      succeeded(4),
      { tenantId: tenant(5), outcome: 'failed', rows: 0 },
      { tenantId: tenant(6), outcome: 'skipped', rows: 0 },
      { tenantId: tenant(7), outcome: 'not_attempted', rows: 0 },
    ]);
    const split = { by: 'product', values: ['E3', 'E5'] };
    const outcomes = { succeeded: 4, failed: 1, skipped: 1, not_attempted: 1 };
    const totals = { outcomes, sum: { names: ['free'], numbers: [5, 135], counted: 4 }, split };
    expect(await history.totals(all)).toEqual(new Map([[historyKey(one), totals]]));
    expect(await history.totalsOf(() => true, all)).toEqual(new Map([[historyKey(one), totals]]));
    // Of tenant 3 it is not known how its rows are split.
    const ofPart = { outcomes, sum: { names: ['free'], numbers: [2, 23], counted: 3 }, split };
    expect(await history.totals(all, { part })).toEqual(new Map([[historyKey(one), ofPart]]));
    expect(await history.totalsOf(() => true, all, { part })).toEqual(new Map([[historyKey(one), ofPart]]));
    const wanted = new Set([tenant(3), tenant(5)]);
    expect((await history.totalsOf((id) => wanted.has(id), all)).get(historyKey(one))).toEqual({
      outcomes: { succeeded: 1, failed: 1, skipped: 0, not_attempted: 0 },
      sum: { names: ['free'], numbers: [1, 100], counted: 1 },
    });
    expect(await history.totalsOf((id) => id === tenant(9), all)).toEqual(new Map());
    expect(await history.totalsOf((id) => id === tenant(5), all)).toEqual(
      new Map([[historyKey(one), { outcomes: { succeeded: 0, failed: 1, skipped: 0, not_attempted: 0 } }]]),
    );
  });

  test('replaces what a repeated call kept', async () => {
    const history = make();
    const one = run('w1', startMs);
    await history.add(one, [succeeded(1, free(3)), succeeded(2, free(4))]);
    await history.add(one, [succeeded(1, free(30)), succeeded(2, free(40))]);
    expect((await history.totals(all)).get(historyKey(one))?.sum?.numbers).toEqual([2, 70]);
    expect((await history.totalsOf(() => true, all)).get(historyKey(one))?.sum?.numbers).toEqual([2, 70]);
  });

  test('deletes what is old, of every job, and nothing else', async () => {
    const history = make();
    const jobs = ['access', 'licences', 'licences-2'];
    for (const job of jobs) {
      for (const at of [0, 1, 2]) {
        const tenants = Array.from({ length: 256 }, (_, number) => succeeded(number, free(number)));
        await history.add(run(`w${at}`, startMs + at * day, { job, runId: `${job}@w${at}` }), tenants);
      }
    }
    expect(await history.purge(startMs)).toBe(0);
    expect(await history.purge(startMs + 2 * day)).toBe(6);
    for (const job of jobs) {
      const windows = (await history.runs({ ...all, job }, 9)).map(({ window }) => window);
      expect(windows).toEqual(['w2']);
      expect([...(await history.totalsOf(() => true, { ...all, job })).keys()]).toEqual([
        historyKey(run('w2', startMs + 2 * day)),
      ]);
    }
    expect(await history.purge(startMs + 2 * day)).toBe(0);
  });

  test('keeps a run over 20,000 tenants, each once', async () => {
    const history = make();
    const tenants = Array.from({ length: 20_000 }, (_, number) => succeeded(number, byProduct(number, 1)));
    const one = run('w1', startMs);
    await history.add(one, tenants);
    expect((await history.totalsOf(() => true, all, { part })).get(historyKey(one))?.sum).toEqual({
      names: ['free'],
      numbers: [20_000, 20_000],
      counted: 20_000,
    });
    expect((await history.ofTenant(tenant(12_345), all)).get(historyKey(one))?.found?.numbers).toEqual([2, 12_346]);
  });
});
