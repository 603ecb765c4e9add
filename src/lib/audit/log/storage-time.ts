import type { AuditTable } from './audit-table.ts';

/**
 * The time of storage, milliseconds, to the second; undefined if it does not tell. Instances differ, and one whose clock is
 * ahead must not sign a time that has not come.
 * @throws the storage SDK's error.
 */
export async function storageTimeMs(table: AuditTable): Promise<number | undefined> {
  let date: string | undefined;
  // No row has such a key, so the answer is empty.
  const options = { queryOptions: { filter: "PartitionKey eq ''" } };
  await table
    .listEntities({ ...options, onResponse: ({ headers }) => (date = headers.get('date')) })
    .byPage({ maxPageSize: 1 })
    .next();
  const ms = Date.parse(date ?? '');
  return Number.isFinite(ms) ? ms : undefined;
}
