import type { TableClient, TransactionAction } from '@azure/data-tables';
import { describe, expect, it } from 'vitest';
import { TableHistory } from '../../../../../src/lib/runs/history/table-history.ts';
import { historyKey, type TenantNumbers } from '../../../../../src/lib/runs/history/tenant-numbers.ts';
import { TransactionTable } from '../../../../fakes/transaction-table.ts';
import { jobs } from '../../../../../src/jobs/index.ts';
import { dayMs } from '../../../../../src/lib/core/clock.ts';
import { period, run, succeeded, tenant } from './stored-run.ts';

// Limits and failures that a real table cannot show. The contract is in test/contract/result-history.test.ts.

const names = Array.from({ length: 40 }, (_, at) => `column${at}`);
const wide = (number: number): TenantNumbers => ({ names, all: [1, ...names.map(() => number)] });
/** As long as numbers of a tenant may be. */
const split = (number: number): TenantNumbers => ({
  names,
  all: [2, ...names.map(() => number)],
  split: {
    by: 'product',
    values: Array.from({ length: 20 }, (_, at) => [`p${at}`, [1, ...names.map(() => number)]]) satisfies NonNullable<
      TenantNumbers['split']
    >['values'][number][],
  },
});

/** A table that notes its transactions. */
function noting() {
  const table = new TransactionTable();
  const transactions: TransactionAction[][] = [];
  let refusal: number | undefined;
  const client = {
    ...table,
    submitTransaction: async (actions: TransactionAction[]): Promise<void> => {
      if (refusal !== undefined) throw Object.assign(new Error('refused'), { statusCode: refusal });
      transactions.push(actions);
      await table.submitTransaction(actions as never);
    },
  };
  /** Refuses every transaction with this status from now on. */
  const refuse = (status: number | undefined): void => void (refusal = status);
  return { history: new TableHistory(async () => client as unknown as TableClient), transactions, table, refuse };
}

describe('a run in the history', () => {
  it('is one transaction for 5,000 tenants', async () => {
    const { history, transactions } = noting();
    const numbers: TenantNumbers = { names: names.slice(0, 6), all: [5, 40, 37, 3, 0, 0, 0] };
    await history.add(
      run,
      Array.from({ length: 5_000 }, (_, at) => succeeded(at, numbers)),
    );
    expect(transactions.map((actions) => actions.length)).toEqual([65]);
  });

  it('is as many transactions as storage demands if it is large, and the row of the run is the last', async () => {
    const { history, transactions } = noting();
    await history.add(
      run,
      Array.from({ length: 20_000 }, (_, at) => succeeded(at, wide(123_456))),
    );
    expect(transactions.length).toBeGreaterThan(1);
    expect(transactions.flat()).toHaveLength(65);
    for (const actions of transactions) expect(Buffer.byteLength(JSON.stringify(actions))).toBeLessThan(4 * 2 ** 20);
    expect(transactions.flat().at(-1)?.[1].rowKey).toMatch(/^run-/);
    for (const [, row] of transactions.flat()) {
      const properties = Object.values(row).map((value) => String(value).length);
      expect(Math.max(...properties)).toBeLessThanOrEqual(30_000);
      expect(properties.reduce((sum, length) => sum + 2 * length, 0)).toBeLessThan(2 ** 20);
    }
    const found = await history.totalsOf(() => true, period);
    expect(found.get(historyKey(run))?.sum).toMatchObject({ counted: 20_000 });
    expect(found.get(historyKey(run))?.sum?.numbers.slice(0, 2)).toEqual([20_000, 20_000 * 123_456]);
  });

  it('keeps tenants without their split where a row is full, and fails where even that is too much', async () => {
    const { history } = noting();
    // All in one shard.
    const tenants = (count: number) => Array.from({ length: count }, (_, at) => succeeded(at * 64, split(1_234)));
    await history.add(run, tenants(500));
    const read = async (part?: { by: string; value: string }) =>
      (await history.totalsOf(() => true, period, { part })).get(historyKey(run))?.sum;
    const whole = await read();
    expect([whole?.counted, ...(whole?.numbers.slice(0, 2) ?? [])]).toEqual([500, 1_000, 500 * 1_234]);
    const { counted = 0, numbers } = (await read({ by: 'product', value: 'p3' })) ?? {};
    expect(counted).toBeGreaterThan(50);
    expect(counted).toBeLessThan(500);
    expect(numbers?.[1]).toBe(counted * 1_234);
    // The totals have all of them.
    const total = (await history.totals(period, { part: { by: 'product', value: 'p3' } })).get(historyKey(run));
    expect(total?.sum).toMatchObject({ counted: 500 });
    await expect(history.add(run, tenants(3_000))).rejects.toThrow(RangeError);
  });

  it('has totals for the 500 values with the most rows, and knows nothing of others', async () => {
    const { history } = noting();
    const values = (first: number, rows: number): TenantNumbers => ({
      names: ['free'],
      all: [rows * 100, 1],
      split: { by: 'product', values: Array.from({ length: 100 }, (_, at) => [`p${first + at}`, [rows, 1]]) },
    });
    await history.add(
      run,
      Array.from({ length: 6 }, (_, at) => succeeded(at, values(at * 100, at + 1))),
    );
    const totals = async (value: string) =>
      (await history.totals(period, { part: { by: 'product', value } })).get(historyKey(run));
    expect((await totals('p599'))?.sum).toEqual({ names: ['free'], numbers: [6, 1], counted: 6 });
    expect((await totals('p599'))?.split?.values).toHaveLength(500);
    expect((await totals('p7'))?.sum).toBeUndefined();
  });

  it('takes the split of the first job where a deployment came in between', async () => {
    const { history } = noting();
    const other = (by: string): TenantNumbers => ({ names: [], all: [1], split: { by, values: [['x', [1]]] } });
    await history.add(run, [succeeded(0, other('product')), succeeded(64, other('status'))]);
    const ofPart = { part: { by: 'product', value: 'x' } };
    for (const found of [await history.totals(period, ofPart), await history.totalsOf(() => true, period, ofPart)])
      expect(found.get(historyKey(run))?.sum).toMatchObject({ counted: 1, numbers: [1] });
  });
});

