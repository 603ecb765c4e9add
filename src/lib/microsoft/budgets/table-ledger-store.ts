import type { TableClient } from '@azure/data-tables';
import {
  createdTable,
  isStorageConflict,
  isStorageMissing,
  storageCall,
  unlessMissing,
} from '../../core/rows/table.ts';
import { decodeLedger, emptyLedger, encodeLedger, type Ledger, type LedgerStore, type StoredLedger } from './ledger.ts';

export const budgetsTable = 'Budgets';
const key = { partitionKey: 'budgets', rowKey: 'ledger' };
/** A property holds 32,768 characters, and an entity 1 MB. */
const pieceLength = 30_000;
const maxPieces = 12;

type Table = Pick<TableClient, 'createTable' | 'getEntity' | 'createEntity' | 'updateEntity'>;

/** The ledger in one row. All methods throw BrokerError storage_unavailable. */
export class TableLedgerStore implements LedgerStore {
  readonly #table: () => Promise<Table>;

  /** @param open returns the table's client. The table is created on first use. */
  constructor(open: () => Promise<Table>) {
    this.#table = createdTable(open);
  }

  read(): Promise<StoredLedger> {
    return guarded(async () => {
      const table = await this.#table();
      let answeredAtMs = Number.NaN;
      const onResponse = (raw: { headers: { get(name: string): string | undefined } }): void => {
        answeredAtMs = Date.parse(raw.headers.get('date') ?? '');
      };
      const found = await unlessMissing(() => table.getEntity(key.partitionKey, key.rowKey, { onResponse }));
      if (found === undefined) return { ledger: emptyLedger, version: undefined, ageMs: 0 };
      const { etag, timestamp = '', ...row } = found;
      const ageMs = answeredAtMs - Date.parse(timestamp);
      return {
        ledger: decodeLedger(textOf(row)),
        version: etag,
        ageMs: Number.isFinite(ageMs) ? Math.max(0, ageMs) : 0,
      };
    });
  }

  write(ledger: Ledger, version: string | undefined): Promise<boolean> {
    return guarded(async () => {
      const table = await this.#table();
      const entity = { ...key, ...piecesOf(encodeLedger(ledger)) };
      try {
        if (version === undefined) await table.createEntity(entity);
        else await table.updateEntity(entity, 'Replace', { etag: version });
        return true;
      } catch (thrown) {
        if (isStorageConflict(thrown) || isStorageMissing(thrown)) return false;
        throw thrown;
      }
    });
  }
}

/** @throws RangeError for a ledger that no row can hold. */
function piecesOf(text: string): Record<string, string> {
  const count = Math.ceil(text.length / pieceLength);
  if (count > maxPieces) throw new RangeError('the ledger of the budgets is too long for a row');
  return Object.fromEntries(
    Array.from({ length: count }, (_, at) => [`ledger${at}`, text.slice(at * pieceLength, (at + 1) * pieceLength)]),
  );
}

function textOf(row: Readonly<Record<string, unknown>>): string {
  const pieces = Array.from({ length: maxPieces }, (_, at) => row[`ledger${at}`]);
  return pieces.filter((piece) => typeof piece === 'string').join('');
}

const guarded = <T>(work: () => Promise<T>): Promise<T> =>
  storageCall(work, 'The ledger of the budgets cannot be read or written.');
