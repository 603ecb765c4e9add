import { hash } from 'node:crypto';

/*
 * The form in which a stored record is hashed (docs/audit.md): the JSON of RFC 8785 over both keys and all columns. A
 * record is flat, and JSON.stringify writes its strings, numbers and booleans as RFC 8785 demands, so only the order of the
 * names is left: by UTF-16 code units, which is the order of `sort`.
 */

/** A stored record with the names of storage: `PartitionKey`, `RowKey` and its columns. */
export type StoredRecord = Readonly<Record<string, unknown>> & {
  readonly PartitionKey: string;
  readonly RowKey: string;
};

/** The canonical JSON of a record. Columns that are undefined do not exist in storage, so they are left out. */
export const canonicalText = (record: Readonly<Record<string, unknown>>): string =>
  JSON.stringify(record, Object.keys(record).toSorted());

/** SHA-256 in base64url, 43 characters. @param text canonical. */
export const hashOf = (text: string): string => hash('sha256', text, 'base64url');

/** What storage adds to each record. It changes without the record. */
const ofStorage = /^(?:etag|timestamp|odata\..*)$/i;

/** The record of an entity as the SDK returns it. */
export function storedRecord(entity: Readonly<Record<string, unknown>>): StoredRecord {
  const { partitionKey, rowKey, ...columns } = entity;
  const own = Object.entries(columns).filter(([name]) => !ofStorage.test(name));
  return { ...Object.fromEntries(own), PartitionKey: String(partitionKey), RowKey: String(rowKey) };
}
