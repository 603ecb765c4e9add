import type { StoredRecord } from '../../lib/audit/chain/canonical-row.ts';
import type { Finding, RowFinding } from './finding.ts';
import type { RecordTable } from './record-table.ts';
import { isExchanged, maxCompared } from './restore-record.ts';
import type { Misplaced } from './walk-chain.ts';

export interface Naming {
  readonly table: RecordTable;
  readonly changed: readonly Misplaced[];
  /** Reads all records again, because only their hashes were kept. */
  readonly records: () => AsyncIterable<StoredRecord>;
}

/**
 * Gives findings the keys of their records, and finds out which changed records are records of other places: those are
 * named reordered.
 */
export async function nameRecords(findings: readonly RowFinding[], naming: Naming): Promise<readonly Finding[]> {
  const suspects = suspectsOf(findings, naming);
  const rows = new Set(findings.flatMap(({ row }) => (row === undefined ? [] : [row])));
  if (rows.size === 0 && suspects.size === 0) return findings;
  const keys = new Map<number, NonNullable<Finding['record']>>();
  const contents = new Map<number, StoredRecord>();
  let row = 0;
  for await (const record of naming.records()) {
    if (rows.has(row)) keys.set(row, { partitionKey: record.PartitionKey, rowKey: record.RowKey });
    if (suspects.has(row)) contents.set(row, record);
    row += 1;
  }
  const origins = originsOf(naming, contents);
  return findings.map(({ row: about, ...finding }): Finding => {
    const record = about === undefined ? undefined : keys.get(about);
    if (about === undefined || record === undefined) return finding;
    const origin = origins.get(about);
    return origin === undefined
      ? { ...finding, record }
      : { ...finding, record, kind: 'reordered', detail: reorderedDetail(origin) };
  });
}

const reorderedDetail = ({ PartitionKey, RowKey }: StoredRecord): string =>
  `It and the record ${PartitionKey} ${RowKey} were put into each other’s places.`;

/** Rows of records that may have been put into each other’s places. Empty if there are too many to compare. */
function suspectsOf(findings: readonly RowFinding[], { table, changed }: Naming): ReadonlySet<number> {
  if (changed.length === 0 || changed.length > maxCompared) return new Set();
  const suspects = new Set<number>();
  for (const { row, kind } of findings)
    if (row !== undefined && (kind === 'changed' || kind === 'inserted')) suspects.add(row);
  // Of two neighbours only the later one is known by its hash.
  for (const { seq, rows } of changed)
    for (const row of rows) for (const neighbour of table.rowsAt(row, seq - 1)) suspects.add(neighbour);
  return suspects.size > 2 * maxCompared ? new Set() : suspects;
}

/** The records with which changed ones were exchanged, by row. */
function originsOf(
  { table, changed }: Naming,
  contents: ReadonlyMap<number, StoredRecord>,
): ReadonlyMap<number, StoredRecord> {
  const origins = new Map<number, StoredRecord>();
  for (const { expected, rows } of changed) {
    for (const row of rows) {
      const content = contents.get(row);
      // The right record is there now, but was not when a checkpoint was signed.
      if (content === undefined || table.hash(row).equals(expected)) continue;
      for (const [other, candidate] of contents) {
        if (other === row || !isExchanged(content, candidate, expected.toString('base64url'))) continue;
        origins.set(row, candidate);
        break;
      }
    }
  }
  return origins;
}