describe('reading the history', () => {
  it('counts what is damaged as missing', async () => {
    const { history, table } = noting();
    await history.add(run, [succeeded(1, wide(3)), succeeded(2, wide(4))]);
    const rows = [...table.copy().values()];
    const restore = (text: string): void =>
      table.restore(new Map(rows.map((row) => [row.rowKey, { ...row, tenants0: text, totals0: text }])));
    const entries = ['{}', '[]', '', 'null', '{"names":{},"tenants":7}', '{"tenants":null,"total":3}'];
    for (const text of entries) {
      restore(text);
      expect(await history.ofTenant(tenant(1), period)).toEqual(new Map());
      expect(await history.totalsOf(() => true, period)).toEqual(new Map());
      expect((await history.totals(period)).get(historyKey(run))).toMatchObject({ outcomes: { succeeded: 2 } });
    }
    restore(`{"names":["a"],"tenants":{"x":[[1]],"${tenant(1)}":[["1"]],"${tenant(65)}":"new"},"total":[7]}`);
    expect(await history.ofTenant(tenant(1), period)).toEqual(new Map([[historyKey(run), { outcome: 'succeeded' }]]));
    expect((await history.totals(period)).get(historyKey(run))).not.toHaveProperty('sum');
  });

  it('tells the users of a tenant: the rows of its newest mfa-report of three days', async () => {
    const report = jobs.find(({ name }) => name === 'mfa-report');
    // A row for each user.
    expect(report?.key).toEqual(['id']);
    const { history } = noting();
    const at = (startedAtMs: number, job = 'mfa-report') => ({ ...run, job, window: `w${startedAtMs}`, startedAtMs });
    const rows = (count: number): TenantNumbers => ({ names: [], all: [count] });
    await history.add(at(dayMs), [succeeded(1, rows(70)), succeeded(2, rows(9))]);
    await history.add(at(2 * dayMs), [succeeded(1, rows(80))]);
    await history.add(at(3 * dayMs), [{ tenantId: tenant(1), outcome: 'failed', rows: 0 }]);
    await history.add(at(3 * dayMs, 'licences'), [succeeded(1, rows(5)), succeeded(3, rows(5))]);
    const found = (number: number, days: number) => history.usersOf(tenant(number), days * dayMs);
    expect(await Promise.all([found(1, 3.5), found(2, 3.5), found(3, 3.5)])).toEqual([80, 9, undefined]);
    expect(await Promise.all([found(1, 4.5), found(2, 4.5), found(1, 5.5)])).toEqual([80, undefined, undefined]);
  });

  it('ends when it is aborted', async () => {
    const { history } = noting();
    await history.add(run, [succeeded(1, wide(3))]);
    const signal = AbortSignal.abort(new Error('too late'));
    await expect(history.ofTenant(tenant(1), period, { signal })).rejects.toThrow('too late');
    await expect(history.totals(period, { signal })).rejects.toThrow('too late');
  });

  it('ends the reading of all tenants when it fails for some, also with a signal of the caller', async () => {
    const given: AbortSignal[] = [];
    const listEntities = ({ abortSignal }: { abortSignal: AbortSignal }) => {
      given.push(abortSignal);
      const isFirst = given.length === 1;
      return {
        async *[Symbol.asyncIterator]() {
          if (isFirst) throw Object.assign(new Error('busy'), { statusCode: 503 });
          yield* [];
          await new Promise((_resolve, reject) => {
            abortSignal.addEventListener('abort', () => reject(abortSignal.reason as Error));
          });
        },
      };
    };
    const client = { createTable: async () => undefined, listEntities } as unknown as TableClient;
    const history = new TableHistory(async () => client);
    const { signal } = new AbortController();
    await expect(history.totalsOf(() => true, period, { signal })).rejects.toMatchObject({
      code: 'storage_unavailable',
    });
    expect(given.length).toBeGreaterThan(1);
    expect(given.every(({ aborted }) => aborted)).toBe(true);
  });

  it('throws storage_unavailable while storage fails', async () => {
    const failing = () => Promise.reject(Object.assign(new Error('busy'), { statusCode: 503 }));
    const history = new TableHistory(failing);
    const unavailable = { code: 'storage_unavailable' };
    await expect(history.add(run, [succeeded(1, wide(1))])).rejects.toMatchObject(unavailable);
    await expect(history.runs(period, 1)).rejects.toMatchObject(unavailable);
    await expect(history.purge(1)).rejects.toMatchObject(unavailable);
  });
});

