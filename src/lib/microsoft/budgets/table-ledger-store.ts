import type { TableClient } from '@azure/data-tables';
import { Columns, pieces } from '../../core/rows/columns.ts';
import { Table } from '../../core/rows/table.ts';
import { decodeLedger, emptyLedger, encodeLedger, type Ledger, type LedgerStore, type StoredLedger } from './ledger.ts';

export const budgetsTable = 'Budgets';
const key = { partitionKey: 'budgets', rowKey: 'ledger' };
/** An entity holds 1 MB. */
const columns = new Columns({ ledger: pieces(12) });

/** The ledger in one row. All methods throw BrokerError storage_unavailable. */
export class TableLedgerStore implements LedgerStore {
  readonly #table: Table;

  /** @param open returns the table's client. The table is created on first use. */
  constructor(open: () => Promise<TableClient>) {
    this.#table = new Table(open, 'The ledger of the budgets cannot be read or written.');
  }

  async read(): Promise<StoredLedger> {
    let answeredAtMs = Number.NaN;
    const found = await this.#table.find(key, {
      onResponse: ({ headers }) => {
        answeredAtMs = Date.parse(headers.get('date') ?? '');
      },
    });
    if (found === undefined) return { ledger: emptyLedger, version: undefined, ageMs: 0 };
    const ageMs = answeredAtMs - Date.parse(found.timestamp ?? '');
    return {
      ledger: decodeLedger(columns.decode(found)?.ledger ?? ''),
      version: found.etag,
      ageMs: Number.isFinite(ageMs) ? Math.max(0, ageMs) : 0,
    };
  }

  async write(ledger: Ledger, version: string | undefined): Promise<boolean> {
    const row = { ...key, ...columns.encode({ ledger: encodeLedger(ledger) }) };
    return (await this.#table.putIfUnchanged(row, version)) !== undefined;
  }
}
