import type { TableClient } from '@azure/data-tables';
import { Columns, number } from '../core/rows/columns.ts';
import { Table } from '../core/rows/table.ts';
import { state, stateKey, statePrefix, tenantOfStateRow } from './claimed-log.ts';
import type { ToldState, ToldStates } from './event-log.ts';

export const toldStatesTable = 'TenantEventsTold';

const partitionKey = 'told';
const newestKey = { partitionKey, rowKey: 'newest' };
const columns = new Columns({ state, sequence: number });

/** One row for each tenant that had an event, and one with the newest place. */
export class TableToldStates implements ToldStates {
  readonly #table: Table;

  /** @param open returns the table's client. The table is created on first use. */
  constructor(open: () => Promise<TableClient>) {
    this.#table = new Table(open);
  }

  async newest(): Promise<number> {
    const sequence = (await this.#table.find(newestKey))?.['sequence'];
    return typeof sequence === 'number' ? sequence : 0;
  }

  async after(sequence: number): Promise<readonly ToldState[]> {
    const filter = `PartitionKey eq '${partitionKey}' and RowKey ge '${statePrefix}' and RowKey lt 's.' and sequence gt ${sequence}`;
    const found: ToldState[] = [];
    for await (const row of this.#table.rows({ filter })) {
      const [tenantId, told] = [tenantOfStateRow(row), columns.decode(row)];
      if (tenantId !== undefined && told !== undefined) found.push({ tenantId, ...told });
    }
    return found;
  }

  async note(told: readonly ToldState[], newest: number): Promise<void> {
    // The latest state of each tenant: a transaction may name a row once.
    const latest = new Map(told.map((each) => [each.tenantId, each]));
    await this.#table.putAll(
      [...latest.values()].map((each) => ({ partitionKey, rowKey: stateKey(each.tenantId), ...columns.encode(each) })),
    );
    await this.#table.put({ ...newestKey, sequence: newest });
  }
}
