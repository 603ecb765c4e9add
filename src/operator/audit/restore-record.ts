import { canonicalText, hashOf, type StoredRecord } from '../../lib/audit/chain/canonical-row.ts';

/** More changed records than this are not compared with each other. */
export const maxCompared = 100;

/** Parts of a record that can be exchanged with another one: its keys, its time, its place. What is left is its content. */
const exchangeable = [['PartitionKey', 'RowKey'], ['at'], ['chain', 'chainLost']] as const;

/**
 * Whether a record with the hash `expected` results from these two, if they exchange some of their parts. Then nobody
 * wrote anything new: records were put into each other's places.
 */
export function isExchanged(record: StoredRecord, other: StoredRecord, expected: string): boolean {
  for (let choice = 1; choice < 2 ** exchangeable.length; choice += 1) {
    const taken = new Set(exchangeable.flatMap((names, index) => ((choice >> index) & 1 ? names : [])));
    if (mix(record, other, taken) === expected || mix(other, record, taken) === expected) return true;
  }
  return hashOf(canonicalText(other)) === expected;
}

/** The hash of `record` with the columns `taken` from `other`. */
function mix(record: StoredRecord, other: StoredRecord, taken: ReadonlySet<string>): string {
  const columns = Object.entries(record).filter(([name]) => !taken.has(name));
  const others = Object.entries(other).filter(([name]) => taken.has(name));
  return hashOf(canonicalText(Object.fromEntries([...columns, ...others])));
}
