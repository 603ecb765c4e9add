import type { StoredRecord } from '../canonical-row.ts';
import type { Finding } from './finding.ts';
import type { KnownRecord } from './record-index.ts';
import { isExchanged, maxCompared } from './restore-record.ts';
import type { Misplaced } from './walk-chain.ts';

/**
 * Finds out which changed records are records of other places, and names them reordered. Reads the records again, because
 * only their hashes were kept.
 */
export async function nameReordered(
  findings: readonly Finding[],
  changed: readonly (Misplaced & { readonly chain: string })[],
  records: () => AsyncIterable<StoredRecord>,
): Promise<readonly Finding[]> {
  const suspects = findings.flatMap(({ kind, record }) =>
    record !== undefined && (kind === 'changed' || kind === 'inserted') ? [keyOf(record)] : [],
  );
  if (changed.length === 0 || suspects.length < 2 || suspects.length > maxCompared) return findings;
  const contents = await contentsOf(new Set(suspects), records);
  const reordered = new Set<string>();
  for (const { expected, records: there } of changed) {
    for (const record of there) {
      const content = contents.get(keyOf(record));
      const others = [...contents].filter(([key]) => key !== keyOf(record));
      const [origin] =
        content === undefined ? [] : (others.find(([, other]) => isExchanged(content, other, expected)) ?? []);
      if (origin !== undefined) reordered.add(keyOf(record));
    }
  }
  return findings.map((finding) =>
    finding.record !== undefined && reordered.has(keyOf(finding.record))
      ? { ...finding, kind: 'reordered', detail: 'It and another record were put into each other’s places.' }
      : finding,
  );
}

type Key = Pick<KnownRecord, 'partitionKey' | 'rowKey'>;
const keyOf = ({ partitionKey, rowKey }: Key): string => `${partitionKey} ${rowKey}`;

async function contentsOf(
  wanted: ReadonlySet<string>,
  records: () => AsyncIterable<StoredRecord>,
): Promise<ReadonlyMap<string, StoredRecord>> {
  const contents = new Map<string, StoredRecord>();
  for await (const record of records()) {
    const key = `${record.PartitionKey} ${record.RowKey}`;
    if (wanted.has(key)) contents.set(key, record);
  }
  return contents;
}
