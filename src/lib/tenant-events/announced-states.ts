import type { TableClient, TransactionAction } from '@azure/data-tables';
import { createdTable, storageCall, unlessMissing } from '../core/rows/table.ts';
import type { ToldState, ToldStates } from './event-log.ts';
import { readState, statePrefix, stateRow, tenantOfStateRow } from './claimed-log.ts';

export const toldStatesTable = 'TenantEventsTold';

type Table = Pick<TableClient, 'createTable' | 'getEntity' | 'listEntities' | 'submitTransaction' | 'upsertEntity'>;

const partitionKey = 'told';
const newestKey = 'newest';
const maxRows = 100;

/** One row for each tenant that had an event, and one with the newest place. */
export class TableToldStates implements ToldStates {
  readonly #table: () => Promise<Table>;

  /** @param open returns the table's client. The table is created on first use. */
  constructor(open: () => Promise<Table>) {
    this.#table = createdTable(open);
  }

  newest(): Promise<number> {
    return storageCall(async () => {
      const table = await this.#table();
      const sequence = (await unlessMissing(() => table.getEntity(partitionKey, newestKey)))?.['sequence'];
      return typeof sequence === 'number' ? sequence : 0;
    });
  }

  after(sequence: number): Promise<readonly ToldState[]> {
    const filter = `PartitionKey eq '${partitionKey}' and RowKey ge '${statePrefix}' and RowKey lt 's.' and sequence gt ${sequence}`;
    return storageCall(async () => {
      const found: ToldState[] = [];
      for await (const row of (await this.#table()).listEntities({ queryOptions: { filter } })) {
        const [tenantId, state, place] = [tenantOfStateRow(row.rowKey), readState(row['state']), row['sequence']];
        if (tenantId === undefined || state === undefined || typeof place !== 'number') continue;
        found.push({ tenantId, state, sequence: place });
      }
      return found;
    });
  }

  note(told: readonly ToldState[], newest: number): Promise<void> {
    return storageCall(async () => {
      const table = await this.#table();
      // The latest state of each tenant: a transaction may name a row once.
      const rows = [...new Map(told.map((each) => [each.tenantId, each])).values()];
      for (let first = 0; first < rows.length; first += maxRows) {
        const few = rows.slice(first, first + maxRows);
        await table.submitTransaction(
          few.map(
            ({ tenantId, state, sequence }): TransactionAction => [
              'upsert',
              { ...stateRow(tenantId, state), partitionKey, sequence },
              'Replace',
            ],
          ),
        );
      }
      await table.upsertEntity({ partitionKey, rowKey: newestKey, sequence: newest }, 'Replace');
    });
  }
}
