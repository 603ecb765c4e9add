import { TableClient } from '@azure/data-tables';
import { readApproval } from '../../src/lib/approvals/approval-entity.ts';
import type { Demo } from '../../src/cli/demo/start-demo.ts';

/**
 * Moves an approval an hour into the past, as if that time had gone by.
 * @throws Error if there is no such approval, or if it is not approved.
 */
export async function endValidity({ environment }: Pick<Demo, 'environment'>, id: string): Promise<void> {
  const connection = environment['AzureWebJobsStorage'] ?? '';
  const table = TableClient.fromConnectionString(connection, 'Approvals', { allowInsecureConnection: true });
  let moved = 0;
  for await (const row of table.listEntities({ queryOptions: { filter: `id eq '${id}' and RowKey lt 's'` } })) {
    if (row['document'] === undefined || readApproval(row).status !== 'approved') continue;
    const approvedAt = new Date(Date.now() - 3_600_000).toISOString();
    const validUntil = new Date(Date.now() - 1_800_000).toISOString();
    const { partitionKey = '', rowKey = '' } = row;
    await table.updateEntity({ partitionKey, rowKey, approvedAt, validUntil }, 'Merge');
    moved += 1;
  }
  if (moved !== 1) throw new Error(`${moved} approved records have the id ${id}`);
}
