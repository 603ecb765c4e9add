import type { TransactionAction } from '@azure/data-tables';
import { partitionKeyAt, rowKeyAt } from './audit-row.ts';
import { type AuditTable, maxTransaction, refusalOf } from './audit-table.ts';

/**
 * Deletes what is older than `beforeMs`, page by page, and tells how much.
 * @throws what the storage SDK threw; what was deleted until then stays deleted.
 */
export async function purgeRows(table: AuditTable, beforeMs: number): Promise<number> {
  const partition = partitionKeyAt(beforeMs);
  // The hour that holds the border first, then all older ones: two plain ranges, no scan of the table.
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
    // Another instance purges too, and one missing row fails a whole transaction: halve until the gap is found.
    if (rows.length === 1) return 0;
    const middle = rows.length >> 1;
    return (await deleteRows(table, rows.slice(0, middle))) + (await deleteRows(table, rows.slice(middle)));
  }
}
