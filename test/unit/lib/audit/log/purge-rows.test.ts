import { describe, expect, it } from 'vitest';
import type { TableClient } from '@azure/data-tables';
import { Table } from '../../../../../src/lib/core/rows/table.ts';
import { purgeRows } from '../../../../../src/lib/audit/log/query-rows.ts';
import { auditStartMs } from '../../../../support/audit-entries.ts';

/** Rows by partition. Another instance deletes the rows in `gone` after they have been listed. */
function tableOf(rows: Readonly<Record<string, readonly string[]>>, gone: readonly string[] = [], failure?: unknown) {
  const filters: string[] = [];
  const deleted: string[] = [];
  const transactions: number[] = [];
  const page = Object.entries(rows).flatMap(([partitionKey, keys]) => keys.map((rowKey) => ({ partitionKey, rowKey })));
  const table = {
    createTable: async () => undefined,
    listEntities: ({ queryOptions }: { queryOptions: { filter: string } }) => {
      filters.push(queryOptions.filter);
      const pages = filters.length === 1 ? [page] : [];
      return { byPage: () => pages };
    },
    submitTransaction: async (actions: readonly (readonly [string, { rowKey: string }])[]) => {
      transactions.push(actions.length);
      if (failure !== undefined) throw failure;
      if (actions.some(([, { rowKey }]) => gone.includes(rowKey)))
        throw Object.assign(new Error('missing'), { code: 'ResourceNotFound', statusCode: 404 });
      deleted.push(...actions.map(([, { rowKey }]) => rowKey));
    },
  };
  return { table: new Table(async () => table as unknown as TableClient), filters, deleted, transactions };
}
const keys = (count: number): string[] => Array.from({ length: count }, (_, index) => `row-${index}`);

describe('purgeRows', () => {
  it('deletes in transactions of one partition and at most 100 rows', async () => {
    const { table, transactions, filters } = tableOf({ a: keys(150), b: ['x'] });
    expect(await purgeRows(table, auditStartMs)).toBe(151);
    expect(transactions).toEqual([100, 50, 1]);
    expect(filters).toEqual([
      expect.stringMatching(/^PartitionKey eq '\d{7}' and RowKey ge '\d{13}'$/),
      expect.stringMatching(/^PartitionKey gt '\d{7}'$/),
    ]);
  });

  it('skips a row that another instance has deleted and deletes the rest', async () => {
    const { table, deleted } = tableOf({ a: keys(8) }, ['row-5']);
    expect(await purgeRows(table, auditStartMs)).toBe(7);
    expect(deleted.toSorted()).toEqual(keys(8).filter((key) => key !== 'row-5'));
  });

  it('throws any other failure', async () => {
    const busy = { code: 'ServerBusy', statusCode: 503 };
    await expect(purgeRows(tableOf({ a: keys(2) }, [], busy).table, auditStartMs)).rejects.toMatchObject({
      code: 'storage_unavailable',
      logFields: { storageCode: 'ServerBusy', status: 503 },
    });
  });
});
