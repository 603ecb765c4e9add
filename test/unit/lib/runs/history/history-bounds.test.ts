import type { TableClient } from '@azure/data-tables';
import { describe, expect, it } from 'vitest';
import { TableHistory } from '../../../../../src/lib/runs/history/table-history.ts';
import { historyKey, type TenantNumbers } from '../../../../../src/lib/runs/history/tenant-numbers.ts';
import { TransactionTable } from '../../../../fakes/transaction-table.ts';
import { period, run, succeeded, tenant } from './stored-run.ts';

// What bounds a run whose tenants all have other columns and values, what is read, and what is left behind.

const listOf = <T>(length: number, make: (at: number) => T): T[] => Array.from({ length }, (_, at) => make(at));

type Table = Pick<TableClient, 'submitTransaction' | 'listEntities'>;

/** A history in memory, of which some calls of the table are replaced. */
function stored(replace: (table: TransactionTable) => Partial<Table> = () => ({})) {
  const table = new TransactionTable();
  const client = { ...table, ...replace(table) };
  return { history: new TableHistory(async () => client as unknown as TableClient), table };
}

/** Size of the largest row as storage counts it: two bytes a character. */
const largestBytes = ({ rows }: TransactionTable): number =>
  Math.max(
    ...[...rows.values()].map((row) =>
      Object.values(row).reduce((sum: number, one) => sum + 2 * String(one).length, 0),
    ),
  );

describe('a run whose tenants have other columns and values', () => {
  it('has the sums of 100 columns', async () => {
    const { history, table } = stored();
    const own = (number: number): TenantNumbers => {
      const names = listOf(40, (at) => `${'column of this tenant '.repeat(2)}${number} ${at}`);
      return { names, all: [1, ...names.map(() => 7)] };
    };
    await history.add(
      run,
      listOf(500, (number) => succeeded(number, own(number))),
    );
    expect(largestBytes(table)).toBeLessThan(2 ** 20);
    for (const found of [await history.totals(period), await history.totalsOf(() => true, period)]) {
      const { names, numbers, counted } = found.get(historyKey(run))?.sum ?? {};
      expect([names?.length, counted, numbers?.slice(0, 3)]).toEqual([100, 500, [500, 7, 7]]);
    }
    const one = await history.ofTenant(tenant(499), period);
    expect(one.get(historyKey(run))?.found?.names).toEqual(own(499).names);
  });

  it('has as many values of its split as fit into a row, and of the others no sum', async () => {
    const { history, table } = stored();
    const valueOf = (at: number): string => `value ${at} ${'x'.repeat(80)}`;
    const numbersOf = (block: number, first: number): TenantNumbers => {
      const names = listOf(40, (at) => `c${block * 40 + at}`);
      const line = names.map(() => 123_456_789);
      const values = listOf(100, (at) => [valueOf(first + at), [first + at + 1, ...line]] as const);
      return { names, all: [100, ...line], split: { by: 'product', values } };
    };
    const tenants = listOf(15, (number) => succeeded(number, numbersOf(number % 3, Math.floor(number / 3) * 100)));
    await history.add(run, tenants);
    expect(largestBytes(table)).toBeLessThan(2 ** 20);
    const read = async (value?: string) =>
      (await history.totals(period, value === undefined ? {} : { part: { by: 'product', value } })).get(
        historyKey(run),
      );
    const shown = (await read())?.split?.values ?? [];
    expect(shown.length).toBeGreaterThan(50);
    expect(shown.length).toBeLessThan(500);
    expect(shown).toContain(valueOf(499));
    expect((await read(valueOf(499)))?.sum).toMatchObject({ counted: 15, numbers: { 0: 1_500 } });
    expect((await read(valueOf(0)))?.sum).toBeUndefined();
  });

  it('names at most 500 values of some tenants', async () => {
    const { history } = stored();
    const own = (number: number): TenantNumbers => ({
      names: [],
      all: [100],
      split: { by: 'product', values: listOf(100, (at) => [`${number} ${at}`, [1]] as const) },
    });
    await history.add(
      run,
      listOf(6, (number) => succeeded(number, own(number))),
    );
    const found = (await history.totalsOf(() => true, period)).get(historyKey(run));
    expect(found?.split?.values).toHaveLength(500);
  });
});

describe('reading the history of some tenants', () => {
  const numbers: TenantNumbers = { names: ['free'], all: [1, 3] };

  it('reads only the rows in which they can be', async () => {
    const filters: string[] = [];
    const { history } = stored((table) => ({
      listEntities: ((options: { queryOptions: { filter: string } }) => {
        filters.push(options.queryOptions.filter);
        return table.listEntities(options);
      }) as unknown as Table['listEntities'],
    }));
    // Tenants 1 and 65 are in the same row.
    await history.add(
      run,
      [1, 2, 65].map((number) => succeeded(number, numbers)),
    );
    const among = new Set([tenant(1), tenant(65)]);
    const found = await history.totalsOf((id) => among.has(id), period, { among });
    expect(found.get(historyKey(run))?.sum).toEqual({ names: ['free'], numbers: [2, 6], counted: 2 });
    expect(filters).toHaveLength(1);
    expect(filters[0]).toContain("RowKey ge 't01-");
    await history.totalsOf(() => true, period);
    expect(filters).toHaveLength(65);
  });

  it('ends if one row cannot be read', async () => {
    let queries = 0;
    const { history } = stored((table) => ({
      listEntities: ((options: { queryOptions: { filter: string } }) => {
        queries += 1;
        if (options.queryOptions.filter.includes("'t03-")) throw Object.assign(new Error('busy'), { statusCode: 503 });
        return table.listEntities(options);
      }) as unknown as Table['listEntities'],
    }));
    await history.add(run, [succeeded(1, numbers)]);
    const failed = history.totalsOf(() => true, period);
    await expect(failed).rejects.toMatchObject({ code: 'storage_unavailable' });
    // In memory, everything that was begun is done by then.
    await new Promise(setImmediate);
    expect(queries).toBeLessThan(32);
  });
});

it('has no parameters where storage answers null for a property that a row lacks', async () => {
  const { history, table } = stored();
  await history.add(run, []);
  table.restore(new Map([...table.copy()].map(([key, row]) => [key, { ...row, parameters: null }])));
  expect(await history.runs(period, 1)).toEqual([run]);
});

it('deletes rows of tenants whose run has no row, because its last transaction failed', async () => {
  const { history, table } = stored((table) => ({
    submitTransaction: (async (actions: Parameters<TransactionTable['submitTransaction']>[0]) => {
      if (actions.some(([, { rowKey }, mode]) => mode !== undefined && rowKey.startsWith('run-')))
        throw Object.assign(new Error('busy'), { statusCode: 503 });
      await table.submitTransaction(actions);
    }) as unknown as Table['submitTransaction'],
  }));
  const names = listOf(40, (at) => `column${at}`);
  const wide: TenantNumbers = { names, all: [1, ...names.map(() => 123_456)] };
  const tenants = listOf(20_000, (number) => succeeded(number, wide));
  await expect(history.add(run, tenants)).rejects.toMatchObject({ code: 'storage_unavailable' });
  expect(table.rows.size).toBeGreaterThan(0);
  await history.purge(run.startedAtMs);
  expect(table.rows.size).toBeGreaterThan(0);
  expect(await history.purge(run.startedAtMs + 1)).toBe(0);
  expect(table.rows.size).toBe(0);
});
