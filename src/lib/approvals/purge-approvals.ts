import type { TableClient, TransactionAction } from '@azure/data-tables';
import { isStorageConflict, isStorageMissing } from '../core/rows/table.ts';
import { partitionKey } from './approval-entity.ts';
import { rowPrefixAt } from './approval-id.ts';

/** Limit of "Performing entity group transactions" (Azure Table storage). */
const maxPerTransaction = 100;

type PurgedTable = Pick<TableClient, 'listEntities' | 'submitTransaction' | 'deleteEntity'>;

/**
 * Deletes the records of requests made before a time, and then the rows that only refer to such. Those have the time of the
 * latest request in `askedAt`. In this order no record loses its reference, and a reference without its record means nothing.
 * @returns the number of deleted records.
 * @throws the storage SDK's error. Rows deleted before the failure stay deleted.
 */
export async function purgeApprovals(table: PurgedTable, beforeMs: number): Promise<number> {
  const before = new Date(beforeMs).toISOString();
  const partition = `PartitionKey eq '${partitionKey}'`;
  const deleted = await purgeRows(
    table,
    `${partition} and RowKey ge '${rowPrefixAt(beforeMs - 1_000)}' and RowKey lt 'r.'`,
  );
  await purgeReferences(table, `${partition} and RowKey ge 'd-' and RowKey lt 'd.' and askedAt lt '${before}'`);
  await purgeReferences(table, `${partition} and RowKey ge 's-' and RowKey lt 's.' and askedAt lt '${before}'`);
  return deleted;
}

/** Each only as it was read: the caller may ask again at the same moment, and the row then refers to the new record. */
async function purgeReferences(table: PurgedTable, filter: string): Promise<void> {
  for await (const { rowKey, etag } of table.listEntities({ queryOptions: { filter } })) {
    if (rowKey === undefined) continue;
    try {
      await table.deleteEntity(partitionKey, rowKey, { etag });
    } catch (thrown) {
      if (!isStorageConflict(thrown) && !isStorageMissing(thrown)) throw thrown;
    }
  }
}

async function purgeRows(table: PurgedTable, filter: string): Promise<number> {
  let deleted = 0;
  const query = { queryOptions: { filter, select: ['PartitionKey', 'RowKey'] } };
  for await (const page of table.listEntities(query).byPage({ maxPageSize: maxPerTransaction })) {
    const rows = page.flatMap(({ rowKey }) => (rowKey === undefined ? [] : [rowKey]));
    deleted += await deleteRows(table, rows);
  }
  return deleted;
}

async function deleteRows(table: Pick<TableClient, 'submitTransaction'>, rowKeys: readonly string[]): Promise<number> {
  if (rowKeys.length === 0) return 0;
  try {
    await table.submitTransaction(rowKeys.map((rowKey): TransactionAction => ['delete', { partitionKey, rowKey }]));
    return rowKeys.length;
  } catch (thrown) {
    if (!isStorageMissing(thrown)) throw thrown;
    // Another instance may purge too. One missing row fails the whole transaction, so halve it to isolate the row.
    if (rowKeys.length === 1) return 0;
    const middle = rowKeys.length >> 1;
    return (await deleteRows(table, rowKeys.slice(0, middle))) + (await deleteRows(table, rowKeys.slice(middle)));
  }
}