it.each(['rows of a run', 'rows of tenants whose run has no row'])(
  'says that it could not purge if storage refuses to delete %s',
  async (kind) => {
    const { history, table, refuse } = noting();
    await history.add(run, [succeeded(1, wide(1))]);
    if (kind !== 'rows of a run')
      for (const [name, row] of table.rows) if (row.rowKey.startsWith('run-')) table.rows.delete(name);
    const rows = table.rows.size;
    refuse(503);
    await expect(history.purge(2_000)).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect(table.rows.size).toBe(rows);
    refuse(undefined);
    await history.purge(2_000);
    expect(table.rows.size).toBe(0);
  },
);

it('deletes a run of which rows are gone already', async () => {
  const { history, table } = noting();
  await history.add(run, [succeeded(1, wide(1)), succeeded(2, wide(1))]);
  const [gone] = [...table.copy().values()];
  await table.submitTransaction([['delete', gone!]]);
  expect(await history.purge(2_000)).toBe(1);
  expect(table.rows.size).toBe(0);
});

it('deletes rows of tenants whose run has no row, more than one transaction takes', async () => {
  const { history, table } = noting();
  for (let at = 0; at < 130; at += 1)
    await history.add({ ...run, window: `w${at}`, startedAtMs: 1 + at }, [succeeded(1, wide(1))]);
  await history.add({ ...run, window: 'later', startedAtMs: 5_000 }, [succeeded(1, wide(1))]);
  for (const [name, row] of table.rows) if (row.rowKey.startsWith('run-')) table.rows.delete(name);
  expect(await history.purge(2_000)).toBe(0);
  expect([...table.rows.values()].map(({ rowKey }) => rowKey)).toEqual([expect.stringMatching(/-later$/)]);
});
