import type { TransactionAction } from '@azure/data-tables';
import { partitionKeyAt, rowKeyAt } from './audit-row.ts';
import { type AuditTable, maxTransaction, refusalOf } from './audit-table.ts';

/**
 * Deletes the rows older than `beforeMs`, page by page.
 * @returns the number of deleted rows.
 * @throws the storage SDK's error. Rows deleted before the failure stay deleted.
 */
export async function purgeRows(table: AuditTable, beforeMs: number): Promise<number> {
  const partition = partitionKeyAt(beforeMs);
  // First the hour of `beforeMs`, then all older hours: two key ranges, so that storage does not scan the table.
  return (
    (await purgeRange(table, `PartitionKey eq '${partition}' and RowKey ge '${rowKeyAt(beforeMs - 1)}'`)) +
    (await purgeRange(table, `PartitionKey gt '${partition}'`))
  );
}

async function purgeRange(table: AuditTable, filter: string): Promise<number> {
  const pages = table
    .listEntities({ queryOptions: { filter, select: ['PartitionKey', 'RowKey'] } })
    .byPage({ maxPageSize: 1000 });
  let deleted = 0;
  for await (const page of pages) {
    const addresses = page.flatMap(({ partitionKey, rowKey }) =>
      partitionKey === undefined || rowKey === undefined ? [] : [{ partitionKey, rowKey }],
    );
    for (const rows of Object.values(Object.groupBy(addresses, (row) => row.partitionKey))) {
      for (const batch of slices(rows ?? [], maxTransaction)) deleted += await deleteRows(table, batch);
    }
  }
  return deleted;
}

const slices = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size));

type RowAddress = { readonly partitionKey: string; readonly rowKey: string };

async function deleteRows(table: AuditTable, rows: readonly RowAddress[]): Promise<number> {
  try {
    await table.submitTransaction(rows.map((row): TransactionAction => ['delete', row]));
    return rows.length;
  } catch (error) {
    if (refusalOf(error).code !== 'ResourceNotFound') throw error;
    // Another instance may purge too. One missing row fails the whole transaction, so halve it to isolate the row.
    if (rows.length === 1) return 0;
    const middle = rows.length >> 1;
    return (await deleteRows(table, rows.slice(0, middle))) + (await deleteRows(table, rows.slice(middle)));
  }
}
